"""The API, a row a call: method, path, body, status, and what must be in the reply. Each reply fits the description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.contract import Contract
from tests.engine import Engine
from tests.wire import Reply

pytestmark = [pytest.mark.root]

PREFIXES = ("", "/v1.24", "/v1.41", "/v1.43", "/v1.44", "/v1.50")

# What is in place: a running container `runs`, one that was created only, `created`, one that has ended, `ended`.
ROWS: list[tuple[str, str, Any, int, Any]] = [
    ("GET", "/_ping", None, 200, b"OK"),
    ("GET", "/version", None, 200, {"ApiVersion": "1.50", "MinAPIVersion": "1.24", "Os": "linux"}),
    ("GET", "/info", None, 200, {"ContainersRunning": 1, "Containers": 3, "Images": 1, "OSType": "linux"}),
    ("GET", "/nothing", None, 404, "page not found"),
    ("PUT", "/version", None, 404, "page not found"),
    ("POST", "/containers/json", None, 404, "page not found"),
    ("GET", "/v1.51/info", None, 400, "client version 1.51 is too new. Maximum supported API version is 1.50"),
    ("GET", "/v1.23/info", None, 400, "client version 1.23 is too old"),
    ("GET", "/events?since=10&until=5", None, 400, "cannot be after"),
    ("GET", "/events?since=soon", None, 400, "since"),
    ("GET", "/events?filters={%22x%22:[%22y%22]}", None, 400, "invalid filter 'x'"),
    ("GET", "/events?since=1&until=2", None, 200, b""),
    # lists
    ("GET", "/containers/json", None, 200, [{"Names": ["/runs"], "State": "running"}]),
    ("GET", "/containers/json?all=0", None, 200, [{"Names": ["/runs"]}]),
    ("GET", "/containers/json?all=True", None, 200, [{}, {}, {}]),
    ("GET", "/containers/json?all=1&size=1", None, 200, [{"SizeRw": 0}, {}, {}]),
    ("GET", "/containers/json?limit=-1&all=1", None, 200, [{}, {}, {}]),
    ("GET", "/containers/json?limit=2", None, 200, [{}, {}]),
    ("GET", "/containers/json?limit=x", None, 400, "limit"),
    ("GET", '/containers/json?filters={"name":["runs"]}', None, 200, [{"Names": ["/runs"]}]),
    ("GET", '/containers/json?filters={"status":{"exited":true}}', None, 200, [{"Names": ["/ended"]}]),
    ("GET", '/containers/json?filters={"exited":["3"],"status":["exited"]}', None, 200, [{"Names": ["/ended"]}]),
    ("GET", "/containers/json?filters=nonsense", None, 400, "invalid filter"),
    ("GET", '/containers/json?filters={"nonsense":["x"]}', None, 400, "invalid filter 'nonsense'"),
    ("GET", "/networks", None, 200, [{"Name": "host"}, {"Name": "none"}, {"Name": "bridge", "Driver": "bridge"}]),
    ("GET", "/networks/", None, 200, [{}, {}, {}]),
    ("GET", '/networks?filters={"name":["^no"]}', None, 200, [{"Name": "none"}]),
    ("GET", "/networks/none", None, 200, {"Name": "none", "Driver": "null"}),
    ("GET", "/networks/nope", None, 404, "network nope not found"),
    ("GET", "/networks/none?scope=swarm", None, 404, "network none not found"),
    (
        "GET",
        "/networks/bridge",
        None,
        200,
        {"IPAM": {"Config": [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}]}},
    ),
    ("GET", '/networks?filters={"type":["custom"]}', None, 200, []),
    ("GET", '/networks?filters={"type":["odd"]}', None, 400, "invalid filter: 'type'='odd'"),
    ("GET", '/networks?filters={"colour":["red"]}', None, 400, "invalid filter 'colour'"),
    ("POST", "/networks/create", {"Name": "bridge"}, 403, "operation is not permitted on predefined bridge network "),
    ("POST", "/networks/create", {"Name": "row", "Driver": "nope"}, 404, 'plugin "nope" not found'),
    ("POST", "/networks/create", {"Name": "row", "Driver": "host"}, 403, "only one instance of"),
    ("POST", "/networks/create", {"Name": ""}, 400, "invalid name"),
    ("POST", "/networks/create", {"Name": "row", "Options": {"odd": "1"}}, 400, "unknown option 'odd'"),
    (
        "POST",
        "/networks/create",
        {"Name": "row", "IPAM": {"Config": [{"Subnet": "10.1.0.0/16", "Gateway": "10.2.0.1"}]}},
        400,
        "invalid gateway 10.2.0.1: parent subnet 10.1.0.0/16 doesn't contain this address",
    ),
    (
        "POST",
        "/networks/create",
        {"Name": "row", "IPAM": {"Config": [{"Subnet": "172.17.1.0/24"}]}},
        403,
        "invalid pool request: Pool overlaps with other one on this address space",
    ),
    ("POST", "/networks/create", {"Name": "row", "Labels": {"a": "b"}, "EnableIPv6": True}, 201, {"Warning": ""}),
    ("POST", "/networks/create", {"Name": "row"}, 409, "network with name row already exists"),
    ("GET", "/networks/row", None, 200, {"Labels": {"a": "b"}, "EnableIPv6": True, "Containers": {}}),
    ("POST", "/networks/row/connect", {}, 400, "container name"),
    ("POST", "/networks/row/connect", {"Container": "nope"}, 404, "No such container: nope"),
    ("POST", "/networks/nope/connect", {"Container": "runs"}, 404, "network nope not found"),
    ("POST", "/networks/nope/disconnect", {"Container": "runs"}, 404, "network nope not found"),
    ("POST", '/networks/prune?filters={"label":["x"]}', None, 200, {"NetworksDeleted": []}),
    ("DELETE", "/networks/row", None, 204, b""),
    ("DELETE", "/networks/row", None, 404, "network row not found"),
    ("DELETE", "/networks/bridge", None, 403, "bridge is a pre-defined network and cannot be removed"),
    ("GET", "/volumes", None, 200, {"Volumes": [], "Warnings": None}),
    ("GET", "/volumes/nope", None, 404, "get nope: no such volume"),
    # inspect
    ("GET", "/containers/runs/json", None, 200, {"Name": "/runs", "ExecIDs": None, "State": {"Running": True}}),
    ("GET", "/containers/%2Fruns/json", None, 200, {"Name": "/runs"}),
    ("GET", "/containers/ended/json?size=1", None, 200, {"State": {"ExitCode": 3, "Status": "exited"}}),
    ("GET", "/containers/created/json", None, 200, {"State": {"StartedAt": "0001-01-01T00:00:00Z"}}),
    ("GET", "/containers/nope/json", None, 404, "No such container: nope"),
    # create
    ("POST", "/containers/create", {}, 400, "config cannot be empty in order to create a container"),
    ("POST", "/containers/create", b"", 400, "invalid JSON: got EOF while reading request body"),
    ("POST", "/containers/create", b"{", 400, "invalid JSON"),
    ("POST", "/containers/create", b"[]", 400, "an object is expected"),
    ("POST", "/containers/create", b'{"Image":"busybox"}x', 400, "unexpected content after JSON"),
    ("POST", "/containers/create", {"Image": "nobody/knows"}, 404, "No such image: nobody/knows:latest"),
    ("POST", "/containers/create", {"Image": 5}, 400, "Image: a string is expected, not a number"),
    ("POST", "/containers/create", {"Image": "busybox", "HostConfig": []}, 400, "HostConfig: an object is expected"),
    ("POST", "/containers/create", {"Image": "busybox", "HostConfig": {"Memory": 1 << 70}}, 400, "HostConfig.Memory"),
    ("POST", "/containers/create", {"Image": "busybox", "HostConfig": {"Memory": "1g"}}, 400, "HostConfig.Memory"),
    ("POST", "/containers/create", {"Image": "busybox", "Env": ["A=1", None, 3]}, 400, "Env[2]"),
    ("POST", "/containers/create", {"Image": "busybox", "Cmd": ["a\0b"]}, 400, "Cmd[0]: must not contain a NUL byte"),
    ("POST", "/containers/create?name=runs", {"Image": "busybox"}, 409, 'The container name "/runs" is already in use'),
    ("POST", "/containers/create?name=/", {"Image": "busybox"}, 201, {"Warnings": []}),
    ("POST", "/containers/create?name=a", {"Image": "busybox"}, 400, "Invalid container name (a)"),
    ("POST", "/containers/create?name=a%00b", {"Image": "busybox"}, 400, "name"),
    ("POST", "/containers/create", {"image": "busybox", "cmd": "true", "hostconfig": None}, 201, {"Warnings": []}),
    # moves
    ("POST", "/containers/runs/start", None, 304, b""),
    ("POST", "/containers/runs/start", {}, 304, b""),
    ("POST", "/containers/ended/stop", None, 304, b""),
    ("POST", "/containers/ended/kill", None, 409, "is not running"),
    ("POST", "/containers/runs/kill?signal=SIGNONSENSE", None, 400, "ignal"),
    ("POST", "/containers/runs/stop?t=soon", None, 400, "invalid value for t"),
    ("POST", "/containers/runs/pause", None, 204, b""),
    ("POST", "/containers/runs/unpause", None, 204, b""),
    ("POST", "/containers/runs/unpause", None, 409, "not paused"),
    ("POST", "/containers/runs/rename", None, 400, "name"),
    ("POST", "/containers/runs/rename?name=ended", None, 409, "already in use"),
    ("POST", "/containers/runs/resize?h=1", None, 400, "invalid value for w"),
    ("POST", "/containers/runs/resize?h=-1&w=1", None, 400, "invalid value for h"),
    ("POST", "/containers/ended/resize?h=1&w=1", None, 409, "not running"),
    ("GET", "/containers/runs/top", None, 200, {"Titles": ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]}),
    ("GET", "/containers/ended/top", None, 409, "is not running"),
    ("DELETE", "/containers/runs", None, 409, "container is running"),
    ("DELETE", "/containers/nope", None, 404, "No such container: nope"),
    # streams
    ("POST", "/containers/ended/wait", None, 200, {"StatusCode": 3}),
    ("POST", "/containers/ended/wait?condition=never", None, 400, "invalid condition"),
    ("POST", "/containers/nope/wait", None, 404, "No such container: nope"),
    ("POST", "/containers/nope/attach?stream=1", None, 404, "No such container: nope"),
    ("POST", "/containers/runs/attach?detachKeys=ctrl-9", None, 400, "Invalid detach keys (ctrl-9) provided"),
    ("GET", "/containers/ended/logs", None, 400, "you must choose at least one stream"),
    ("GET", "/containers/ended/logs?stdout=1&since=soon", None, 400, "since"),
    ("GET", "/containers/ended/logs?stdout=1", None, 200, b"\x01\0\0\0\0\0\0\x04out\n"),
    ("GET", "/v1.41/containers/ended/logs?stdout=1&tail=rubbish", None, 200, b"\x01\0\0\0\0\0\0\x04out\n"),
    ("GET", "/containers/nope/logs?stdout=1", None, 404, "No such container: nope"),
    # exec
    ("POST", "/containers/runs/exec", {"Cmd": []}, 400, "No exec command specified"),
    ("POST", "/containers/runs/exec", {"Cmd": "true"}, 400, "Cmd: a list is expected"),
    ("POST", "/containers/ended/exec", {"Cmd": ["true"]}, 409, "is not running"),
    ("POST", "/containers/runs/exec", {"Cmd": ["true"]}, 201, {}),
    ("GET", "/exec/nope/json", None, 404, "No such exec instance: nope"),
    ("POST", "/exec/nope/start", {"Detach": True}, 404, "No such exec instance: nope"),
    ("POST", "/exec/nope/start", {"Detach": "x"}, 400, "Detach: true or false is expected"),
    ("POST", "/exec/nope/resize?h=1&w=1", None, 404, "No such exec instance: nope"),
    # images
    ("GET", "/images/json", None, 200, [{"RepoTags": ["busybox:latest"], "Containers": -1}]),
    ("GET", '/images/json?filters={"reference":["busy*"]}', None, 200, [{}]),
    ("GET", '/images/json?filters={"dangling":["true"]}', None, 200, []),
    ("GET", '/images/json?filters={"before":["nope"]}', None, 404, "No such image: nope"),
    ("GET", "/images/busybox/json", None, 200, {"RepoTags": ["busybox:latest"], "Os": "linux"}),
    ("GET", "/images/docker.io%2Flibrary%2Fbusybox%3Alatest/json", None, 200, {"RepoTags": ["busybox:latest"]}),
    ("GET", "/images/docker.io/library/busybox:latest/json", None, 200, {"RepoTags": ["busybox:latest"]}),
    ("GET", "/images/nope/json", None, 404, "No such image: nope:latest"),
    ("GET", "/images/busybox/history", None, 200, [{}]),
    ("POST", "/images/busybox/tag?repo=rows/other&tag=v1", None, 201, b""),
    ("POST", "/images/busybox/tag?repo=UPPER", None, 400, "must be lowercase"),
    ("POST", "/images/nope/tag?repo=x", None, 404, "No such image: nope:latest"),
    ("DELETE", "/images/rows/other:v1", None, 200, [{"Untagged": "rows/other:v1"}]),
    ("DELETE", "/images/busybox", None, 409, "conflict: unable to remove repository reference"),
    ("DELETE", "/images/nope", None, 404, "No such image: nope:latest"),
    ("GET", "/images/get", None, 400, "names"),
    ("GET", "/images/get?names=nope", None, 404, "No such image: nope:latest"),
    ("POST", "/images/load", b"this is no archive", 200, {"error": ...}),
    ("POST", "/images/create?fromImage=127.0.0.1:1/x&tag=latest", None, 500, "connection refused"),
    ("POST", "/images/create?fromSrc=http://x/y", None, 501, "fromSrc"),
    ("POST", "/images/busybox/push", None, 400, "bad parameters and missing X-Registry-Auth"),
    ("POST", "/images/prune", None, 200, {"ImagesDeleted": None}),
    ("POST", '/images/prune?filters={"nonsense":["x"]}', None, 400, "invalid filter 'nonsense'"),
]


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract()


@pytest.fixture(scope="module")
def stage(shared_engine: Engine) -> Iterator[Engine]:
    """The engine with the rows' containers."""
    shared_engine.create(["sh", "-c", "echo out; exit 3"], name="ended")
    shared_engine.start("ended")
    assert shared_engine.wait("ended") == 3
    shared_engine.create(["true"], name="created")
    shared_engine.running(name="runs")
    yield shared_engine
    shared_engine.remove_all()


