"""Bad input: a status, a message a person can act on, and nothing left behind."""

from __future__ import annotations

import contextlib
import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.engine import Engine
from tests.wire import Reply, request

pytestmark = [pytest.mark.root, pytest.mark.peer]

HUGE = 1 << 70

# Why 20.10 does otherwise.
LATE = "20.10 finds out at the start"
COARSE = "20.10 says 500"
LENIENT = "20.10 lets it be"


@pytest.fixture(autouse=True)
def nothing_is_left(engine: Engine) -> Any:
    """After each test the engine still answers and has no more containers than the test says it has."""
    yield
    assert engine.ask("GET", "/_ping").body == b"OK"


def create(engine: Engine, body: Any, query: str = "", content_type: str = "application/json") -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return engine.ask("POST", "/containers/create" + query, data, {"Content-Type": content_type})


def plain(**config: Any) -> dict[str, Any]:
    host = {"NetworkMode": "none", **config.pop("HostConfig", {})}
    return {"Image": "busybox", "Cmd": ["true"], **config, "HostConfig": host}


def is_error(reply: Reply, status: int) -> str:
    """The message of an error in exactly the form that clients take."""
    assert reply.status == status, reply
    assert reply.headers["content-type"] == "application/json"
    assert list(reply.json()) == ["message"]
    assert reply.body.endswith(b"\n")
    assert reply.message and "Traceback" not in reply.message
    return reply.message


