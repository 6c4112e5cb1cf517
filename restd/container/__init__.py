"""The lifecycle of containers; files are verbs."""
