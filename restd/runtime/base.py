"""What the engine asks of a runtime: iSulad's `rt_ops`, as one Protocol with an implementation for each kind.

A container is named by its `Container`; the implementation knows where its own files are. Errors: `RuntimeFailure`
with the runtime's own words; a call that takes longer than its limit is one too (`kind="timeout"`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from restd.model.container import Container
from restd.runtime.nursery import ShimLink
from shim.protocol import Attach, ProcessSpec, Wait


class RuntimeFailure(Exception):
    """A runtime said no. `kind`: `not-found`, `not-executable`, `timeout`, `gone` (no such container), `runtime`."""

    def __init__(self, message: str, kind: str = "runtime") -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Handed:
    """Client connections that a shim gets at its birth; `descriptors` in the order attaches, then waits."""

    attaches: Sequence[Attach] = ()
    waits: Sequence[Wait] = ()
    descriptors: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """A process that a shim now owns: its pid, and the link to the shim.

    `at`: since when it runs (nanoseconds since the epoch), nothing that it wrote being older; 0: it waits for `start`.
    """

    pid: int
    link: ShimLink
    at: int = 0


class RuntimeOps(Protocol):
    """Operations on one kind of runtime. All that may take long are coroutines with their own time limits."""

    def detect(self, runtime: str) -> bool:
        """Whether `runtime` (a name from a request or from daemon.json) is of this kind."""

    async def create(
        self, container: Container, spec: Mapping[str, Any], process: ProcessSpec, handed: Handed
    ) -> Started:
        """Write the OCI `spec` into the bundle, bring a shim to life and let it create the container.

        `process.runtime` and `process.bundle` are filled in here. With `process.start` the container's process may be
        started too, if the runtime can do both at once: `Started.at` says so. RuntimeFailure if the runtime said no;
        SystemFailure if there was no shim to ask it.
        """

    async def start(self, container: Container) -> None:
        """Let the created container's process run."""

    async def kill(self, container: Container, signal: int, *, everyone: bool = False) -> None:
        """Send a signal to the first process, or to all."""

    async def clean_resource(self, container: Container) -> None:
        """Remove what is left of a container that has ended: the runtime's own state, cgroups. Idempotent."""

    async def exec(self, container: Container, exec_id: str, process: ProcessSpec, handed: Handed) -> Started:
        """Start another process in the container, under a shim of its own; `process` as in `create`."""

    async def status(self, container: Container) -> str:
        """The runtime's word: `created`, `running`, `paused`, `stopped`, or `gone` if it knows no such container."""

    async def listpids(self, container: Container) -> list[int]:
        """Process ids in the container, as the host sees them (`RUNTIME ps --format json`)."""

    async def pause(self, container: Container) -> None:
        """Freeze all processes."""

    async def resume(self, container: Container) -> None:
        """Thaw them."""

    async def update(self, container: Container, resources: Mapping[str, Any]) -> None:
        """Apply OCI `linux.resources` to the running container."""
