"""Start: mount, write the files, let a shim create the container, hand it the clients that wait, let it run.

The container joins its networks while the runtime creates it. Everything that a failed start took is given back:
mounts, shim, cgroup, the runtime's state, networks. The container is then as before, with the reason in its state and
the exit code that a shell would give; an AutoRemove container is removed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from restd.config import Config as EngineConfig
from restd.container import first_process, links, run_folder, shared_memory, state
from restd.container.announce import Announcer
from restd.container.check import joined_container
from restd.container.check_mounts import make_sources
from restd.container.exited import Exits, cleaned
from restd.container.held import HeldClients
from restd.container.log_options import log_spec
from restd.container.monitor import Monitors
from restd.container.network_files import write_network_files
from restd.container.places import Place
from restd.container.records import Records
from restd.container.registry import Entry, Registry
from restd.container.remove import Remover
from restd.container.sandboxes import Sandboxes
from restd.container.start_failures import Failure, failure_of
from restd.container.volume_mounts import VolumeMounts
from restd.errors import EngineError, InvalidParameter, SystemFailure, Unavailable
from restd.image.store import ImageStore
from restd.lib.host import Host
from restd.lib.inside import open_inside, read_inside
from restd.lib.tasks import TaskGroup
from restd.lib.times import now_ns
from restd.model.container import Container, Status
from restd.model.sandbox import Sandbox
from restd.oci.spec import SpecInputs, build_spec
from restd.runtime.base import RuntimeFailure, Started
from restd.runtime.dispatch import Runtimes
from shim.protocol import ProcessSpec

_LOG_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class Starter:
    """Starts containers."""

    def __init__(
        self,
        config: EngineConfig,
        host: Host,
        registry: Registry,
        records: Records,
        images: ImageStore,
        runtimes: Runtimes,
        announcer: Announcer,
        exits: Exits,
        remover: Remover,
        held: HeldClients,
        sandboxes: Sandboxes,
        volumes: VolumeMounts,
        tasks: TaskGroup,
        monitors: Monitors,
    ) -> None:
        self._config = config
        self._host = host
        self._registry = registry
        self._records = records
        self._images = images
        self._runtimes = runtimes
        self._announce = announcer
        self._exits = exits
        self._remover = remover
        self._held = held
        self._sandboxes = sandboxes
        self._volumes = volumes
        self._tasks = tasks
        self._monitors = monitors

    async def start(self, entry: Entry) -> None:
        """Run the container. NotModified if it runs; on return its process does, or has ended already."""
        failure = None
        while failure is None:
            await cleaned(entry)
            async with entry.lock:
                self._exits.notice(entry)
                state.check_start(entry.container)
                if entry.cleaning is not None:  # it ran once more while we waited for the lock
                    continue
                await self._clean(entry.container)
                failure = await self._attempt(entry)
                if failure is None:
                    return
        if entry.container.host_config.auto_remove:
            await self._remover.after_exit(entry)
        raise failure.error from failure.cause

    async def again(self, entry: Entry) -> None:
        """Run a container whose restart policy wants it. Nothing if that was called off meanwhile.

        A failure ends the restarts; it is raised. Unavailable: what the last run left is not cleaned up yet.
        """
        await cleaned(entry)
        async with entry.lock:
            if entry.container.state.status is not Status.RESTARTING:
                return
            await self._clean(entry.container)
            failure = await self._attempt(entry)
            if failure is not None:
                self._held.release_waits(entry, entry.container.state.exit_code)
        if failure is not None:
            raise failure.error from failure.cause

    async def _clean(self, container: Container) -> None:
        """Once more what the last run left and nobody could clean up so far. Unavailable if it still won't go."""
        if not self._runtimes.keeps(container):
            return
        try:
            await self._runtimes.of(container).clean_resource(container)
        except (EngineError, RuntimeFailure) as error:
            raise Unavailable(
                f"container {container.id} can't be started: its last run can't be cleaned up: {error}"
            ) from error

    async def _attempt(self, entry: Entry) -> Failure | None:
        try:
            await self._run(entry)
            return None
        except (EngineError, RuntimeFailure, OSError, ValueError) as error:
            failure = failure_of(error, entry.container)
            await self._failed(entry, failure)
            return failure
        except BaseException:  # nobody has thought of it: at least no address and no port are lost
            self._sandboxes.release(entry.container)
            entry.container = replace(entry.container, sandbox=Sandbox())
            raise

    async def _run(self, entry: Entry) -> None:
        entry.container, plan = await self._sandboxes.prepare(entry.container)
        container = entry.container
        runtime = self._runtimes.of(container)
        spec = await self._prepare(container, plan)
        joining = self._tasks.start(_tried(self._sandboxes.join(entry, plan)), f"join {container.id[:12]}")
        if container.host_config.sysctls:
            await _joined(joining)  # one of them may be of an interface
        handed, taken = self._held.take(entry)
        try:
            started = await runtime.create(container, spec, self._process(container), handed)
        except BaseException:
            self._held.give_back(entry, taken)
            await asyncio.wait([joining])  # what it has made is given back as a whole
            raise
        self._held.given(taken)
        entry.link = started.link
        entry.exited.clear()
        try:
            await _joined(joining)
            # What the process writes from here on must not look older than the start: clients filter logs by it.
            at = now_ns()
            entry.beginning = beginning = asyncio.Event()
            try:
                await runtime.start(container)
                entry.container = state.begun(entry.container, started.pid, at)
            finally:
                entry.beginning = None
                beginning.set()
        except BaseException:
            await self._undo(entry, started)
            raise
        self._monitors.begin(entry)
        self._announce(entry.container, "start")
        self._exits.watch(entry, started.link)
        self._records.save_state(entry.container)
        self._exits.notice(entry)

    async def _prepare(self, container: Container, plan: Sequence[Place]) -> Mapping[str, Any]:
        """Everything that lies on disk when the runtime is called; the OCI specification."""
        if not self._images.overlay.has(container.id):
            # It was made without fsync; a power cut took it, and the container has never run.
            self._images.overlay.create_container_layer(container.id, container.image)
        rootfs = await self._images.overlay.mount(container.id, volatile=container.host_config.auto_remove)
        run_folder.make_empty(container.run_directory)
        joined = {
            kind: joined_container(mode, kind, self._registry, container.id)
            for kind, mode in (
                ("network", container.host_config.network_mode),
                ("ipc", container.host_config.ipc_mode),
                ("pid", container.host_config.pid_mode),
            )
        }
        links.check_running(container, self._registry)
        discovery = self._sandboxes.discovery
        servers = discovery.name_servers([place.network for place in plan])
        gateway = discovery.host_gateway(container)
        files = write_network_files(container, self._config, joined["network"], gateway, servers)
        if container.log_path:
            os.close(os.open(container.log_path, _LOG_FLAGS, 0o640))
        points = await self._volumes.take(container)
        make_sources(points)
        _check_working_dir(rootfs, container.config.working_dir)
        donor = joined["ipc"]
        inputs = SpecInputs(
            rootfs=rootfs,
            host=self._host,
            cgroup_path=f"{self._config.cgroup_parent}/{container.id}",
            passwd=read_inside(rootfs, "/etc/passwd"),
            group=read_inside(rootfs, "/etc/group"),
            files=files,
            namespaces=_namespace_paths(joined, container),
            shm=_shared_memory_of(donor) if donor is not None else shared_memory.mount(container),
            init=self._init(container),
            points=points,
        )
        network = joined["network"]
        if network is not None:
            container = replace(container, config=replace(container.config, hostname=network.config.hostname))
        return build_spec(links.with_variables(container, self._registry), inputs)

    def _process(self, container: Container) -> ProcessSpec:
        config, host_config = container.config, container.host_config
        return ProcessSpec(
            id=container.id,
            runtime=[],
            bundle=container.directory,
            tty=config.tty,
            stdin=config.open_stdin,
            stdin_once=config.stdin_once,
            console_size=list(host_config.console_size) if len(host_config.console_size) == 2 else [0, 0],
            log=log_spec(host_config.log_config, container.log_path),
            attach_limit=self._config.attach_limit,
            start_timeout=float(self._config.start_timeout),
        )

    def _init(self, container: Container) -> str:
        asked = container.host_config.init
        if not (self._config.init if asked is None else asked):
            return ""
        if not os.access(self._config.init_path, os.X_OK):
            raise SystemFailure(f"the init program {self._config.init_path} is not there; install it or set init-path")
        return self._config.init_path

    async def _undo(self, entry: Entry, started: Started) -> None:
        """The container was created but couldn't be let run: end it, and its shim with it. The runtime may be hung."""
        await first_process.end(started.pid, entry.container.id)
        await run_folder.concluded(started.link)
        started.link.close()
        entry.link = None
        entry.exited.set()

    async def _failed(self, entry: Entry, failure: Failure) -> None:
        """Give back what was taken, and write down why."""
        container = entry.container
        if isinstance(failure.cause, RuntimeFailure) or self._runtimes.keeps(container) or container.sandbox.id:
            await self._exits.give_back(entry)
        else:
            await self._exits.unmount(container)
        with contextlib.suppress(OSError):
            run_folder.empty(container.run_directory)
        moved = state.start_failed(container.state, failure.exit_code, str(failure.error))
        entry.container = replace(entry.container, state=moved, sandbox=Sandbox())
        await asyncio.to_thread(self._records.save_state, entry.container)


