from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from restd.lib.usage import TICK, parse_block, parse_devices, parse_io, parse_stat, read_usage

NAME = "ab" * 32
STAT = "cpu  10 20 30 40 50 60 70 80 90 0\ncpu0 1 2 3 4 5 6 7 8 9 0\ncpu1 1 2 3 4 5 6 7 8 9 0\nintr 5\n"
DEVICES = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
"""
COUNTERS = {
    "rx_bytes": 1, "rx_packets": 2, "rx_errors": 3, "rx_dropped": 4,
    "tx_bytes": 9, "tx_packets": 10, "tx_errors": 11, "tx_dropped": 12,
}  # fmt: skip


def write(root: Path, files: dict[str, str]) -> str:
    files = {"proc/stat": STAT, "proc/7/net/dev": DEVICES, **files}
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return str(root)


def test_cgroup_v1_and_hybrid(tmp_path: Path) -> None:
    own = f"/isulad/{NAME}"
    lines = [f"{number}:{name}:{own}" for number, name in enumerate(("blkio", "pids", "memory", "cpu,cpuacct"))]
    root = write(
        tmp_path,
        {
            "proc/7/cgroup": "\n".join([*lines, "0::/"]),
            f"sys/fs/cgroup/cpuacct{own}/cpuacct.usage": "500\n",
            f"sys/fs/cgroup/cpuacct{own}/cpuacct.usage_percpu": "200 300 \n",
            f"sys/fs/cgroup/cpuacct{own}/cpuacct.stat": "user 2\nsystem 3\n",
            f"sys/fs/cgroup/cpu{own}/cpu.stat": "nr_periods 4\nnr_throttled 5\nthrottled_time 6\n",
            f"sys/fs/cgroup/memory{own}/memory.usage_in_bytes": "1000\n",
            f"sys/fs/cgroup/memory{own}/memory.max_usage_in_bytes": "2000\n",
            f"sys/fs/cgroup/memory{own}/memory.failcnt": "1\n",
            f"sys/fs/cgroup/memory{own}/memory.limit_in_bytes": "9223372036854771712\n",
            f"sys/fs/cgroup/memory{own}/memory.stat": "cache 5\ntotal_inactive_file 6\n",
            f"sys/fs/cgroup/pids{own}/pids.current": "3\n",
            f"sys/fs/cgroup/pids{own}/pids.max": "max\n",
            f"sys/fs/cgroup/blkio{own}/blkio.throttle.io_service_bytes_recursive": "8:0 Read 4\n8:0 Total 4\nTotal 4\n",
        },
    )
    found = read_usage(7, NAME, root)
    assert found is not None
    cpu, memory = found.processor, found.memory
    assert (cpu.total, cpu.user, cpu.kernel, cpu.each) == (500, 2 * TICK, 3 * TICK, (200, 300))
    assert (cpu.periods, cpu.throttled_periods, cpu.throttled_time) == (4, 5, 6)
    assert (cpu.host, cpu.online) == (280 * TICK, 2)
    assert (memory.usage, memory.highest, memory.failures) == (1000, 2000, 1)
    assert memory.details == {"cache": 5, "total_inactive_file": 6}
    assert (found.pids, found.pids_limit) == (3, None)
    assert found.block["io_service_bytes_recursive"] == ((8, 0, "Read", 4), (8, 0, "Total", 4))
    assert found.block["io_wait_time_recursive"] == ()
    assert found.networks == {"eth0": COUNTERS}


def test_cgroup_v2_whose_first_process_has_moved_below(tmp_path: Path) -> None:
    own = f"sys/fs/cgroup/isulad/{NAME}"
    root = write(
        tmp_path,
        {
            "proc/7/cgroup": f"0::/isulad/{NAME}/init.scope\n",
            "sys/fs/cgroup/cgroup.controllers": "cpu io memory pids\n",
            f"{own}/cpu.stat": "usage_usec 5\nuser_usec 2\nsystem_usec 3\nnr_periods 1\n"
            "nr_throttled 2\nthrottled_usec 3\n",
            f"{own}/memory.current": "1000\n",
            f"{own}/memory.max": "5000\n",
            f"{own}/memory.events": "low 0\noom 2\n",
            f"{own}/memory.stat": "anon 1\ninactive_file 7\n",
            f"{own}/pids.current": "4\n",
            f"{own}/pids.max": "100\n",
            f"{own}/io.stat": "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n7:0 \n",
        },
    )
    found = read_usage(7, NAME, root)
    assert found is not None
    cpu, memory = found.processor, found.memory
    assert (cpu.total, cpu.user, cpu.kernel, cpu.each) == (5000, 2000, 3000, ())
    assert (cpu.periods, cpu.throttled_periods, cpu.throttled_time) == (1, 2, 3000)
    assert (memory.usage, memory.limit, memory.failures, memory.highest) == (1000, 5000, 2, 0)
    assert memory.details["inactive_file"] == 7
    assert (found.pids, found.pids_limit) == (4, 100)
    assert found.block["io_service_bytes_recursive"] == ((254, 0, "read", 1), (254, 0, "write", 2))
    assert found.block["io_serviced_recursive"] is None


def test_a_process_that_has_gone_and_controllers_that_are_off(tmp_path: Path) -> None:
    assert read_usage(8, NAME, write(tmp_path, {})) is None
    root = write(tmp_path, {"proc/7/cgroup": "0::/x\n", "sys/fs/cgroup/cgroup.controllers": ""})
    found = read_usage(7, NAME, root)
    assert found is not None and found.memory.usage == 0 and found.processor.total == 0


@given(st.text(max_size=200))
def test_no_text_is_too_odd(lines: str) -> None:
    parse_stat(lines)
    parse_block(lines)
    parse_io(lines)
    parse_devices(lines)
