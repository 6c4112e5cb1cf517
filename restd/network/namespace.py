"""Network namespaces that live as long as a container runs, pinned by a bind mount: STATE/netns/ID.

A namespace is made before the runtime is called, so that interfaces and addresses are there when the process begins,
and outlives the process, so that plugins can take their interfaces back. Sources: unshare(2), setns(2),
network_namespaces(7), netdevice(7).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable
from functools import lru_cache

from restd.errors import SystemFailure
from restd.lib import mounts
from restd.lib.ids import is_id
from restd.model.network import Endpoint
from restd.network import routes

_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_ACCEPT_DAD = "/proc/sys/net/ipv6/conf/default/accept_dad"
"""Addresses are the engine's to give: nobody waits a second for a neighbour who has the same (ip-sysctl.rst)."""
_INTERFACE = struct.Struct("16sh22x")  # struct ifreq: name, flags


class Namespaces:
    """The namespaces of one engine, by container id."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def path(self, container_id: str) -> str:
        """The file that stands for the container's namespace, whether it is there or not."""
        return os.path.join(self._folder, container_id)

    async def make(self, container_id: str) -> str:
        """A fresh namespace with its loopback up; the file that stands for it. One that was left is replaced."""
        path = self.path(container_id)
        os.makedirs(self._folder, 0o700, exist_ok=True)
        remove(path)
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400))
        try:
            await _in_new_thread(lambda: _pin_new(path))
        except OSError as error:
            remove(path)
            raise SystemFailure(f"cannot make a network namespace: {error}") from error
        except BaseException:
            remove(path)
            raise
        return path

    async def set_default_route(self, container_id: str, way: Endpoint | None) -> None:
        """Lead all else out of the namespace through the gateways of `way`; with None nowhere. SystemFailure."""
        path = self.path(container_id)

        def work() -> None:
            _enter(path)
            routes.set_default(
                way.interface if way else "", way.gateway if way else "", way.ipv6_gateway if way else ""
            )

        try:
            await _in_new_thread(work)
        except OSError as error:
            raise SystemFailure(f"cannot set the default route of container {container_id}: {error}") from error

    def remove(self, container_id: str) -> None:
        """Let the kernel take the namespace away when its last process is gone. It may be gone already."""
        remove(self.path(container_id))

    def found(self) -> list[str]:
        """Ids of the containers that have a pin."""
        try:
            return [name for name in os.listdir(self._folder) if is_id(name)]
        except FileNotFoundError:
            return []


def remove(path: str) -> None:
    """Take a pin away: the mounts on the file, and the file."""
    while True:
        try:
            mounts.unmount(path, detach=True)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EINVAL:  # not a mount point: a crash came between, or a reboot
                raise
            break
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _enter(path: str) -> None:
    """Move the calling thread into a namespace. The thread is of no other use afterwards."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc().setns(descriptor, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
    finally:
        os.close(descriptor)


def _pin_new(path: str) -> None:
    """Move the calling thread into a new network namespace and pin that. The thread is of no other use afterwards."""
    if _libc().unshare(_CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as control:
        asked = fcntl.ioctl(control, _SIOCGIFFLAGS, _INTERFACE.pack(b"lo", 0))
        fcntl.ioctl(control, _SIOCSIFFLAGS, _INTERFACE.pack(b"lo", _INTERFACE.unpack(asked)[1] | _IFF_UP))
    with contextlib.suppress(FileNotFoundError), open(_ACCEPT_DAD, "wb") as file:  # the kernel may have no IPv6
        file.write(b"0")
    mounts.bind("/proc/thread-self/ns/net", path)


async def _in_new_thread(work: Callable[[], None]) -> None:
    """Run `work` in a thread of its own, which ends with it; threads of a pool would carry the namespace on."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def tell(error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        error = None
        try:
            work()
        except BaseException as caught:
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell, error)

    threading.Thread(target=run, name="netns", daemon=True).start()
    await asyncio.shield(done)


@lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
