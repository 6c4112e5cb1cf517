"""Pull, push, login and search against a real registry, with the docker command and docker-py."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator

import docker
import pytest

from tests import registry as registries
from tests.calls import IMAGE
from tests.conftest import cli_for
from tests.docker_cli import DockerCli
from tests.engine import Engine
from tests.registry import PASSWORD, USER, Registry

pytestmark = pytest.mark.root


@pytest.fixture
def registry(engine: Engine) -> Iterator[Registry]:
    with registries.running(engine) as one:
        yield one


@pytest.fixture
def closed_registry(engine: Engine) -> Iterator[Registry]:
    with registries.running(engine, 5001, users=True) as one:
        yield one


def image_id(cli: DockerCli, name: str) -> str:
    return cli.ok("image", "inspect", "-f", "{{.Id}}", name)


def test_what_was_pushed_is_what_is_pulled(cli: DockerCli, registry: Registry) -> None:
    name = f"{registry.address}/team/box:1"
    cli.ok("tag", IMAGE, name)
    pushed = cli.ok("push", name)
    digest = pushed.split("digest: ")[1].split()[0]
    assert digest in cli.ok("images", "--digests", f"{registry.address}/team/box")
    before = image_id(cli, name)
    cli.ok("rmi", name)
    assert f"Status: Downloaded newer image for {name}" in cli.ok("pull", name)
    assert image_id(cli, name) == before
    assert f"Status: Image is up to date for {name}" in cli.ok("pull", name)
    assert cli.ok("pull", "-q", f"{registry.address}/team/box@{digest}") == f"{registry.address}/team/box@{digest}"
    assert cli.ok("run", "--rm", "--network", "none", "--pull", "always", name, "echo", "hi") == "hi"
    cli.ok("rmi", "-f", name, f"{registry.address}/team/box@{digest}")


def test_all_tags(cli: DockerCli, registry: Registry) -> None:
    names = [f"{registry.address}/team/many:{tag}" for tag in "abc"]
    for name in names:
        cli.ok("tag", IMAGE, name)
    cli.ok("push", "-a", f"{registry.address}/team/many")
    cli.ok("rmi", *names)
    cli.ok("pull", "-a", f"{registry.address}/team/many")
    assert sorted(cli.ok("images", "--format", "{{.Tag}}", f"{registry.address}/team/many").split()) == ["a", "b", "c"]
    cli.ok("rmi", *names)


def test_a_layer_is_mounted_from_another_repository(cli: DockerCli, registry: Registry) -> None:
    first, second = (f"{registry.address}/{name}:1" for name in ("one", "two"))
    for name in (first, second):
        cli.ok("tag", IMAGE, name)
    assert ": Pushed" in cli.ok("push", first)
    assert ": Mounted from one" in cli.ok("push", second)
    cli.ok("rmi", first, second)


def test_what_is_missing_is_said(cli: DockerCli, registry: Registry) -> None:
    done = cli("pull", f"{registry.address}/none:1")
    assert done.returncode == 1
    assert f"manifest for {registry.address}/none:1 not found: manifest unknown".encode() in done.stderr
    done = cli("push", f"{registry.address}/none:1")
    assert f"An image does not exist locally with the tag: {registry.address}/none".encode() in done.stderr
    done = cli("run", "--rm", f"{registry.address}/none:1", "true")
    assert done.returncode == 125
    assert b"manifest unknown" in done.stderr


def test_search_looks_through_the_catalogue(cli: DockerCli, registry: Registry) -> None:
    name = f"{registry.address}/some/thing:1"
    cli.ok("tag", IMAGE, name)
    cli.ok("push", name)
    assert f"{registry.address}/some/thing" in cli.ok("search", f"{registry.address}/thing")
    cli.ok("rmi", name)


def test_a_closed_registry_wants_a_login(cli: DockerCli, closed_registry: Registry) -> None:
    name = f"{closed_registry.address}/secret:1"
    cli.ok("tag", IMAGE, name)
    assert b"no basic auth credentials" in cli("push", name).stderr
    refused = cli("login", "-u", USER, "--password-stdin", closed_registry.address, stdin=b"wrong")
    assert refused.returncode == 1
    assert b"unauthorized" in refused.stderr
    done = cli.ok("login", "-u", USER, "--password-stdin", closed_registry.address, stdin=PASSWORD.encode())
    assert "Login Succeeded" in done
    cli.ok("push", name)
    cli.ok("rmi", name)
    cli.ok("pull", name)
    cli.ok("rmi", name)
    cli.ok("logout", closed_registry.address)
    assert b"no basic auth credentials" in cli("pull", name).stderr


def test_docker_py_pulls_pushes_and_looks(
    client: docker.DockerClient, engine: Engine, registry: Registry, closed_registry: Registry
) -> None:
    image = client.images.get(IMAGE)
    name = f"{registry.address}/py/box"
    assert image.tag(name, "1")
    lines = list(client.images.push(name, "1", stream=True, decode=True))
    assert lines[-1]["aux"]["Tag"] == "1"
    distribution = client.images.get_registry_data(f"{name}:1")
    assert distribution.id == lines[-1]["aux"]["Digest"]
    assert distribution.has_platform("linux/amd64") or distribution.has_platform("linux/arm64")
    client.images.remove(f"{name}:1")
    assert client.images.pull(name, "1").id == image.id
    client.images.remove(f"{name}:1")
    with pytest.raises(docker.errors.NotFound):
        client.images.pull(name, "2")
    auth = {"username": USER, "password": PASSWORD}
    hidden = f"{closed_registry.address}/py/box"
    image.tag(hidden, "1")
    assert "error" not in [*client.images.push(hidden, "1", auth_config=auth, stream=True, decode=True)][-1]
    client.images.remove(f"{hidden}:1")
    assert client.images.pull(hidden, "1", auth_config=auth).id == image.id
    client.images.remove(f"{hidden}:1")


ADDRESS = "10.77.0.1"
"""Loopback counts as insecure: certificates are checked for other addresses."""


def make_certificate(folder: str) -> str:
    """A key and a certificate for ADDRESS in one file."""
    path, key = os.path.join(folder, "both.pem"), os.path.join(folder, "key.pem")
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=registry"]
    words += ["-addext", f"subjectAltName=IP:{ADDRESS}", "-keyout", key, "-out", path]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    with open(path, "a") as both, open(key) as file:
        both.write(file.read())
    return path


def test_an_authority_of_our_own_is_trusted_where_it_should_be(
    make_engine: Callable[..., Engine], tmp_path_factory: pytest.TempPathFactory, busybox_archive: str
) -> None:
    certificates = tmp_path_factory.mktemp("certs")
    certificate = make_certificate(str(tmp_path_factory.mktemp("key")))
    engine = make_engine({"certs-dir": str(certificates)})
    engine.start_daemon()
    subprocess.run(["ip", "-n", engine.name, "addr", "add", f"{ADDRESS}/32", "dev", "lo"], check=True, timeout=20)
    cli = cli_for(engine, tmp_path_factory)
    cli.ok("load", "-i", busybox_archive)
    with registries.running(engine, 5443, host=ADDRESS, certificate=certificate):
        name = f"{ADDRESS}:5443/tls/box:1"
        cli.ok("tag", IMAGE, name)
        assert b"failed to verify certificate" in cli("push", name).stderr
        folder = certificates / f"{ADDRESS}:5443"
        folder.mkdir()
        (folder / "ca.crt").write_text("rubbish")
        assert b"ca.crt" in cli("push", name).stderr
        shutil.copy(certificate, folder / "ca.crt")
        cli.ok("push", name)
        cli.ok("rmi", name)
        cli.ok("pull", name)
