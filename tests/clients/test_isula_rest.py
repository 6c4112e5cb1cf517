"""The engine's own client, as its users run it: a process, pipes and terminals, on a real engine."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker_cli import DockerCli
from tests.engine import REPOSITORY, Engine
from tests.terminal import Terminal
from tests.waiting import wait_until

pytestmark = [pytest.mark.root, pytest.mark.peer]

RUN = ("run", "--network", "none")
BOX = ("--rm", "busybox")
DETACHED = "INFO: Wait container stopped status timeout\\."


class IsulaRest(DockerCli):
    """Runs `isula-rest -H unix://SOCKET …` with nothing from the user's environment."""

    def __init__(self, socket_path: str) -> None:
        self._base = [sys.executable, "-I", "-S", "-c", PROGRAM, "-H", f"unix://{socket_path}"]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DOCKER_", "ISULA_"))}
        self._environment = kept


PROGRAM = f"import sys; sys.path.insert(0, {REPOSITORY!r}); from client.__main__ import main; main()"


@pytest.fixture
def isula(engine: Engine) -> IsulaRest:
    return IsulaRest(engine.socket_path)


@pytest.fixture
def web(isula: IsulaRest) -> Iterator[str]:
    """A container that runs until it is removed."""
    isula.ok(*RUN, "-d", "--name", "web", "busybox", "sleep", "1000")
    yield "web"
    isula("rm", "-f", "web")


def shell(isula: IsulaRest, *words: str) -> Terminal:
    return isula.terminal(*RUN, "-it", *words, "busybox", "sh", rows=31, columns=87)


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_run_ends_with_the_exit_code_of_the_command(isula: IsulaRest, code: int) -> None:
    assert isula(*RUN, *BOX, "sh", "-c", f"exit {code}").returncode == code


def test_stdout_and_stderr_come_apart(isula: IsulaRest) -> None:
    done = isula(*RUN, *BOX, "sh", "-c", "echo out; echo err >&2")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"out\n", b"err\n")


def test_fifty_megabytes_through_cat_come_back_unchanged(isula: IsulaRest) -> None:
    data = os.urandom(50 << 20)
    done = isula(*RUN, "-i", *BOX, "cat", stdin=data)
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_a_command_that_does_not_exist_is_127_and_leaves_nothing(isula: IsulaRest, engine: Engine) -> None:
    done = isula(*RUN, *BOX, "no-such-command")
    assert done.returncode == 127
    assert done.stderr.startswith(b"Error response from daemon: ") and done.stderr.count(b"\n") == 1
    wait_until(lambda: engine.get("/containers/json", all=1) == [], 10, "the container is removed")


def test_a_file_that_cannot_be_executed_is_126(isula: IsulaRest) -> None:
    assert isula(*RUN, *BOX, "/etc/passwd").returncode == 126


def test_an_unknown_image_is_125(isula: IsulaRest) -> None:
    done = isula("run", "--pull", "never", "no-such-image", "true")
    assert done.returncode == 125
    assert b"No such image: no-such-image:latest" in done.stderr


def test_the_options_of_run_reach_the_process(isula: IsulaRest, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("B=2\n# no\n")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "file").write_text("hello")
    script = 'echo "$A$B $(id -u) $(pwd) $(hostname) $(cat /s/file)"'
    out = isula.ok(
        *(*RUN, "-e", "A=1", "--env-file", f"{tmp_path}/env", "-u", "65534", "-w", "/tmp", "-h", "box"),
        *("-v", f"{tmp_path}/shared:/s:ro", "--memory", "64m", "--cpus", "0.5", "--tmpfs", "/t:size=1m", "--init"),
        *("--ulimit", "nofile=99:100", "--entrypoint", "sh", *BOX, "-c", script),
    )
    assert out == "12 65534 /tmp box hello"


def test_signals_are_passed_on(isula: IsulaRest) -> None:
    running = isula.start(*RUN, *BOX, "sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done")
    assert running.stdout is not None and running.stderr is not None
    with running.stdout, running.stderr:
        assert running.stdout.readline() == b"ready\n"
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 9


