"""What this machine is: read once at start, for `/info`, `/version` and the OCI specification.

Sources: uname(2), os-release(5), proc_meminfo(5), cgroups(7), capabilities(7). `read_host` takes the root of the file
system as an argument, so that recorded trees of other machines can be read.
"""

from __future__ import annotations

import ctypes
import os
import re
import resource
from dataclasses import dataclass, field

CAPABILITY_NAMES = tuple(
    f"CAP_{name}"
    for name in (
        "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
        "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT "
        "SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL "
        "SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
    ).split()
)
"""Index = the capability's number."""

_X32_BIT, _GETPID = 0x40000000, 39
_V1_CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb")


def boot_id(root: str = "/") -> str:
    """What tells this boot of the machine from all others; empty if the kernel doesn't say. Source: random(4)."""
    try:
        with open(os.path.join(root, "proc/sys/kernel/random/boot_id"), encoding="ascii") as file:
            return file.read(64).strip()
    except (OSError, ValueError):
        return ""


@dataclass(frozen=True, slots=True)
class Cgroups:
    """How limits can be set here. `version` 1 also for the hybrid layout (v1 controllers beside an empty v2 tree)."""

    version: int = 2
    hybrid: bool = False
    controllers: frozenset[str] = frozenset()
    memory_limit: bool = False
    swap_limit: bool = False
    oom_kill_disable: bool = False
    cpu_quota: bool = False
    cpu_shares: bool = False
    cpuset: bool = False
    pids_limit: bool = False


@dataclass(frozen=True, slots=True)
class Host:
    """The machine. `memory` in bytes; `capabilities` is the engine's own bounding set; `cpu_set` what it may run on.

    `runs_x86`, `runs_x32`: whether an x86_64 kernel takes the system calls of these older ABIs.
    """

    hostname: str = "localhost"
    kernel: str = ""
    architecture: str = "x86_64"
    os_name: str = "Linux"
    os_version: str = ""
    cpus: int = 1
    cpu_set: frozenset[int] = frozenset({0})
    memory: int = 0
    cgroups: Cgroups = field(default_factory=Cgroups)
    capabilities: frozenset[str] = frozenset(CAPABILITY_NAMES)
    seccomp: bool = True
    runs_x86: bool = True
    runs_x32: bool = True
    apparmor: bool = False
    selinux: bool = False
    ipv4_forwarding: bool = True
    oom_score_adj: int = 0
    nofile: int = 1048576

    @property
    def kernel_version(self) -> tuple[int, int]:
        """Major and minor number of the kernel; (0, 0) if its name does not begin with them."""
        match = re.match(r"(\d+)\.(\d+)", self.kernel)
        return (int(match[1]), int(match[2])) if match else (0, 0)

    @property
    def security_options(self) -> list[str]:
        """`SecurityOptions` of `/info`."""
        options = ["name=seccomp,profile=builtin"] if self.seccomp else []
        if self.cgroups.version == 2:
            options.append("name=cgroupns")
        return options


def read_host(root: str = "/") -> Host:
    """The facts of the machine whose file system is at `root`; what uname(2) and the CPU mask say is this kernel's."""
    system = os.uname()
    name, version = _os_release(root)
    cpus = os.sched_getaffinity(0)
    return Host(
        hostname=system.nodename,
        kernel=system.release,
        architecture=system.machine,
        os_name=name,
        os_version=version,
        cpus=len(cpus),
        cpu_set=frozenset(cpus),
        memory=_memory(root),
        cgroups=read_cgroups(root),
        capabilities=_bounding_set(root),
        seccomp="Seccomp:" in _text(root, "proc/self/status"),
        runs_x86=_runs_x86(root, system.machine),
        runs_x32=_runs_x32(system.machine),
        apparmor=_text(root, "sys/module/apparmor/parameters/enabled").startswith("Y"),
        selinux=os.path.exists(os.path.join(root, "sys/fs/selinux/enforce")),
        ipv4_forwarding=forwards_ipv4(root),
        oom_score_adj=int(_text(root, "proc/self/oom_score_adj").strip() or 0),
        nofile=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    )


