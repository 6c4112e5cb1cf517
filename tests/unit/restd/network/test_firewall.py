from restd.network.firewall import Rule


def test_rules_are_for_ipv4_unless_said_otherwise() -> None:
    assert not Rule("nat", "DNAT", "-j ACCEPT").ipv6