def test_in_a_terminal_the_size_is_right_and_follows(isula: IsulaRest) -> None:
    with shell(isula, "--rm") as terminal:
        terminal.expect("# ")
        terminal.type(b"stty size\n")
        terminal.expect("31 87")
        terminal.resize(40, 100)
        terminal.type(b"until stty size | grep '^40 1'; do sleep 0.1; done\n")
        terminal.expect("40 100")
        terminal.type(b"exit 5\n")
        assert terminal.wait() == 5


def test_detach_says_so_and_attach_comes_back(isula: IsulaRest) -> None:
    with shell(isula, "--name", "shell") as terminal:
        terminal.expect("# ")
        terminal.type(b"\x11")
        terminal.expect(DETACHED)
        assert terminal.wait() == 0
    with isula.terminal("attach", "--detach-keys", "ctrl-x,x", "shell") as terminal:
        terminal.type(b"echo again$((1+1))\n")
        terminal.expect("again2")
        terminal.type(b"\x18x")
        terminal.expect(DETACHED)
        assert terminal.wait() == 0
    with isula.terminal("attach", "shell") as terminal:
        terminal.type(b"exit 7\n")
        assert terminal.wait() == 7
    with isula.terminal("start", "-ai", "shell") as terminal:
        terminal.expect("# ")
        terminal.type(b"exit 8\n")
        assert terminal.wait() == 8


def test_a_killed_session_leaves_no_raw_terminal(isula: IsulaRest) -> None:
    import termios

    with shell(isula, "--name", "raw") as terminal:
        terminal.expect("# ")
        descriptor = terminal._master
        wait_until(lambda: not termios.tcgetattr(descriptor)[3] & termios.ICANON, 10, "the terminal is raw")
        terminal.process.terminate()
        assert terminal.wait() == 128 + signal.SIGTERM
        assert termios.tcgetattr(descriptor)[3] & termios.ICANON


def test_exec_has_streams_and_codes(isula: IsulaRest, web: str) -> None:
    done = isula("exec", "-i", "-e", "A=1", web, "sh", "-c", 'cat; echo "$A" >&2; exit 3', stdin=b"in")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"in", b"1\n")
    assert isula("exec", web, "no-such-command").returncode in (126, 127)
    assert isula("exec", "nobody", "true").returncode == 1
    assert isula.ok("exec", "-d", web, "touch", "/tmp/there") == ""
    wait_until(lambda: isula("exec", web, "ls", "/tmp/there").returncode == 0, 10, "the detached exec ran")


def test_exec_in_a_terminal(isula: IsulaRest, web: str) -> None:
    with isula.terminal("exec", "-it", web, "sh", rows=30, columns=90) as terminal:
        terminal.expect("# ")
        terminal.type(b"stty size\n")
        terminal.expect("30 90")
        terminal.type(b"exit 6\n")
        assert terminal.wait() == 6


def test_logs_follow_until_the_end(isula: IsulaRest) -> None:
    isula.ok(*RUN, "-d", "--name", "talk", "busybox", "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done")
    assert isula.ok("logs", "-f", "talk") == "1\n2\n3"
    assert isula.ok("logs", "--tail", "1", "talk") == "3"
    assert isula.ok("logs", "--since", "1h", "--until", str(int(time.time()) + 60), "talk") == "1\n2\n3"
    assert isula.ok("logs", "--until", "1h", "talk") == ""
    assert re.match(r"\d{4}-\d\d-\d\dT.*Z 1\n", isula.ok("logs", "-t", "talk"))


