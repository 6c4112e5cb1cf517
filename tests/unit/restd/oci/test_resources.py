from dataclasses import replace

from restd.lib.host import Cgroups
from restd.model.container import HostConfig
from restd.oci.resources import resources

SWAP = Cgroups(version=1, memory_limit=True, swap_limit=True)
BASE = HostConfig()


def test_nothing_asked_is_nothing_but_devices() -> None:
    assert resources(BASE, SWAP, []) == {"devices": []}


def test_swap_is_twice_the_memory_unless_given() -> None:
    limited = replace(BASE, memory=64 << 20)
    assert resources(limited, SWAP, [])["memory"] == {"limit": 64 << 20, "swap": 128 << 20}
    assert resources(replace(limited, memory_swap=-1), SWAP, [])["memory"]["swap"] == -1
    assert resources(limited, Cgroups(version=2, memory_limit=True), [])["memory"] == {"limit": 64 << 20}


def test_nano_cpus_are_a_quota_of_a_tenth_of_a_second() -> None:
    assert resources(replace(BASE, nano_cpus=1_500_000_000), SWAP, [])["cpu"] == {"quota": 150_000, "period": 100_000}


def test_cpu_settings_as_given() -> None:
    asked = replace(BASE, cpu_shares=512, cpu_quota=5000, cpu_period=10_000, cpuset_cpus="0-1")
    assert resources(asked, SWAP, [])["cpu"] == {"shares": 512, "quota": 5000, "period": 10_000, "cpus": "0-1"}


def test_no_limit_of_processes_for_zero_and_less() -> None:
    assert resources(replace(BASE, pids_limit=10), SWAP, [])["pids"] == {"limit": 10}
    for none in (0, -1, None):
        assert "pids" not in resources(replace(BASE, pids_limit=none), SWAP, [])