def forwards_ipv4(root: str = "/") -> bool:
    """Whether the host passes packets on; the engine switches it on for bridge networks."""
    return _text(root, "proc/sys/net/ipv4/ip_forward").strip() == "1"


def _text(root: str, path: str) -> str:
    try:
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""


def _runs_x86(root: str, machine: str) -> bool:
    """Whether 32-bit programs run: the switch for their vDSO is there if the kernel was built for them."""
    return machine == "x86_64" and os.path.exists(os.path.join(root, "proc/sys/abi/vsyscall32"))


def _runs_x32(machine: str) -> bool:
    """Whether the kernel takes x32 calls (few do): getpid with the x32 bit answers, or there is no such call."""
    if machine != "x86_64":
        return False
    return int(ctypes.CDLL(None).syscall(ctypes.c_long(_X32_BIT | _GETPID))) > 0


def _os_release(root: str) -> tuple[str, str]:
    """`PRETTY_NAME` and `VERSION_ID` of os-release(5); the variants of quoting that shells accept there."""
    values = {}
    for line in (_text(root, "etc/os-release") or _text(root, "usr/lib/os-release")).splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            values[key] = re.sub(r"\\(.)", r"\1", value.strip().strip("\"'"))
    return values.get("PRETTY_NAME", "Linux"), values.get("VERSION_ID", "")


def _memory(root: str) -> int:
    match = re.search(r"^MemTotal:\s+(\d+) kB", _text(root, "proc/meminfo"), re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def _bounding_set(root: str) -> frozenset[str]:
    match = re.search(r"^CapBnd:\s+([0-9a-f]+)", _text(root, "proc/self/status"), re.MULTILINE)
    bits = int(match[1], 16) if match else 0
    return frozenset(name for number, name in enumerate(CAPABILITY_NAMES) if bits >> number & 1)


def read_cgroups(root: str = "/") -> Cgroups:
    """The cgroup layout below `root`.

    v2 only: `cgroup.controllers` lies in the top folder itself. Everything else is v1: also when a v2 tree without the
    usual controllers is mounted at `unified` (hybrid), which is how OCI runtimes see it too.
    """
    top = os.path.join(root, "sys/fs/cgroup")
    if os.path.exists(f"{top}/cgroup.controllers"):
        return _unified(root, frozenset(_text(top, "cgroup.controllers").split()))
    return _legacy(top)


def _unified(root: str, controllers: frozenset[str]) -> Cgroups:
    memory = "memory" in controllers
    return Cgroups(
        version=2,
        controllers=controllers,
        memory_limit=memory,
        swap_limit=memory and _v2_swap(root),
        cpu_quota="cpu" in controllers,
        cpu_shares="cpu" in controllers,
        cpuset="cpuset" in controllers,
        pids_limit="pids" in controllers,
    )


def _v2_swap(root: str) -> bool:
    """Whether `memory.swap.max` exists: not in the top folder, so it is looked for in the engine's own cgroup."""
    own = _text(root, "proc/self/cgroup").strip().rpartition("::/")[2].strip("/")
    candidates = [own, *_children(os.path.join(root, "sys/fs/cgroup"))]
    return any(
        os.path.exists(os.path.join(root, "sys/fs/cgroup", candidate, "memory.swap.max")) for candidate in candidates
    )


def _children(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _legacy(top: str) -> Cgroups:
    controllers = frozenset(name for name in _V1_CONTROLLERS if os.path.isdir(f"{top}/{name}"))

    def has(path: str) -> bool:
        return os.path.exists(f"{top}/{path}")

    return Cgroups(
        version=1,
        hybrid=has("unified/cgroup.controllers"),
        controllers=controllers,
        memory_limit=has("memory/memory.limit_in_bytes"),
        swap_limit=has("memory/memory.memsw.limit_in_bytes"),
        oom_kill_disable=has("memory/memory.oom_control"),
        cpu_quota=has("cpu/cpu.cfs_quota_us"),
        cpu_shares=has("cpu/cpu.shares"),
        cpuset=has("cpuset/cpuset.cpus"),
        pids_limit="pids" in controllers,
    )