# What create refuses: (words for the test's name, body, status, part of the message, and why 20.10 does otherwise).
REFUSED: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("unknown image", plain(Image="nobody/knows:v1"), 404, "No such image: nobody/knows:v1", ""),
    ("image reference", plain(Image="UPPER CASE"), 400, "invalid reference format", ""),
    ("no command", plain(Cmd=[], Entrypoint=[""]), 400, "no command specified", ""),
    ("capability", plain(HostConfig={"CapAdd": ["FLYING"]}), 400, "FLYING", ""),
    ("little memory", plain(HostConfig={"Memory": 1000}), 400, "6MB", ""),
    ("negative memory", plain(HostConfig={"Memory": -5}), 400, "", LENIENT),
    ("swap without memory", plain(HostConfig={"MemorySwap": 100 << 20}), 400, "emory", ""),
    ("swap below memory", plain(HostConfig={"Memory": 64 << 20, "MemorySwap": 32 << 20}), 400, "emory", ""),
    ("cpus and quota", plain(HostConfig={"NanoCpus": 10**9, "CpuQuota": 5000}), 400, "CPU", ""),
    ("more cpus than there are", plain(HostConfig={"NanoCpus": 10**15}), 400, "CPUs", ""),
    ("negative cpus", plain(HostConfig={"NanoCpus": -1}), 400, "CPU", ""),
    ("cpu period", plain(HostConfig={"CpuPeriod": 10}), 400, "period", ""),
    ("cpu set", plain(HostConfig={"CpusetCpus": "0-x"}), 400, "pu", ""),
    ("cpu that is not there", plain(HostConfig={"CpusetCpus": "999"}), 400, "pu", ""),
    ("oom score", plain(HostConfig={"OomScoreAdj": 5000}), 400, "oom", ""),
    ("shm size", plain(HostConfig={"ShmSize": -1}), 400, "shm", ""),
    ("relative workdir", plain(WorkingDir="not/absolute"), 400, "not/absolute", ""),
    ("network mode", plain(HostConfig={"NetworkMode": "container:"}), 400, "", ""),
    ("pid mode", plain(HostConfig={"PidMode": "weird"}), 400, "PID mode", LENIENT),
    ("ipc mode", plain(HostConfig={"IpcMode": "weird"}), 400, "IPC mode", LENIENT),
    ("uts mode", plain(HostConfig={"UTSMode": "weird"}), 400, "UTS mode", LENIENT),
    ("relative bind target", plain(HostConfig={"Binds": ["/tmp:relative"]}), 400, "relative", ""),
    ("bind mode", plain(HostConfig={"Binds": ["/tmp:/x:fancy"]}), 400, "fancy", ""),
    ("duplicate mount", plain(HostConfig={"Binds": ["/tmp:/x", "/var:/x"]}), 400, "Duplicate mount point: /x", ""),
    ("mount type", plain(HostConfig={"Mounts": [{"Type": "odd", "Target": "/x"}]}), 400, "odd", ""),
    ("mount without target", plain(HostConfig={"Mounts": [{"Type": "tmpfs"}]}), 400, "arget", ""),
    ("log driver", plain(HostConfig={"LogConfig": {"Type": "carrier-pigeon"}}), 400, "carrier-pigeon", ""),
    ("log option", plain(HostConfig={"LogConfig": {"Type": "json-file", "Config": {"odd": "1"}}}), 400, "odd", ""),
    (
        "log size",
        plain(HostConfig={"LogConfig": {"Type": "json-file", "Config": {"max-size": "x"}}}),
        400,
        "max-size",
        LATE,
    ),
    ("security option", plain(HostConfig={"SecurityOpt": ["nonsense=1"]}), 400, "nonsense", ""),
    ("seccomp profile", plain(HostConfig={"SecurityOpt": ["seccomp={"]}), 400, "seccomp", LATE),
    (
        "device",
        plain(
            HostConfig={
                "Devices": [{"PathOnHost": "/dev/zero", "PathInContainer": "/dev/z", "CgroupPermissions": "xyz"}]
            }
        ),
        400,
        "xyz",
        LENIENT,
    ),
    ("ulimit", plain(HostConfig={"Ulimits": [{"Name": "patience", "Soft": 1, "Hard": 1}]}), 400, "patience", LATE),
    (
        "soft above hard",
        plain(HostConfig={"Ulimits": [{"Name": "nofile", "Soft": 9, "Hard": 1}]}),
        400,
        "hard limit",
        LATE,
    ),
    ("sysctl", plain(HostConfig={"Sysctls": {"kernel.hostname": "x"}}), 400, "kernel.hostname", LATE),
    ("extra host", plain(HostConfig={"ExtraHosts": ["no-address"]}), 400, "no-address", ""),
    ("dns", plain(HostConfig={"Dns": ["not-an-address"]}), 400, "not-an-address", LENIENT),
    ("stop signal", plain(StopSignal="SIGNOTHING"), 400, "SIGNOTHING", ""),
    ("runtime", plain(HostConfig={"Runtime": "hope"}), 400, "hope", ""),
    ("restart policy", plain(HostConfig={"RestartPolicy": {"Name": "sometimes"}}), 400, "sometimes", ""),
    (
        "AutoRemove and restart",
        plain(HostConfig={"AutoRemove": True, "RestartPolicy": {"Name": "always"}}),
        400,
        "can't create 'AutoRemove' container with restart policy",
        "",
    ),
    ("environment", plain(Env=["=value"]), 400, "nvironment", ""),
    ("isolation", plain(HostConfig={"Isolation": "hyperv"}), 400, "hyperv", ""),
    ("type of Cmd", plain(Cmd={"a": 1}), 400, "", COARSE),
    ("type of Tty", plain(Tty="yes"), 400, "", COARSE),
    ("type of Memory", plain(HostConfig={"Memory": "much"}), 400, "", COARSE),
    ("type in Env", plain(Env=[1]), 400, "", COARSE),
    ("huge number", plain(HostConfig={"Memory": HUGE}), 400, "", COARSE),
    ("huge stop timeout", plain(StopTimeout=HUGE), 400, "", COARSE),
    ("fraction", plain(HostConfig={"CpuShares": 1.5}), 400, "", COARSE),
    ("true for a number", plain(HostConfig={"CpuShares": True}), 400, "", COARSE),
]


