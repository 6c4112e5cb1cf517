"""The docker command line client against the engine: what people type, and what they see."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tempfile
import time

import pytest

from tests.calls import IMAGE
from tests.docker_cli import DockerCli
from tests.engine import Engine
from tests.waiting import wait_until

pytestmark = [pytest.mark.root, pytest.mark.peer]

RUN = ("run", "--network", "none")
BOX = ("--rm", "busybox")


def run(cli: DockerCli, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return cli(*RUN, *words, stdin=stdin)


def test_run_prints_the_output(cli: DockerCli, runtime: str) -> None:
    assert cli.ok(*RUN, "--runtime", runtime, *BOX, "echo", "hi") == "hi"


@pytest.mark.ours("its default network is missing when it runs without a bridge")
def test_run_without_naming_a_network(cli: DockerCli) -> None:
    assert cli.ok("run", *BOX, "echo", "hi") == "hi"


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_run_ends_with_the_exit_code_of_the_command(cli: DockerCli, code: int) -> None:
    assert run(cli, *BOX, "sh", "-c", f"exit {code}").returncode == code


def knows_start_errors_of(engine: Engine, runtime: str) -> None:
    if engine.kind == "dockerd" and runtime == "crun":
        pytest.skip("dockerd does not know crun's error texts")


def test_run_of_a_command_that_does_not_exist_is_127(cli: DockerCli, engine: Engine, runtime: str) -> None:
    knows_start_errors_of(engine, runtime)
    done = run(cli, "--runtime", runtime, *BOX, "no-such-command")
    assert done.returncode == 127, done.stderr
    assert b"no-such-command" in done.stderr
    assert engine.get("/containers/json", all=1) == []


def test_run_of_a_file_that_cannot_be_executed_is_126(cli: DockerCli, engine: Engine, runtime: str) -> None:
    knows_start_errors_of(engine, runtime)
    done = run(cli, "--runtime", runtime, *BOX, "/etc/passwd")
    assert done.returncode == 126, done.stderr
    assert engine.get("/containers/json", all=1) == []


def test_run_with_a_wrong_option_value_is_125(cli: DockerCli, engine: Engine) -> None:
    done = run(cli, "--cap-add", "NO_SUCH_CAPABILITY", *BOX, "true")
    assert done.returncode == 125
    assert b"NO_SUCH_CAPABILITY" in done.stderr
    assert engine.get("/containers/json", all=1) == []


def test_run_of_an_unknown_image_is_125(cli: DockerCli) -> None:
    assert run(cli, "--pull", "never", "no-such-image", "true").returncode == 125


def test_fifty_megabytes_through_cat_come_back_unchanged(cli: DockerCli, runtime: str) -> None:
    data = os.urandom(50 << 20)
    done = run(cli, "--runtime", runtime, "-i", *BOX, "cat", stdin=data)
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_fifty_megabytes_through_exec_cat_come_back_unchanged(cli: DockerCli, engine: Engine, runtime: str) -> None:
    container = engine.running()
    data = os.urandom(50 << 20)
    done = cli("exec", "-i", container, "cat", stdin=data)
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_stdout_and_stderr_stay_apart(cli: DockerCli, runtime: str) -> None:
    done = run(cli, "--runtime", runtime, *BOX, "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n", b"err\n")


def test_many_runs_in_a_row_lose_no_output_and_no_exit_code(cli: DockerCli) -> None:
    for _ in range(40):
        done = run(cli, *BOX, "sh", "-c", "echo a; echo b >&2; exit 7")
        assert (done.returncode, done.stdout, done.stderr) == (7, b"a\n", b"b\n")


def test_stdin_reaches_the_end_and_the_command_ends(cli: DockerCli, engine: Engine) -> None:
    assert run(cli, "-i", *BOX, "cat", stdin=b"hi\n").stdout == b"hi\n"
    container = engine.running()
    assert cli("exec", "-i", container, "cat", stdin=b"hi\n").stdout == b"hi\n"
    assert run(cli, "-i", *BOX, "wc", "-c", stdin=b"").stdout == b"0\n"


def test_a_terminal_has_the_size_of_the_clients_and_follows_it(cli: DockerCli, runtime: str) -> None:
    with cli.terminal(*RUN, "--runtime", runtime, "-it", *BOX, "sh", rows=33, columns=99) as terminal:
        terminal.expect(r"/ # ")
        terminal.type(b"stty size\n")
        terminal.expect(r"\n33 99\r\n")
        terminal.resize(40, 120)

        def resized() -> bool:
            terminal.type(b"stty size\n")
            return terminal.expect(r"\n(\d+ \d+)\r\n").group(1) == b"40 120"

        wait_until(resized, 10)
        terminal.type(b"exit 11\n")
        assert terminal.wait() == 11


def test_detach_keys_end_the_session_and_the_container_goes_on(cli: DockerCli, engine: Engine, runtime: str) -> None:
    with cli.terminal(*RUN, "--runtime", runtime, "-it", "--name", "shell", "busybox", "sh") as terminal:
        terminal.expect(r"/ # ")
        terminal.type(b"V=kept\n\x10\x11")
        terminal.wait()
    assert engine.state("shell")["Running"]
    with cli.terminal("attach", "shell") as terminal:
        terminal.type(b"echo is-$V\n")
        terminal.expect(r"is-kept\r\n")
        terminal.type(b"exit 5\n")
        assert terminal.wait() == 5
    assert not engine.state("shell")["Running"]


def test_detach_keys_of_ones_own(cli: DockerCli, engine: Engine) -> None:
    with cli.terminal(*RUN, "-it", "--detach-keys", "ctrl-q", "--name", "own", "busybox", "sh") as terminal:
        terminal.expect(r"/ # ")
        terminal.type(b"\x11")
        terminal.wait()
    assert engine.state("own")["Running"]


def test_exec_in_a_terminal(cli: DockerCli, engine: Engine, runtime: str) -> None:
    container = engine.running()
    with cli.terminal("exec", "-it", container, "sh", rows=30, columns=90) as terminal:
        terminal.expect(r"/ # ")
        terminal.type(b"tty; stty size; exit 6\n")
        terminal.expect(r"/dev/pts/\d+\r\n30 90\r\n")
        assert terminal.wait() == 6


def test_exec_options_and_exit_codes(cli: DockerCli, engine: Engine, runtime: str) -> None:
    container = engine.running()
    assert cli("exec", container, "sh", "-c", "exit 3").returncode == 3
    assert cli.ok("exec", "-u", "nobody", container, "id", "-un") == "nobody"
    assert cli.ok("exec", "-w", "/tmp", container, "pwd") == "/tmp"
    assert cli.ok("exec", "-e", "A=b c", container, "sh", "-c", "echo $A") == "b c"
    assert cli.ok("exec", "-d", container, "touch", "/tmp/made") == ""
    wait_until(lambda: cli("exec", container, "test", "-e", "/tmp/made").returncode == 0)


@pytest.mark.ours("20.10 says 126 for both")
def test_exec_of_what_cannot_run_says_so_in_its_exit_code(cli: DockerCli, engine: Engine, runtime: str) -> None:
    container = engine.running()
    missing = cli("exec", container, "no-such-command")
    assert missing.returncode == 127
    assert b"no-such-command" in missing.stdout + missing.stderr
    assert cli("exec", container, "/etc/passwd").returncode == 126


def test_attach_goes_on_with_output_after_its_input_ended(cli: DockerCli, engine: Engine) -> None:
    command = ["sh", "-c", "read line; echo got $line; sleep 0.3; echo later"]
    engine.running(command, name="reader", OpenStdin=True, StdinOnce=True)
    done = cli("attach", "reader", stdin=b"word\n")
    assert (done.returncode, done.stdout) == (0, b"got word\nlater\n")


def test_detached_run_returns_at_once_and_is_found_by_ps(cli: DockerCli, engine: Engine) -> None:
    begun = time.monotonic()
    container = cli.ok(*RUN, "-d", "--name", "background", "busybox", "sleep", "1000")
    assert time.monotonic() - begun < 10
    assert cli.ok("ps", "--no-trunc", "-q") == container
    row = cli.ok("ps", "--format", "{{.Names}}|{{.Image}}|{{.Command}}|{{.State}}|{{.Status}}")
    assert re.fullmatch(r'background\|busybox\|"sleep 1000"\|running\|Up .*', row)
    assert cli.ok("stop", "-t", "0", "background") == "background"
    assert cli.ok("ps", "-q") == ""
    assert cli.ok("ps", "-a", "--format", "{{.Status}}").startswith("Exited (137)")
    assert cli.ok("rm", "background") == "background"
    assert cli.ok("ps", "-aq") == ""


def test_logs_with_every_option(cli: DockerCli, engine: Engine, runtime: str) -> None:
    command = ["sh", "-c", "echo one; echo two >&2; sleep 1.2; echo three; sleep 1.2; echo four"]
    container = engine.running(command)
    follower = cli.start("logs", "-f", container)
    out, err = follower.communicate(timeout=30)
    assert (out, err) == (b"one\nthree\nfour\n", b"two\n")
    assert cli.ok("logs", "--tail", "1", container) == "four"
    stamped = cli("logs", "-t", container).stdout.decode().splitlines()
    assert [line.split(" ", 1)[1] for line in stamped] == ["one", "three", "four"]
    stamps = [line.split(" ", 1)[0] for line in stamped]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", stamp) for stamp in stamps)
    assert cli("logs", "--since", stamps[1], container).stdout == b"three\nfour\n"
    assert cli("logs", "--until", stamps[1], container).stdout == b"one\nthree\n"
    assert cli("logs", "--since", stamps[1], "--until", stamps[1], container).stdout == b"three\n"
    assert cli("logs", "-f", "--tail", "0", container).stdout == b""


def test_inspect_top_wait_and_kill(cli: DockerCli, engine: Engine, runtime: str) -> None:
    container = engine.running(["sh", "-c", "sleep 1000; true"], name="looked-at")
    assert json.loads(cli.ok("inspect", "looked-at"))[0]["Id"] == container
    assert cli.ok("inspect", "-f", "{{.State.Status}} {{.Config.Image}}", "looked-at") == f"running {IMAGE}"
    top = cli.ok("top", "looked-at").splitlines()
    assert "PID" in top[0] and "sleep 1000" in "\n".join(top[1:])
    waiter = cli.start("wait", "looked-at")
    cli.ok("kill", "-s", "KILL", "looked-at")
    assert waiter.communicate(timeout=20)[0] == b"137\n"
    assert cli.ok("wait", "looked-at") == "137"


def test_stop_uses_the_stop_signal_and_then_kills(cli: DockerCli, engine: Engine, runtime: str) -> None:
    script = "trap 'exit 33' USR1; while :; do sleep 0.05; done"
    engine.running(["sh", "-c", script], name="polite", StopSignal="USR1")
    engine.running(["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"], name="deaf")
    assert cli.ok("stop", "polite") == "polite"
    assert cli.ok("wait", "polite") == "33"
    assert cli.ok("stop", "-t", "1", "deaf") == "deaf"
    assert cli.ok("wait", "deaf") == "137"


def test_restart_rename_and_removal_by_force(cli: DockerCli, engine: Engine) -> None:
    engine.running(name="before")
    pid = engine.state("before")["Pid"]
    cli.ok("restart", "-t", "0", "before")
    assert engine.state("before")["Pid"] not in (0, pid)
    cli.ok("rename", "before", "after")
    refused = cli("rm", "after")
    assert refused.returncode == 1
    assert b"running" in refused.stderr
    assert cli.ok("rm", "-f", "after") == "after"
    assert engine.get("/containers/json", all=1) == []


def test_a_signal_to_the_client_reaches_the_container(cli: DockerCli, engine: Engine) -> None:
    script = "trap 'echo got it; exit 21' TERM; echo ready; while :; do sleep 0.05; done"
    process = cli.start(*RUN, *BOX, "sh", "-c", script)
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.stdout.readline() == b"got it\n"
    assert process.wait(20) == 21
    process.communicate()


def test_start_with_attach_shows_the_output_again(cli: DockerCli, engine: Engine) -> None:
    engine.create(["sh", "-c", "echo again; exit 4"], name="twice")
    for _ in range(2):
        done = cli("start", "-a", "twice")
        assert (done.returncode, done.stdout) == (4, b"again\n")


def test_start_with_input(cli: DockerCli, engine: Engine) -> None:
    engine.create(["cat"], name="input", OpenStdin=True, StdinOnce=True, AttachStdin=True, AttachStdout=True)
    assert cli("start", "-ai", "input", stdin=b"words\n").stdout == b"words\n"


def test_image_commands(cli: DockerCli, engine: Engine, busybox_archive: str) -> None:
    assert "Loaded image: busybox:latest" in cli.ok("load", "-q", "-i", busybox_archive)
    cli.ok("tag", "busybox", "example.com/mine:v2")
    rows = cli.ok("images", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
    assert sorted(rows) == ["busybox:latest", "example.com/mine:v2"]
    assert cli.ok("history", "-q", "busybox").startswith(cli.ok("inspect", "-f", "{{.Id}}", "busybox")[7:19])
    assert "Untagged: example.com/mine:v2" in cli.ok("rmi", "example.com/mine:v2")
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        cli.ok("save", "-o", file.name, "busybox")
        assert "Loaded image: busybox:latest" in cli.ok("load", "-i", file.name)


def test_import_of_a_root_filesystem(cli: DockerCli) -> None:
    exported = subprocess.run(["tar", "-C", "/bin", "-c", "busybox"], capture_output=True, check=True).stdout
    identity = cli.ok(
        "import", "-c", 'ENTRYPOINT ["/busybox"]', "-c", "ENV A=b", "-m", "made", "-", "imported:v1", stdin=exported
    )
    try:
        assert identity.startswith("sha256:")
        assert cli.ok(*RUN, "--rm", "imported:v1", "sh", "-c", "echo $A") == "b"
    finally:
        cli.ok("rmi", "-f", "imported:v1")


def test_an_image_in_use_is_not_removed(cli: DockerCli, engine: Engine) -> None:
    engine.running(name="user")
    done = cli("rmi", "busybox")
    assert done.returncode == 1
    assert b"conflict: unable to remove repository reference" in done.stderr
    assert b"must force" in done.stderr


def test_info_and_version_run_without_complaint(cli: DockerCli) -> None:
    done = cli("info")
    assert done.returncode == 0, done.stderr
    assert b"Server Version:" in done.stdout
    assert b"ERROR" not in done.stdout + done.stderr
    done = cli("version")
    assert done.returncode == 0, done.stderr
    assert b"Server:" in done.stdout
    assert b"MISSING" not in done.stdout and b"<no value>" not in done.stdout


def test_events_since_and_until(cli: DockerCli, engine: Engine) -> None:
    begun = time.time()
    run(cli, *BOX, "true")
    wait_until(lambda: engine.get("/containers/json", all=1) == [])
    lines = cli.ok(
        "events", "--since", f"{begun:.6f}", "--until", f"{time.time() + 0.01:.6f}", "--format", "{{.Type}} {{.Action}}"
    ).splitlines()
    actions = [line.split(" ", 1)[1] for line in lines if line.startswith("container ")]
    assert [a for a in actions if a in ("create", "attach", "start", "die", "destroy")] == [
        "create",
        "attach",
        "start",
        "die",
        "destroy",
    ]


def test_errors_are_told_as_sentences(cli: DockerCli, engine: Engine) -> None:
    done = cli("inspect", "--type", "container", "nobody-there")
    assert done.returncode == 1
    assert b"No such container: nobody-there" in done.stderr
    done = cli("logs", "nobody-there")
    assert done.stderr == b"Error response from daemon: No such container: nobody-there\n"
    engine.create(["true"], name="taken")
    done = cli("create", "--network", "none", "--name", "taken", "busybox")
    assert b'Conflict. The container name "/taken" is already in use by container' in done.stderr


def test_run_with_the_common_options(cli: DockerCli) -> None:
    script = (
        "hostname; id -u; id -G; pwd; echo $A; cat /data/file /proc/self/oom_score_adj; grep box /etc/hosts; touch /x"
    )
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with open(f"{folder}/file", "w") as file:
            file.write("bound\n")
        done = run(
            cli,
            *("-h", "box", "-u", "nobody", "--group-add", "33", "-w", "/tmp", "-e", "A=b", "-v", f"{folder}:/data:ro"),
            *("--oom-score-adj", "50", "--add-host", "boxed:10.9.8.7", "--read-only", "-m", "64m", "--init"),
            *(*BOX, "sh", "-c", script),
        )
    lines = done.stdout.decode().splitlines()
    assert lines[:2] == ["box", "65534"]
    assert lines[2].split() == ["65534", "33"]
    assert lines[3:7] == ["/tmp", "b", "bound", "50"]
    assert "10.9.8.7\tboxed" in lines
    assert b"Read-only file system" in done.stderr
