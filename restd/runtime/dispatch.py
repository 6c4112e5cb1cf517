"""Which kind of runtime a name means, asked in iSulad's order: lcr, shim v2, shim v1.

The name comes from the request, else from `default-runtime` in daemon.json, else it is `runc`. Allowed are the runtimes
that the engine knows by name, shim v2 names, and the keys of `runtimes` in daemon.json.
"""

from __future__ import annotations

from collections.abc import Collection

from restd.config import Config
from restd.errors import InvalidParameter, NotImplementedYet
from restd.model.container import Container
from restd.runtime import lcr, shim_v2
from restd.runtime.base import RuntimeOps
from restd.runtime.nursery import Nursery
from restd.runtime.shim_v1 import KNOWN, ShimV1

SHIM_V2_NAMES = "io.containerd.NAME.vN"


class Runtimes:
    """The runtimes of one engine."""

    def __init__(self, config: Config, nursery: Nursery) -> None:
        self._default = config.default_runtime
        self._shim_v1 = ShimV1(config, nursery)
        names = {*KNOWN, lcr.NAME, *config.runtimes}
        self._allowed = (*sorted(names), SHIM_V2_NAMES)

    @property
    def default(self) -> str:
        """The runtime of a container that asks for none."""
        return self._default

    def programs(self) -> dict[str, str]:
        """Usable runtimes and their programs, for `/info`."""
        return self._shim_v1.programs()

    def resolve(self, name: str) -> str:
        """The runtime for a request that says `name` (empty for the default), as it is kept with the container.

        InvalidParameter, listing what is allowed, for any other name, and if the runtime's program isn't installed;
        NotImplementedYet for kinds that this version doesn't run.
        """
        runtime = name or self._default
        if (lcr.detect(runtime) and runtime not in self._shim_v1.configured) or shim_v2.detect(runtime):
            usable = ", ".join(sorted(self.programs())) or "none"
            raise NotImplementedYet(f"runtime {runtime} is not supported yet; usable on this host: {usable}")
        if not self._shim_v1.detect(runtime):
            raise InvalidParameter(f"unknown or invalid runtime name: {runtime}; allowed: {', '.join(self._allowed)}")
        self._shim_v1.program(runtime)
        return runtime

    def of(self, container: Container) -> RuntimeOps:
        """The operations for a container's runtime."""
        if not self._shim_v1.detect(container.runtime):
            raise InvalidParameter(
                f"container {container.id} needs the runtime {container.runtime}, which daemon.json no longer has; "
                f"allowed: {', '.join(self._allowed)}"
            )
        return self._shim_v1

    def keeps(self, container: Container) -> bool:
        """Whether a runtime keeps state of this container, which it does from its creation to `clean_resource`."""
        return self._shim_v1.keeps(container)

    def strays(self, known: Collection[str]) -> list[tuple[str, str]]:
        """Runtime and id of what runtimes keep state of although the engine doesn't know it."""
        return [(runtime, name) for runtime, name in self._shim_v1.known() if name not in known]

    async def delete_stray(self, runtime: str, container_id: str) -> None:
        """End such a container and forget it."""
        await self._shim_v1.delete(runtime, container_id)
