"""Fixtures that start engines, and the check at the end of the run that nothing was left on the host."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import shutil
import signal
import string
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

import docker
import hypothesis
import pytest

from tests import docker_cli, leftovers
from tests.calls import Refused
from tests.docker_cli import DockerCli
from tests.engine import KINDS, REPOSITORY, Engine, crun_can_run

NAMES = string.digits + string.ascii_lowercase
TEST_LIMIT = 180.0
SESSION = pytest.StashKey[str]()
FACTORY = pytest.StashKey["EngineFactory"]()


class EngineFactory:
    """Makes engines with names that no other worker of the run uses, and remembers what they left."""

    def __init__(self, kind: str, session: str, worker: str) -> None:
        self.kind = kind
        self._prefix = session + worker
        self._live: dict[str, Engine] = {}

    def new(self, settings: dict[str, Any] | None = None, kind: str | None = None) -> Engine:
        """An engine with its place prepared and its daemon not started."""
        name = next(n for n in (self._prefix + last for last in NAMES) if n not in self._live)
        engine = KINDS[kind or self.kind](name, settings)
        self._live[name] = engine
        engine.prepare()
        return engine

    def close(self, engine: Engine) -> None:
        """Stop it; AssertionError naming what it left."""
        left = engine.close()
        del self._live[engine.name]
        assert not left, f"{engine.kind} left on the host: {[str(one) for one in left]}"

    def current(self) -> list[Engine]:
        """Engines that exist now."""
        return list(self._live.values())


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine",
        choices=sorted(KINDS),
        default="isula",
        help="the engine that the tests run on; dockerd checks the tests",
    )


def pytest_configure(config: pytest.Config) -> None:
    # A busy host makes an example late; TEST_LIMIT ends what hangs.
    hypothesis.settings.register_profile("patient", deadline=None)
    hypothesis.settings.load_profile("patient")
    config.addinivalue_line(
        "markers", "ours(reason): dockerd 20.10 does otherwise, for the reason given; not run on it"
    )
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:
        config.stash[SESSION] = workerinput["engine_session"]
        worker = NAMES[1 + int(workerinput["workerid"].removeprefix("gw")) % (len(NAMES) - 1)]
    else:
        config.stash[SESSION] = unused_session()
        worker = NAMES[0]
    config.stash[FACTORY] = EngineFactory(config.getoption("--engine"), config.stash[SESSION], worker)


def unused_session() -> str:
    """A mark `irt-SS` that nothing on the host has."""
    while True:
        mark = "irt-" + "".join(random.choices(NAMES, k=2))
        if not [left for left in leftovers.find(mark) if left.kind != "process"]:
            return mark


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["engine_session"] = node.config.stash[SESSION]


def pytest_report_header(config: pytest.Config) -> str:
    return f"engine: {config.getoption('--engine')}; client: {docker_cli.version()}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kind = config.getoption("--engine")
    for item in items:
        if item.get_closest_marker("root") is None:
            continue
        if os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))
        elif kind == "dockerd":
            ours = item.get_closest_marker("ours")
            if item.get_closest_marker("peer") is None:
                item.add_marker(pytest.mark.skip(reason="not for the peer"))
            elif ours is not None:
                item.add_marker(pytest.mark.skip(reason=f"dockerd: {ours.args[0]}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """No test lasts longer than this, whatever it waits for."""
    if item.get_closest_marker("root") is None or threading.current_thread() is not threading.main_thread():
        return (yield)

    def late(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"the test did not end within {TEST_LIMIT:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, TEST_LIMIT)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for engine in item.config.stash[FACTORY].current():
            report.sections.append((f"log of {engine.kind} {engine.name}", engine.log_tail()))
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In the controller: fail the run if anything of its names is still on the host, and take it away."""
    if hasattr(session.config, "workerinput"):
        return
    found = leftovers.find(session.config.stash[SESSION])
    if found:
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.section("left on the host by this run", red=True)
            reporter.line("\n".join(map(str, found)))
        leftovers.clear(found)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def factory(pytestconfig: pytest.Config) -> EngineFactory:
    return pytestconfig.stash[FACTORY]


@pytest.fixture(scope="session")
def busybox_archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A docker-archive of `busybox:latest`, made from the distribution's static busybox."""
    path = str(tmp_path_factory.mktemp("image") / "busybox.tar")
    subprocess.run([sys.executable, "-m", "restd.image.embedded", path], cwd=REPOSITORY, check=True, timeout=60)
    return path


@pytest.fixture(scope="session")
def shared_engine(factory: EngineFactory, busybox_archive: str) -> Iterator[Engine]:
    engine = factory.new()
    engine.start_daemon()
    engine.load_image(busybox_archive)
    yield engine
    factory.close(engine)


@pytest.fixture
def engine(shared_engine: Engine) -> Iterator[Engine]:
    """The worker's engine, without containers before and after; not to be stopped or killed."""
    yield shared_engine
    shared_engine.runtime = None
    shared_engine.remove_all()


@pytest.fixture
def network(engine: Engine) -> Iterator[Callable[..., str]]:
    """Makes networks on `engine` for one test; returns the name. The keywords go into the create body."""
    made: list[str] = []

    def make(name: str = "", **body: Any) -> str:
        name = name or f"net{len(made)}"
        engine.post("/networks/create", {"Name": name, **body})
        made.append(name)
        return name

    yield make
    engine.remove_all()
    for name in made:
        with contextlib.suppress(Refused):
            engine.delete(f"/networks/{name}")


@pytest.fixture
def make_engine(factory: EngineFactory) -> Iterator[Callable[..., Engine]]:
    """Makes engines whose daemon the test starts itself; they are closed after it."""
    made: list[Engine] = []

    def make(settings: dict[str, Any] | None = None) -> Engine:
        made.append(factory.new(settings))
        return made[-1]

    yield make
    for one in made:
        factory.close(one)


@pytest.fixture
def fresh_engine(make_engine: Callable[..., Engine], busybox_archive: str) -> Engine:
    """A started engine of the test's own, with the image: to be stopped, killed and started again."""
    engine = make_engine()
    engine.start_daemon()
    engine.load_image(busybox_archive)
    return engine


@pytest.fixture(params=["runc", "crun"])
def runtime(request: pytest.FixtureRequest, engine: Engine) -> str:
    """Runs the test once on each runtime: what the test creates names it."""
    name = str(request.param)
    if shutil.which(name) is None or (name == "crun" and not crun_can_run()):
        pytest.skip(f"{name} cannot run here")
    engine.runtime = name
    return name


@pytest.fixture
def cli(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> DockerCli:
    """The docker command on the shared engine."""
    return cli_for(engine, tmp_path_factory)


def cli_for(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> DockerCli:
    """The docker command on an engine."""
    if not docker_cli.DOCKER:
        pytest.skip("no docker command")
    return DockerCli(engine.socket_path, str(tmp_path_factory.mktemp("docker-config")))


@pytest.fixture
def client(engine: Engine) -> Iterator[docker.DockerClient]:
    """docker-py on the shared engine. It leaves streams to the garbage collector, which therefore runs here."""
    connected = docker.DockerClient(base_url=f"unix://{engine.socket_path}", timeout=60)
    yield connected
    connected.close()
    gc.collect()
