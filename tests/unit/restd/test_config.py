import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.config import AddressPool, Config, ConfigError, RuntimeConfig, from_mapping, load


def write(path: Path, value: Any) -> str:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return str(path)


def test_flags_override_the_file(tmp_path: Path) -> None:
    file = write(tmp_path / "daemon.json", {"graph": "/from/file", "group": "staff", "runtimes": {"r": {"path": "/r"}}})
    config = load(["--config-file", file, "--root", "/from/flag", "-H", "unix:///a", "-H", "unix:///b"])
    assert config.graph == "/from/flag"
    assert config.group == "staff"
    assert config.hosts == ("unix:///a", "unix:///b")
    assert config.runtimes == {"r": RuntimeConfig("/r")}


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert load(["--config-file", write(tmp_path / "daemon.json", "")]) == Config()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"grpah": "/x"}, "unknown key 'grpah'"),
        ({"graph": "relative"}, "graph: an absolute path"),
        ({"graph": 3}, "graph: a string"),
        ({"hosts": []}, "hosts: at least one"),
        ({"hosts": ["tcp://0.0.0.0:1"]}, "only unix:///PATH"),
        ({"hosts": ["unix:///" + "x" * 107]}, "longer than"),
        ({"attach-limit": 0}, "attach-limit: a whole number"),
        ({"attach-limit": True}, "attach-limit: a whole number"),
        ({"log-level": "loud"}, "log-level: one of"),
        ({"runtimes": {"x": {}}}, "runtimes.x"),
        ({"runtimes": {"../x": {"path": "/x"}}}, "not a name"),
        ({"cgroup-parent": "/a/../b"}, "cgroup-parent"),
        ({"graph": "/same", "state": "/same"}, "different folders"),
        ({"init": 1}, "init: true or false"),
        ({"dns": "1.1.1.1"}, "dns: a list"),
        ({"log-opts": {"max-size": 1}}, "log-opts: an object of strings"),
        ({"bridge": "far-too-long-a-name"}, "bridge: the name of an interface"),
        ({"bip": "172.17.0.1"}, "bip: an IPv4 address"),
        ({"fixed-cidr": "172.17.0.1/16"}, "fixed-cidr: an IPv4 subnet"),
        ({"bip": "10.1.0.1/16", "fixed-cidr": "10.2.0.0/24"}, "fixed-cidr must be a part of bip's subnet 10.1.0.0/16"),
        ({"mtu": -1}, "mtu: a whole number"),
        ({"default-address-pools": {}}, "default-address-pools: a list"),
        (
            {"default-address-pools": [{"base": "10.0.0.0/8"}]},
            r"default-address-pools\[0\]: an object with base and size",
        ),
        ({"default-address-pools": [{"base": "x", "size": 8}]}, r"default-address-pools\[0\].base"),
        ({"default-address-pools": [{"base": "10.0.0.0/16", "size": 8}]}, r"default-address-pools\[0\].size"),
        ({"cni-bin-dir": "cni"}, "cni-bin-dir: an absolute path"),
        ({"firewall-backend": "pf"}, "firewall-backend: one of"),
    ],
)
def test_what_is_wrong_is_named_with_its_reason(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        from_mapping(values)


def test_networks_can_be_configured() -> None:
    config = from_mapping(
        {
            "bip": "10.1.0.1/16",
            "fixed-cidr": "10.1.2.0/24",
            "default-address-pools": [{"base": "10.200.0.0/16", "size": 24}],
            "cni-bin-dir": ["/a", "/b"],
        }
    )
    assert config.default_address_pools == (AddressPool("10.200.0.0/16", 24),) and config.cni_bin_dir == ("/a", "/b")
    assert from_mapping({"cni-bin-dir": "/a"}).cni_bin_dir == ("/a",)


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "\0"])
def test_a_file_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"daemon\.json"):
        load(["--config-file", write(tmp_path / "daemon.json", text)])


def test_a_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(["--config-file", str(tmp_path / "none.json")])


@given(st.dictionaries(st.text(max_size=12), st.none() | st.integers() | st.text(max_size=8) | st.lists(st.integers())))
def test_any_object_gives_a_config_or_a_clear_error(values: dict[str, Any]) -> None:
    try:
        assert isinstance(from_mapping(values), Config)
    except ConfigError as error:
        assert str(error)
