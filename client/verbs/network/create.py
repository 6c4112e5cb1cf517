"""`network create`: a new network; prints its id."""

from __future__ import annotations

from client.errors import UsageError
from client.options import Option
from client.output import say, tell
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Create the network."""
    body: dict[str, Any] = {
        "Name": arguments.words[0],
        "Driver": arguments.text("driver") or "bridge",
        "Options": pairs(arguments.many("opt")),
        "Labels": pairs(arguments.many("label")),
        "Internal": arguments.flag("internal"),
        "Attachable": arguments.flag("attachable"),
        "ConfigOnly": arguments.flag("config-only"),
        "IPAM": {
            "Driver": arguments.text("ipam-driver") or "default",
            "Options": pairs(arguments.many("ipam-opt")),
            "Config": pools(arguments),
        },
    }
    for name, key in (("ipv4", "EnableIPv4"), ("ipv6", "EnableIPv6")):
        if name in arguments.given:
            body[key] = arguments.flag(name)
    if arguments.text("config-from"):
        body["ConfigFrom"] = {"Network": arguments.text("config-from")}
        del body["IPAM"], body["Options"]
    if arguments.flag("config-only"):
        body["Driver"] = ""
    answer = engine.call("POST", "/networks/create", body=body)
    if answer.get("Warning"):
        tell(f"WARNING: {answer['Warning']}")
    say(answer["Id"])
    return 0


def pairs(words: list[str]) -> dict[str, str]:
    """`KEY=VALUE`; a key alone has an empty value."""
    return {key: value for key, _, value in (word.partition("=") for word in words)}


def pools(arguments: Arguments) -> list[dict[str, Any]]:
    """The address pools: each range, gateway and auxiliary address goes to the subnet that holds it."""
    import ipaddress  # only when subnets are given

    found: list[tuple[Any, dict[str, Any]]] = []
    for text in arguments.many("subnet"):
        try:
            found.append((ipaddress.ip_network(text, strict=False), {"Subnet": text}))
        except ValueError as error:
            raise UsageError(f"network create: invalid subnet {text}: {error}") from error

    def place(text: str, address: str, option: str) -> dict[str, Any]:
        try:
            parsed = ipaddress.ip_interface(address).ip
        except ValueError as error:
            raise UsageError(f"network create: invalid --{option} {text}: {error}") from error
        for subnet, pool in found:
            if parsed in subnet:
                return pool
        raise UsageError(f"network create: no matching subnet for --{option} {text}")

    for option, key in (("ip-range", "IPRange"), ("gateway", "Gateway")):
        for text in arguments.many(option):
            pool = place(text, text, option)
            if key in pool:
                raise UsageError(f"network create: cannot configure multiple {option}s for one subnet")
            pool[key] = text
    for text in arguments.many("aux-address"):
        name, equals, address = text.partition("=")
        if not equals:
            raise UsageError(f"network create: invalid --aux-address {text}: NAME=ADDRESS is wanted")
        place(text, address, "aux-address").setdefault("AuxiliaryAddresses", {})[name] = address
    return [pool for _, pool in found]


VERB = Verb(
    run,
    (
        Option("attachable", "Note that containers may be put on it by hand (changes nothing here)"),
        Option("aux-address", "Keep an address back for something else", "NAME=ADDRESS", many=True),
        Option("config-from", "Take the configuration of another network", "NETWORK"),
        Option("config-only", "Make a configuration for other networks"),
        Option("driver d", "bridge (default), macvlan, ipvlan, host-device, cni", "DRIVER"),
        Option("gateway", "Address of the gateway in its subnet", "ADDRESS", many=True),
        Option("internal", "No way out of the network"),
        Option("ip-range", "Choose containers' addresses from this part of a subnet", "CIDR", many=True),
        Option("ipam-driver", "default, or none for a network without addresses", "DRIVER"),
        Option("ipam-opt", "Option of the address management", "KEY=VALUE", many=True),
        Option("ipv4", "IPv4 addresses (on unless denied)"),
        Option("ipv6", "IPv6 addresses"),
        Option("label", "Label", "KEY=VALUE", many=True),
        Option("opt o", "Option of the driver, such as parent=eth0", "KEY=VALUE", many=True),
        Option("subnet", "Subnet, such as 10.1.0.0/16; may be repeated", "CIDR", many=True),
    ),
    words="NETWORK",
    least=1,
    most=1,
    example="isula-rest network create --subnet 10.1.0.0/16 -o com.docker.network.driver.mtu=1400 web",
)