@pytest.mark.parametrize(("name", "body", "status", "words", "differs"), REFUSED, ids=[row[0] for row in REFUSED])
def test_create_refuses(engine: Engine, name: str, body: dict[str, Any], status: int, words: str, differs: str) -> None:
    if differs and engine.kind == "dockerd":
        pytest.skip(differs)
    reply = create(engine, body)
    if engine.kind == "dockerd" and reply.status == 500:
        status = 500  # 20.10 has fewer kinds
    assert words.lower() in is_error(reply, status).lower()
    assert engine.get("/containers/json", all=1) == []


@pytest.mark.ours("20.10 does not list them")
def test_an_unknown_runtime_is_answered_with_the_known_ones(engine: Engine) -> None:
    message = is_error(create(engine, plain(HostConfig={"Runtime": "hope"})), 400)
    for name in ("runc", "crun", "runsc", "kata-runtime", "lcr"):
        assert name in message


# Bodies that are no JSON object; 20.10 says 500 or 400, ours always 400.
MALFORMED: list[tuple[str, bytes, str]] = [
    ("cut", b'{"Image": "busybox"', "application/json"),
    ("text", b"hello", "application/json"),
    ("list", b"[]", "application/json"),
    ("two documents", b'{"Image":"busybox"} {}', "application/json"),
    ("not UTF-8", b'{"Image":"\xff\xfe"}', "application/json"),
    ("deep", b'{"Labels":' * 5000 + b"{}" + b"}" * 5000, "application/json"),
    ("empty", b"", "application/json"),
    ("null", b"null", "application/json"),
]


@pytest.mark.ours("20.10 says 500")
@pytest.mark.parametrize(("name", "body", "content_type"), MALFORMED, ids=[row[0] for row in MALFORMED])
def test_a_malformed_body(engine: Engine, name: str, body: bytes, content_type: str) -> None:
    is_error(create(engine, body, content_type=content_type), 400)
    assert engine.get("/containers/json", all=1) == []


def test_a_wrong_content_type(engine: Engine) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded"):
        reply = create(engine, plain(), content_type=content_type)
        assert reply.status in ((400,) if engine.kind == "isula" else (400, 415))
        if engine.kind == "isula":
            assert "unsupported Content-Type header" in is_error(reply, 400)
    assert create(engine, plain(), content_type="application/json; charset=utf-8").status == 201


def test_field_names_in_any_case_and_unknown_fields_are_taken(engine: Engine) -> None:
    body = {"image": "busybox", "CMD": ["echo", "hi"], "hostconfig": {"networkmode": "none"}, "Nonsense": {"a": 1}}
    container = create(engine, body).json()["Id"]
    assert engine.inspect(container)["Config"]["Cmd"] == ["echo", "hi"]


@pytest.mark.parametrize(
    "name", ["x", "-bad", "sp ace", "sl/ash", "umlaut-ü", "a" * 5000, "new\nline", "$(reboot)", "../up"]
)
def test_a_bad_name(engine: Engine, name: str) -> None:
    if engine.kind == "dockerd" and len(name) > 1000:
        pytest.skip("20.10 has no limit")
    message = is_error(create(engine, plain(), f"?name={quote(name, safe='')}"), 400)
    assert "name" in message.lower()


def test_a_name_that_is_taken(engine: Engine) -> None:
    container = engine.create(["true"], name="taken")
    message = is_error(create(engine, plain(), "?name=taken"), 409)
    assert message == (
        f'Conflict. The container name "/taken" is already in use by container "{container}". '
        "You have to remove (or rename) that container to be able to reuse that name."
    )


