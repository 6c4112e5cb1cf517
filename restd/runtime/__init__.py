"""OCI runtimes behind one set of operations."""
