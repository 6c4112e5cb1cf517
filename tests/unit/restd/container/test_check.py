from dataclasses import replace
from typing import Any

import pytest

from restd.container.check import check_container, check_name, check_request, joined_container, resolved_mode
from restd.container.registry import Entry, Registry
from restd.errors import Conflict, InvalidParameter, NotFound
from restd.model.container import Config, CreateRequest, Device, HostConfig, LogConfig, RestartPolicy, Status
from tests.unit.restd.container.sample import HOST, ID, container

GOOD = Config(image="busybox", cmd=("true",))
PLAIN = HostConfig(network_mode="none", ipc_mode="private", log_config=LogConfig("json-file"))


def registry(status: Status = Status.RUNNING) -> Registry:
    result = Registry()
    result.reserve_name("box", ID)
    result.add(Entry(container(status)))
    return result


@pytest.mark.parametrize("name", ["ab", "a.b-c_d", "0x", "a" * 255])
def test_a_name_may_have_dots_dashes_and_underscores(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", "a", "-ab", "a b", "a/b", "é2", "a" * 256])
def test_other_names_are_refused_with_their_text(name: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_name(name)
    assert str(caught.value) == f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"


@pytest.mark.parametrize(
    ("config", "host_config", "words"),
    [
        (GOOD, HostConfig(auto_remove=True, restart_policy=RestartPolicy("always")), "can't create 'AutoRemove'"),
        (GOOD, HostConfig(restart_policy=RestartPolicy("sometimes")), "unknown policy 'sometimes'"),
        (GOOD, HostConfig(restart_policy=RestartPolicy("always", 3)), "maximum retry count"),
        (GOOD, HostConfig(restart_policy=RestartPolicy("on-failure", -1)), "cannot be negative"),
        (GOOD, HostConfig(isolation="hyperv"), "invalid isolation 'hyperv' on linux"),
        (GOOD, HostConfig(log_config=LogConfig("pigeon")), "no log driver named 'pigeon' is registered"),
        (replace(GOOD, hostname="x"), HostConfig(network_mode="container:y"), "hostname and the network mode"),
        (replace(GOOD, hostname="x"), HostConfig(uts_mode="host"), "hostname and the UTS mode"),
        (GOOD, HostConfig(network_mode="container:y", dns=("1.1.1.1",)), "dns and the network mode"),
        (GOOD, HostConfig(network_mode="container:y", extra_hosts=("a:1.1.1.1",)), "custom host-to-IP mapping"),
    ],
)
def test_contradictions_are_refused(config: Config, host_config: HostConfig, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        check_request(CreateRequest(config, host_config))


CONFIGS: list[tuple[dict[str, Any], str]] = [
    ({"cmd": None}, "no command specified"),
    ({"cmd": (), "entrypoint": ()}, "no command specified"),
    ({"cmd": ("",)}, "no command specified"),
    ({"working_dir": "a/b"}, "the working directory 'a/b' is invalid, it needs to be an absolute path"),
    ({"stop_signal": "SIGNOTHING"}, "invalid signal: SIGNOTHING"),
    ({"env": ("=x",)}, "invalid environment variable: =x"),
    ({"cmd": ("a\0b",)}, "null byte"),
]
HOSTS: list[tuple[dict[str, Any], str]] = [
    ({"cap_add": ("FLYING",)}, "invalid CapAdd: .*FLYING"),
    ({"cap_drop": ("FLYING",)}, "invalid CapDrop: .*FLYING"),
    ({"ipc_mode": "odd"}, "invalid IPC mode: odd"),
    ({"pid_mode": "odd"}, "invalid PID mode: odd"),
    ({"uts_mode": "container:x"}, "invalid UTS mode: container:x"),
    ({"sysctls": {"kernel.hostname": "x"}}, "sysctl 'kernel.hostname' is not allowed"),
    ({"sysctls": {"net.core.somaxconn": "1"}, "network_mode": "host"}, "not allowed in host network namespace"),
    ({"sysctls": {"kernel.msgmax": "1"}, "ipc_mode": "host"}, "not allowed in host ipc namespace"),
    ({"security_opt": ("nonsense=1",)}, "nonsense"),
    ({"extra_hosts": ("no-address",)}, "bad format for add-host: 'no-address'"),
    ({"extra_hosts": ("a:not-one",)}, "invalid IP address"),
    ({"extra_hosts": ("a b:1.1.1.1",)}, "bad format"),
    ({"dns": ("not-one",)}, "bad nameserver address: not-one"),
    ({"dns_search": ("a\nnameserver 6.6.6.6",)}, "invalid DNS search"),
    ({"devices": (Device("/nonexistent", "/dev/x", "rwm"),)}, "/nonexistent"),
]


@pytest.mark.parametrize(("changes", "words"), CONFIGS)
def test_a_config_that_means_nothing_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        check_container(replace(GOOD, **changes), PLAIN, HOST)


@pytest.mark.parametrize(("changes", "words"), HOSTS)
def test_a_host_config_that_means_nothing_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        check_container(GOOD, replace(PLAIN, **changes), HOST)


def test_what_makes_sense_passes() -> None:
    changes: dict[str, Any] = {
        "cap_add": ("net_admin", "CAP_SYS_PTRACE"),
        "cap_drop": ("ALL",),
        "sysctls": {"net.core.somaxconn": "1", "kernel.msgmax": "1", "fs.mqueue.msg_max": "1"},
        "extra_hosts": ("a:1.1.1.1", "b:[::1]"),
        "dns": ("1.1.1.1", "2001:db8::1"),
        "pid_mode": "host",
    }
    check_container(replace(GOOD, stop_signal="RTMIN+1", working_dir="/x"), replace(PLAIN, **changes), HOST)


def test_a_joined_container_is_kept_by_its_full_id() -> None:
    assert resolved_mode("container:box", registry()) == f"container:{ID}"
    assert resolved_mode("host", registry()) == "host"
    with pytest.raises(NotFound, match="No such container: other"):
        resolved_mode("container:other", registry())
    with pytest.raises(InvalidParameter):
        resolved_mode("container:", registry())


def test_only_a_running_container_can_be_joined() -> None:
    found = joined_container(f"container:{ID}", "network", registry(), "other")
    assert found is not None and found.id == ID
    assert joined_container("none", "network", registry(), "other") is None
    with pytest.raises(Conflict, match="cannot join network namespace of a non running container"):
        joined_container(f"container:{ID}", "network", registry(Status.EXITED), "other")
    with pytest.raises(InvalidParameter, match="cannot join own"):
        joined_container(f"container:{ID}", "network", registry(), ID)