def test_the_life_of_a_container(isula: IsulaRest) -> None:
    identifier = isula.ok("create", "--network", "none", "--name", "life", "-l", "a=b", "busybox", "sleep", "1000")
    assert re.fullmatch("[0-9a-f]{64}", identifier)
    assert isula.ok("ps", "-aq", "--filter", "label=a=b", "--no-trunc") == identifier
    assert isula.ok("start", "life") == "life"
    assert isula.ok("ps", "--format", "{{.Names}} {{.State}}") == "life running"
    assert "sleep 1000" in isula.ok("top", "life")
    assert isula.ok("restart", "-t", "0", "life") == "life"
    assert isula.ok("rename", "life", "other") == ""
    assert isula("rm", "other").returncode == 1
    waiting = isula.start("wait", "other")
    assert waiting.stdout is not None and waiting.stderr is not None
    with waiting.stdout, waiting.stderr:
        assert isula.ok("kill", "other") == "other"
        assert waiting.stdout.read() == b"137\n"
        assert waiting.wait(10) == 0
    assert (
        isula.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.Config.Labels.a}}", "other")
        == "exited 137 b"
    )
    assert isula.ok("rm", "other") == "other"
    done = isula("rm", "other", "another")
    assert done.returncode == 1 and done.stderr.count(b"No such container") == 2