def fits(value: Any, expected: Any) -> bool:
    """Whether `expected` is found in `value`: of an object some of its keys, of a list each entry in order."""
    if expected is ...:
        return True
    if isinstance(expected, dict):
        return isinstance(value, dict) and all(key in value and fits(value[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return isinstance(value, list) and len(value) == len(expected) and all(map(fits, value, expected))
    return bool(value == expected)


def holds(reply: Reply, expected: Any) -> None:
    if isinstance(expected, bytes):
        assert reply.body == expected
    elif isinstance(expected, str):
        assert expected in reply.message
    else:
        assert fits(json.loads(reply.body), expected), reply.body


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "expected"), ROWS, ids=[f"{r[0]} {r[1]}"[:60] for r in ROWS]
)
def test_row(stage: Engine, contract: Contract, method: str, path: str, body: Any, status: int, expected: Any) -> None:
    headers = {"Content-Type": "application/json"} if isinstance(body, bytes) else None
    reply = stage.ask(method, path.replace('"', "%22"), body, headers)
    assert reply.status == status, reply
    assert reply.headers["api-version"] == "1.50" and reply.headers["server"].startswith("Docker/")
    holds(reply, expected)
    contract.check(method, path, reply)
    if status == 201 and path.startswith("/containers/create"):
        stage.remove(reply.json()["Id"])


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    "path",
    ["/containers/json?all=1", "/containers/ended/json", "/images/json", "/images/busybox/json", "/networks", "/info"],
)
def test_every_version_is_as_described(stage: Engine, contract: Contract, prefix: str, path: str) -> None:
    reply = stage.ask("GET", prefix + path)
    assert reply.status == 200
    contract.check("GET", prefix + path, reply)


