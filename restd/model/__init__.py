"""Frozen dataclasses that all rooms share."""
