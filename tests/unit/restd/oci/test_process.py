from dataclasses import replace

import pytest

from restd.errors import InvalidParameter
from restd.lib.host import Host
from restd.model.container import Config, Container, ExecConfig, HostConfig, Ulimit
from restd.oci.process import check_ulimits, environment, exec_process, process, rlimits
from restd.oci.users import Identity

HOST = Host(nofile=20000)
ROOT = Identity(home="/root")
BASE = Container(
    id="c" * 64, name="c", created=1, image="", path="echo", args=("hi",),
    config=Config(hostname="box", env=("A=1",)), host_config=HostConfig(), runtime="runc", directory="",
    run_directory="",
)  # fmt: skip
PASSWD = "root:x:0:0::/root:/bin/sh\nbob:x:100:200::/home/bob:/bin/sh\n"


def test_the_environment_in_dockers_order() -> None:
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert environment(BASE, ("A=1",), ROOT, tty=True) == [path, "HOSTNAME=box", "TERM=xterm", "A=1", "HOME=/root"]


def test_a_variable_that_is_given_replaces_in_place_and_one_without_a_value_removes() -> None:
    given = environment(BASE, ("PATH=/bin", "HOSTNAME", "HOME=/x", "E="), ROOT, tty=False)
    assert given == ["PATH=/bin", "HOME=/x", "E="]


def test_the_process_under_the_init_program() -> None:
    assert process(BASE, ROOT, (), HOST, init=True)["args"] == ["/sbin/docker-init", "--", "echo", "hi"]
    assert process(BASE, ROOT, (), HOST, init=False)["args"] == ["echo", "hi"]


def test_a_terminal_has_its_size_from_the_start() -> None:
    container = replace(BASE, config=replace(BASE.config, tty=True), host_config=HostConfig(console_size=(40, 120)))
    assert process(container, ROOT, (), HOST, init=False)["consoleSize"] == {"height": 40, "width": 120}
    assert "consoleSize" not in process(BASE, ROOT, (), HOST, init=False)


def test_open_files_get_what_the_engine_can_give() -> None:
    assert rlimits(None, HOST) == [{"type": "RLIMIT_NOFILE", "soft": 20000, "hard": 20000}]
    assert rlimits(None, Host(nofile=-1))[0]["hard"] == 1048576


def test_ulimits_as_given_and_minus_one_for_none() -> None:
    limits = {limit["type"]: limit for limit in rlimits((Ulimit("nofile", 10, 5), Ulimit("core", -1, -1)), HOST)}
    assert limits["RLIMIT_NOFILE"] == {"type": "RLIMIT_NOFILE", "soft": 5, "hard": 10}
    assert limits["RLIMIT_CORE"]["hard"] == (1 << 64) - 1


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (Ulimit("bogus", 1, 1), "invalid ulimit type: bogus"),
        (Ulimit("nofile", 1, 2), "soft limit must be less than or equal to hard limit: 2 > 1"),
        (Ulimit("nofile", 1, -1), "soft limit must be less"),
        (Ulimit("nofile", -2, -2), "a limit is -1 or more"),
    ],
)
def test_limits_that_make_no_sense_are_refused(limit: Ulimit, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        check_ulimits((limit,))


def test_the_oom_score_is_not_lowered_without_the_right_to() -> None:
    asked = process(BASE, ROOT, (), HOST, init=False)
    assert asked["oomScoreAdj"] == 0
    weak = replace(HOST, oom_score_adj=300, capabilities=frozenset())
    assert process(BASE, ROOT, (), weak, init=False)["oomScoreAdj"] == 300


def test_an_exec_has_the_containers_surroundings_under_its_own() -> None:
    container = replace(BASE, config=replace(BASE.config, user="bob", working_dir="/work"))
    made = exec_process(container, ExecConfig(("ls",), env=("A=2", "B=3")), PASSWD, "", HOST)
    assert made["args"] == ["ls"]
    assert made["cwd"] == "/work"
    assert made["user"]["uid"] == 100
    assert {"A=2", "B=3", "HOSTNAME=box", "HOME=/home/bob"} <= set(made["env"])
    assert "effective" not in made["capabilities"]


def test_an_exec_may_be_another_user_elsewhere_and_privileged() -> None:
    container = replace(BASE, config=replace(BASE.config, user="bob"))
    config = ExecConfig(("ls",), user="0", working_dir="/x", privileged=True, tty=True, console_size=(3, 4))
    made = exec_process(container, config, PASSWD, "", HOST)
    assert (made["user"]["uid"], made["cwd"]) == (0, "/x")
    assert set(made["capabilities"]["effective"]) == HOST.capabilities
    assert made["consoleSize"] == {"height": 3, "width": 4}
    assert "TERM=xterm" in made["env"]


def test_an_exec_as_nobody_known_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="unable to find user eve"):
        exec_process(BASE, ExecConfig(("ls",), user="eve"), PASSWD, "", HOST)
