"""isula-rest: the engine's own light client. Standard library only."""
