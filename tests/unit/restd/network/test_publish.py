from restd.model.network import PortMapping
from restd.network.firewall import Rule
from restd.network.publish import rules


def test_a_port_on_all_addresses_of_both_families() -> None:
    mappings = [PortMapping(80, "tcp", "0.0.0.0", 8080), PortMapping(80, "tcp", "::", 8080)]
    assert rules(mappings, "172.17.0.2", "fd00::2") == [
        Rule("nat", "DNAT", "-p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80"),
        Rule("nat", "DNAT", "-p tcp ! -d ::1 --dport 8080 -j DNAT --to-destination [fd00::2]:80", ipv6=True),
    ]


def test_one_address_alone() -> None:
    (rule,) = rules([PortMapping(53, "udp", "192.0.2.1", 53)], "172.17.0.2", "")
    assert rule.text == "-p udp -d 192.0.2.1 --dport 53 -j DNAT --to-destination 172.17.0.2:53"


def test_nobody_on_the_wire_reaches_a_port_of_the_loopback() -> None:
    _, drop = rules([PortMapping(80, "tcp", "127.0.0.1", 8080)], "172.17.0.2", "")
    assert drop == Rule("raw", "PREROUTING", "! -i lo -p tcp -d 127.0.0.1 --dport 8080 -j DROP")


def test_a_family_that_the_container_has_no_address_of_gets_no_rule() -> None:
    assert rules([PortMapping(80, "tcp", "::", 8080)], "172.17.0.2", "") == []
