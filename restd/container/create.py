"""Create: from a validated request to a container on disk, with its volumes. Nothing runs yet."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from restd.config import Config as EngineConfig
from restd.container.announce import Announcer
from restd.container.check import check_container, check_name, check_request, resolved_mode
from restd.container.check_health import health_warnings
from restd.container.check_network import check_networks, network_warnings
from restd.container.merge import merged
from restd.container.normalise import hostname, normalised
from restd.container.places import asked_endpoints
from restd.container.records import Records
from restd.container.refused import check_honoured
from restd.container.registry import Entry, Registry
from restd.container.volume_mounts import VolumeMounts
from restd.errors import Conflict, InvalidParameter, NotFound, SystemFailure
from restd.image.store import ImageStore
from restd.lib.host import Host
from restd.lib.ids import generated_name, new_id
from restd.lib.times import now_ns
from restd.model.container import Config, Container, CreateRequest, State
from restd.model.image import Image
from restd.model.network import BRIDGE
from restd.network.networks import Networks
from restd.runtime.dispatch import Runtimes

_NAME_ATTEMPTS = 6
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


@dataclass(frozen=True, slots=True)
class Created:
    """The answer to a create."""

    id: str
    warnings: tuple[str, ...]


class Creator:
    """Makes containers."""

    def __init__(
        self,
        config: EngineConfig,
        host: Host,
        registry: Registry,
        records: Records,
        images: ImageStore,
        runtimes: Runtimes,
        announcer: Announcer,
        networks: Networks,
        volumes: VolumeMounts,
    ) -> None:
        self._config = config
        self._host = host
        self._registry = registry
        self._records = records
        self._images = images
        self._runtimes = runtimes
        self._announce = announcer
        self._networks = networks
        self._volumes = volumes

    async def create(self, request: CreateRequest) -> Created:
        """Make the container; on return it survives a power cut.

        A missing image is told before anything else that may be wrong (clients pull then). Of several creates with one
        name exactly one wins. Nothing is left of one that fails.
        """
        if not request.config.image:
            raise InvalidParameter("image name cannot be blank")
        image = self._images.resolve(request.config.image)
        warnings = list(check_platform(request, image, self._host))
        if request.name:
            check_name(request.name.removeprefix("/"))
        check_request(request)
        check_honoured(request, self._host.cgroups.version)
        container = self._draft(request, image)
        check_container(container.config, container.host_config, self._host)
        check_networks(container, self._networks.check, self._registry)
        warnings += _warnings(request, container.config, self._host)
        with self._named(container, request.name.removeprefix("/")) as named:
            async with self._volumes.of_new(named) as made:
                await self._write(made)
                entry = Entry(made)
                entry.exited.set()
                self._registry.add(entry)
        self._announce(made, "create")
        return Created(made.id, tuple(warnings))

    def _draft(self, request: CreateRequest, image: Image) -> Container:
        """The container as it will be, but for its name."""
        container_id = new_id()
        asked = request.host_config
        mode = asked.network_mode if asked.network_mode not in ("", "default") else BRIDGE
        asked = replace(
            asked,
            network_mode=resolved_mode(mode, self._registry),
            ipc_mode=resolved_mode(asked.ipc_mode, self._registry),
            pid_mode=resolved_mode(asked.pid_mode, self._registry),
        )
        asked, endpoints = asked_endpoints(asked, request.endpoints, request.config.mac_address, self._networks.get)
        runtime = self._runtimes.resolve(asked.runtime)
        host_config = normalised(asked, runtime, self._config, self._host)
        config = merged(request.config, image.config)
        config = replace(config, hostname=hostname(config, host_config, container_id, self._host))
        command = (*(config.entrypoint or ()), *(config.cmd or ()))
        return Container(
            id=container_id,
            name="",
            created=now_ns(),
            image=image.id,
            path=command[0] if command else "",
            args=command[1:],
            config=config,
            host_config=host_config,
            runtime=runtime,
            directory=self._records.directory(runtime, container_id),
            run_directory=self._records.run_directory(runtime, container_id),
            endpoints=endpoints,
            state=State(),
            platform=image.os or "linux",
        )

    @contextlib.contextmanager
    def _named(self, container: Container, wanted: str) -> Iterator[Container]:
        """The container with its name reserved; taken back if the create fails."""
        name = wanted or self._generated(container.id)
        self._registry.reserve_name(name, container.id)
        try:
            yield replace(container, name=name)
        except BaseException:
            self._registry.release_name(name, container.id)
            raise

    def _generated(self, container_id: str) -> str:
        for attempt in range(_NAME_ATTEMPTS):
            name = generated_name(attempt)
            if not self._registry.name_taken(name):
                return name
        return f"c{container_id[:12]}"

    async def _write(self, container: Container) -> None:
        try:
            self._images.overlay.create_container_layer(container.id, container.image)
            try:
                await self._volumes.fill(container)
                # In a thread: a slow disk must not hold up everybody else.
                await asyncio.to_thread(self._records.create, container)
            except BaseException:
                await self._images.overlay.remove(container.id)
                raise
        except NotFound as error:  # removed since it was looked up
            raise NotFound(f"No such image: {container.config.image}") from error
        except FileExistsError as error:
            raise Conflict(f"container {container.id} exists already") from error
        except OSError as error:
            raise SystemFailure(f"cannot write container {container.id}: {error}") from error


def check_platform(request: CreateRequest, image: Image, host: Host) -> Iterator[str]:
    """NotFound if the image is for another platform than the request says; a warning if it is for another than ours."""
    architecture = _ARCHITECTURES.get(host.architecture, host.architecture)
    theirs = "/".join(part for part in (image.os or "linux", image.architecture or architecture, image.variant) if part)
    if request.platform:
        wanted = request.platform.lower().split("/")
        have = [image.os or "linux", image.architecture or architecture, image.variant]
        if len(wanted) > 3 or not all(wanted):
            raise InvalidParameter(f'"{request.platform}": unknown operating system or architecture: invalid argument')
        if len(wanted) == 1:
            position = 0 if wanted[0] in ("linux", "windows", "darwin", "freebsd") else 1
            matches = have[position] == _ARCHITECTURES.get(wanted[0], wanted[0])
        else:
            wanted[1] = _ARCHITECTURES.get(wanted[1], wanted[1])
            matches = have[:2] == wanted[:2] and (len(wanted) < 3 or not image.variant or have[2] == wanted[2])
        if not matches:
            raise NotFound(
                f"image with reference {request.config.image} was found but its platform ({theirs}) does not match "
                f"the specified platform ({request.platform})"
            )
    elif (image.architecture or architecture) != architecture or (image.os or "linux") != "linux":
        yield (
            f"The requested image's platform ({theirs}) does not match the detected host platform "
            f"(linux/{architecture}) and no specific platform was requested"
        )


def _warnings(request: CreateRequest, config: Config, host: Host) -> Iterator[str]:
    """What the user should know although the container is made."""
    yield from health_warnings(config)
    asked = request.host_config
    yield from network_warnings(asked)
    if asked.memory > 0 and not host.cgroups.swap_limit and asked.memory_swap >= 0:
        yield (
            "Your kernel does not support swap limit capabilities or the cgroup is not mounted. "
            "Memory limited without swap."
        )
