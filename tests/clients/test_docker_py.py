"""docker-py against the engine."""

from __future__ import annotations

import io
import os
import threading

import docker
import docker.errors
import docker.types
import pytest

from tests.engine import Engine
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.root,
    pytest.mark.peer,
    # docker-py leaves the sockets of streams to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

NO_NETWORK = {"network_mode": "none"}


def test_run_returns_the_output(client: docker.DockerClient) -> None:
    assert client.containers.run("busybox", "echo hi", remove=True, **NO_NETWORK) == b"hi\n"


def test_run_can_return_both_streams(client: docker.DockerClient) -> None:
    command = ["sh", "-c", "echo out; echo err >&2"]
    output = client.containers.run("busybox", command, remove=True, stdout=True, stderr=True, **NO_NETWORK)
    assert sorted(output.splitlines()) == [b"err", b"out"]


def test_run_raises_with_exit_code_and_stderr(client: docker.DockerClient) -> None:
    with pytest.raises(docker.errors.ContainerError) as caught:
        client.containers.run("busybox", ["sh", "-c", "echo bad >&2; exit 42"], **NO_NETWORK)
    assert caught.value.exit_status == 42
    assert caught.value.stderr == b"bad\n"


def test_run_of_an_unknown_image_tries_to_pull(client: docker.DockerClient) -> None:
    with pytest.raises(docker.errors.ImageNotFound):
        client.api.inspect_image("no-such-image")
    with pytest.raises(docker.errors.ImageNotFound):
        client.api.create_container("no-such-image")


def test_two_hundred_runs_each_return_the_full_output(client: docker.DockerClient) -> None:
    outputs = [client.containers.run("busybox", "echo hi", remove=True, **NO_NETWORK) for _ in range(200)]
    assert outputs == [b"hi\n"] * 200
    assert client.containers.list(all=True) == []


def test_exec_run_is_never_empty_in_three_hundred_tries(client: docker.DockerClient) -> None:
    container = client.containers.run("busybox", "sleep 1000", detach=True, **NO_NETWORK)
    answers = {tuple(container.exec_run("echo hello")) for _ in range(300)}
    assert answers == {(0, b"hello\n")}


def test_exec_run_options(client: docker.DockerClient) -> None:
    container = client.containers.run("busybox", "sleep 1000", detach=True, **NO_NETWORK)
    assert container.exec_run("sh -c 'exit 3'").exit_code == 3
    assert container.exec_run("pwd", workdir="/tmp").output == b"/tmp\n"
    assert container.exec_run("id -u", user="nobody").output == b"65534\n"
    assert container.exec_run(["sh", "-c", "echo $X"], environment={"X": "y z"}).output == b"y z\n"
    assert container.exec_run("tty", tty=True).output.startswith(b"/dev/")
    code, (out, err) = container.exec_run(["sh", "-c", "echo a; echo b >&2"], demux=True)
    assert (code, out, err) == (0, b"a\n", b"b\n")
    assert b"".join(container.exec_run("echo streamed", stream=True).output) == b"streamed\n"
    assert not container.exec_run("true", detach=True).output


def test_exec_run_socket_carries_stdin(client: docker.DockerClient) -> None:
    container = client.containers.run("busybox", "sleep 1000", detach=True, **NO_NETWORK)
    wrapped = container.exec_run("cat", stdin=True, socket=True, tty=True).output
    try:
        wrapped._sock.sendall(b"ping\n")
        got = b""
        while got.count(b"ping") < 2:
            got += wrapped._sock.recv(1000)
    finally:
        wrapped._sock.close()
        wrapped.close()


def test_attach_socket_gets_output_and_gives_input(client: docker.DockerClient) -> None:
    container = client.containers.create("busybox", "cat", stdin_open=True, tty=True, **NO_NETWORK)
    wrapped = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    try:
        container.start()
        wrapped._sock.sendall(b"hello\n")
        got = b""
        while got.count(b"hello") < 2:
            got += wrapped._sock.recv(1000)
    finally:
        wrapped._sock.close()
        wrapped.close()


def test_attach_streams_what_comes(client: docker.DockerClient) -> None:
    container = client.containers.create("busybox", ["sh", "-c", "for i in 1 2 3; do echo $i; done"], **NO_NETWORK)
    stream = container.attach(stdout=True, stream=True)
    container.start()
    assert b"".join(stream) == b"1\n2\n3\n"


def test_logs_stream_until_the_container_ends(client: docker.DockerClient) -> None:
    container = client.containers.run(
        "busybox", ["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done"], detach=True, **NO_NETWORK
    )
    assert b"".join(container.logs(stream=True, follow=True)) == b"1\n2\n3\n"
    assert container.logs(tail=1) == b"3\n"
    assert container.logs(timestamps=True).count(b"Z 1\n") == 1
    assert container.wait() == {"StatusCode": 0} or container.wait()["StatusCode"] == 0


