from dataclasses import replace

from restd.config import Config as EngineConfig
from restd.container.normalise import hostname, log_config, normalised
from restd.lib.host import Cgroups
from restd.model.container import Config, HostConfig, LogConfig
from restd.oci.spec import MASKED_PATHS
from tests.unit.restd.container.sample import HOST, ID

V1 = replace(HOST, cgroups=Cgroups(version=1))


def test_inspect_shows_dockers_defaults() -> None:
    result = normalised(HostConfig(), "runc", EngineConfig(), HOST)
    assert result.ipc_mode == "private"
    assert result.cgroupns_mode == "private"
    assert result.restart_policy.name == "no"
    assert result.log_config == LogConfig("json-file", {})
    assert result.shm_size == 64 << 20
    assert result.runtime == "runc"
    assert result.oom_kill_disable is None
    assert result.masked_paths == MASKED_PATHS


def test_on_cgroup_v1_the_defaults_are_the_hosts() -> None:
    result = normalised(HostConfig(), "runc", EngineConfig(), V1)
    assert (result.cgroupns_mode, result.oom_kill_disable) == ("host", False)


def test_swap_defaults_to_twice_the_memory() -> None:
    assert normalised(HostConfig(memory=8 << 20), "runc", EngineConfig(), HOST).memory_swap == 16 << 20
    assert normalised(HostConfig(memory=8 << 20, memory_swap=-1), "runc", EngineConfig(), HOST).memory_swap == -1


def test_no_limit_on_processes_has_one_spelling() -> None:
    for given, shown in ((0, None), (-1, None), (None, None), (5, 5)):
        assert normalised(HostConfig(pids_limit=given), "runc", EngineConfig(), HOST).pids_limit == shown


def test_a_privileged_container_masks_nothing() -> None:
    assert normalised(HostConfig(privileged=True), "runc", EngineConfig(), HOST).masked_paths is None


def test_paths_that_were_given_are_kept_even_empty() -> None:
    assert normalised(HostConfig(masked_paths=()), "runc", EngineConfig(), HOST).masked_paths == ()


def test_log_options_of_the_daemon_apply_to_its_own_driver_only() -> None:
    engine = EngineConfig(log_opts={"max-size": "1m", "max-file": "2"})
    assert log_config(LogConfig("", {"max-file": "3"}), engine).config == {"max-size": "1m", "max-file": "3"}
    assert log_config(LogConfig("none", {}), engine).config == {}


def test_a_hostname_is_the_short_id_unless_something_else_is_meant() -> None:
    assert hostname(Config(), HostConfig(), ID, HOST) == ID[:12]
    assert hostname(Config(hostname="mine"), HostConfig(), ID, HOST) == "mine"
    assert hostname(Config(), HostConfig(network_mode="host"), ID, HOST) == "box"
    assert hostname(Config(), HostConfig(network_mode="container:x"), ID, HOST) == ""
