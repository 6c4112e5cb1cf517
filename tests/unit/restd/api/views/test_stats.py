from restd.api.views.stats import stats_view
from restd.lib.usage import Memory, Processor, Usage

USAGE = Usage(
    at=5,
    processor=Processor(total=10, kernel=3, user=7, each=(4, 6), host=100, online=2, periods=1),
    memory=Memory(usage=50, highest=60, failures=1, limit=1 << 62, details={"inactive_file": 9}),
    pids=2,
    pids_limit=7,
    block={"io_service_bytes_recursive": ((8, 0, "Read", 4),), "io_serviced_recursive": ()},
    networks={"eth0": {"rx_bytes": 1}},
)


def test_a_reading_and_the_one_before_it() -> None:
    view = stats_view("ab", "box", USAGE, Usage(at=1, processor=Processor(total=4, online=2)), 1000)
    assert (view["name"], view["id"], view["pids_stats"]) == ("/box", "ab", {"current": 2, "limit": 7})
    assert view["cpu_stats"]["cpu_usage"]["percpu_usage"] == [4, 6]
    assert (view["cpu_stats"]["system_cpu_usage"], view["precpu_stats"]["cpu_usage"]["total_usage"]) == (100, 4)
    assert view["memory_stats"] == {
        "usage": 50, "max_usage": 60, "failcnt": 1, "limit": 1000, "stats": {"inactive_file": 9}
    }  # fmt: skip
    assert view["blkio_stats"]["io_service_bytes_recursive"] == [{"major": 8, "minor": 0, "op": "Read", "value": 4}]
    assert view["blkio_stats"]["io_serviced_recursive"] == [] and view["blkio_stats"]["io_time_recursive"] is None
    assert view["networks"] == {"eth0": {"rx_bytes": 1}}


def test_what_does_not_run_has_dockers_zeros() -> None:
    view = stats_view("ab", "box", None, None, 1000)
    assert (view["read"], view["preread"]) == ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z")
    assert (view["memory_stats"], view["pids_stats"]) == ({}, {}) and "networks" not in view
    assert "system_cpu_usage" not in view["cpu_stats"] and set(view["blkio_stats"].values()) == {None}
