"""Each create field that is honoured, with its proof from inside the container or its cgroup."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.engine import Engine
from tests.wire import split_streams

pytestmark = [pytest.mark.root, pytest.mark.peer]

DEFAULT_CAPABILITIES = 0x00000000A80425FB  # Docker's fourteen
MEBI = 1 << 20


@dataclass(frozen=True)
class Row:
    """One field: what is asked for, a command, and the pattern that its whole output must match."""

    name: str
    script: str
    expected: str
    config: dict[str, Any] = field(default_factory=dict)
    host: dict[str, Any] = field(default_factory=dict)
    differs: str = ""

    def __str__(self) -> str:
        return self.name


UNABLE = "20.10 asks for capabilities that the host may lack"
STATUS = "grep -E '^{}:' /proc/self/status | tr -s '\\t ' ' ' | cut -d' ' -f2-"

ROWS = [
    Row("Env", "echo $A-$B-$PATH", r"1-two words-/.*", {"Env": ["A=1", "B=two words"]}),
    Row("Env unsets", "echo [${PATH-unset}]", r"\[.*\]", {"Env": ["A"]}),
    Row("WorkingDir", "pwd", "/tmp", {"WorkingDir": "/tmp"}),
    Row(
        "WorkingDir is made",
        "pwd; ls -ld /made/for/me | cut -c1-10",
        "/made/for/me\ndrwxr-xr-x",
        {"WorkingDir": "/made/for/me"},
    ),
    Row("User by name", "id -u; id -g; echo $HOME", "33\n33\n/var/www", {"User": "www-data"}),
    Row("User by number", "id -u; id -g", "1234\n0", {"User": "1234"}),
    Row("User and group", "id -u; id -g", "1\n33", {"User": "daemon:www-data"}),
    Row("User and group by number", "id -u; id -g", "7\n8", {"User": "7:8"}),
    Row("User of a passwd entry by number", "id -u; id -g; echo $HOME", "33\n33\n/var/www", {"User": "33"}),
    Row("GroupAdd", "id -G", r"0( \d+)* 33 4321", {}, {"GroupAdd": ["www-data", "4321"]}),
    Row(
        "Hostname",
        "hostname; cat /etc/hostname; echo $HOSTNAME; grep -c mybox /etc/hosts",
        r"mybox\nmybox\nmybox\n\d",
        {"Hostname": "mybox"},
    ),
    Row("Domainname", "cat /proc/sys/kernel/domainname", "example.org", {"Domainname": "example.org"}),
    Row("Labels and Tty", "test -t 0 && test -t 1 && echo yes", "yes", {"Tty": True, "Labels": {"a": "b"}}),
    Row("TERM of a terminal", "echo $TERM", "xterm", {"Tty": True}),
    Row("no TERM without a terminal", "echo [$TERM]", r"\[\]"),
    Row(
        "Tmpfs",
        "grep ' /scratch ' /proc/mounts",
        r"tmpfs /scratch tmpfs .*nosuid.*noexec.*size=1024k.*",
        {},
        {"Tmpfs": {"/scratch": "size=1m"}},
    ),
    Row("NetworkMode none", "ls /sys/class/net; cat /proc/net/route | wc -l", "lo\n[01]"),
    Row(
        "ReadonlyRootfs",
        "touch /x 2>&1; touch /dev/shm/x && echo shm",
        ".*Read-only file system\nshm",
        {},
        {"ReadonlyRootfs": True},
    ),
    Row("capabilities by default", STATUS.format("CapEff"), f"{DEFAULT_CAPABILITIES:016x}"),
    Row("CapAdd", STATUS.format("CapEff"), f"{DEFAULT_CAPABILITIES | 1 << 12:016x}", {}, {"CapAdd": ["NET_ADMIN"]}),
    Row("CapDrop", STATUS.format("CapBnd"), f"{DEFAULT_CAPABILITIES & ~1:016x}", {}, {"CapDrop": ["CAP_CHOWN"]}),
    Row(
        "CapDrop all, CapAdd one",
        STATUS.format("CapEff"),
        f"{1 << 10:016x}",
        {},
        {"CapDrop": ["all"], "CapAdd": ["net_bind_service"]},
    ),
    Row("no capabilities for a user", STATUS.format("CapEff"), "0" * 16, {"User": "daemon"}),
    Row("seccomp by default", STATUS.format("Seccomp"), "2"),
    Row("seccomp unconfined", STATUS.format("Seccomp"), "0", {}, {"SecurityOpt": ["seccomp=unconfined"]}),
    Row("seccomp refuses unshare", "unshare -U true 2>&1", ".*Operation not permitted"),
    Row("no-new-privileges", STATUS.format("NoNewPrivs"), "1", {}, {"SecurityOpt": ["no-new-privileges"]}),
    Row("no-new-privileges by default", STATUS.format("NoNewPrivs"), "0"),
    Row("masked paths", "cat /proc/kcore | wc -c; ls /proc/scsi /sys/firmware 2>/dev/null | grep -v : | wc -w", "0\n0"),
    Row("read-only paths", "grep -c ' /proc/sys proc ro' /proc/mounts", "1"),
    Row(
        "MaskedPaths empty",
        "grep -c ' /proc/kcore ' /proc/mounts; true",
        "0",
        {},
        {"MaskedPaths": [], "ReadonlyPaths": []},
    ),
    Row("OomScoreAdj", "cat /proc/self/oom_score_adj", "321", {}, {"OomScoreAdj": 321}),
    Row("ShmSize", "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2", "32768", {}, {"ShmSize": 32 * MEBI}),
    Row("ShmSize by default", "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2", "65536"),
    Row(
        "Ulimits",
        "ulimit -n; ulimit -Hn; ulimit -c",
        "100\n200\n0",
        {},
        {"Ulimits": [{"Name": "nofile", "Soft": 100, "Hard": 200}, {"Name": "core", "Soft": 0, "Hard": 0}]},
    ),
    Row(
        "Sysctls",
        "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced",
        "1\n1",
        {},
        {"Sysctls": {"net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1"}},
    ),
    Row(
        "Devices",
        "ls -l /dev/mine | cut -c1; head -c 4 /dev/mine | wc -c",
        "c\n4",
        {},
        {"Devices": [{"PathOnHost": "/dev/zero", "PathInContainer": "/dev/mine", "CgroupPermissions": "r"}]},
    ),
    Row(
        "devices by default",
        "ls /dev | tr '\\n' ' '; mknod /m b 7 0 && cat /m 2>&1",
        "(?s)(core )?fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero .*not permitted",
    ),
    Row("ExtraHosts", "grep db /etc/hosts", r"10\.1\.2\.3\s+db", {}, {"ExtraHosts": ["db:10.1.2.3"]}),
    Row(
        "Init",
        "cat /proc/1/comm; tr '\\0' ' ' < /proc/1/cmdline",
        r"(tini|docker-init|init).*\n.*sh -c.*",
        {},
        {"Init": True},
    ),
    Row("no Init", "read x < /proc/1/comm; echo $x", "sh"),
    Row("PidMode host", "test $(ls -d /proc/[0-9]* | wc -l) -gt 20 && echo host", "host", {}, {"PidMode": "host"}),
    Row("pid namespace of its own", "echo $$", "1"),
    Row("UTSMode host", "hostname", re.escape(os.uname().nodename), {}, {"UTSMode": "host"}),
    Row("IpcMode none", "ls -d /dev/shm 2>&1; grep -c shm /proc/mounts; true", "(?s).*0", {}, {"IpcMode": "none"}),
    Row(
        "Privileged sees the host's devices",
        "test $(ls /dev | wc -l) -gt 25 && echo all; grep -c ' /sys sysfs rw' /proc/mounts",
        "all\n1",
        {},
        {"Privileged": True},
        UNABLE,
    ),
    Row("Privileged has no seccomp", STATUS.format("Seccomp"), "0", {}, {"Privileged": True}, UNABLE),
    Row("Entrypoint and Cmd", "", "one two", {"Entrypoint": ["/bin/echo", "one"], "Cmd": ["two"]}),
    Row("Entrypoint as a word", "", "two", {"Entrypoint": "/bin/echo", "Cmd": "two"}),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_inside(engine: Engine, runtime: str, row: Row) -> None:
    if row.differs and engine.kind == "dockerd":
        pytest.skip(row.differs)
    command = ["sh", "-c", row.script] if row.script else None
    if command:
        outcome = engine.run(command, host=row.host, **row.config)
    else:
        config = dict(row.config)
        outcome = engine.run(config.pop("Cmd"), host=row.host, **config)
    text = outcome.stdout.decode().replace("\r\n", "\n").strip()
    assert re.fullmatch(row.expected, text), (text, outcome)


def cgroup_file(pid: int, controller: str, name: str) -> str:
    """A file of the cgroup (v1 or v2) that a process is in."""
    with open(f"/proc/{pid}/cgroup") as file:
        for line in file.read().splitlines():
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(","):
                with open(f"/sys/fs/cgroup/{controller}{path}/{name}") as found:
                    return found.read().strip()
            if controllers == "" and os.path.exists(f"/sys/fs/cgroup{path}/{name}"):
                with open(f"/sys/fs/cgroup{path}/{name}") as found:
                    return found.read().strip()
    raise FileNotFoundError(name)


VERSION_TWO = os.path.exists("/sys/fs/cgroup/cgroup.controllers")

LIMITS: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("Memory", {"Memory": 64 * MEBI}, "memory", "memory.limit_in_bytes", str(64 * MEBI)),
    (
        "MemorySwap",
        {"Memory": 64 * MEBI, "MemorySwap": 96 * MEBI},
        "memory",
        "memory.memsw.limit_in_bytes",
        str(96 * MEBI),
    ),
    ("MemorySwap twice Memory", {"Memory": 64 * MEBI}, "memory", "memory.memsw.limit_in_bytes", str(128 * MEBI)),
    ("CpuShares", {"CpuShares": 300}, "cpu", "cpu.shares", "300"),
    ("CpuQuota", {"CpuQuota": 50000, "CpuPeriod": 200000}, "cpu", "cpu.cfs_quota_us", "50000"),
    ("CpuPeriod", {"CpuQuota": 50000, "CpuPeriod": 200000}, "cpu", "cpu.cfs_period_us", "200000"),
    ("NanoCpus", {"NanoCpus": 500_000_000}, "cpu", "cpu.cfs_quota_us", "50000"),
    ("CpusetCpus", {"CpusetCpus": "0"}, "cpuset", "cpuset.cpus", "0"),
    ("PidsLimit", {"PidsLimit": 37}, "pids", "pids.max", "37"),
    ("no PidsLimit", {"PidsLimit": 0}, "pids", "pids.max", "max"),
]


@pytest.mark.skipif(VERSION_TWO, reason="names of cgroup v1")
@pytest.mark.parametrize(("name", "host", "controller", "file", "expected"), LIMITS, ids=[row[0] for row in LIMITS])
def test_limits(
    engine: Engine, runtime: str, name: str, host: dict[str, Any], controller: str, file: str, expected: str
) -> None:
    try:
        container = engine.running(host=host)
        value = cgroup_file(engine.state(container)["Pid"], controller, file)
    except FileNotFoundError:
        pytest.skip(f"this kernel has no {file}")
    assert value == expected


def test_the_cgroup_is_below_the_configured_parent(engine: Engine, runtime: str) -> None:
    container = engine.running()
    with open(f"/proc/{engine.state(container)['Pid']}/cgroup") as file:
        lines = [line for line in file.read().splitlines() if ":pids:" in line or line.startswith("0::")]
    assert any(f"/{engine.name}/" in line and container in line for line in lines)


def test_binds(engine: Engine, runtime: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("bind")
    (folder / "file").write_text("hello\n")
    host = {"Binds": [f"{folder}:/rw", f"{folder}:/ro:ro", f"{folder}/file:/etc/one-file", f"{folder}/new:/made"]}
    script = "cat /rw/file /ro/file /etc/one-file; echo back > /rw/written; touch /ro/x; touch /made/y"
    outcome = engine.run(["sh", "-c", script], host=host)
    assert outcome.stdout == b"hello\n" * 3
    assert b"Read-only file system" in outcome.stderr
    assert (folder / "written").read_text() == "back\n"
    assert (folder / "new" / "y").exists()


def test_mounts_of_type_bind_and_tmpfs(engine: Engine, runtime: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("mount")
    (folder / "file").write_text("hello\n")
    mounts = [
        {"Type": "bind", "Source": str(folder), "Target": "/here", "ReadOnly": True},
        {"Type": "tmpfs", "Target": "/fast", "TmpfsOptions": {"SizeBytes": 2 * MEBI, "Mode": 0o1770}},
    ]
    script = "cat /here/file; touch /here/x; grep ' /fast ' /proc/mounts; ls -ld /fast | cut -c1-10"
    container = engine.create(["sh", "-c", script], host={"Mounts": mounts})
    with engine.attach(container) as wire:
        engine.start(container)
        out, err = split_streams(wire.rest())
    lines = out.decode().splitlines()
    assert lines[0] == "hello"
    assert "size=2048k" in lines[1]
    assert lines[2] == "drwxrwx--T"
    assert b"Read-only file system" in err
    shown = {mount["Destination"]: mount for mount in engine.inspect(container)["Mounts"]}
    assert shown["/here"]["Type"] == "bind" and shown["/here"]["RW"] is False
    assert shown["/here"]["Source"] == str(folder)


def test_bind_propagation_is_private_by_default(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = str(tmp_path_factory.mktemp("propagation"))
    outcome = engine.run(["grep", " /b ", "/proc/self/mountinfo"], host={"Binds": [f"{folder}:/b"]})
    assert b"shared:" not in outcome.stdout
    outcome = engine.run(["grep", " / / ", "/proc/self/mountinfo"])
    assert b"shared:" not in outcome.stdout


def test_a_mount_source_that_is_missing_is_refused(engine: Engine) -> None:
    mounts = [{"Type": "bind", "Source": "/no/such/folder", "Target": "/here"}]
    reply = engine.ask("POST", "/containers/create", engine.create_body(["true"], {"Mounts": mounts}, {}))
    assert reply.status == 400
    assert "bind source path does not exist: /no/such/folder" in reply.message


def test_namespaces_of_another_container(engine: Engine, runtime: str) -> None:
    first = engine.running(host={"IpcMode": "shareable"}, Hostname="first")
    pid = engine.state(first)["Pid"]
    modes = {"NetworkMode": f"container:{first}", "PidMode": f"container:{first}", "IpcMode": f"container:{first}"}
    second = engine.running(host=modes)
    other = engine.state(second)["Pid"]
    for namespace in ("net", "pid", "ipc"):
        assert os.readlink(f"/proc/{pid}/ns/{namespace}") == os.readlink(f"/proc/{other}/ns/{namespace}")
    assert os.readlink(f"/proc/{pid}/ns/mnt") != os.readlink(f"/proc/{other}/ns/mnt")


def test_network_of_a_container_by_name_is_kept_by_id(engine: Engine) -> None:
    first = engine.running(name="giver")
    second = engine.create(["true"], host={"NetworkMode": "container:giver"})
    assert engine.inspect(second)["HostConfig"]["NetworkMode"] == f"container:{first}"


def test_network_mode_host_is_the_engines_own(engine: Engine, runtime: str) -> None:
    container = engine.running(host={"NetworkMode": "host"})
    own = os.stat(f"/run/netns/{engine.name}").st_ino
    assert os.stat(f"/proc/{engine.state(container)['Pid']}/ns/net").st_ino == own
    assert engine.inspect(container)["Config"]["Hostname"] == os.uname().nodename


@pytest.mark.parametrize("mode", ["default", "bridge", ""])
def test_the_default_network_is_the_bridge(engine: Engine, mode: str) -> None:
    container = engine.create(["ls", "/sys/class/net"], host={"NetworkMode": mode})
    with engine.attach(container) as wire:
        engine.start(container)
        assert split_streams(wire.rest())[0].split() == [b"eth0", b"lo"]
    assert list(engine.inspect(container)["NetworkSettings"]["Networks"]) == ["bridge"]


def test_dns_is_written_to_resolv_conf(engine: Engine) -> None:
    host = {"NetworkMode": "host", "Dns": ["10.9.9.9"], "DnsSearch": ["example.org"], "DnsOptions": ["ndots:3"]}
    text = engine.run(["cat", "/etc/resolv.conf"], host=host).stdout.decode()
    assert {"nameserver 10.9.9.9", "search example.org", "options ndots:3"} <= set(text.splitlines())


def test_auto_remove(engine: Engine, runtime: str) -> None:
    container = engine.create(["true"], host={"AutoRemove": True})
    with engine.wire() as wire:
        wire.send(b"POST /containers/%s/wait?condition=removed HTTP/1.1\r\nHost: x\r\n\r\n" % container.encode())
        wire.head()
        engine.start(container)
        b"".join(wire.chunks())
    assert engine.ask("GET", f"/containers/{container}/json").status == 404


def test_inspect_returns_what_was_asked_with_dockers_defaults(engine: Engine) -> None:
    container = engine.create(
        ["echo", "a b"],
        name="asked",
        host={"Memory": 64 * MEBI, "CapAdd": ["NET_ADMIN"]},
        Env=["A=1"],
        Labels={"x": "y"},
        User="daemon",
    )
    found = engine.inspect(container)
    assert (found["Path"], found["Args"], found["Name"], found["RestartCount"]) == ("echo", ["a b"], "/asked", 0)
    assert found["Image"].startswith("sha256:") and found["Platform"] == "linux"
    assert found["Created"].endswith("Z")
    config, host = found["Config"], found["HostConfig"]
    assert config["Image"] == "busybox:latest"
    assert config["Cmd"] == ["echo", "a b"] and config["Entrypoint"] is None
    assert config["Env"][0] == "A=1" and config["Env"][1].startswith("PATH=")
    assert config["Labels"] == {"x": "y"} and config["User"] == "daemon"
    assert config["Hostname"] == container[:12]
    assert not config["Tty"] and not config["OpenStdin"] and not config["StdinOnce"]
    assert host["Memory"] == 64 * MEBI and host["MemorySwap"] == 128 * MEBI
    assert host["CapAdd"] in (["NET_ADMIN"], ["CAP_NET_ADMIN"]) and host["CapDrop"] is None
    assert host["RestartPolicy"] == {"Name": host["RestartPolicy"]["Name"], "MaximumRetryCount": 0}
    assert host["ShmSize"] == 64 * MEBI and host["IpcMode"] == "private"
    assert host["LogConfig"]["Type"] == "json-file"
    assert host["Runtime"] == "runc" and host["NetworkMode"] == "none"
    assert "/proc/kcore" in host["MaskedPaths"] and "/proc/sys" in host["ReadonlyPaths"]
    assert host["PortBindings"] in ({}, None) and host["Binds"] is None
    assert found["Mounts"] == [] and found["NetworkSettings"]["Ports"] == {}
    assert found["ExecIDs"] is None
    assert found["GraphDriver"]["Name"] == "overlay2"
    for path in ("ResolvConfPath", "HostnamePath", "HostsPath"):
        assert isinstance(found[path], str)


@pytest.mark.ours("20.10 has neither")
def test_what_is_not_honoured_yet_is_refused_by_name(engine: Engine) -> None:
    for name, host in (("UsernsMode", {"UsernsMode": "private"}),):
        reply = engine.ask("POST", "/containers/create", engine.create_body(["true"], host, {}))
        assert reply.status == 501, (name, reply)
        assert name in reply.message
    assert engine.get("/containers/json", all=1) == []


def test_the_zeros_that_clients_send_are_taken(engine: Engine) -> None:
    """What docker 28's `create` sends for options that nobody gave."""
    with open(f"{os.path.dirname(__file__)}/create_zeros.json") as file:
        config = json.load(file)
    host = config.pop("HostConfig")
    assert engine.run(["echo", "hi"], host=host, **config).stdout == b"hi\n"


@pytest.mark.ours("20.10 says 500")
@pytest.mark.parametrize("bad", [42, "text", [1]], ids=str)
def test_wrong_types_are_refused_everywhere(engine: Engine, bad: object) -> None:
    fields: list[tuple[str, Callable[[Any], dict[str, Any]]]] = [
        ("HostConfig", lambda value: {"HostConfig": value}),
        ("Labels", lambda value: {"Labels": value}),
    ]
    for name, build in fields:
        body = {"Image": "busybox", "Cmd": ["true"], **build(bad)}
        assert engine.ask("POST", "/containers/create", body).status == 400, name
