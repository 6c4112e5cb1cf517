from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from client.credentials import HUB, Credentials, address_of, registry_of
from client.errors import ClientError


def config(tmp_path: Path, **value: Any) -> Credentials:
    (tmp_path / "config.json").write_text(json.dumps(value))
    return Credentials(str(tmp_path))


def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = tmp_path / "docker-credential-test"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("busybox", HUB),
        ("me/app", HUB),
        ("docker.io/me/app", HUB),
        ("reg.example/app", "reg.example"),
        ("reg:5000/app", "reg:5000"),
        ("localhost/app", "localhost"),
    ],
)
def test_an_image_belongs_to_a_registry(image: str, registry: str) -> None:
    assert registry_of(image) == registry


def test_addresses_are_read_as_people_write_them() -> None:
    assert address_of("https://reg.example/") == "reg.example"
    assert address_of("") == address_of("docker.io") == address_of(HUB) == HUB


def test_what_is_stored_is_found_and_forgotten(tmp_path: Path) -> None:
    one = Credentials(str(tmp_path / "new"))
    assert one.find("reg.example") == {}
    assert not one.erase("reg.example")
    one.store("reg.example", "me", "a:b")
    assert one.find("reg.example") == {"serveraddress": "reg.example", "username": "me", "password": "a:b"}
    assert (tmp_path / "new" / "config.json").stat().st_mode & 0o777 == 0o600
    assert json.loads(base64.urlsafe_b64decode(one.header("reg.example")))["password"] == "a:b"
    assert one.erase("reg.example")
    assert one.find("reg.example") == {}


def test_the_rest_of_the_file_stays(tmp_path: Path) -> None:
    config(tmp_path, detachKeys="ctrl-q", auths={"https://other/": {"auth": ""}}).store("reg", "me", "x")
    value = json.loads((tmp_path / "config.json").read_text())
    assert value["detachKeys"] == "ctrl-q"
    assert set(value["auths"]) == {"https://other/", "reg"}


def test_tokens_and_old_keys_are_understood(tmp_path: Path) -> None:
    one = config(tmp_path, auths={"https://reg.example/v1/": {}, "https://tok": {"identitytoken": "t"}})
    assert one.find("tok") == {"serveraddress": "tok", "identitytoken": "t"}


def test_a_helper_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(tmp_path, monkeypatch, 'cat > "$0.$1"; [ $1 = get ] && echo \'{"Username":"me","Secret":"s"}\'; exit 0\n')
    one = config(tmp_path, credsStore="test")
    assert one.find("reg") == {"serveraddress": "reg", "username": "me", "password": "s"}
    one.store("reg", "me", "hush")
    assert json.loads((tmp_path / "docker-credential-test.store").read_text())["Secret"] == "hush"
    assert "hush" not in (tmp_path / "config.json").read_text()
    assert one.erase("reg")


def test_a_helper_that_knows_nothing_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(tmp_path, monkeypatch, "echo credentials not found in native keychain; exit 1\n")
    assert config(tmp_path, credHelpers={"reg": "test"}).find("reg") == {}


@pytest.mark.parametrize("script", ["exit 1\n", "echo rubbish\n", "echo '{}'\n"])
def test_a_helper_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    helper(tmp_path, monkeypatch, script)
    with pytest.raises(ClientError, match="docker-credential-test"):
        config(tmp_path, credsStore="test").find("reg")


def test_a_helpers_name_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="invalid credential helper"):
        config(tmp_path, credsStore="../evil").find("reg")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ClientError, match=r"config\.json can't be read"):
        Credentials(str(tmp_path)).find("reg")
