import contextlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.container.check_limits import check_limits, parse_cpuset
from restd.errors import InvalidParameter
from restd.lib.host import Cgroups
from restd.model.container import HostConfig, Ulimit
from tests.unit.restd.container.sample import HOST

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"memory": 1000}, "Minimum memory limit allowed is 6MB"),
    ({"memory": -5}, "negative"),
    ({"memory_swap": 10 << 20}, "always set the Memory limit"),
    ({"memory": 20 << 20, "memory_swap": 10 << 20}, "larger than memory limit"),
    ({"nano_cpus": 10**9, "cpu_quota": 5000}, "Conflicting options: Nano CPUs and CPU Quota"),
    ({"nano_cpus": 10**9, "cpu_period": 5000}, "Conflicting options: Nano CPUs and CPU Period"),
    ({"nano_cpus": 5 * 10**9}, "as there are only 4 CPUs available"),
    ({"nano_cpus": -1}, "Range of CPUs"),
    ({"cpu_period": 10}, "CPU cfs period"),
    ({"cpu_quota": 10}, "CPU cfs quota"),
    ({"cpu_shares": -1}, "invalid CPU shares"),
    ({"cpuset_cpus": "0-9"}, "Requested CPUs are not available - requested 0-9, available: 0,1,2,3"),
    ({"cpuset_cpus": "0-x"}, "Invalid value 0-x for cpuset cpus"),
    ({"oom_score_adj": 1001}, r"range for oom score adj is \[-1000, 1000\]"),
    ({"shm_size": -1}, "SHM size can not be less than 0"),
    ({"ulimits": (Ulimit("patience", 1, 1),)}, "patience"),
    ({"ulimits": (Ulimit("nofile", hard=1, soft=9),)}, "soft limit"),
]


@pytest.mark.parametrize(("changes", "words"), WRONG, ids=[str(row[0]) for row in WRONG])
def test_limits_that_make_no_sense_are_refused_in_dockers_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        check_limits(HostConfig(**changes), HOST)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"memory": 6 << 20, "memory_swap": -1},
        {"nano_cpus": 1_500_000_000},
        {"cpu_period": 100_000, "cpu_quota": -1},
        {"cpuset_cpus": "0,2-3"},
        {"pids_limit": 10},
    ],
)
def test_limits_that_the_host_can_set_pass(changes: dict[str, Any]) -> None:
    check_limits(HostConfig(**changes), HOST)


def test_a_limit_without_its_controller_is_refused() -> None:
    bare = replace(HOST, cgroups=Cgroups(version=2))
    for changes in ({"memory": 8 << 20}, {"cpu_quota": 5000}, {"cpuset_cpus": "0"}, {"pids_limit": 3}):
        with pytest.raises(InvalidParameter, match="this host has no"):
            check_limits(HostConfig(**changes), bare)


def test_without_the_capability_a_hard_limit_cannot_be_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (100, 100))
    weak = replace(HOST, capabilities=HOST.capabilities - {"CAP_SYS_RESOURCE"})
    raised = HostConfig(ulimits=(Ulimit("nofile", hard=200, soft=50),))
    with pytest.raises(InvalidParameter, match="above the engine's own of 100"):
        check_limits(raised, weak)
    check_limits(raised, HOST)
    check_limits(HostConfig(ulimits=(Ulimit("nofile", hard=100, soft=50),)), weak)


@given(st.sets(st.integers(0, 200), min_size=1))
def test_a_cpu_list_is_read_back(numbers: set[int]) -> None:
    assert parse_cpuset(",".join(str(number) for number in sorted(numbers))) == numbers


@given(st.text(alphabet="0123456789,-x ", max_size=12))
def test_any_text_is_a_cpu_list_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidParameter):
        assert all(0 <= number <= 8191 for number in parse_cpuset(text))
