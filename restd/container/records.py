"""A container on disk: DATA/engines/RUNTIME/ID.

    hostconfig.json   HostConfig                            durable, written once
    config.v2.json    everything else that was asked        durable; written last, so a folder without it is half-made
    state.json        what has become of it                 at every move; durable only after an exit

and in STATE/RUNTIME/ID, while it runs:

    health.json       what the probes found                 after each probe; never durable

`state.json` apart, since it is replaced several times a run and need not outlive a power cut: nothing runs after one.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from restd.config import Config as EngineConfig
from restd.lib.files import UnreadableFile, read_json, sync_directory, write_json
from restd.lib.host import boot_id
from restd.lib.ids import is_id
from restd.model.container import Config, Container, Endpoint, HostConfig, State
from restd.model.docker_json import from_docker, to_docker
from restd.model.health import Health
from restd.model.volume import MountPoint
from restd.oci.mount_points import wanted

VERSION = 1
CONFIG_FILE = "config.v2.json"
HOST_CONFIG_FILE = "hostconfig.json"
STATE_FILE = "state.json"
HEALTH_FILE = "health.json"


class UnknownVersion(Exception):
    """A file was written by a later engine; it is left alone."""


@dataclass(frozen=True, slots=True)
class Found:
    """A container's folder."""

    id: str
    runtime: str
    directory: str


