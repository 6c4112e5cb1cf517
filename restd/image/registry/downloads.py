"""Layers on their way from a registry to files: a few at once, resumed when they break off, shared by several pulls.

Two pulls of one layer share one download; it goes on as long as one of them wants it. A broken connection is taken up
where it broke (`Range`), with pauses, `attempts` times at most without a byte of progress. Bytes are hashed and written
by a thread, so the event loop only moves them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager

import aiohttp

from restd.errors import InvalidParameter, Unavailable
from restd.image.registry.failures import NoAnswer, RegistryError
from restd.image.registry.manifests import Descriptor
from restd.image.registry.session import Registry, pause, scope_of
from restd.image.spool import Feed, FileSpooler, Member
from restd.lib.tasks import TaskGroup

_REPORT_BYTES = 512 << 10
_PARTIAL = 206

Listener = Callable[[str, int], None]
"""Hears what happens to a download: the state in Docker's words, and the bytes so far."""


class Downloads:
    """All downloads of an engine. `workspace` makes the folder that one of them writes into."""

    def __init__(
        self,
        tasks: TaskGroup,
        pool: Executor,
        workspace: Callable[[], AbstractContextManager[str]],
        at_once: int,
        attempts: int,
    ) -> None:
        self._tasks, self._pool, self._workspace = tasks, pool, workspace
        self._slots = asyncio.Semaphore(at_once)
        self._attempts = attempts
        self._running: dict[str, _Download] = {}

    async def fetch(self, registry: Registry, path: str, blob: Descriptor, target: str, hear: Listener) -> None:
        """Have the file `target` when this returns: the blob, of the right size and digest.

        RegistryError if the registry fails for good, InvalidParameter if it sends something else than it said.
        """
        download = self._running.get(blob.digest)
        if download is None:
            download = _Download(registry, path, blob, self._attempts)
            self._running[blob.digest] = download
            download.task = self._tasks.start(self._run(download), f"download {blob.digest}")
        download.listeners.append(hear)
        download.targets.append(target)
        if download.moving:
            hear("Downloading", download.done)
        try:
            await asyncio.shield(download.finished)
        except asyncio.CancelledError:
            download.targets.remove(target)
            raise
        finally:
            download.listeners.remove(hear)
            if not download.targets and download.task is not None:
                self._forget(download)
                download.task.cancel()

    def _forget(self, download: _Download) -> None:
        if self._running.get(download.blob.digest) is download:
            del self._running[download.blob.digest]

    async def _run(self, download: _Download) -> None:
        download.registry.retain()
        try:
            with self._workspace() as directory:
                if self._slots.locked():
                    download.tell("Waiting")
                async with self._slots:
                    member = await self._spool(download, os.path.join(directory, "blob"))
                download.check(member)
                for target in download.targets:
                    with contextlib.suppress(FileExistsError):
                        os.link(member.path, target)
            download.finished.set_result(None)
        except asyncio.CancelledError:
            if not download.finished.done():
                download.finished.set_exception(Unavailable("the download was cancelled"))
                download.finished.exception()
            raise
        except Exception as error:
            download.finished.set_exception(error)
            download.finished.exception()
        finally:
            self._forget(download)
            await download.registry.release()

    async def _spool(self, download: _Download, path: str) -> Member:
        feed = Feed()
        spooler = FileSpooler(path, download.blob.size)
        future = asyncio.get_running_loop().run_in_executor(self._pool, spooler.run, feed)
        try:
            await download.pump(feed.put)
            feed.end()
            return await asyncio.shield(future)
        except BaseException:
            spooler.stop()
            feed.end(Unavailable("the download did not arrive in full"))
            await asyncio.wait([future])
            future.exception()
            raise


class _Download:
    """One blob on its way."""

    def __init__(self, registry: Registry, path: str, blob: Descriptor, attempts: int) -> None:
        self.registry, self.path, self.blob = registry, path, blob
        self.listeners: list[Listener] = []
        self.targets: list[str] = []
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None
        self.done = 0
        self.moving = False
        self._attempts = attempts
        self._told = -_REPORT_BYTES

    def tell(self, text: str) -> None:
        """Let all who wait know."""
        for listener in list(self.listeners):
            listener(text, self.done)

    def check(self, member: Member) -> None:
        """InvalidParameter if what came is not what the manifest says."""
        self.tell("Verifying Checksum")
        if member.size != self.blob.size:
            raise self._wrong_size(str(member.size))
        if member.digest != self.blob.digest:
            raise InvalidParameter(f"filesystem layer verification failed for digest {self.blob.digest}")
        self.tell("Download complete")

    def _wrong_size(self, came: str) -> InvalidParameter:
        return InvalidParameter(
            f"unexpected size of layer {self.blob.digest}: {came} bytes, {self.blob.size} were announced"
        )

    async def pump(self, put: Callable[[bytes], Awaitable[bool]]) -> None:
        """All bytes to `put`, over as many connections as it takes."""
        failures = 0
        while True:
            before = self.done
            try:
                async for data in self._stream():
                    self.done += len(data)
                    if self.done > self.blob.size:
                        raise self._wrong_size(f"more than {self.blob.size}")
                    self.moving = True
                    if self.done - self._told >= _REPORT_BYTES or self.done == self.blob.size:
                        self._told = self.done
                        self.tell("Downloading")
                    if not await put(data):
                        return
                if self.done >= self.blob.size:
                    return
                error: RegistryError = NoAnswer(f"layer {self.blob.digest} broke off after {self.done} bytes")
            except RegistryError as failure:
                if not failure.transient:
                    raise
                error = failure
            failures = 1 if self.done > before else failures + 1
            if failures >= self._attempts:
                raise error
            self.tell(f"Retrying in {max(1, round(pause(failures, error.retry_after)))} seconds")
            await asyncio.sleep(pause(failures, error.retry_after))

    async def _stream(self) -> AsyncIterator[bytes]:
        """The bytes from `done` on. A server that knows no ranges sends all of them: the first ones are dropped."""
        headers = {"Range": f"bytes={self.done}-"} if self.done else {}
        urls = (f"/v2/{self.path}/blobs/{self.blob.digest}", *self.blob.urls)
        for position, url in enumerate(urls):
            try:
                async with self.registry.request("GET", url, scope=scope_of(self.path), headers=headers) as response:
                    skip = 0 if response.status == _PARTIAL else self.done
                    try:
                        async for data in response.content.iter_any():
                            if skip >= len(data):
                                skip -= len(data)
                                continue
                            yield data[skip:] if skip else data
                            skip = 0
                    except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                        raise NoAnswer(f"layer {self.blob.digest} broke off: {error}") from error
                return
            except RegistryError as error:
                if error.status != 404 or position == len(urls) - 1:
                    raise
