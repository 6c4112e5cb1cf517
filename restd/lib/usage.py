"""What a container uses, read from the kernel's own files: cgroups of either version, and network devices.

All that is read is plain text of a few lines; what isn't there (a controller that is switched off, a kernel without the
counter) counts nothing. `root` is the root of the file system, so that recorded trees of other machines can be read.

Sources: cgroups(7), the kernel's admin-guide/cgroup-v1 and cgroup-v2.rst, proc_stat(5), proc_pid_net(5).
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

USER_HZ = os.sysconf("SC_CLK_TCK")
TICK = 1_000_000_000 // USER_HZ
"""Nanoseconds of the unit in which the kernel tells times of processors."""
_LIMIT = 1 << 20

Counts = tuple[tuple[int, int, str, int], ...]
"""Major, minor, operation, value."""


@dataclass(frozen=True, slots=True)
class Processor:
    """Processor time, in nanoseconds. `host` is that of all processors together; `each` is known to cgroup v1 alone."""

    total: int = 0
    kernel: int = 0
    user: int = 0
    each: tuple[int, ...] = ()
    host: int = 0
    online: int = 0
    periods: int = 0
    throttled_periods: int = 0
    throttled_time: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes; `limit` 0 for none, `highest` 0 where it isn't known. `details` is the kernel's memory.stat."""

    usage: int = 0
    highest: int = 0
    failures: int = 0
    limit: int = 0
    details: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    """One reading, at the time `at` (ns). `pids_limit` None for none.

    `block` has the lists of block devices by Docker's name (`io_service_bytes_recursive`, ...), None where the cgroup
    version has no such count. `networks`: counters by device, without the loopback.
    """

    at: int = 0
    processor: Processor = Processor()
    memory: Memory = Memory()
    pids: int = 0
    pids_limit: int | None = None
    block: Mapping[str, Counts | None] = field(default_factory=dict)
    networks: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def text(path: str) -> str:
    """A small file, empty if it can't be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, _LIMIT).decode("ascii", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def number(path: str) -> int:
    """A file that holds one number; 0 if it holds something else (`max`), or isn't there."""
    return whole(text(path))


def whole(word: str) -> int:
    """A number in text; 0 if it is none."""
    word = word.strip()
    return int(word) if word.isascii() and word.isdigit() else 0


def pairs(path: str) -> dict[str, int]:
    """A file of lines `name number`."""
    found = {}
    for line in text(path).splitlines():
        name, _, value = line.partition(" ")
        if value.strip().isdigit():
            found[name] = int(value)
    return found


def read_usage(pid: int, name: str, root: str = "/") -> Usage | None:
    """What the processes of a container use; None if its first process, `pid`, has gone.

    `name` is in the name of the container's own cgroup: its process may have moved to one below (systemd does).
    """
    places = _places(text(os.path.join(root, f"proc/{pid}/cgroup")), name)
    if not places:
        return None
    top = os.path.join(root, "sys/fs/cgroup")
    host, online = parse_stat(text(os.path.join(root, "proc/stat")))
    if os.path.exists(f"{top}/cgroup.controllers"):
        processor, memory, pids, block = _unified(top + places.get("", "/"))
    else:
        processor, memory, pids, block = _legacy(top, places)
    return Usage(
        at=time.time_ns(),
        processor=replace(processor, host=host, online=online),
        memory=memory,
        pids=pids[0],
        pids_limit=pids[1],
        block=block,
        networks=parse_devices(text(os.path.join(root, f"proc/{pid}/net/dev"))),
    )


def _places(lines: str, name: str) -> dict[str, str]:
    """Controller -> path of the container's cgroup, from /proc/PID/cgroup; "" is cgroup v2."""
    found = {}
    for line in lines.splitlines():
        _, controllers, path = line.split(":", 2)
        parts = path.split("/")
        own = next((index for index, part in enumerate(parts) if name in part), len(parts) - 1)
        for controller in controllers.split(","):
            found[controller] = "/".join(parts[: own + 1])
    return found


def parse_stat(lines: str) -> tuple[int, int]:
    """Processor time of the whole host (ns), and how many processors there are, from /proc/stat.

    Docker counts the first seven columns: user, nice, system, idle, iowait, irq, softirq.
    """
    total, online = 0, 0
    for line in lines.splitlines():
        if not line.startswith("cpu"):
            break
        words = line.split()
        if words[0] == "cpu":
            total = sum(whole(word) for word in words[1:8]) * TICK
        else:
            online += 1
    return total, online


def parse_devices(lines: str) -> dict[str, dict[str, int]]:
    """Counters of each network device but the loopback, from /proc/PID/net/dev, by Docker's names."""
    found = {}
    for line in lines.splitlines()[2:]:
        name, _, rest = line.partition(":")
        words = [whole(word) for word in rest.split()]
        if name.strip() == "lo" or len(words) < len(_DEVICE_COLUMNS):
            continue
        found[name.strip()] = {key: words[index] for key, index in _DEVICE_COLUMNS.items()}
    return found


