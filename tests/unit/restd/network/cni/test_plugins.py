"""The specification's section 3, held against plugins that do what a test says."""

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from restd.errors import Unavailable
from restd.network.cni.configuration import Attachment, ConfList
from restd.network.cni.plugins import PluginFailure, Plugins
from tests.unit.restd.network.cni.scripted import Scripted

CHAIN = ConfList("net", ({"type": "first"}, {"type": "second", "capabilities": {"ips": True}}))
PLACE = Attachment("c1", "/run/netns/c1", "eth0", runtime={"ips": ["10.0.0.2"], "mac": "x"})
ONE = {"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.2/16"}]}
TWO = {"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.2/16", "gateway": "10.0.0.1"}]}


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


@pytest.fixture
def scripted(tmp_path: Path) -> Scripted:
    scripted = Scripted(tmp_path, "first", "second")
    scripted.answers("first", "ADD", ONE)
    scripted.answers("second", "ADD", TWO)
    return scripted


@pytest.fixture
def plugins(scripted: Scripted) -> Plugins:
    return Plugins([str(scripted.folder)], seconds=5)


def test_each_plugin_of_a_chain_gets_the_result_before_its_own(plugins: Plugins, scripted: Scripted) -> None:
    result = run(plugins.add(CHAIN, PLACE))
    assert result.raw == TWO and result.addresses[0].gateway == "10.0.0.1"
    assert scripted.verbs() == ["first ADD", "second ADD"]
    first, second = (config for _, _, config in scripted.calls())
    assert "prevResult" not in first and second["prevResult"] == ONE
    assert "runtimeConfig" not in first and second["runtimeConfig"] == {"ips": ["10.0.0.2"]}
    assert first["name"] == second["name"] == "net"