def test_stop_is_done_side_by_side(isula: IsulaRest) -> None:
    names = ["s1", "s2", "s3"]
    for name in names:
        isula.ok(*RUN, "-d", "--name", name, "busybox", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    began = time.monotonic()
    assert isula.ok("stop", "-t", "1", *names).split() == names
    assert time.monotonic() - began < 3


def test_the_life_of_an_image(isula: IsulaRest, busybox_archive: str, tmp_path: Path) -> None:
    assert isula.ok("load", "-i", busybox_archive) == "Loaded image: busybox:latest"
    isula.ok("tag", "busybox", "other:1")
    assert isula.ok("images", "--format", "{{.Repository}}:{{.Tag}}", "other") == "other:1"
    isula.ok("save", "-o", f"{tmp_path}/o.tar", "other:1")
    identifier = isula.ok("inspect", "--type", "image", "-f", "{{.Id}}", "other:1")
    assert "Untagged: other:1" in isula.ok("rmi", "other:1")
    assert isula.ok("load", "-q", stdin=(tmp_path / "o.tar").read_bytes()) == "Loaded image: other:1"
    assert isula.ok("inspect", "-f", "{{.Id}}", "other:1") == identifier
    assert isula.ok("history", "-q", "--no-trunc", "other:1").splitlines()[0] == identifier
    isula.ok("rmi", "other:1")
    assert isula("rmi", "other:1").returncode == 1


def test_a_root_file_system_is_imported(isula: IsulaRest, tmp_path: Path) -> None:
    (tmp_path / "hello").write_text("x")
    subprocess.run(["tar", "-C", str(tmp_path), "-cf", str(tmp_path / "r.tar"), "hello"], check=True, timeout=20)
    identifier = isula.ok("import", "-c", 'CMD ["sh"]', f"{tmp_path}/r.tar", "imported:1")
    assert identifier.startswith("sha256:")
    assert isula.ok("inspect", "-f", "{{json .Config.Cmd}}", "imported:1") == '["sh"]'
    isula.ok("rmi", "imported:1")


@pytest.mark.parametrize(
    "words",
    [
        ["ps", "-a", "--no-trunc"],
        ["ps", "-a", "-s", "--format", "table {{.ID}}\\t{{.Names}}\\t{{.Size}}\\t{{.Ports}}"],
        ["ps", "-a", "--format", "{{.Names}} {{.Command}} {{.Image}} {{.CreatedAt}} {{.Labels}} {{.Networks}}"],
        ["images"],
        ["images", "--no-trunc", "--digests"],
        ["images", "--format", "{{json .ID}} {{.Size}} {{.CreatedAt}}"],
        ["history", "busybox"],
        ["history", "--no-trunc", "--human=false", "busybox"],
        ["top", "web", "-eo", "pid,ppid,cmd"],
        ["inspect", "-f", '{{.Name}} {{range .Config.Env}}{{.}} {{end}}{{index .Config.Labels "a"}}', "web"],
    ],
    ids=" ".join,
)
def test_the_output_is_the_docker_commands(isula: IsulaRest, cli: DockerCli, web: str, words: list[str]) -> None:
    ours, theirs = isula.ok(*words), cli.ok(*words)
    for _ in range(3):  # "3 seconds ago" may pass between the two
        if ours == theirs:
            break
        ours, theirs = isula.ok(*words), cli.ok(*words)
    assert ours == theirs


def test_info_and_version_are_about_the_engine(isula: IsulaRest, engine: Engine) -> None:
    assert f" Server Version: {engine.get('/info')['ServerVersion']}" in isula.ok("info")
    assert isula.ok("version", "-f", "{{.Server.ApiVersion}}") == engine.get("/version")["ApiVersion"]
    assert json.loads(isula.ok("info", "-f", "json"))["NCPU"] == os.cpu_count()


@pytest.mark.ours("it reports detaching from an exec as a failed exec")
def test_detach_from_an_exec_leaves_the_command_running(isula: IsulaRest, web: str) -> None:
    with isula.terminal("exec", "-it", web, "sh") as terminal:
        terminal.expect("# ")
        terminal.type(b"\x11")
        terminal.expect(DETACHED)
        assert terminal.wait() == 0
    assert re.search(r"\ssh$", isula.ok("top", web))


def test_ctrl_c_reaches_a_process_whose_terminal_has_no_keyboard(isula: IsulaRest) -> None:
    script = "trap 'exit 4' INT; echo ready; while :; do sleep 0.1; done"
    with isula.terminal(*RUN, "-t", *BOX, "sh", "-c", script) as terminal:
        terminal.expect("ready")
        terminal.type(b"\x03")
        assert terminal.wait() == 4


def test_a_terminal_that_goes_away_ends_the_client_alone(isula: IsulaRest, web: str) -> None:
    with isula.terminal("exec", "-it", web, "sh") as terminal:
        terminal.expect("# ")
        terminal.process.send_signal(signal.SIGHUP)
        assert terminal.wait() == 128 + signal.SIGHUP
    assert isula.ok("inspect", "-f", "{{.State.Running}}", web) == "true"


@pytest.mark.ours("its sessions end with the daemon")
def test_a_session_outlives_the_daemon(fresh_engine: Engine) -> None:
    isula = IsulaRest(fresh_engine.socket_path)
    script = "echo up; cat; exit 6"
    running = isula.start(*RUN, "-i", *BOX, "sh", "-c", script, stdin=subprocess.PIPE)
    assert running.stdin is not None and running.stdout is not None and running.stderr is not None
    with running.stdin, running.stdout, running.stderr:
        assert running.stdout.readline() == b"up\n"
        fresh_engine.kill_daemon()
        running.stdin.write(b"still here\n")
        running.stdin.flush()
        assert running.stdout.readline() == b"still here\n"
        fresh_engine.start_daemon()
        running.stdin.close()
        assert running.wait(20) == 6


@pytest.mark.ours("dockerd's own tests cover its copying")
def test_files_are_copied_both_ways(isula: IsulaRest, web: str, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("data")
    isula.ok("cp", f"{tmp_path}/d", f"{web}:/new")
    isula.ok("cp", f"{tmp_path}/d", f"{web}:/tmp")
    isula.ok("cp", f"{tmp_path}/d/f", f"{web}:/tmp/g")
    assert isula.ok("exec", web, "cat", "/new/f", "/tmp/d/f", "/tmp/g") == "data" * 3
    isula.ok("cp", f"{web}:/new", str(tmp_path))
    isula.ok("cp", f"{web}:/new/.", f"{tmp_path}/contents")
    isula.ok("cp", f"{web}:/new/f", f"{tmp_path}/named")
    for path in ("new/f", "contents/f", "named"):
        assert (tmp_path / path).read_text() == "data"
    assert b"Could not find the file" in isula("cp", f"{web}:/nothing", str(tmp_path)).stderr
    assert "A /new/f" in isula.ok("diff", web).splitlines()
    assert isula.ok("commit", "-c", 'CMD ["cat", "/new/f"]', web, "copied:1").startswith("sha256:")
    assert isula.ok(*RUN, "--rm", "copied:1") == "data"
    isula.ok("rmi", "copied:1")
