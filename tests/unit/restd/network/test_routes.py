import socket

from restd.network.routes import default_route


def test_the_messages_for_a_default_route() -> None:
    any_route = default_route(socket.AF_INET)
    assert any_route == bytes([2, 0, 0, 0, 254, 0, 0, 1]) + bytes(4)
    route = default_route(socket.AF_INET, 3, "10.0.0.1")
    assert route[:12] == bytes([2, 0, 0, 0, 254, 3, 0, 1]) + bytes(4)
    assert route[12:] == b"\x08\x00\x05\x00\x0a\x00\x00\x01" + b"\x08\x00\x04\x00\x03\x00\x00\x00"
    assert len(default_route(socket.AF_INET6, 3, "fd00::1")) == 12 + 20 + 8