def test_plugins_see_the_specifications_variables_and_nothing_of_the_daemons(
    plugins: Plugins, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/notify")
    run(plugins.add(CHAIN, PLACE))
    seen = scripted.environment()
    assert seen["CNI_COMMAND"] == "ADD" and seen["CNI_CONTAINERID"] == "c1" and seen["CNI_IFNAME"] == "eth0"
    assert seen["CNI_NETNS"] == "/run/netns/c1" and seen["CNI_PATH"] == str(scripted.folder)
    assert "NOTIFY_SOCKET" not in seen and "PATH" in seen


def test_delete_goes_backwards_with_the_final_result(plugins: Plugins, scripted: Scripted) -> None:
    run(plugins.delete(CHAIN, PLACE, TWO))
    assert scripted.verbs() == ["second DEL", "first DEL"]
    assert all(config["prevResult"] == TWO for _, _, config in scripted.calls())


def test_delete_of_an_old_network_gets_no_result(plugins: Plugins, scripted: Scripted) -> None:
    run(plugins.delete(ConfList("net", CHAIN.plugins, "0.3.1"), PLACE, TWO))
    assert all("prevResult" not in config for _, _, config in scripted.calls())


def test_delete_calls_every_plugin_whatever_the_others_say(plugins: Plugins, scripted: Scripted) -> None:
    scripted.fails("second", "DEL", {"code": 5, "msg": "disk on fire"})
    with pytest.raises(PluginFailure, match="CNI plugin second failed to DEL: disk on fire"):
        run(plugins.delete(CHAIN, PLACE, TWO))
    assert scripted.verbs() == ["second DEL", "first DEL"]


def test_check_goes_forward_with_the_final_result(plugins: Plugins, scripted: Scripted) -> None:
    run(plugins.check(CHAIN, PLACE, TWO))
    assert scripted.verbs() == ["first CHECK", "second CHECK"]
    assert all(config["prevResult"] == TWO for _, _, config in scripted.calls())
    scripted.fails("first", "CHECK", {"code": 100, "msg": "address is gone"})
    with pytest.raises(PluginFailure, match="failed to CHECK: address is gone"):
        run(plugins.check(CHAIN, PLACE, TWO))


@pytest.mark.parametrize(
    "network", [ConfList("net", CHAIN.plugins, "0.3.1"), ConfList("net", CHAIN.plugins, disable_check=True)]
)
def test_networks_without_check_are_not_asked(plugins: Plugins, scripted: Scripted, network: ConfList) -> None:
    run(plugins.check(network, PLACE, TWO))
    assert scripted.calls() == []


def test_a_failed_add_is_followed_by_a_delete_of_the_whole_chain(plugins: Plugins, scripted: Scripted) -> None:
    scripted.fails("second", "ADD", {"cniVersion": "1.0.0", "code": 7, "msg": "bad config", "details": "no such port"})
    with pytest.raises(PluginFailure, match="CNI plugin second failed to ADD: bad config; no such port"):
        run(plugins.add(CHAIN, PLACE))
    assert scripted.verbs() == ["first ADD", "second ADD", "second DEL", "first DEL"]
    assert scripted.calls()[2][2]["prevResult"] == ONE


def test_try_again_later_is_tried_again(plugins: Plugins, scripted: Scripted) -> None:
    scripted.fails("first", "ADD", {"code": 11, "msg": "busy"}, once=True)
    assert run(plugins.add(CHAIN, PLACE)).raw == TWO
    assert scripted.verbs() == ["first ADD", "first ADD", "second ADD"]


def test_but_not_for_ever(plugins: Plugins, scripted: Scripted) -> None:
    scripted.fails("first", "ADD", {"code": 11, "msg": "busy"})
    with pytest.raises(PluginFailure, match="busy"):
        run(plugins.add(CHAIN, PLACE))
    assert scripted.verbs().count("first ADD") == 4


def test_a_plugin_that_hangs_is_killed_and_what_it_did_is_given_back(scripted: Scripted) -> None:
    scripted.hangs("second", "ADD")
    began = time.monotonic()
    with pytest.raises(PluginFailure, match=r"CNI plugin second did not end within 0\.3 s"):
        run(Plugins([str(scripted.folder)], seconds=0.3).add(CHAIN, PLACE))
    assert time.monotonic() - began < 5
    assert scripted.verbs()[-2:] == ["second DEL", "first DEL"]


@pytest.mark.parametrize("words", ["no JSON", "[]", '{"ips":[{"address":"x"}]}'])
def test_an_answer_that_is_none_is_a_failure(plugins: Plugins, scripted: Scripted, words: str) -> None:
    scripted.answers("first", "ADD", words)
    with pytest.raises(PluginFailure, match="CNI plugin first: .*its answer"):
        run(plugins.add(CHAIN, PLACE))


def test_a_plugin_that_is_not_there_is_missed_before_anything_is_done(plugins: Plugins, scripted: Scripted) -> None:
    with pytest.raises(Unavailable, match=r"there is no CNI plugin 'third' in .*containernetworking-plugins"):
        run(plugins.add(ConfList("net", (*CHAIN.plugins, {"type": "third"})), PLACE))
    assert scripted.calls() == []


def test_the_first_folder_that_has_a_plugin_counts(plugins: Plugins, scripted: Scripted, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "first").mkdir()
    both = Plugins([str(tmp_path / "nowhere"), str(tmp_path / "empty"), str(scripted.folder)])
    assert both.find("first") == plugins.find("first") == str(scripted.folder / "first")


def test_versions_are_asked_for(plugins: Plugins, scripted: Scripted) -> None:
    scripted.answers("first", "VERSION", {"cniVersion": "1.0.0", "supportedVersions": ["0.4.0", "1.0.0"]})
    assert run(plugins.versions("first", "1.0.0")) == ("0.4.0", "1.0.0")
    scripted.fails("second", "VERSION", "unknown CNI_COMMAND")
    assert run(plugins.versions("second", "1.0.0")) == ("0.1.0",)
    scripted.answers("first", "VERSION", "{}")
    with pytest.raises(PluginFailure):
        run(plugins.versions("first", "1.0.0"))
