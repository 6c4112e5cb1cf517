"""A reading of what a container uses, in the form that clients compute percentages from."""

from __future__ import annotations

from typing import Any

from restd.lib.times import to_rfc3339
from restd.lib.usage import Memory, Processor, Usage

_BLOCK = (
    "io_service_bytes_recursive",
    "io_serviced_recursive",
    "io_queue_recursive",
    "io_service_time_recursive",
    "io_wait_time_recursive",
    "io_merged_recursive",
    "io_time_recursive",
    "sectors_recursive",
)
_NOTHING = Usage()


def stats_view(
    container_id: str, name: str, usage: Usage | None, before: Usage | None, host_memory: int
) -> dict[str, Any]:
    """One object of `GET /containers/ID/stats`. `usage` None: the container doesn't run; `before`: the last reading."""
    now, last = usage or _NOTHING, before or _NOTHING
    view: dict[str, Any] = {
        "name": f"/{name}",
        "id": container_id,
        "read": to_rfc3339(now.at),
        "preread": to_rfc3339(last.at),
        "pids_stats": _pids(now) if usage is not None else {},
        "blkio_stats": {key: _counts(now, key) for key in _BLOCK},
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": _processor(now.processor),
        "precpu_stats": _processor(last.processor),
        "memory_stats": _memory(now.memory, host_memory) if usage is not None else {},
    }
    if now.networks:
        view["networks"] = {device: dict(counters) for device, counters in now.networks.items()}
    return view


def _pids(usage: Usage) -> dict[str, int]:
    found = {"current": usage.pids}
    if usage.pids_limit is not None:
        found["limit"] = usage.pids_limit
    return found


def _counts(usage: Usage, key: str) -> list[dict[str, Any]] | None:
    found = usage.block.get(key)
    if found is None:
        return None
    return [{"major": major, "minor": minor, "op": op, "value": value} for major, minor, op, value in found]


def _processor(processor: Processor) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "total_usage": processor.total,
        "usage_in_kernelmode": processor.kernel,
        "usage_in_usermode": processor.user,
    }
    if processor.each:
        usage["percpu_usage"] = list(processor.each)
    view: dict[str, Any] = {
        "cpu_usage": usage,
        "throttling_data": {
            "periods": processor.periods,
            "throttled_periods": processor.throttled_periods,
            "throttled_time": processor.throttled_time,
        },
    }
    if processor.online:
        view |= {"system_cpu_usage": processor.host, "online_cpus": processor.online}
    return view


def _memory(memory: Memory, host_memory: int) -> dict[str, Any]:
    """A container without a limit has the host's memory."""
    limit = memory.limit if 0 < memory.limit < host_memory else host_memory
    view: dict[str, Any] = {"usage": memory.usage, "stats": dict(memory.details), "limit": limit}
    if memory.highest:
        view["max_usage"] = memory.highest
    if memory.failures:
        view["failcnt"] = memory.failures
    return view
