"""Builds as people start them: the docker command's classic builder, and docker-py."""

from __future__ import annotations

import io
import json
import signal
from pathlib import Path

import docker
import pytest

from tests.docker_cli import DockerCli
from tests.engine import Engine
from tests.waiting import wait_until

pytestmark = pytest.mark.root


@pytest.fixture(autouse=True)
def classic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_BUILDKIT", "0")


@pytest.fixture
def built(engine: Engine) -> object:
    """Takes away what the test built."""
    yield None
    engine.remove_all()
    for image in engine.get("/images/json", all=1):
        if "busybox:latest" not in (image["RepoTags"] or []):
            engine.ask("DELETE", f"/images/{image['Id']}?force=1")


def context(folder: Path, dockerfile: str, **files: str) -> str:
    (folder / "Dockerfile").write_text(dockerfile)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return str(folder)


@pytest.mark.usefixtures("built")
def test_commands_run_on_what_is_there_so_far(cli: DockerCli, tmp_path: Path) -> None:
    text = """FROM busybox
ARG WHO=nobody
ENV KIND=good
RUN echo "$KIND $WHO" > /said && echo me:x:1234:1234::/:/bin/sh >> /etc/passwd && mkdir /own && chown me /own
USER me
WORKDIR /own
RUN id -un > who && pwd >> who
RUN <<EOF
set -e
echo heredoc >> who
EOF
CMD ["cat", "/said", "/own/who"]
"""
    where = context(tmp_path, text)
    said = cli.ok("build", "-t", "made", "--build-arg", "WHO=you", "--network", "none", where)
    assert " ---> Running in " in said
    assert said.endswith("Successfully tagged made:latest")
    assert cli.ok("run", "--rm", "--network", "none", "made") == "good you\nme\n/own\nheredoc"
    again = cli.ok("build", "-t", "made", "--build-arg", "WHO=you", "--network", "none", where)
    assert again.count("Using cache") == 8
    assert "Running in" not in again
    other = cli.ok("build", "-t", "made", "--build-arg", "WHO=me", "--network", "none", where)
    assert "Running in" in other
    assert cli.ok("ps", "-aq") == ""


@pytest.mark.usefixtures("built")
def test_a_command_that_fails_ends_the_build_with_its_code(cli: DockerCli, tmp_path: Path) -> None:
    where = context(tmp_path, "FROM busybox\nRUN echo out; echo err >&2; exit 7\nRUN true\n")
    done = cli("build", "--network", "none", where)
    assert done.returncode == 7
    assert b"out\nerr" in done.stdout + done.stderr
    assert b"The command '/bin/sh -c echo out; echo err >&2; exit 7' returned a non-zero code: 7" in done.stderr
    assert cli.ok("ps", "-aq") == ""


@pytest.mark.usefixtures("built")
def test_quiet_and_iidfile(cli: DockerCli, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    where = context(tmp_path / "c", "FROM busybox\nRUN true\n")
    identifier = cli.ok("build", "-q", "--network", "none", where)
    assert identifier.startswith("sha256:")
    cli.ok("build", "--iidfile", str(tmp_path / "iid"), "--network", "none", where)
    assert (tmp_path / "iid").read_text() == identifier


@pytest.mark.usefixtures("built")
def test_a_dockerfile_from_stdin_and_elsewhere(cli: DockerCli, tmp_path: Path) -> None:
    said = cli.ok("build", "-t", "stdin", "-", stdin=b"FROM busybox\nLABEL a=b\n")
    assert "Successfully tagged stdin:latest" in said
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "Other").write_text("FROM busybox\nCOPY f /f\n")
    (tmp_path / "f").write_text("x")
    cli.ok("build", "-t", "other", "-f", str(tmp_path / "sub" / "Other"), str(tmp_path))


@pytest.mark.usefixtures("built")
def test_a_syntax_error_names_the_line(cli: DockerCli, tmp_path: Path) -> None:
    done = cli("build", context(tmp_path, "FROM busybox\n\nNOPE x\n"))
    assert done.returncode == 1
    assert b"dockerfile parse error on line 3: unknown instruction: NOPE" in done.stderr


@pytest.mark.usefixtures("built")
def test_limits_reach_the_commands(cli: DockerCli, tmp_path: Path) -> None:
    where = context(tmp_path, "FROM busybox\nRUN ulimit -n; cat /etc/hosts; df /dev/shm | tail -1\n")
    flags = ("--network", "none", "--ulimit", "nofile=99:99", "--add-host", "there:1.2.3.4", "--shm-size", "1m")
    said = cli.ok("build", *flags, where)
    assert "\n99\n" in said
    assert "1.2.3.4\tthere" in said
    assert " 1024 " in said


@pytest.mark.usefixtures("built")
def test_docker_py_builds(client: docker.DockerClient, tmp_path: Path) -> None:
    where = context(tmp_path, "FROM busybox AS one\nRUN echo x > /x\nFROM busybox\nCOPY --from=one /x /y\n")
    image, lines = client.images.build(path=where, tag="py:1", labels={"k": "v"}, network_mode="none", rm=True)
    assert image.tags == ["py:1"]
    assert image.labels["k"] == "v"
    assert any("Successfully built" in line.get("stream", "") for line in lines)
    before = len(client.containers.list(all=True))
    client.images.build(fileobj=io.BytesIO(b"FROM busybox\nRUN true"), network_mode="none", rm=False)
    assert len(client.containers.list(all=True)) == before + 1
    with pytest.raises(docker.errors.BuildError, match="non-zero code: 3"):
        client.images.build(fileobj=io.BytesIO(b"FROM busybox\nRUN exit 3"), network_mode="none")


@pytest.mark.usefixtures("built")
def test_a_client_that_leaves_ends_its_build(cli: DockerCli, engine: Engine, tmp_path: Path) -> None:
    where = context(tmp_path, "FROM busybox\nRUN sleep 1000\n")
    process = cli.start("build", "--network", "none", where)
    wait_until(lambda: engine.get("/containers/json"), what="the step's container")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_until(lambda: engine.get("/containers/json", all=1) == [], what="the end of the step's container")


@pytest.mark.parametrize(
    "query",
    [
        "version=2",
        "remote=https://x.example/y.git",
        "squash=1",
        "outputs=x",
        'cachefrom=["x"]',
        "cgroupparent=/x",
    ],
)
def test_what_is_not_carried_out_is_refused(engine: Engine, query: str) -> None:
    assert engine.ask("POST", f"/build?{query}", b"", {"Content-Type": "application/x-tar"}).status == 501


def test_prune_is_there_for_system_prune(engine: Engine) -> None:
    reply = engine.call("POST", "/build/prune")
    assert json.loads(reply.body) == {"CachesDeleted": None, "SpaceReclaimed": 0}
