"""Volumes: folders that outlive containers, or whatever the local driver's options mount there."""
