"""What differs between kinds of networks: one module a driver."""
