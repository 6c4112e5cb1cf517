"""Exec: another process in a running container, under a shim of its own.

`create` only keeps a record; `start` gives the client's connection to the new shim, so that stream and exit code
outlive the daemon as a container's do. The shim writes the exit record before the stream ends, and every lookup looks
for it: a client that has seen the end never reads `Running: true`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace

from restd.config import Config
from restd.container import detach_keys, links
from restd.container.announce import Announcer
from restd.container.first_process import is_ending
from restd.container.handover import Client
from restd.container.registry import Entry, ExecEntry, Registry
from restd.container.resize import check_size, set_size
from restd.errors import Conflict, EngineError, InvalidParameter, NotFound, SystemFailure, Unavailable
from restd.image.store import ImageStore
from restd.lib.files import UnreadableFile, read_json, write_json
from restd.lib.host import Host
from restd.lib.ids import new_id
from restd.lib.inside import read_inside
from restd.lib.tasks import TaskGroup
from restd.model.connection import Connection, Heads
from restd.model.container import Container, Exec, ExecConfig, Status
from restd.model.docker_json import from_docker, to_docker
from restd.oci.spec import exec_process
from restd.runtime.base import Handed, RuntimeFailure, Started
from restd.runtime.dispatch import Runtimes
from restd.runtime.nursery import ShimLink
from shim.protocol import EXIT_RECORD, PID_FILE, PROCESS_FILE, Attach, ExitRecord, ProcessSpec

log = logging.getLogger(__name__)

KEEP_SECONDS = 300.0
"""How long the record of an ended exec can be inspected."""
EXEC_FILE = "exec.json"
EXEC_LIMIT = 4096
"""Execs of one container, ended ones that are still kept included."""
RESIZE_SECONDS = 10.0
PROBE_START_SECONDS = 30.0
"""How long the runtime may take to start a probe, as in Docker; the probe's own time begins after it."""
_EXIT_CODES = {"not-found": 127, "not-executable": 126}
_OTHER_FAILURE = 128