def test_old_versions_keep_what_old_clients_read(stage: Engine) -> None:
    old, new = (stage.get(f"/v{version}/images/busybox/json") for version in ("1.38", "1.50"))
    assert isinstance(old["ContainerConfig"], dict) and old["VirtualSize"] == old["Size"]
    assert "ContainerConfig" not in new and "VirtualSize" not in new
    assert old["Config"]["Hostname"] == "" and "Hostname" not in new["Config"]


def test_an_exec_is_as_described(stage: Engine, contract: Contract) -> None:
    exec_id = stage.prepare_exec("runs", ["sh", "-c", "exit 4"])
    path = f"/exec/{exec_id}/json"
    before = stage.ask("GET", path)
    assert before.json()["ExitCode"] is None
    contract.check("GET", path, before)
    with stage.start_exec(exec_id) as wire:
        wire.rest()
    after = stage.ask("GET", path)
    assert (after.json()["ExitCode"], after.json()["Running"]) == (4, False)
    contract.check("GET", path, after)


def test_events_are_as_described(stage: Engine, contract: Contract) -> None:
    path = "/events?since=1&until=0"
    stage.post("/containers/runs/rename?name=runs2")
    stage.post("/containers/runs2/rename?name=runs")
    now = stage.get("/info")["SystemTime"]
    path = f"/events?since=1&until={now}"
    reply = stage.ask("GET", path)
    contract.check("GET", path, reply)
    events = [json.loads(line) for line in reply.body.splitlines()]
    renamed = [event for event in events if event["Action"] == "rename"][-2:]
    assert [event["Actor"]["Attributes"]["oldName"] for event in renamed] == ["/runs", "/runs2"]
    assert all(event["status"] == "rename" and event["id"] == event["Actor"]["ID"] for event in renamed)


def test_a_saved_image_can_be_loaded_again(stage: Engine, contract: Contract) -> None:
    saved = stage.ask("GET", "/images/busybox/get")
    contract.check("GET", "/images/busybox/get", saved)
    assert saved.headers["transfer-encoding"] == "chunked"
    for quiet in ("0", "1"):
        path = f"/images/load?quiet={quiet}"
        loaded = stage.ask("POST", path, saved.body, {"Content-Type": "application/x-tar"})
        contract.check("POST", path, loaded)
        assert json.loads(loaded.body.splitlines()[-1]) == {"stream": "Loaded image: busybox:latest\n"}


def test_a_head_of_ping_is_empty(stage: Engine) -> None:
    reply = stage.ask("HEAD", "/_ping")
    assert (reply.status, reply.headers["content-length"], reply.headers["swarm"]) == (200, "0", "inactive")


def test_an_oversized_body_is_refused(stage: Engine) -> None:
    reply = stage.ask("POST", "/containers/create", {"Image": "busybox", "Env": ["x" * (5 << 20)]})
    assert reply.status == 413
    assert "limit" in reply.message
