from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from client.container_config import attached, body, extra_host, restart_policy, ulimit
from client.errors import ClientError
from client.verbs import find_verb


def made(*words: str, detached: bool = False, console: tuple[int, int] | None = None) -> dict[str, Any]:
    return body(find_verb("run").parse(words), {"HOME": "/root"}, console, detached)


def test_a_plain_run_sends_what_was_said_and_nothing_else() -> None:
    assert made("busybox", "echo", "-n") == {
        "Image": "busybox",
        "Cmd": ["echo", "-n"],
        "Tty": False,
        "OpenStdin": False,
        "StdinOnce": False,
        "AttachStdin": False,
        "AttachStdout": True,
        "AttachStderr": True,
        "Env": [],
        "Labels": {},
        "HostConfig": {},
    }


def test_the_process_is_described() -> None:
    found = made(
        *("-it", "-e", "A=1", "-e", "HOME", "-l", "x=y", "-w", "/w", "-u", "1:2", "-h", "box", "--domainname", "d"),
        *("--stop-signal", "INT", "--stop-timeout", "0", "--entrypoint", "", "busybox"),
        console=(24, 80),
    )
    assert (found["Tty"], found["OpenStdin"], found["StdinOnce"]) == (True, True, True)
    assert found["Env"] == ["A=1", "HOME=/root"]
    assert found["Labels"] == {"x": "y"}
    assert (found["WorkingDir"], found["User"], found["Hostname"], found["Domainname"]) == ("/w", "1:2", "box", "d")
    assert (found["StopSignal"], found["StopTimeout"], found["Entrypoint"]) == ("INT", 0, [""])
    assert found["HostConfig"] == {"ConsoleSize": [24, 80]}
    assert "Cmd" not in found


def test_in_the_background_nothing_is_attached_but_stdin_stays_open() -> None:
    found = made("-itd", "busybox", detached=True)
    assert (found["OpenStdin"], found["StdinOnce"], found["AttachStdin"], found["AttachStdout"]) == (
        True,
        False,
        False,
        False,
    )


def test_resources_and_isolation_go_into_the_host_config() -> None:
    host = made(
        *("-m", "64m", "--memory-swap=-1", "-c", "512", "--cpus", "1.5", "--cpuset-cpus", "0-1", "--pids-limit", "9"),
        *("--shm-size", "1m", "--oom-score-adj=-5", "--ulimit", "nofile=64:128", "--sysctl", "net.x=1", "--init"),
        *("--network", "none", "--pid", "host", "--ipc", "private", "--uts", "host", "--cap-add", "ALL", "--cap-drop"),
        *("KILL", "--group-add", "5", "--read-only", "--privileged", "--runtime", "crun", "--rm", "--device", "/dev/a"),
        *("--add-host", "a:1.2.3.4", "--dns", "9.9.9.9", "--dns-search", "x", "--dns-opt", "o", "--tmpfs", "/t"),
        *("-v", "/a:/b", "--mount", "type=bind,src=/a,dst=/c", "--log-driver", "json-file", "--log-opt", "max-size=1m"),
        *("--annotation", "k=v", "-p", "8080:80", "-P", "box"),
    )["HostConfig"]
    assert host["Memory"] == 64 << 20
    assert (host["MemorySwap"], host["CpuShares"], host["NanoCpus"], host["PidsLimit"]) == (-1, 512, 15 * 10**8, 9)
    assert (host["CpusetCpus"], host["ShmSize"], host["OomScoreAdj"], host["Runtime"]) == ("0-1", 1 << 20, -5, "crun")
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 64, "Hard": 128}]
    assert (host["NetworkMode"], host["PidMode"], host["IpcMode"], host["UTSMode"]) == (
        "none",
        "host",
        "private",
        "host",
    )
    assert (host["CapAdd"], host["CapDrop"], host["GroupAdd"], host["Sysctls"]) == (
        ["ALL"],
        ["KILL"],
        ["5"],
        {"net.x": "1"},
    )
    assert (
        host["Init"]
        and host["ReadonlyRootfs"]
        and host["Privileged"]
        and host["AutoRemove"]
        and host["PublishAllPorts"]
    )
    assert (host["Dns"], host["DnsSearch"], host["DnsOptions"]) == (["9.9.9.9"], ["x"], ["o"])
    assert (host["ExtraHosts"], host["Tmpfs"], host["Binds"]) == (["a:1.2.3.4"], {"/t": ""}, ["/a:/b"])
    assert host["Mounts"][0]["Target"] == "/c"
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "1m"}}
    assert host["Annotations"] == {"k": "v"}
    assert host["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
    assert host["Devices"][0]["PathOnHost"] == "/dev/a"


def test_a_seccomp_profile_is_read_here(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{ "defaultAction": "SCMP_ACT_ALLOW" }')
    options = made("--security-opt", f"seccomp={tmp_path}/p.json", "--security-opt", "no-new-privileges", "box")
    assert options["HostConfig"]["SecurityOpt"] == ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}', "no-new-privileges"]
    assert made("--security-opt", "seccomp:unconfined", "box")["HostConfig"]["SecurityOpt"] == ["seccomp=unconfined"]
    bare = made("--security-opt", "systempaths=unconfined", "box")["HostConfig"]
    assert (bare["MaskedPaths"], bare["ReadonlyPaths"]) == ([], [])


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--security-opt", "seccomp=/no/such", "box"], "seccomp profile /no/such: no such file"),
        (["--security-opt", "odd", "box"], 'invalid security option "odd"'),
        (["--restart", "sometimes", "box"], 'invalid restart policy "sometimes"'),
        (["--rm", "--restart", "always", "box"], "conflicting options: --rm and --restart"),
        (["-a", "stdfoo", "box"], 'invalid stream "stdfoo"'),
        (["--log-driver", "none", "--log-opt", "a=b", "box"], "the driver none takes none"),
        (["-p", "x", "box"], 'invalid port "x"'),
    ],
)
def test_what_the_client_can_see_is_wrong_ends_with_125(words: list[str], reason: str) -> None:
    with pytest.raises(ClientError, match=reason) as caught:
        made(*words)
    assert caught.value.code == 125


