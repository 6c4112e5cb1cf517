"""The image store: blobs, layers, archives."""
