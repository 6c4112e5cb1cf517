from __future__ import annotations

from dataclasses import replace

from restd.api.views.system import Figures, engine_id, info_view, runtimes_view, version_view
from restd.config import Config, RuntimeConfig
from restd.lib.host import Cgroups, Host

FIGURES = Figures(running=1, paused=2, stopped=3, images=4, listeners=0, tasks=5, descriptors=6, time=10**18)
GOOD = Cgroups(memory_limit=True, swap_limit=True, cpu_quota=True, cpu_shares=True, cpuset=True, pids_limit=True)


def test_every_detail_of_a_component_is_text() -> None:
    view = version_view(Host(kernel="6.1"))
    assert all(isinstance(value, str) for value in view["Components"][0]["Details"].values())
    assert (view["Arch"], view["ApiVersion"], view["MinAPIVersion"]) == ("amd64", "1.50", "1.24")


def test_info_adds_containers_up_and_names_the_architecture_as_the_kernel_does() -> None:
    view = info_view(Config(), Host(cgroups=GOOD), FIGURES, [])
    assert (view["Containers"], view["Architecture"], view["Warnings"]) == (6, "x86_64", None)
    assert view["Swarm"]["LocalNodeState"] == "inactive"


def test_what_the_host_can_not_limit_is_warned_of() -> None:
    view = info_view(Config(), Host(cgroups=replace(GOOD, swap_limit=False)), FIGURES, ["an image is unreadable"])
    assert view["Warnings"] == ["WARNING: No swap limit support", "an image is unreadable"]


def test_configured_runtimes_are_listed_beside_the_known_ones() -> None:
    config = Config(runtimes={"mine": RuntimeConfig("/opt/mine", ("--debug",)), "runc": RuntimeConfig("/opt/runc")})
    assert runtimes_view(config) == {
        "crun": {"path": "crun"},
        "runc": {"path": "/opt/runc"},
        "mine": {"path": "/opt/mine", "runtimeArgs": ["--debug"]},
    }


def test_the_id_belongs_to_machine_and_folder() -> None:
    host = Host(hostname="a")
    assert engine_id(Config(), host) == engine_id(Config(), host)
    assert engine_id(Config(), host) != engine_id(Config(graph="/other"), host)
