from restd.network import interfaces


def test_an_interface_that_is_not_there_has_no_number() -> None:
    assert not interfaces.exists("no-such-thing") and interfaces.index_of("no-such-thing") == 0
    assert interfaces.exists("lo")


def test_to_remove_what_is_not_there_is_done_at_once() -> None:
    interfaces.remove("no-such-thing")


def test_hardware_addresses_are_local_and_of_one_interface_each() -> None:
    macs = {interfaces.random_mac() for _ in range(100)}
    assert len(macs) == 100
    assert all(len(mac) == 6 and mac[0] & 0x02 and not mac[0] & 0x01 for mac in macs)


def test_a_setting_that_the_kernel_has_not_is_passed_over() -> None:
    interfaces.write_setting("/proc/sys/net/no/such/setting", "1")