class Records:
    """Reads and writes the containers' files. Blocking calls of well under a millisecond unless a disk is slow."""

    def __init__(self, config: EngineConfig) -> None:
        self._engines = os.path.join(config.graph, "engines")
        self._trash = os.path.join(config.graph, "trash")
        self._state = config.state
        self.boot_id = boot_id()

    def directory(self, runtime: str, container_id: str) -> str:
        """DATA/engines/RUNTIME/ID."""
        return os.path.join(self._engines, runtime, container_id)

    def run_directory(self, runtime: str, container_id: str) -> str:
        """STATE/RUNTIME/ID."""
        return os.path.join(self._state, runtime, container_id)

    def open(self) -> None:
        """Make the folders that hold everything."""
        for path, mode in ((self._engines, 0o711), (self._trash, 0o700), (self._state, 0o711)):
            os.makedirs(path, mode, exist_ok=True)

    def create(self, container: Container) -> None:
        """Make the folder and write what was asked. On return it survives a power cut. Leaves nothing on failure."""
        parent = os.path.dirname(container.directory)
        if not os.path.isdir(parent):
            os.makedirs(parent, 0o711, exist_ok=True)
            sync_directory(self._engines)
        os.mkdir(container.directory, 0o710)
        try:
            path = f"{container.directory}/{HOST_CONFIG_FILE}"
            # The directory's fsync that makes this name durable is the one of config.v2.json.
            _write_synced(path, to_docker(container.host_config))
            self.save_config(container)
            sync_directory(parent)
        except BaseException:
            shutil.rmtree(container.directory, ignore_errors=True)
            raise

    def save_config(self, container: Container) -> None:
        """Write what was asked of the container (its name may have changed), durably."""
        document = {
            "v": VERSION,
            "ID": container.id,
            "Name": container.name,
            "Created": container.created,
            "Image": container.image,
            "Path": container.path,
            "Args": list(container.args),
            "Runtime": container.runtime,
            "Platform": container.platform,
            "Config": to_docker(container.config),
            "Endpoints": to_docker(container.endpoints),
            "MountPoints": to_docker(container.mounts),
        }
        write_json(f"{container.directory}/{CONFIG_FILE}", document)

    def save_state(self, container: Container, *, durable: bool = False) -> None:
        """Write what has become of the container."""
        document = {
            "v": VERSION,
            "State": to_docker(container.state),
            "RestartCount": container.restart_count,
            "ManuallyStopped": container.manually_stopped,
            "SignalledAt": container.signalled_at,
            "RestartPause": container.restart_pause,
            "BootID": self.boot_id,
        }
        with contextlib.suppress(FileNotFoundError):  # a removal was quicker
            write_json(f"{container.directory}/{STATE_FILE}", document, durable=durable)

    @staticmethod
    def save_health(container: Container) -> None:
        """Write what the probes of a running container have found, for a daemon that comes later."""
        with contextlib.suppress(FileNotFoundError):
            write_json(f"{container.run_directory}/{HEALTH_FILE}", to_docker(container.state.health), durable=False)

    def load(self, found: Found) -> Container | None:
        """The container of a folder; None if it was never finished.

        Raises UnreadableFile (set aside), UnknownVersion, OSError. A `state.json` that doesn't parse is no loss: the
        container is then one that has ended in a way that nobody knows.
        """
        try:
            config = read_json(f"{found.directory}/{CONFIG_FILE}")
        except FileNotFoundError:
            if any(name.startswith(f"{CONFIG_FILE}.corrupt-") for name in _names(found.directory)):
                raise UnreadableFile(f"{found.directory}/{CONFIG_FILE}", "", "was set aside earlier") from None
            return None
        host_config = read_json(f"{found.directory}/{HOST_CONFIG_FILE}")
        state, rest = self._load_state(found.directory)
        if state.alive:
            state = replace(state, health=_health(self.run_directory(found.runtime, found.id)) or state.health)
        try:
            _check_version(config, CONFIG_FILE)
            asked = from_docker(HostConfig, host_config)
            return Container(
                id=found.id,
                name=config["Name"],
                created=config["Created"],
                image=config["Image"],
                path=config["Path"],
                args=tuple(config["Args"]),
                config=from_docker(Config, config["Config"]),
                host_config=asked,
                runtime=found.runtime,
                directory=found.directory,
                run_directory=self.run_directory(found.runtime, found.id),
                endpoints={key: from_docker(Endpoint, value) for key, value in config["Endpoints"].items()},
                mounts=_mounts(config.get("MountPoints"), asked),
                state=state,
                restart_count=rest.get("RestartCount", 0),
                platform=config["Platform"],
                manually_stopped=rest.get("ManuallyStopped", False),
                signalled_at=rest.get("SignalledAt", 0),
                restart_pause=rest.get("RestartPause", 0),
                boot_id=rest.get("BootID", ""),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            path = f"{found.directory}/{CONFIG_FILE}"
            kept_as = f"{path}.corrupt-{secrets.token_hex(4)}"
            os.rename(path, kept_as)
            raise UnreadableFile(path, kept_as, f"not of this engine's form: {error!r}") from error

    @staticmethod
    def _load_state(directory: str) -> tuple[State, dict[str, Any]]:
        try:
            document = read_json(f"{directory}/{STATE_FILE}")
            _check_version(document, STATE_FILE)
            return from_docker(State, document["State"]), document
        except FileNotFoundError:
            return State(), {}
        except (UnreadableFile, KeyError, TypeError, ValueError, AttributeError) as error:
            return State(exit_code=255, exit_unknown=True, error=f"{STATE_FILE} could not be read: {error}"), {}

    def found(self) -> Iterator[Found]:
        """Every container's folder."""
        for runtime in _names(self._engines):
            for name in _names(os.path.join(self._engines, runtime)):
                if is_id(name):
                    yield Found(name, runtime, os.path.join(self._engines, runtime, name))

    def discard(self, directory: str) -> str:
        """Move a container's folder out of the way, at once and as a whole; where it went, empty if it was gone.

        Deleting it there is left to the caller; after a crash `empty_trash` does it.
        """
        target = os.path.join(self._trash, f"container-{secrets.token_hex(8)}")
        try:
            os.rename(directory, target)
        except FileNotFoundError:
            return ""
        return target

    def empty_trash(self) -> None:
        """Delete what was discarded. Blocks: call it in a thread."""
        for name in _names(self._trash):
            if name.startswith("container-"):
                shutil.rmtree(os.path.join(self._trash, name), ignore_errors=True)


def _health(run_directory: str) -> Health | None:
    """What the probes have found in this run; None if nobody knows."""
    try:
        return from_docker(Health, read_json(f"{run_directory}/{HEALTH_FILE}"))
    except (OSError, UnreadableFile, KeyError, TypeError, ValueError, AttributeError):
        return None


def _write_synced(path: str, value: Any) -> None:
    write_json(path, value, durable=False)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mounts(points: list[dict[str, Any]] | None, asked: HostConfig) -> tuple[MountPoint, ...]:
    """A container from before there were volumes has what its binds and mounts say."""
    if points is None:
        return tuple(one.point for one in wanted(asked))
    return tuple(from_docker(MountPoint, point) for point in points)


def _check_version(document: Any, name: str) -> None:
    version = document.get("v") if isinstance(document, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise UnknownVersion(f"{name} has version {version}, this engine knows up to {VERSION}")
    if version != VERSION:
        raise ValueError(f"{name} has no version")


def _names(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        return []