def test_a_name_is_free_again_after_a_refusal(engine: Engine) -> None:
    assert create(engine, plain(HostConfig={"CapAdd": ["FLYING"]}), "?name=free").status == 400
    assert create(engine, plain(Image="nobody"), "?name=free").status == 404
    assert create(engine, plain(), "?name=free").status == 201


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/containers/nobody/json"),
        ("POST", "/containers/nobody/start"),
        ("POST", "/containers/nobody/stop"),
        ("POST", "/containers/nobody/restart"),
        ("POST", "/containers/nobody/kill"),
        ("POST", "/containers/nobody/rename?name=other"),
        ("POST", "/containers/nobody/resize?h=1&w=1"),
        ("POST", "/containers/nobody/wait"),
        ("GET", "/containers/nobody/top"),
        ("GET", "/containers/nobody/logs?stdout=1"),
        ("DELETE", "/containers/nobody"),
    ],
)
def test_an_unknown_container(engine: Engine, method: str, path: str) -> None:
    assert is_error(engine.ask(method, path), 404).endswith("No such container: nobody")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/images/no-one/json"), ("DELETE", "/images/no-one"), ("GET", "/images/no-one/history")],
)
def test_an_unknown_image(engine: Engine, method: str, path: str) -> None:
    assert is_error(engine.ask(method, path), 404).endswith("No such image: no-one:latest")


@pytest.mark.ours("20.10 words them otherwise")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing/here"),
        ("GET", "/v1.41/nothing"),
        ("PUT", "/containers/json"),
        ("DELETE", "/_ping"),
        ("GET", "/containers/create"),
        ("POST", "/version"),
        ("GET", "/"),
        ("GET", "/v1.41"),
        ("GET", "/containers/x/../../etc/passwd"),
    ],
)
def test_a_route_or_method_that_does_not_exist(engine: Engine, method: str, path: str) -> None:
    assert is_error(engine.ask(method, path), 404) == "page not found"


@pytest.mark.ours("its version is another")
def test_versions_out_of_range(engine: Engine) -> None:
    reply = engine.ask("GET", "/v1.99/version")
    assert is_error(reply, 400) == "client version 1.99 is too new. Maximum supported API version is 1.50"
    reply = engine.ask("GET", "/v1.12/version")
    assert reply.status == 400
    assert (
        b"client version 1.12 is too old. Minimum supported API version is 1.24, "
        b"please upgrade your client to a newer version" in reply.body
    )
    for version in ("1.24", "1.30", "1.41", "1.50"):
        assert engine.get(f"/v{version}/version")["ApiVersion"] == "1.50"


def test_every_answer_names_the_engine(engine: Engine) -> None:
    for method, path in (
        ("GET", "/_ping"),
        ("GET", "/containers/nobody/json"),
        ("GET", "/version"),
        ("GET", "/containers/json"),
    ):
        headers = engine.ask(method, path).headers
        assert headers["ostype"] == "linux"
        assert headers["docker-experimental"] == "false"
        assert headers["server"].startswith("Docker/") and headers["server"].endswith("(linux)")
        assert headers["api-version"] == engine.get("/version")["ApiVersion"]


@pytest.mark.parametrize("signal", ["NOTHING", "SIGNOTHING", "0", "-1", "99", "1.5"])
def test_a_signal_that_does_not_exist(engine: Engine, signal: str) -> None:
    if engine.kind == "dockerd" and signal in ("0", "-1", "99", "1.5"):
        pytest.skip("20.10 takes more for numbers")
    container = engine.running()
    reply = engine.ask("POST", f"/containers/{container}/kill?signal={signal}")
    if engine.kind == "isula":
        assert is_error(reply, 400).lower() == f"invalid signal: {signal}".lower()
    assert reply.status >= 400
    assert engine.state(container)["Running"]


def test_kill_of_what_does_not_run(engine: Engine) -> None:
    container = engine.create(["true"])
    message = is_error(engine.ask("POST", f"/containers/{container}/kill"), 409)
    assert message.lower() == f"cannot kill container: {container}: container {container} is not running".lower()


def test_a_user_that_does_not_exist_is_told_at_the_start(engine: Engine, runtime: str) -> None:
    container = engine.create(["true"], User="stranger")
    reply = engine.ask("POST", f"/containers/{container}/start")
    assert reply.status in (400, 500)
    assert "unable to find user stranger: no matching entries in passwd file" in is_error(reply, reply.status)
    assert engine.state(container)["Status"] == "created"


