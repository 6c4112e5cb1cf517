"""Health checks: what is probed, what comes of it, and that they go on over a restart of the daemon."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import Any

import pytest

from tests.calls import Refused
from tests.docker_cli import DockerCli
from tests.engine import Engine
from tests.leftovers import read
from tests.waiting import wait_until

pytestmark = [pytest.mark.root, pytest.mark.peer]

MS, SECOND = 10**6, 10**9
FILE = "test -e /well"


def probed(engine: Engine, test: list[str], host: dict[str, Any] | None = None, **check: Any) -> str:
    """A running container with a probe, each 100 ms unless the test says otherwise."""
    return engine.running(host=host, Healthcheck={"Test": test, "Interval": 100 * MS, **check})


def health(engine: Engine, container: str) -> dict[str, Any]:
    found: dict[str, Any] = engine.state(container)["Health"]
    return found


def until(engine: Engine, container: str, status: str) -> dict[str, Any]:
    wait_until(lambda: health(engine, container)["Status"] == status, 20, f"the container is {status}")
    return health(engine, container)


def shown(engine: Engine, container: str) -> str:
    (item,) = engine.get("/containers/json", all=1, filters={"id": [container]})
    return str(item["Status"])


def having(engine: Engine, *words: str) -> list[str]:
    return [item["Id"] for item in engine.get("/containers/json", all=1, filters={"health": words})]


def pass_time(engine: Engine, probes: int) -> None:
    """As long as another container takes to be probed so often."""
    other = probed(engine, ["CMD", "true"])
    wait_until(lambda: len(health(engine, other)["Log"]) >= probes)
    engine.remove(other)


def events(engine: Engine, container: str) -> list[tuple[str, dict[str, str]]]:
    found = engine.events(since=0, until=time.time(), filters={"container": [container]})
    return [(event["Action"], event["Actor"]["Attributes"]) for event in found]


def test_healthy_unhealthy_and_back(engine: Engine, runtime: str) -> None:
    check = {"Test": ["CMD-SHELL", f"echo looked; {FILE}"], "Retries": 2, "Interval": 300 * MS}
    container = engine.create(["sleep", "1000"], Healthcheck=check)
    assert "Health" not in engine.state(container), "it was never started"
    assert having(engine, "none") == [container]
    engine.start(container)
    assert health(engine, container) == {"Status": "starting", "FailingStreak": 0, "Log": []}
    assert shown(engine, container).endswith(" (health: starting)")
    assert having(engine, "starting") == [container]
    wait_until(lambda: health(engine, container)["Log"])
    found = health(engine, container)
    assert found["FailingStreak"] == 1
    assert (found["Log"][0]["ExitCode"], found["Log"][0]["Output"]) == (1, "looked\n")
    assert engine.state(container)["StartedAt"] < found["Log"][0]["Start"] < found["Log"][0]["End"]
    assert until(engine, container, "unhealthy")["FailingStreak"] >= 2
    assert shown(engine, container).endswith(" (unhealthy)")
    engine.exec(container, ["touch", "/well"])
    assert until(engine, container, "healthy")["FailingStreak"] == 0
    assert shown(engine, container).endswith(" (healthy)")
    assert having(engine, "healthy") == [container] and not having(engine, "unhealthy", "none")
    words = [name for name, _ in events(engine, container) if name.startswith("health_status")]
    assert words == ["health_status: unhealthy", "health_status: healthy"]


def test_a_probe_is_an_exec_to_those_who_listen(engine: Engine) -> None:
    container = probed(engine, ["CMD", "sh", "-c", "exit 3"], Interval=SECOND, Labels={"a": "b"})
    wait_until(lambda: health(engine, container)["Log"])
    found = [(name, attributes) for name, attributes in events(engine, container) if name.startswith("exec")]
    assert [name for name, _ in found[:3]] == ["exec_create: sh -c exit 3", "exec_start: sh -c exit 3", "exec_die"]
    assert len({attributes["execID"] for _, attributes in found[:3]}) == 1
    assert found[2][1]["exitCode"] == "3"


def test_retries_are_three_and_a_command_that_is_not_there_fails(engine: Engine, runtime: str) -> None:
    container = probed(engine, ["CMD", "no-such-program", "x"])
    found = until(engine, container, "unhealthy")
    assert found["Log"][0]["ExitCode"] == -1
    assert found["Log"][0]["Output"].startswith("OCI runtime exec failed: ")
    assert "no-such-program" in found["Log"][0]["Output"]
    changes = [name for name, _ in events(engine, container)]
    first = changes[: changes.index("health_status: unhealthy")]
    assert Counter(first)["exec_start: no-such-program x"] == 3


def test_failures_in_the_start_period_do_not_count(engine: Engine) -> None:
    container = probed(engine, ["CMD", "false"], Retries=1, StartPeriod=1500 * MS, StartInterval=100 * MS)
    found = until(engine, container, "unhealthy")
    assert found["FailingStreak"] == 1 and len(found["Log"]) >= 3
    container = probed(engine, ["CMD-SHELL", FILE], Retries=1, StartPeriod=3600 * SECOND, StartInterval=100 * MS)
    engine.exec(container, ["touch", "/well"])
    until(engine, container, "healthy")
    engine.exec(container, ["rm", "/well"])
    assert until(engine, container, "unhealthy")["FailingStreak"] == 1


@pytest.mark.ours("StartInterval came with 25.0")
def test_the_start_interval_holds_until_the_first_success(engine: Engine) -> None:
    check: dict[str, Any] = {"Interval": 3600 * SECOND, "StartInterval": 100 * MS, "StartPeriod": 60 * SECOND}
    container = probed(engine, ["CMD-SHELL", FILE], **check)
    wait_until(lambda: len(health(engine, container)["Log"]) == 5)
    engine.exec(container, ["touch", "/well"])
    found = until(engine, container, "healthy")
    pass_time(engine, 5)
    assert health(engine, container) == found


def test_a_probe_that_takes_too_long_is_killed(engine: Engine, runtime: str) -> None:
    container = probed(engine, ["CMD-SHELL", "sleep 1000; true"], Timeout=700 * MS, Retries=1)
    found = until(engine, container, "unhealthy")
    assert found["Log"][0]["ExitCode"] == -1
    assert found["Log"][0]["Output"] == "Health check exceeded timeout (700ms)"


@pytest.mark.ours("20.10 leaves the children of a probe behind, and drops what it has written")
def test_a_late_probe_goes_with_its_children_and_keeps_its_output(engine: Engine, runtime: str) -> None:
    container = probed(engine, ["CMD-SHELL", "echo begun; sleep 999 & wait"], Timeout=300 * MS, Retries=2)
    found = until(engine, container, "unhealthy")
    assert found["Log"][0]["Output"] == "Health check exceeded timeout (300ms): begun\n"

    def left() -> int:
        rows = engine.get(f"/containers/{container}/top", ps_args="-eo pid,stat,args")["Processes"]
        return len([row for row in rows if row[2] == "sleep 999" and not row[1].startswith("Z")])

    wait_until(lambda: left() <= 1)


def test_the_log_keeps_the_last_five_and_the_beginning_of_long_output(engine: Engine) -> None:
    container = probed(engine, ["CMD-SHELL", "date +%s.%N; yes | head -c 100000; printf '\\377'"])
    wait_until(lambda: len(health(engine, container)["Log"]) == 5)
    first = health(engine, container)["Log"]
    assert all(len(entry["Output"]) == 4096 + 3 and entry["Output"].endswith("...") for entry in first)
    wait_until(lambda: health(engine, container)["Log"][0]["Start"] > first[0]["Start"])
    later = health(engine, container)["Log"]
    assert len(later) == 5 and [entry["Start"] for entry in later] == sorted(entry["Start"] for entry in later)
    container = probed(engine, ["CMD-SHELL", "printf 'a\\377b'; printf c >&2"])
    wait_until(lambda: health(engine, container)["Log"])
    assert sorted(health(engine, container)["Log"][0]["Output"]) == sorted("a\ufffdbc")


def test_user_environment_directory_and_shell_are_the_containers(engine: Engine) -> None:
    script = "id -un; pwd; echo $MINE $0 $1"
    container = engine.running(
        User="daemon", Env=["MINE=5"], WorkingDir="/tmp", Shell=["/bin/busybox", "sh", "-ec"],
        Healthcheck={"Test": ["CMD-SHELL", script, "zero", "one"], "Interval": 100 * MS},
    )  # fmt: skip
    until(engine, container, "healthy")
    assert health(engine, container)["Log"][0]["Output"] == "daemon\n/tmp\n5 zero one\n"


def test_the_end_stops_the_probes_and_a_start_begins_anew(engine: Engine) -> None:
    container = probed(engine, ["CMD", "true"])
    until(engine, container, "healthy")
    engine.post(f"/containers/{container}/stop", t=0)
    assert health(engine, container)["Status"] == "unhealthy"
    assert shown(engine, container).startswith("Exited (137)")
    seen = health(engine, container)["Log"]
    engine.start(container)
    found = health(engine, container)
    assert (found["Status"], found["FailingStreak"]) == ("starting", 0)
    assert found["Log"] == seen
    until(engine, container, "healthy")
    names = [name for name, _ in events(engine, container)]
    assert Counter(names)["health_status: healthy"] == 2
    assert not any(name.startswith("exec_start") for name in names[names.index("die") : names.index("stop")])


def test_a_restart_by_policy_begins_anew(engine: Engine) -> None:
    policy = {"RestartPolicy": {"Name": "always"}}
    check = {"Test": ["CMD", "true"], "Interval": 100 * MS}
    container = engine.running(["sh", "-c", "sleep 1; exit 1"], host=policy, Healthcheck=check)
    until(engine, container, "healthy")
    wait_until(lambda: engine.inspect(container)["RestartCount"] == 1)
    wait_until(
        lambda: engine.inspect(container)["RestartCount"] == 2 and engine.state(container)["Status"] == "running"
    )
    until(engine, container, "healthy")
    names = [name for name, _ in events(engine, container) if name in ("start", "die", "health_status: healthy")]
    assert names[:6] == ["start", "health_status: healthy", "die"] * 2


@pytest.mark.ours("dockerd calls a paused container unhealthy")
def test_a_paused_container_keeps_its_health_and_is_not_probed(engine: Engine) -> None:
    container = probed(engine, ["CMD-SHELL", "sleep 0.05"], Timeout=400 * MS, Retries=1)
    until(engine, container, "healthy")
    for _ in range(3):
        engine.post(f"/containers/{container}/pause")
        seen = health(engine, container)
        pass_time(engine, 4)
        assert health(engine, container) == seen
        assert shown(engine, container).endswith(" (Paused)")
        engine.post(f"/containers/{container}/unpause")
        assert health(engine, container)["Status"] == "healthy"
        wait_until(lambda seen=seen: health(engine, container)["Log"][-1] != seen["Log"][-1])  # type: ignore[misc]
    assert not [name for name, _ in events(engine, container) if name == "health_status: unhealthy"]


def test_none_and_nothing_are_no_checks(engine: Engine) -> None:
    checks: list[dict[str, Any]] = [
        {"Test": ["NONE"]},
        {"Test": []},
        {"Interval": SECOND},
        {"Test": ["NONE"], "Interval": SECOND},
    ]
    for check in checks:
        container = engine.running(Healthcheck=check)
        assert "Health" not in engine.state(container)
        assert engine.inspect(container)["Config"]["Healthcheck"] == {k: v for k, v in check.items() if v}
        assert "(" not in shown(engine, container)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ({"Interval": 999_999}, "Interval in Healthcheck cannot be less than 1ms"),
        ({"Timeout": -1}, "Timeout in Healthcheck cannot be less than 1ms"),
        ({"StartPeriod": 1}, "StartPeriod in Healthcheck cannot be less than 1ms"),
        ({"Retries": -1}, "Retries in Healthcheck cannot be negative"),
        ({"Test": ["NONE"], "Interval": 5}, "Interval in Healthcheck cannot be less than 1ms"),
    ],
)
def test_what_makes_no_sense_is_refused(engine: Engine, check: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused) as caught:
        engine.create(["true"], Healthcheck={"Test": ["CMD", "true"], **check})
    assert (caught.value.reply.status, caught.value.reply.message) == (400, words)


@pytest.mark.ours("20.10 knows no StartInterval; it accepts CMD without a command and ends itself with the first probe")
def test_what_else_makes_no_sense(engine: Engine) -> None:
    with pytest.raises(Refused, match="StartInterval in Healthcheck cannot be less than 1ms"):
        engine.create(["true"], Healthcheck={"Test": ["CMD", "true"], "StartInterval": 1})
    with pytest.raises(Refused, match="no command after CMD"):
        engine.create(["true"], Healthcheck={"Test": ["CMD"]})
    body = engine.create_body(["true"], None, {"Healthcheck": {"Test": ["curl localhost"]}})
    (warning,) = engine.post("/containers/create", body).json()["Warnings"]
    assert "Unknown healthcheck type 'curl localhost'" in warning
    check = {"Test": ["CMD", "true"], "StartInterval": SECOND}
    made = engine.post("/v1.43/containers/create", engine.create_body(["true"], None, {"Healthcheck": check})).json()
    assert engine.inspect(made["Id"])["Config"]["Healthcheck"] == {"Test": ["CMD", "true"]}


def test_the_images_check_is_merged_field_by_field(engine: Engine, cli: DockerCli, tmp_path: Any) -> None:
    with open(f"{tmp_path}/rootfs.tar", "wb") as file:
        box = engine.create(["true"])
        engine.remove(box)
        file.write(b"\0" * 1024)
    change = "HEALTHCHECK --interval=7s --timeout=3s --retries=9 CMD echo from the image"
    cli.ok("import", "-c", change, "-c", "CMD sleep 1000", f"{tmp_path}/rootfs.tar", "probed:latest")
    own = {"Test": ["CMD-SHELL", "echo from the image"], "Interval": 7 * SECOND, "Timeout": 3 * SECOND, "Retries": 9}
    try:
        for asked, expected in (
            (None, own),
            ({"Retries": 2}, {**own, "Retries": 2}),
            ({"Test": ["NONE"]}, {**own, "Test": ["NONE"]}),
            ({"Test": ["CMD", "x"], "Timeout": SECOND}, {**own, "Test": ["CMD", "x"], "Timeout": SECOND}),
        ):
            container = engine.create(Image="probed", Healthcheck=asked)
            assert engine.inspect(container)["Config"]["Healthcheck"] == expected
            engine.remove(container)
    finally:
        cli.ok("rmi", "-f", "probed")


def test_the_docker_cli_and_its_options(engine: Engine, cli: DockerCli) -> None:
    options = ["--health-cmd", FILE, "--health-interval", "100ms", "--health-retries", "1", "--health-timeout", "5s"]
    cli.ok("run", "-d", "--network", "none", "--name", "box", *options, "busybox", "sleep", "1000")
    wait_until(lambda: "(unhealthy)" in cli.ok("ps", "--format", "{{.Status}}"))
    assert cli.ok("ps", "-q", "--filter", "health=unhealthy") != ""
    cli.ok("exec", "box", "touch", "/well")
    wait_until(lambda: cli.ok("inspect", "-f", "{{.State.Health.Status}}", "box") == "healthy")
    assert cli.ok("inspect", "-f", "{{(index .State.Health.Log 0).ExitCode}}", "box") in ("0", "1")
    cli.ok("run", "-d", "--network", "none", "--name", "none", "--no-healthcheck", "busybox", "sleep", "1000")
    assert cli.ok("inspect", "-f", "{{.Config.Healthcheck.Test}}", "none") == "[NONE]"


# -- over the daemon's end


@pytest.mark.ours("dockerd begins anew")
@pytest.mark.parametrize("way", ["stop", "kill"])
def test_probes_go_on_after_a_restart_of_the_daemon(fresh_engine: Engine, way: str) -> None:
    engine = fresh_engine
    well = probed(engine, ["CMD", "true"], Interval=300 * MS)
    sick = probed(engine, ["CMD", "false"], Interval=300 * MS, Retries=1)
    slow = probed(engine, ["CMD", "true"], Interval=3600 * SECOND)
    frozen = probed(engine, ["CMD", "true"])
    check = {"Test": ["CMD", "true"], "Interval": 100 * MS}
    ends = engine.running(["sh", "-c", "read x"], OpenStdin=True, Healthcheck=check)
    late = probed(engine, ["CMD", "sleep", "1000"], Timeout=1500 * MS, Retries=1)
    for container in (well, frozen, ends):
        until(engine, container, "healthy")
    until(engine, sick, "unhealthy")
    engine.post(f"/containers/{frozen}/pause")
    before = {container: health(engine, container) for container in (well, sick, slow, frozen)}
    with engine.attach(ends, stream=1, stdin=1) as wire:
        if way == "stop":
            engine.stop_daemon()
        else:
            engine.kill_daemon()
        wire.send(b"\n")
    engine.start_daemon()
    for container in (well, sick, slow, frozen):
        assert health(engine, container)["Status"] == before[container]["Status"], container
    last = before[well]["Log"][-1]["Start"]
    wait_until(lambda: health(engine, well)["Log"][-1]["Start"] > last)
    assert any(entry["Start"] == last for entry in health(engine, well)["Log"]), "the log goes on"
    assert health(engine, frozen) == before[frozen]
    engine.post(f"/containers/{frozen}/unpause")
    wait_until(lambda: health(engine, frozen)["Log"][-1] != before[frozen]["Log"][-1])
    wait_until(lambda: engine.state(ends)["Status"] == "exited")
    assert health(engine, ends)["Status"] == "unhealthy"
    assert until(engine, late, "unhealthy")["Log"][0]["Output"].startswith("Health check exceeded timeout (1.5s)")
    probes = [row for row in engine.get(f"/containers/{late}/top")["Processes"] if row[-1] == "sleep 1000"]
    assert len(probes) <= 3, "the container's own, the present probe, and at most the old daemon's"


@pytest.mark.ours("about our own memory")
def test_probes_cost_no_memory_that_is_not_given_back(fresh_engine: Engine) -> None:
    engine = fresh_engine
    container = probed(engine, ["CMD", "true"], Interval=10 * MS)
    folder = f"{engine.state_dir}/runc/{container}"

    def rounds(count: int) -> None:
        for _ in range(count):
            last = health(engine, container)["Log"][-1:]
            wait_until(lambda last=last: health(engine, container)["Log"][-1:] != last)  # type: ignore[misc]

    def resident() -> int:
        status = read(f"/proc/{worker(engine)}/status").decode()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))

    rounds(30)
    before = resident()
    descriptors = len(os.listdir(f"/proc/{worker(engine)}/fd"))
    rounds(100)
    assert resident() - before < 1500
    assert abs(len(os.listdir(f"/proc/{worker(engine)}/fd")) - descriptors) < 8
    assert len(os.listdir(f"{folder}/exec")) <= 1


def worker(engine: Engine) -> int:
    """The daemon's process that has the engine: the one that holds the lock."""
    for pid in engine.daemon_pids():
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            try:
                if os.readlink(f"/proc/{pid}/fd/{descriptor}").endswith("/daemon.lock"):
                    return pid
            except OSError:
                continue
    raise AssertionError("no worker")
