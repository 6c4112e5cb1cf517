import os
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from restd.config import Config as EngineConfig
from restd.container.network_files import extra_hosts, hosts_text, resolv_conf_text, write_network_files
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
        files = write_network_files(made, EngineConfig(), None)
    finally:
        os.umask(mask)
    assert Path(files["/etc/hostname"]).read_text() == "web.example.org\n"
    assert "10.1.1.1\tdb\n" in Path(files["/etc/hosts"]).read_text()
    assert Path(files["/etc/resolv.conf"]).read_text().startswith("nameserver 9.9.9.9\n")
    assert all(os.stat(path).st_mode & 0o777 == 0o644 for path in files.values())


def test_a_container_in_anothers_network_uses_that_ones_files(tmp_path: Path) -> None:
    donor = replace(container(), directory="/donor")
    assert (
        write_network_files(container(directory=str(tmp_path)), EngineConfig(), donor)["/etc/hosts"] == "/donor/hosts"
    )


@given(st.text(max_size=200))
def test_any_resolver_file_gives_lines_of_the_three_kinds(text: str) -> None:
    for line in resolv_conf_text(text, (), (), ()).split("\n")[:-1]:
        assert line.split(" ")[0] in ("nameserver", "search", "options")
