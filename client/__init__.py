"""isula-rest: the engine's own light client. Standard library only."""

VERSION = "0.1.0"
