import json
import subprocess
import sys
from typing import Any

import pytest

from restd.volume import mount_child
from restd.volume.mount_child import perform


def request(**changes: Any) -> dict[str, Any]:
    return {
        "op": "mount", "device": "/nonexistent/a", "target": "/nonexistent/b", "kind": "none", "flags": 0x1000,
        "propagation": 0, "data": "", **changes,
    }  # fmt: skip


def test_a_mount_that_fails_is_told_as_docker_does() -> None:
    with pytest.raises(OSError) as caught:
        perform(request(data="a=b"))
    text = str(caught.value.strerror)
    assert text.startswith("mount /nonexistent/a:/nonexistent/b, flags: 0x1000, data: a=b: ")
    assert text.rpartition(": ")[2][0].islower()


def test_options_that_do_not_fit_in_a_page() -> None:
    with pytest.raises(OSError, match="do not fit in a page"):
        perform(request(data="x" * 5000))


def test_names_of_servers_become_addresses() -> None:
    with pytest.raises(OSError) as caught:
        perform(request(kind="nfs", flags=0, data="soft,addr=localhost"))
    assert "data: soft,addr=127.0.0.1" in str(caught.value.strerror) or "addr=::1" in str(caught.value.strerror)
    with pytest.raises(OSError) as caught:
        perform(request(kind="cifs", flags=0, device="//192.0.2.7/share"))
    assert "addr=192.0.2.7" in str(caught.value.strerror)


def test_it_runs_alone_with_its_request_on_stdin() -> None:
    command = [sys.executable, "-I", "-S", "-E", mount_child.__file__]
    done = subprocess.run(command, input=json.dumps(request()).encode(), capture_output=True, timeout=30, check=False)
    assert done.returncode == 1 and done.stderr.startswith(b"mount /nonexistent/a:")
