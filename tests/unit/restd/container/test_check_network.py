from dataclasses import replace
from typing import Any

import pytest

from restd.container.check_network import check_names, check_network_request, check_networks, network_warnings
from restd.container.registry import Registry
from restd.errors import InvalidParameter
from restd.model.container import Config, CreateRequest, Endpoint, HostConfig, PortBinding
from tests.unit.restd.container.nets import Networks
from tests.unit.restd.container.sample import container

PORT: dict[str, tuple[PortBinding, ...] | None] = {"80/tcp": (PortBinding("", "80"),)}


def ask(config: Config | None = None, **host_config: Any) -> CreateRequest:
    return CreateRequest(config or Config(image="x"), HostConfig(**host_config))


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (ask(network_mode="container:x", port_bindings=PORT), "port publishing and the container type network mode"),
        (ask(network_mode="container:x", publish_all_ports=True), "port publishing and the container type"),
        (ask(Config(exposed_ports={"80/tcp": {}}), network_mode="container:x"), "port exposing and the container"),
        (ask(Config(hostname="a"), network_mode="container:x"), "hostname and the network mode"),
        (ask(Config(mac_address="02:00:00:00:00:01"), network_mode="container:x"), "mac-address and the network mode"),
        (ask(network_mode="container:x", links=("a",)), "container type network can't be used with links"),
        (ask(network_mode="container:x", dns=("1.1.1.1",)), "dns and the network mode"),
        (ask(network_mode="host", links=("a",)), "host type networking can't be used with links"),
        (ask(Config(mac_address="02:00:00:00:00:01"), network_mode="none"), "mac-address and the network mode"),
        (ask(Config(hostname="a"), uts_mode="host"), "hostname and the UTS mode"),
        (ask(port_bindings={"80/tcp": (PortBinding("", "x"),)}), 'invalid port specification: "x"'),
        (ask(Config(exposed_ports={"0": {}})), 'invalid port specification: "0"'),
        (ask(Config(mac_address="02:00")), "invalid MAC address: 02:00"),
        (replace(ask(), endpoints={"blue": Endpoint(mac_address="zz:00:00:00:00:01")}), "invalid MAC address"),
        (replace(ask(), endpoints={"blue": Endpoint(links=("a:b:c",))}), "bad format for links"),
    ],
)
def test_what_contradicts_itself_is_refused_in_dockers_words(request_: CreateRequest, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        check_network_request(request_)


def test_what_makes_sense_passes() -> None:
    check_network_request(
        ask(
            Config(mac_address="02-00-00-00-00-01", hostname="a"), network_mode="blue", port_bindings=PORT, links=("a",)
        )
    )


def test_a_network_that_is_not_there_is_told_at_the_start_only() -> None:
    made = container(host_config=HostConfig(network_mode="gone"), endpoints={"gone": Endpoint()})
    check_networks(made, Networks().check, Registry())


def test_other_names_need_a_network_where_names_are_resolved() -> None:
    made = container(host_config=HostConfig(network_mode="bridge"), endpoints={"bridge": Endpoint(aliases=("a",))})
    with pytest.raises(InvalidParameter, match="network-scoped aliases are only supported for user-defined networks"):
        check_networks(made, Networks().check, Registry())


@pytest.mark.parametrize(
    "host_config",
    [
        HostConfig(extra_hosts=("a",)),
        HostConfig(extra_hosts=("a:x",)),
        HostConfig(extra_hosts=("a b:1.1.1.1",)),
        HostConfig(dns=("x",)),
        HostConfig(dns_search=("a b",)),
        HostConfig(dns_options=("",)),
    ],
)
def test_names_that_would_break_a_file_are_refused(host_config: HostConfig) -> None:
    with pytest.raises(InvalidParameter):
        check_names(host_config)


def test_the_hosts_own_address_has_a_name() -> None:
    check_names(HostConfig(extra_hosts=("a:host-gateway", "b:[::1]"), dns=("::1",), dns_search=(".",)))


def test_ports_on_the_hosts_network_are_warned_of() -> None:
    assert network_warnings(HostConfig(network_mode="host", port_bindings=PORT)) == [
        "Published ports are discarded when using host network mode"
    ]
    assert network_warnings(HostConfig(network_mode="bridge", port_bindings=PORT)) == []