class Execs:
    """The execs of all containers."""

    def __init__(
        self,
        config: Config,
        host: Host,
        registry: Registry,
        images: ImageStore,
        runtimes: Runtimes,
        announcer: Announcer,
        tasks: TaskGroup,
    ) -> None:
        self._config = config
        self._host = host
        self._registry = registry
        self._images = images
        self._runtimes = runtimes
        self._announce = announcer
        self._tasks = tasks

    def restore(self) -> None:
        """Take up the execs that an earlier daemon made; their shims have gone on without it."""
        for entry in self._registry:
            for record in _saved(entry.container):
                found = ExecEntry(record)
                self._registry.add_exec(entry, found)
                link = ShimLink(_folder(entry.container, record.id))
                if not os.access(f"{link.state}/{PROCESS_FILE}", os.F_OK):
                    continue  # it was never started
                found.record = replace(record, started=True, running=True)
                self._notice(entry, found)
                if not found.ended.is_set() and link.alive():
                    self._watch(entry, found, link, _pid(link))
                elif not found.ended.is_set():
                    self._ended(entry, found, ExitRecord(None, 0, unknown="the shim has died"))

    # -- create, inspect, resize ---------------------------------------------------------------------------------

    async def create(self, entry: Entry, config: ExecConfig) -> str:
        """Keep what is to be run; the new exec's id.

        Conflict if the container doesn't run, is paused or restarting; InvalidParameter for an empty command, an
        unknown user, bad detach keys.
        """
        container = entry.container
        check(container)
        if not config.cmd or not config.cmd[0]:
            raise InvalidParameter("No exec command specified")
        detach_keys.parse(config.detach_keys)
        if len(entry.execs) >= EXEC_LIMIT:
            raise Unavailable(f"container {container.id} has {EXEC_LIMIT} execs, which is the limit")
        await self._process(container, config)
        record = Exec(new_id(), container.id, config)
        _save(container, record)
        self._registry.add_exec(entry, ExecEntry(record))
        self._announce(container, f"exec_create: {' '.join(config.cmd)}", execID=record.id)
        return record.id

    def inspect(self, exec_id: str) -> Exec:
        """The exec as it is now; NotFound if it is not known, or its container is gone."""
        entry, found = self._find(exec_id)
        if entry.removed.is_set():
            raise NotFound(f"No such exec instance: {exec_id}")
        return found.record

    def running(self, entry: Entry) -> list[str]:
        """Ids of the container's execs that run now."""
        for found in list(entry.execs.values()):
            self._notice(entry, found)
        return [key for key, found in entry.execs.items() if found.record.running]

    async def resize(self, exec_id: str, height: int, width: int) -> None:
        """Set the size of its terminal; waits up to 10 s for its start. Conflict if it has none or has ended."""
        check_size(height, width)
        entry, found = self._find(exec_id)
        if not found.record.started or found.link is None:
            try:
                async with asyncio.timeout(RESIZE_SECONDS):
                    await found.started.wait()
            except TimeoutError as error:
                raise Conflict(f"exec {exec_id} was not started within {RESIZE_SECONDS:g} s") from error
        self._notice(entry, found)
        if found.link is None or not found.record.running:
            raise Conflict(f"exec process {exec_id} is not running")
        if found.record.config.tty and (height or width):
            await set_size(found.link, height, width, f"exec process {exec_id} is not running")

    def _find(self, exec_id: str) -> tuple[Entry, ExecEntry]:
        entry, found = self._registry.find_exec(exec_id)
        self._notice(entry, found)
        return entry, found

    # -- start ---------------------------------------------------------------------------------------------------

    async def start(
        self,
        exec_id: str,
        *,
        detach: bool,
        tty: bool,
        console_size: tuple[int, int] | None,
        connection: Connection | None,
        heads: Heads | None,
    ) -> None:
        """Run it. With `detach` the caller answers after the return; else the connection is given away.

        `tty` only decides the framing of the stream; the terminal was decided at the creation. A process that can't
        be run at all (no such program) has its reason in the stream, and its exit code in the record.
        """
        entry, found = self._find(exec_id)
        container, config = entry.container, found.record.config
        if found.record.started:
            if found.record.running or found.record.exit_code is None:
                raise Conflict(f"exec command {exec_id} is already running")
            raise Conflict(f"exec command {exec_id} has already run")
        check(container)
        if console_size is not None:
            config = replace(config, console_size=console_size)
        client = None if detach or connection is None or heads is None else Client(connection)
        found.record = replace(found.record, config=config, started=True, running=True)
        try:
            spec = await self._spec(container, config, exec_id)
            attach = self._attach(config, connection, heads, tty=tty) if client is not None else None
            self._announce(container, f"exec_start: {' '.join(config.cmd)}", execID=exec_id)
            started = await self._birth(container, spec, attach, client)
        except RuntimeFailure as error:
            self._ended(entry, found, ExitRecord(_EXIT_CODES.get(error.kind, _OTHER_FAILURE), 0))
            if client is None:
                raise _refusal(container, error) from error
            client.given()  # the shim has told it why
            return
        except BaseException:
            self._ended(entry, found, ExitRecord(_OTHER_FAILURE, 0))
            if client is not None:
                client.close()
            raise
        if client is not None:
            client.given()
        self._watch(entry, found, started.link, started.pid)

    def _watch(self, entry: Entry, found: ExecEntry, link: ShimLink, pid: int) -> None:
        """The process runs under the shim of `link`, unless somebody has seen its end already."""
        found.link = link
        if not found.ended.is_set():
            found.record = replace(found.record, pid=pid)
            found.started.set()
            self._tasks.start(self._follow(entry, found, link), f"exec {found.record.id[:12]}")

    async def begin_probe(self, entry: Entry, command: tuple[str, ...], capture: int, seconds: float) -> ExecEntry:
        """Run a command that is killed after `seconds`; `capture` bytes of its output come with its exit record.

        Conflict if the container doesn't run, an error in Docker's words if the command can't be run. Nothing is
        written down: a daemon that comes later need not know of it, since the shim keeps the time.
        """
        container = entry.container
        check(container)
        for old in [one for one in entry.execs.values() if one.probe and one.ended.is_set()]:
            self._registry.discard_exec(entry, old.record.id)
        config = ExecConfig(command, attach_stdout=True, attach_stderr=True)
        found = ExecEntry(Exec(new_id(), container.id, config, running=True, started=True), probe=True)
        words, exec_id = " ".join(command), found.record.id
        self._registry.add_exec(entry, found)
        self._announce(container, f"exec_create: {words}", execID=exec_id)
        try:
            spec = await self._spec(container, config, exec_id)
            start_timeout = min(spec.start_timeout, PROBE_START_SECONDS)
            spec = replace(spec, capture=capture, time_limit=seconds, start_timeout=start_timeout)
            self._announce(container, f"exec_start: {words}", execID=exec_id)
            started = await self._birth(container, spec, None, None)
        except BaseException as error:
            self._registry.discard_exec(entry, exec_id)
            shutil.rmtree(_folder(container, exec_id), ignore_errors=True)
            if isinstance(error, RuntimeFailure):
                raise _refusal(container, error) from error
            raise
        self._watch(entry, found, started.link, started.pid)
        return found

    async def _process(self, container: Container, config: ExecConfig) -> dict[str, object]:
        """The OCI process; the container's own files say who the user is."""
        rootfs = await self._images.overlay.mount(container.id)
        passwd, group = read_inside(rootfs, "/etc/passwd"), read_inside(rootfs, "/etc/group")
        return exec_process(links.with_variables(container, self._registry), config, passwd, group, self._host)

    async def _spec(self, container: Container, config: ExecConfig, exec_id: str) -> ProcessSpec:
        size = config.console_size or (0, 0)
        return ProcessSpec(
            id=container.id,
            runtime=[],  # the runtime fills in this and the bundle
            bundle="",
            exec_id=exec_id,
            process=await self._process(container, config),
            tty=config.tty,
            stdin=config.attach_stdin,
            stdin_once=True,
            console_size=list(size),
            attach_limit=self._config.attach_limit,
            start_timeout=float(self._config.start_timeout),
            watch_oom=False,
        )

    @staticmethod
    def _attach(config: ExecConfig, connection: Connection | None, heads: Heads | None, *, tty: bool) -> Attach:
        assert connection is not None and heads is not None
        keys = detach_keys.parse(config.detach_keys)
        return Attach(
            head=heads.stream_head(upgrade=connection.upgrade, framed=not tty).decode("latin-1"),
            stdin=config.attach_stdin,
            stdout=config.attach_stdout,
            stderr=config.attach_stderr,
            framed=not tty,
            detach_keys=keys if config.tty else [],
        )

    async def _birth(
        self, container: Container, spec: ProcessSpec, attach: Attach | None, client: Client | None
    ) -> Started:
        handed = Handed()
        if attach is not None and client is not None:
            borrowed = client.borrow()
            early = base64.b64encode(borrowed.early).decode()
            handed = Handed(attaches=[replace(attach, early=early)], descriptors=[borrowed.descriptor])
        return await self._runtimes.of(container).exec(container, spec.exec_id, spec, handed)

    # -- the end -------------------------------------------------------------------------------------------------

    async def _follow(self, entry: Entry, found: ExecEntry, link: ShimLink) -> None:
        """Until the shim has told of the end, or is gone."""
        async for news in link.news():
            if news.what == "exit":
                break
            if news.what == "detach":
                self._announce(entry.container, "exec_detach", execID=found.record.id)
        else:
            if not await link.ended():  # the daemon lets go: a later one takes up the thread
                return
        self._notice(entry, found)
        if found.record.running:
            self._ended(entry, found, ExitRecord(None, 0, unknown="the shim has died"))

    def _notice(self, entry: Entry, found: ExecEntry) -> None:
        """Look for the exit record of an exec that is believed to run. One access(2) if there is none."""
        if not found.record.running:
            return
        folder = _folder(entry.container, found.record.id)
        if os.access(f"{folder}/{EXIT_RECORD}", os.F_OK):
            record = (found.link or ShimLink(folder)).read_exit_record()
            if record is not None:
                self._ended(entry, found, record)

    def _ended(self, entry: Entry, found: ExecEntry, record: ExitRecord) -> None:
        """It has ended, or never ran; the first to notice says so."""
        if found.ended.is_set():
            return
        code = 255 if record.exit_code is None else record.exit_code
        found.record = replace(found.record, running=False, exit_code=code, pid=0)
        found.end = record
        if found.link is not None:
            found.link.close()
        found.started.set()
        found.ended.set()
        self._announce(entry.container, "exec_die", execID=found.record.id, exitCode=str(code))
        folder = _folder(entry.container, found.record.id)
        if found.probe:  # the next one takes the record away
            shutil.rmtree(folder, ignore_errors=True)
            return
        with contextlib.suppress(RuntimeError):  # closing down: the next daemon collects what is left
            self._tasks.start(self._collect(entry, found, folder), f"collect exec {found.record.id[:12]}")

    async def _collect(self, entry: Entry, found: ExecEntry, folder: str) -> None:
        """Forget it after a while; its shim may still have to finish with a slow client meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KEEP_SECONDS):
                await entry.removed.wait()
        self._registry.discard_exec(entry, found.record.id)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def check(container: Container) -> None:
    """Conflict, in Docker's words, unless the container's processes run."""
    match container.state.status:
        case Status.RUNNING:
            return
        case Status.PAUSED:
            raise Conflict(f"Container {container.id} is paused, unpause the container before exec")
        case Status.RESTARTING:
            raise Conflict(f"Container {container.id} is restarting, wait until the container is running")
        case _:
            raise Conflict(f"container {container.id} is not running")


def _folder(container: Container, exec_id: str) -> str:
    return f"{container.run_directory}/exec/{exec_id}"


def _refusal(container: Container, error: RuntimeFailure) -> EngineError:
    """For a detached start, which has no stream to tell it in."""
    said = str(error).lower()
    if any(words in said for words in ("stopped container", "not running", "does not exist")) or is_ending(
        container.state.pid
    ):
        return Conflict(f"container {container.id} is not running")  # it ends just now
    if "is paused" in said or "paused container" in said:
        return Conflict(f"Container {container.id} is paused, unpause the container before exec")
    text = f"OCI runtime exec failed: {error}: unknown"
    return InvalidParameter(text) if error.kind in _EXIT_CODES else SystemFailure(text)


def _save(container: Container, record: Exec) -> None:
    """Write the exec down for a daemon that comes later; a power cut ends it anyway."""
    folder = _folder(container, record.id)
    os.makedirs(folder, 0o700)
    write_json(f"{folder}/{EXEC_FILE}", to_docker(record), 0o600, durable=False)


def _saved(container: Container) -> Iterator[Exec]:
    """The execs that an earlier daemon wrote down. One that can't be read is reported and left alone."""
    try:
        names = sorted(os.listdir(f"{container.run_directory}/exec"))
    except OSError:
        return
    for name in names:
        try:
            record = from_docker(Exec, read_json(f"{_folder(container, name)}/{EXEC_FILE}"))
        except FileNotFoundError:  # a health probe's, or of a create that was never finished
            shutil.rmtree(_folder(container, name), ignore_errors=True)
            continue
        except (OSError, UnreadableFile, ValueError, TypeError) as error:
            log.warning("exec %s of container %s can't be restored: %s", name[:12], container.id[:12], error)
            continue
        if record.id == name:
            yield record


def _pid(link: ShimLink) -> int:
    """The pid that the runtime wrote; 0 if it has not."""
    try:
        with open(f"{link.state}/{PID_FILE}", "rb") as file:
            return int(file.read(32))
    except (OSError, ValueError):
        return 0
