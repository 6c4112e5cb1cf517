import json
from pathlib import Path

import pytest

from restd.errors import NotFound, Unavailable
from restd.model.network import Network
from restd.network.cni.plugins import Plugins
from restd.network.drivers.conflist import ConflistDriver
from tests.unit.restd.network.cni.scripted import Scripted


def write(folder: Path, name: str, kind: str) -> None:
    content = {"cniVersion": "1.0.0", "name": name, "plugins": [{"type": kind}]}
    (folder / f"{name}.conflist").write_text(json.dumps(content))


def test_the_list_is_the_networks_own_or_the_one_named(tmp_path: Path) -> None:
    plugins = Plugins([str(Scripted(tmp_path, "mine").folder)])
    driver = ConflistDriver(plugins, str(tmp_path))
    write(tmp_path, "web", "mine")
    write(tmp_path, "other", "mine")
    assert driver.chain(Network("a" * 64, "web", 1, "cni")).name == "web"
    named = Network("a" * 64, "web", 1, "cni", options={"conflist": "other"})
    assert driver.design(named) is named and driver.chain(named).name == "other"


def test_lists_and_plugins_that_are_not_there_are_missed_at_once(tmp_path: Path) -> None:
    driver = ConflistDriver(Plugins([str(tmp_path)]), str(tmp_path))
    with pytest.raises(NotFound, match="there is no CNI network 'web'"):
        driver.design(Network("a" * 64, "web", 1, "cni"))
    write(tmp_path, "web", "missing")
    with pytest.raises(Unavailable, match="there is no CNI plugin 'missing'"):
        driver.design(Network("a" * 64, "web", 1, "cni"))