_DEVICE_COLUMNS = {
    "rx_bytes": 0,
    "rx_packets": 1,
    "rx_errors": 2,
    "rx_dropped": 3,
    "tx_bytes": 8,
    "tx_packets": 9,
    "tx_errors": 10,
    "tx_dropped": 11,
}
_Parts = tuple[Processor, Memory, tuple[int, int | None], dict[str, Counts | None]]

_BLOCK_FILES = {
    "io_service_bytes_recursive": ("bfq.io_service_bytes_recursive", "throttle.io_service_bytes_recursive"),
    "io_serviced_recursive": ("bfq.io_serviced_recursive", "throttle.io_serviced_recursive"),
    "io_queue_recursive": ("io_queued_recursive",),
    "io_service_time_recursive": ("io_service_time_recursive",),
    "io_wait_time_recursive": ("io_wait_time_recursive",),
    "io_merged_recursive": ("io_merged_recursive",),
    "io_time_recursive": ("time_recursive",),
    "sectors_recursive": ("sectors_recursive",),
}


def _legacy(top: str, places: Mapping[str, str]) -> _Parts:
    """cgroup v1, each controller in a tree of its own. Of two files with one count the first that says anything."""

    def folder(controller: str) -> str:
        return f"{top}/{controller}{places.get(controller, '/nonexistent')}"

    accounts, limits, memory, pids, block = map(folder, ("cpuacct", "cpu", "memory", "pids", "blkio"))
    times, throttled = pairs(f"{accounts}/cpuacct.stat"), pairs(f"{limits}/cpu.stat")
    processor = Processor(
        total=number(f"{accounts}/cpuacct.usage"),
        kernel=times.get("system", 0) * TICK,
        user=times.get("user", 0) * TICK,
        each=tuple(whole(word) for word in text(f"{accounts}/cpuacct.usage_percpu").split()),
        periods=throttled.get("nr_periods", 0),
        throttled_periods=throttled.get("nr_throttled", 0),
        throttled_time=throttled.get("throttled_time", 0),
    )
    used = Memory(
        usage=number(f"{memory}/memory.usage_in_bytes"),
        highest=number(f"{memory}/memory.max_usage_in_bytes"),
        failures=number(f"{memory}/memory.failcnt"),
        limit=number(f"{memory}/memory.limit_in_bytes"),
        details=pairs(f"{memory}/memory.stat"),
    )
    counts: dict[str, Counts | None] = {}
    for name, files in _BLOCK_FILES.items():
        counts[name] = next((found for file in files if (found := parse_block(text(f"{block}/blkio.{file}")))), ())
    limit = number(f"{pids}/pids.max")
    return processor, used, (number(f"{pids}/pids.current"), limit or None), counts


def parse_block(lines: str) -> Counts:
    """Lines `MAJOR:MINOR Operation value` (cgroup v1); the sum at the end is left out."""
    found = []
    for line in lines.splitlines():
        words = line.split()
        device = words[0].split(":") if len(words) in (2, 3) else ()
        if len(device) == 2:
            operation = words[1] if len(words) == 3 else ""
            found.append((whole(device[0]), whole(device[1]), operation, whole(words[-1])))
    return tuple(found)


def _unified(folder: str) -> _Parts:
    """cgroup v2, one folder."""
    times = pairs(f"{folder}/cpu.stat")
    processor = Processor(
        total=times.get("usage_usec", 0) * 1000,
        kernel=times.get("system_usec", 0) * 1000,
        user=times.get("user_usec", 0) * 1000,
        periods=times.get("nr_periods", 0),
        throttled_periods=times.get("nr_throttled", 0),
        throttled_time=times.get("throttled_usec", 0) * 1000,
    )
    used = Memory(
        usage=number(f"{folder}/memory.current"),
        failures=pairs(f"{folder}/memory.events").get("oom", 0),
        limit=number(f"{folder}/memory.max"),
        details=pairs(f"{folder}/memory.stat"),
    )
    counts: dict[str, Counts | None] = dict.fromkeys(_BLOCK_FILES)
    counts["io_service_bytes_recursive"] = parse_io(text(f"{folder}/io.stat"))
    limit = number(f"{folder}/pids.max")
    return processor, used, (number(f"{folder}/pids.current"), limit or None), counts


def parse_io(lines: str) -> Counts:
    """Bytes read and written, from lines `MAJOR:MINOR rbytes=N wbytes=N ...` (cgroup v2)."""
    found = []
    for line in lines.splitlines():
        words = line.split()
        device = words[0].split(":") if words else ()
        values = dict(word.split("=", 1) for word in words[1:] if "=" in word)
        if len(device) == 2 and values:
            major, minor = whole(device[0]), whole(device[1])
            found.append((major, minor, "read", whole(values.get("rbytes", ""))))
            found.append((major, minor, "write", whole(values.get("wbytes", ""))))
    return tuple(found)