def test_load_save_tag_and_remove_an_image(client: docker.DockerClient, busybox_archive: str) -> None:
    with open(busybox_archive, "rb") as file:
        (loaded,) = client.images.load(file)
    assert "busybox:latest" in loaded.tags
    assert loaded.tag("other", tag="v1")
    assert sorted(client.images.get("other:v1").tags) == ["busybox:latest", "other:v1"]
    saved = io.BytesIO(b"".join(client.images.get("other:v1").save(named="other:v1")))
    client.images.remove("other:v1")
    assert {image.id for image in client.images.list()} == {loaded.id}
    with pytest.raises(docker.errors.ImageNotFound):
        client.images.get("other:v1")
    (again,) = client.images.load(saved)
    assert again.id == loaded.id
    assert "other:v1" in again.tags
    client.images.remove("other:v1")
    assert loaded.history()[0]["Id"] == loaded.id


def test_load_of_rubbish_is_an_image_load_error(client: docker.DockerClient) -> None:
    with pytest.raises((docker.errors.ImageLoadError, docker.errors.APIError)):
        client.images.load(os.urandom(4096))


def test_lifecycle_calls(client: docker.DockerClient) -> None:
    container = client.containers.run(
        "busybox", "sleep 1000", name="cycle", detach=True, stop_signal="SIGKILL", **NO_NETWORK
    )
    assert container.status in ("created", "running")
    container.reload()
    assert container.status == "running"
    assert container.top()["Titles"]
    container.rename("cycled")
    assert client.containers.get("cycled").id == container.id
    container.restart(timeout=1)
    container.stop(timeout=1)
    assert container.wait()["StatusCode"] == 137
    container.reload()
    assert container.status == "exited"
    container.start()
    container.kill()
    wait_until(lambda: client.containers.get("cycled").status == "exited")
    container.remove()
    with pytest.raises(docker.errors.NotFound):
        client.containers.get("cycled")


def test_list_by_filter_and_state(client: docker.DockerClient) -> None:
    running = client.containers.run("busybox", "sleep 1000", detach=True, labels={"who": "a"}, **NO_NETWORK)
    ended = client.containers.run("busybox", "true", detach=True, labels={"who": "b"}, **NO_NETWORK)
    ended.wait()
    assert [c.id for c in client.containers.list()] == [running.id]
    assert [c.id for c in client.containers.list(filters={"status": "exited"})] == [ended.id]
    assert [c.id for c in client.containers.list(all=True, filters={"label": ["who=b"]})] == [ended.id]
    assert [c.id for c in client.containers.list(all=True, limit=1)] == [ended.id]


def test_wait_in_a_thread_ends_with_the_code(client: docker.DockerClient) -> None:
    container = client.containers.run(
        "busybox", ["sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.05; done"], detach=True, **NO_NETWORK
    )
    codes: list[int] = []
    waiter = threading.Thread(target=lambda: codes.append(container.wait()["StatusCode"]))
    waiter.start()
    container.stop(timeout=5)
    waiter.join(20)
    assert codes == [9]


def test_events_are_yielded_one_by_one(client: docker.DockerClient) -> None:
    stream = client.events(decode=True, filters={"type": "container"})
    client.containers.run("busybox", "true", name="seen", **NO_NETWORK)
    actions = []
    for event in stream:
        actions.append(event["Action"])
        assert event["status"] == event["Action"]
        if event["Action"] == "die":
            assert event["Actor"]["Attributes"]["exitCode"] == "0"
            break
    stream.close()
    assert [a for a in actions if a in ("create", "start", "die")] == ["create", "start", "die"]


def test_info_version_and_ping(client: docker.DockerClient, engine: Engine) -> None:
    assert client.ping()
    assert client.version()["ApiVersion"] == client.api._version
    assert client.info()["OSType"] == "linux"


def test_mounts_and_resources_of_the_high_level_api(
    client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bound")
    (folder / "in").write_text("from the host")
    output = client.containers.run(
        "busybox",
        ["sh", "-c", "cat /data/in; ls -ld /scratch | cut -c1-10; cat /proc/self/oom_score_adj"],
        volumes={str(folder): {"bind": "/data", "mode": "ro"}},
        mounts=[docker.types.Mount("/scratch", None, type="tmpfs", tmpfs_mode=0o1750)],
        mem_limit="64m",
        oom_score_adj=100,
        remove=True,
        **NO_NETWORK,
    )
    assert output == b"from the hostdrwxr-x--T\n100\n"
