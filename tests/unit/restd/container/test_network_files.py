import os
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from restd.config import Config as EngineConfig
from restd.container.network_files import (
    change_hosts,
    change_resolver,
    changed_lines,
    extra_hosts,
    hosts_text,
    own_lines,
    reachable_servers,
    resolv_conf_text,
    write_network_files,
)
from restd.model.container import Config, HostConfig
from tests.unit.restd.container.sample import container

HOST_TEXT = "# made by hand\nnameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch a.example b.example\noptions ndots:2\n"


def test_the_hosts_resolver_is_the_default() -> None:
    assert resolv_conf_text(HOST_TEXT, (), (), ()) == (
        "nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch a.example b.example\noptions ndots:2\n"
    )


def test_each_kind_of_line_is_replaced_by_itself() -> None:
    text = resolv_conf_text(HOST_TEXT, ("1.2.3.4",), (".",), ())
    assert text == "nameserver 1.2.3.4\noptions ndots:2\n"


def test_every_container_knows_itself_as_localhost() -> None:
    assert hosts_text(()).splitlines()[0] == "127.0.0.1\tlocalhost"


def test_an_ipv6_address_of_an_extra_host_may_have_brackets() -> None:
    assert extra_hosts(("a:1.2.3.4", "b:[::1]", "c:::1")) == [("a", "1.2.3.4"), ("b", "::1"), ("c", "::1")]


def test_the_files_are_written_and_readable_for_everybody(tmp_path: Path) -> None:
    made = container(
        directory=str(tmp_path),
        config=Config(hostname="web", domainname="example.org"),
        host_config=HostConfig(network_mode="none", extra_hosts=("db:10.1.1.1",), dns=("9.9.9.9",)),
    )
    mask = os.umask(0o077)
    try:
        files = write_network_files(made, EngineConfig(), None, "", [])
    finally:
        os.umask(mask)
    assert Path(files["/etc/hostname"]).read_text() == "web.example.org\n"
    assert "10.1.1.1\tdb\n" in Path(files["/etc/hosts"]).read_text()
    assert Path(files["/etc/resolv.conf"]).read_text().startswith("nameserver 9.9.9.9\n")
    assert all(os.stat(path).st_mode & 0o777 == 0o644 for path in files.values())


def test_a_container_in_anothers_network_uses_that_ones_files(tmp_path: Path) -> None:
    donor = replace(container(), directory="/donor")
    files = write_network_files(container(directory=str(tmp_path)), EngineConfig(), donor, "", [])
    assert files["/etc/hosts"] == "/donor/hosts"


@given(st.text(max_size=200))
def test_any_resolver_file_gives_lines_of_the_three_kinds(text: str) -> None:
    for line in resolv_conf_text(text, (), (), ()).split("\n")[:-1]:
        assert line.split(" ")[0] in ("nameserver", "search", "options")


def test_host_gateway_is_the_hosts_address_and_names_are_asked_of_the_engine(tmp_path: Path) -> None:
    made = container(
        directory=str(tmp_path),
        config=Config(hostname="web"),
        host_config=HostConfig(network_mode="blue", extra_hosts=("up:host-gateway",), dns=("9.9.9.9",)),
    )
    files = write_network_files(made, EngineConfig(), None, "172.17.0.1", ["10.4.0.1"])
    assert "172.17.0.1\tup\n" in Path(files["/etc/hosts"]).read_text()
    resolver = Path(files["/etc/resolv.conf"]).read_text().splitlines()
    assert resolver[0] == "nameserver 10.4.0.1" and resolver[-1].endswith("ndots:0")
    assert not any("9.9.9.9" in line for line in resolver)


def test_lines_come_and_go_in_place_and_what_the_container_wrote_stays(tmp_path: Path) -> None:
    made = container(directory=str(tmp_path), config=Config(hostname="web", domainname="example.org"))
    lines = own_lines(made, ("10.4.0.2", "", "fd00::2"))
    assert lines == ["10.4.0.2\tweb.example.org web", "fd00::2\tweb.example.org web"]
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1\tlocalhost\n1.1.1.1 mine")
    before = hosts.stat().st_ino
    change_hosts(made, (), lines)
    change_hosts(made, (), lines)
    assert hosts.read_text() == "127.0.0.1\tlocalhost\n1.1.1.1 mine\n" + "".join(f"{line}\n" for line in lines)
    change_hosts(made, lines, lines[:1])
    assert hosts.read_text().splitlines()[-1] == lines[0]
    assert hosts.stat().st_ino == before, "a mounted file must stay the same file"


@given(st.lists(st.text("ab \t", min_size=1)), st.lists(st.text("ab", min_size=1)))
def test_what_is_added_can_be_taken_away_again(old: list[str], new: list[str]) -> None:
    text = "".join(f"{line}\n" for line in old)
    added = [line for line in new if line not in old]
    assert changed_lines(changed_lines(text, (), added), added, ()) == text


def test_servers_on_the_hosts_loopback_are_of_no_use_to_a_container() -> None:
    assert (
        reachable_servers("nameserver 127.0.0.1\nnameserver 10.0.0.1\nsearch a\n", "")
        == "nameserver 10.0.0.1\nsearch a\n"
    )
    assert reachable_servers("nameserver 127.0.0.53\n", "nameserver 10.0.0.9\n") == "nameserver 10.0.0.9\n"
    assert reachable_servers("nameserver ::1\noptions a\n", "") == "nameserver 8.8.8.8\nnameserver 8.8.4.4\noptions a\n"


def test_other_name_servers_unless_the_container_has_chosen_its_own(tmp_path: Path) -> None:
    made = container(directory=str(tmp_path), host_config=HostConfig(network_mode="blue"))
    write_network_files(made, EngineConfig(), None, "", ["10.4.0.1"])
    resolver = tmp_path / "resolv.conf"
    change_resolver(made, EngineConfig(), ["10.4.0.1"], ["10.5.0.1", "10.4.0.1"])
    assert resolver.read_text().startswith("nameserver 10.5.0.1\nnameserver 10.4.0.1\n")
    resolver.write_text("nameserver 1.2.3.4\n")
    change_resolver(made, EngineConfig(), ["10.5.0.1", "10.4.0.1"], [])
    assert resolver.read_text() == "nameserver 1.2.3.4\n"