def test_a_profile_that_is_not_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("{")
    with pytest.raises(ClientError, match="seccomp profile"):
        made("--security-opt", f"seccomp={tmp_path}/p", "box")


def test_streams_are_chosen_one_by_one() -> None:
    assert attached(find_verb("run").parse(["-a", "STDERR", "-i", "box"]), False) == {"stderr"}
    with pytest.raises(ValueError, match="conflicting options"):
        attached(find_verb("run").parse(["-a", "stdin", "-d", "box"]), True)


def test_restart_policies() -> None:
    assert restart_policy("on-failure:3") == {"Name": "on-failure", "MaximumRetryCount": 3}
    for text in ("always:3", "on-failure:x", "on-failure:", "x"):
        with pytest.raises(ValueError, match="invalid restart policy"):
            restart_policy(text)


def test_ulimits_and_hosts() -> None:
    assert ulimit("core=-1") == {"Name": "core", "Soft": -1, "Hard": -1}
    assert extra_host("a=[::1]") == "a:::1"
    for text in ("core", "core=x", "=1", "core=5:4"):
        with pytest.raises(ValueError, match="invalid ulimit"):
            ulimit(text)
    with pytest.raises(ValueError, match="invalid host"):
        extra_host("a")


def test_the_body_is_json() -> None:
    assert json.dumps(made("-v", "/a", "--expose", "80", "box"))


def test_networks_are_part_of_the_request() -> None:
    found = made("--network", "blue", "--network-alias", "web", "box")
    assert found["HostConfig"] == {"NetworkMode": "blue"}
    assert found["NetworkingConfig"] == {"EndpointsConfig": {"blue": {"Aliases": ["web"]}}}
    assert made("--link", "db:sql", "box")["HostConfig"] == {"Links": ["db:sql"]}
    with pytest.raises(ClientError, match="the name is missing") as caught:
        made("--network", "alias=x", "box")
    assert caught.value.code == 125


def test_health_options_make_a_check_and_its_absence_leaves_the_image_to_decide() -> None:
    found = made(
        *("--health-cmd", "curl -f x", "--health-interval", "1m30s", "--health-timeout=500ms", "--health-retries", "2"),
        *("--health-start-period", "1h", "--health-start-interval", "1s", "busybox"),
    )
    assert found["Healthcheck"] == {
        "Test": ["CMD-SHELL", "curl -f x"],
        "Interval": 90 * 10**9,
        "Timeout": 5 * 10**8,
        "StartPeriod": 3600 * 10**9,
        "StartInterval": 10**9,
        "Retries": 2,
    }
    assert made("--health-retries", "2", "busybox")["Healthcheck"] == {"Retries": 2}
    assert made("--no-healthcheck", "busybox")["Healthcheck"] == {"Test": ["NONE"]}
    for wrong in (("--no-healthcheck", "--health-cmd", "x"), ("--health-timeout", "-1s"), ("--health-retries", "-1")):
        with pytest.raises(ClientError, match="health"):
            made(*wrong, "busybox")
