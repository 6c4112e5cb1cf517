"""Fixtures of the shim's unit tests."""

from tests.unit.shim.sockets import bench

__all__ = ["bench"]
