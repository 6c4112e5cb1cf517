"""Whether the limits of a container can be set at all on this host. Texts are Docker's."""

from __future__ import annotations

import resource
from collections.abc import Iterable

from restd.errors import InvalidParameter
from restd.lib.host import Host
from restd.model.container import HostConfig, Ulimit
from restd.oci.process import check_ulimits

LEAST_MEMORY = 6 << 20
_HIGHEST_CPU = 8191
_UNIT = 1_000_000_000


def check_limits(host_config: HostConfig, host: Host) -> None:
    """InvalidParameter for the first limit that makes no sense or that this host can't set."""
    _check_memory(host_config, host)
    _check_cpu(host_config, host)
    if not -1000 <= host_config.oom_score_adj <= 1000:
        raise InvalidParameter(f"Invalid value {host_config.oom_score_adj}, range for oom score adj is [-1000, 1000]")
    lowered = host_config.oom_score_adj != 0 and host_config.oom_score_adj < host.oom_score_adj
    if lowered and "CAP_SYS_RESOURCE" not in host.capabilities:
        raise InvalidParameter(
            f"OomScoreAdj {host_config.oom_score_adj} is below the engine's own ({host.oom_score_adj}), "
            "and the engine lacks CAP_SYS_RESOURCE to lower it"
        )
    if host_config.shm_size < 0:
        raise InvalidParameter("SHM size can not be less than 0")
    if host_config.pids_limit is not None and not host.cgroups.pids_limit:
        raise InvalidParameter("PidsLimit can't be set: this host has no pids cgroup")
    check_ulimits(host_config.ulimits)
    if "CAP_SYS_RESOURCE" not in host.capabilities:
        _check_hard_limits(host_config.ulimits or ())


def _check_memory(host_config: HostConfig, host: Host) -> None:
    memory, swap = host_config.memory, host_config.memory_swap
    if memory < 0 or swap < -1:
        raise InvalidParameter("a memory limit can not be negative")
    if memory and not host.cgroups.memory_limit:
        raise InvalidParameter("Memory can't be limited: this host has no memory cgroup")
    if 0 < memory < LEAST_MEMORY:
        raise InvalidParameter("Minimum memory limit allowed is 6MB")
    if swap > 0 and memory == 0:
        raise InvalidParameter("You should always set the Memory limit when using Memoryswap limit, see usage")
    if memory > 0 and 0 < swap < memory:
        raise InvalidParameter("Minimum memoryswap limit should be larger than memory limit, see usage")


def _check_cpu(host_config: HostConfig, host: Host) -> None:
    nano, period, quota = host_config.nano_cpus, host_config.cpu_period, host_config.cpu_quota
    if nano and period:
        raise InvalidParameter("Conflicting options: Nano CPUs and CPU Period cannot both be set.")
    if nano and quota:
        raise InvalidParameter("Conflicting options: Nano CPUs and CPU Quota cannot both be set.")
    if nano and not 10_000_000 <= nano <= host.cpus * _UNIT:
        raise InvalidParameter(
            f"Range of CPUs is from 0.01 to {host.cpus}.00, as there are only {host.cpus} CPUs available"
        )
    if (nano or period or quota) and not host.cgroups.cpu_quota:
        raise InvalidParameter("CPU time can't be limited: this host has no CPU quota (CONFIG_CFS_BANDWIDTH)")
    if period and not 1000 <= period <= 1_000_000:
        raise InvalidParameter("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    if quota and quota != -1 and quota < 1000:
        raise InvalidParameter("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    if host_config.cpu_shares < 0:
        raise InvalidParameter(f"invalid CPU shares ({host_config.cpu_shares}): value must be a positive integer")
    if host_config.cpuset_cpus:
        _check_cpuset(host_config.cpuset_cpus, host)


def _check_cpuset(text: str, host: Host) -> None:
    wanted = parse_cpuset(text)
    if not host.cgroups.cpuset:
        raise InvalidParameter("CpusetCpus can't be set: this host has no cpuset cgroup")
    if not wanted <= host.cpu_set:
        available = ",".join(str(number) for number in sorted(host.cpu_set))
        raise InvalidParameter(f"Requested CPUs are not available - requested {text}, available: {available}")


def parse_cpuset(text: str) -> frozenset[int]:
    """`0-2,7` as numbers (cpuset(7), list format); InvalidParameter if it is none."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit()) or len(first + last) > 8:
            raise InvalidParameter(f"Invalid value {text} for cpuset cpus")
        low, high = int(first), int(last)
        if low > high or high > _HIGHEST_CPU:
            raise InvalidParameter(f"Invalid value {text} for cpuset cpus")
        numbers.update(range(low, high + 1))
    return frozenset(numbers)


def _check_hard_limits(ulimits: Iterable[Ulimit]) -> None:
    """Without CAP_SYS_RESOURCE a process may only lower its hard limits (setrlimit(2))."""
    for limit in ulimits:
        number = getattr(resource, f"RLIMIT_{limit.name.upper()}", None)
        if number is None:
            continue
        _, hard = resource.getrlimit(number)
        if hard != resource.RLIM_INFINITY and (limit.hard == -1 or limit.hard > hard):
            raise InvalidParameter(
                f"ulimit {limit.name}: the hard limit {limit.hard} is above the engine's own of {hard}, "
                "and the engine lacks CAP_SYS_RESOURCE to raise it"
            )
