from __future__ import annotations

from client.container_options import RARE, USUAL, detach_keys


def test_no_spelling_is_used_twice() -> None:
    names = [name for option in (*USUAL, *RARE, detach_keys()) for name in option.names]
    assert len(names) == len(set(names))


def test_the_clients_own_detach_key_is_ctrl_q() -> None:
    assert detach_keys().default == "ctrl-q"
