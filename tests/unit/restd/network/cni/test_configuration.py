import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.network.cni.configuration import (
    Attachment,
    ConfList,
    at_least,
    environment,
    execution_config,
    from_json,
    parse,
)

PORTMAP = {"type": "portmap", "capabilities": {"portMappings": True, "ips": False}, "snat": True}
NETWORK = ConfList("net", ({"type": "bridge", "bridge": "br0"}, PORTMAP))
PLACE = Attachment("c1", "/run/netns/c1", "eth0", (("IP", "10.0.0.2"),), {"portMappings": [1], "ips": ["10.0.0.2"]})


def test_a_conflist_is_read_and_written_again() -> None:
    text = json.dumps({"cniVersion": "0.4.0", "name": "net", "disableCheck": True, "plugins": [PORTMAP]}).encode()
    network = parse(text, "file")
    assert network == ConfList("net", (PORTMAP,), "0.4.0", True)
    assert from_json(network.to_json(), "again") == network
    assert not network.checks and network.knows("portMappings") and not network.knows("ips")


def test_a_single_plugins_file_is_a_chain_of_one() -> None:
    network = parse(b'{"cniVersion":"0.3.1","name":"net","type":"bridge","bridge":"br0"}', "file")
    assert network == ConfList("net", ({"type": "bridge", "bridge": "br0"},), "0.3.1")
    assert not network.checks and not network.passes_results_to_del


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"{", "not JSON"),
        (b"[]", "a JSON object is expected"),
        (b'{"cniVersion":"9.0.0","name":"n","plugins":[{"type":"x"}]}', "cniVersion '9.0.0'"),
        (b'{"cniVersion":"1.0.0","plugins":[{"type":"x"}]}', "name None"),
        (b'{"cniVersion":"1.0.0","name":"../n","plugins":[{"type":"x"}]}', "name '../n'"),
        (b'{"cniVersion":"1.0.0","name":"n","plugins":[]}', "at least one"),
        (b'{"cniVersion":"1.0.0","name":"n","plugins":[{}]}', r"plugins\[0\].type None"),
        (b'{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"../../bin/sh"}]}', "is not a plugin's name"),
        (b'{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"x"}, 5]}', r"plugins\[1\].type"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_files_name(text: bytes, problem: str) -> None:
    with pytest.raises(InvalidParameter, match=f"/etc/cni/x: .*{problem}"):
        parse(text, "/etc/cni/x")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse(data, "file")
    except InvalidParameter:
        return


def test_a_plugin_gets_its_own_part_of_what_the_runtime_knows() -> None:
    config = json.loads(execution_config(NETWORK, PORTMAP, PLACE, {"ips": []}))
    assert config == {
        "cniVersion": "1.0.0",
        "name": "net",
        "type": "portmap",
        "snat": True,
        "runtimeConfig": {"portMappings": [1]},
        "prevResult": {"ips": []},
    }
    first = json.loads(execution_config(NETWORK, NETWORK.plugins[0], PLACE, None))
    assert "runtimeConfig" not in first and "prevResult" not in first and "capabilities" not in first


def test_the_environment_is_the_specifications() -> None:
    variables = environment("ADD", PLACE, ("/a", "/b"), {"PATH": "/bin"})
    assert variables == {
        "PATH": "/bin",
        "CNI_COMMAND": "ADD",
        "CNI_PATH": "/a:/b",
        "CNI_CONTAINERID": "c1",
        "CNI_NETNS": "/run/netns/c1",
        "CNI_IFNAME": "eth0",
        "CNI_ARGS": "IgnoreUnknown=1;IP=10.0.0.2",
    }
    assert set(environment("VERSION", None, (), {})) == {"CNI_COMMAND", "CNI_PATH"}


def test_versions_compare_by_number() -> None:
    assert at_least("1.0.0", "0.4.0") and at_least("0.4.0", "0.4.0") and not at_least("0.3.1", "0.4.0")
    assert at_least("0.10.0", "0.9.0")