def test_a_workdir_that_is_a_file_is_told(engine: Engine, runtime: str) -> None:
    reply = create(engine, plain(WorkingDir="/etc/passwd"))
    if reply.status == 201:
        container = reply.json()["Id"]
        reply = engine.ask("POST", f"/containers/{container}/start")
        assert engine.state(container)["Status"] == "created"
    message = is_error(reply, reply.status)
    assert reply.status >= 400
    assert "/etc/passwd" in message and "not a directory" in message.lower()


def test_resize_of_what_does_not_run_or_by_nonsense(engine: Engine) -> None:
    running, created = engine.running(Tty=True), engine.create(["true"])
    assert engine.ask("POST", f"/containers/{created}/resize?h=1&w=1").status == 409
    for query in ("h=a&w=1", "h=1", *(("h=-1&w=1", f"h={HUGE}&w=1") if engine.kind == "isula" else ())):
        reply = engine.ask("POST", f"/containers/{running}/resize?{query}")
        assert reply.status == 400, query


@pytest.mark.ours("20.10 words them otherwise")
def test_numbers_in_queries(engine: Engine) -> None:
    container = engine.running()
    for path in ("/containers/json?limit=x", f"/containers/json?limit={HUGE}"):
        is_error(engine.ask("GET", path), 400)
    for path in (f"/containers/{container}/stop?t=x", f"/containers/{container}/stop?t={HUGE}"):
        is_error(engine.ask("POST", path), 400)
    is_error(engine.ask("GET", f"/containers/{container}/logs?stdout=1&since=x"), 400)
    assert engine.state(container)["Running"]


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ("1", True),
        ("true", True),
        ("True", True),
        ("yes", True),
        ("0", False),
        ("", False),
        ("False", False),
        ("none", False),
        ("no", False),
    ],
)
def test_booleans_in_queries(engine: Engine, value: str, meaning: bool) -> None:
    container = engine.create(["true"])
    listed = engine.ask("GET", f"/containers/json?all={value}").json()
    assert [row["Id"] for row in listed] == ([container] if meaning else [])


@pytest.mark.ours("the limit is ours")
def test_a_body_over_its_limit(engine: Engine) -> None:
    body = json.dumps(plain(Labels={"big": "x" * (20 << 20)})).encode()
    with engine.wire() as wire:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            wire.send(request("POST", "/containers/create", body, {"Content-Type": "application/json"}))
        reply = wire.answer()
    assert reply.status in (400, 413)
    assert engine.get("/containers/json", all=1) == []


def test_load_of_what_is_no_archive(engine: Engine) -> None:
    before = engine.get("/images/json")
    for body in (b"not a tar", b"\x1f\x8b" + b"\0" * 100, b"", b"\0" * 1024):
        reply = engine.ask("POST", "/images/load", body, {"Content-Type": "application/x-tar"})
        if engine.kind == "isula":
            assert reply.status == 400 or b"errorDetail" in reply.body, body
    assert engine.get("/images/json") == before


def test_an_image_in_use_or_unknown_is_not_removed(engine: Engine) -> None:
    running = engine.running()
    message = is_error(engine.ask("DELETE", "/images/busybox"), 409)
    assert "conflict: unable to remove repository reference" in message and running[:12] in message
    identity = engine.inspect(running)["Image"]
    message = is_error(engine.ask("DELETE", f"/images/{identity[7:19]}?force=1"), 409)
    assert "cannot be forced" in message
    assert engine.get("/images/busybox/json")["Id"] == identity


def test_tag_with_nonsense(engine: Engine) -> None:
    assert engine.ask("POST", "/images/no-one/tag?repo=a&tag=b").status == 404
    assert engine.ask("POST", "/images/busybox/tag?repo=UPPER&tag=b").status in (400, 500)
    assert engine.ask("POST", "/images/busybox/tag?repo=a&tag=b%20c").status in (400, 500)