def _check_working_dir(rootfs: str, path: str) -> None:
    """The working directory may be missing (the runtime makes it), but not be something else."""
    if not path:
        return
    try:
        os.close(open_inside(rootfs, path, os.O_PATH | os.O_DIRECTORY))
    except NotADirectoryError as error:
        raise InvalidParameter(f"Cannot mkdir: {path} is not a directory") from error
    except OSError:
        return


def _namespace_paths(joined: Mapping[str, Container | None], container: Container) -> dict[str, str]:
    """The files that stand for the namespaces of running containers, and for the network that has been made."""
    files = {"network": "net", "ipc": "ipc", "pid": "pid"}
    paths = {kind: f"/proc/{other.state.pid}/ns/{files[kind]}" for kind, other in joined.items() if other is not None}
    if container.sandbox.key:
        paths["network"] = container.sandbox.key
    return paths


async def _tried(work: Coroutine[Any, Any, None]) -> BaseException | None:
    """What `work` raised, for whoever waits for it later."""
    try:
        await work
    except Exception as error:
        return error
    return None


async def _joined(joining: asyncio.Task[BaseException | None]) -> None:
    """Wait for the networks. A start that is cancelled waits too: what they have made is then given back as a whole."""
    try:
        error = await asyncio.shield(joining)
    except asyncio.CancelledError:
        await asyncio.wait([joining])
        raise
    if error is not None:
        raise error


def _shared_memory_of(donor: Container) -> str:
    """The /dev/shm of the container whose IPC is joined."""
    if donor.host_config.ipc_mode == "host":
        return "/dev/shm"
    if donor.host_config.ipc_mode != "shareable":
        raise InvalidParameter(
            f"can't join IPC of container {donor.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor)"
        )
    return shared_memory.path(donor)
