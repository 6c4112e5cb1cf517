from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.network.chains import BETWEEN, DNAT, IN, POSTROUTING, Names
from restd.network.ruleset import Batch, Rule, Seen, after, change, digest, dismantle, frame, is_whole, place, read

NAMES = Names("t")
WEB = (
    Rule("filter", IN, "-o br0 -j ACCEPT"),
    Rule("filter", IN, "-o br0 -j @BETWEEN"),
    Rule("nat", POSTROUTING, "-s 10.0.0.0/8 ! -o br0 -j MASQUERADE"),
)
PORT = (Rule("nat", DNAT, "-p tcp --dport 80 -j DNAT --to-destination 10.0.0.2:80"),)


def saved(owners: Mapping[str, Sequence[Rule]]) -> str:
    """As iptables-save would write a complete set of our chains, with somebody else's in between."""
    lines: dict[str, list[str]] = {table: [] for table in ("filter", "nat", "raw")}
    batch = Batch()
    frame(NAMES, Seen(), batch)
    for owner, rules in owners.items():
        for placed in place(NAMES, owner, rules):
            batch.add(placed.table, f"-A {placed.chain} {placed.text}")
    table = ""
    for line in batch.text().splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line != "COMMIT":
            lines[table].append(line.replace("-I FORWARD 1", "-A FORWARD").replace("-I INPUT 1", "-A INPUT"))
    return "".join(
        f"# comment\n*{table}\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j DOCKER-USER\n" + "\n".join(inner) + "\nCOMMIT\n"
        for table, inner in lines.items()
    )


def test_what_was_set_is_found_to_be_whole() -> None:
    seen = read(NAMES, saved({"network:1": WEB, "ports:1": PORT}))
    assert set(seen.owners) == {"network:1", "ports:1"}
    assert is_whole(seen, "network:1", WEB) and is_whole(seen, "ports:1", PORT)
    assert not is_whole(seen, "network:1", PORT) and not is_whole(seen, "network:2", WEB)
    assert is_whole(seen, "network:2", ())
    batch = Batch()
    frame(NAMES, seen, batch)
    assert not batch


def test_what_is_known_after_a_change_is_what_would_be_read() -> None:
    changed = {"network:1": WEB, "ports:1": PORT}
    known = after(NAMES, Seen(), changed)
    read_again = read(NAMES, saved(changed))
    assert known.chains == read_again.chains and known.fixed == read_again.fixed and known.owners == read_again.owners
    assert known.hooks == read_again.hooks


def test_an_empty_host_gets_chains_before_rules_and_the_way_in_first() -> None:
    batch = Batch()
    frame(NAMES, Seen(), batch)
    text = batch.text()
    assert text.index(":ISULA-t-IN - [0:0]") < text.index("-A ISULA-t-FORWARD -j ISULA-t-IN")
    assert "-I FORWARD 1 -j ISULA-t-FORWARD" in text
    assert "-A PREROUTING -m addrtype --dst-type LOCAL -j ISULA-t-DNAT" in text
    assert text.count("COMMIT") == 3


def test_a_lost_rule_brings_all_of_its_owner_back() -> None:
    lines = saved({"network:1": WEB, "ports:1": PORT}).splitlines()
    lost = next(line for line in lines if "MASQUERADE" in line)
    lines.remove(lost)
    seen = read(NAMES, "\n".join(lines))
    assert not is_whole(seen, "network:1", WEB) and is_whole(seen, "ports:1", PORT)
    batch = Batch()
    change(NAMES, seen, batch, "network:1", WEB)
    assert batch.text().count("-D ISULA-t-IN") == 2 and batch.text().count("-A ISULA-t-") == 3


def test_a_lost_jump_or_chain_is_noticed() -> None:
    text = saved({"network:1": WEB})
    for lost in ("-A FORWARD -j ISULA-t-FORWARD", ":ISULA-t-BETWEEN - [0:0]", "-A ISULA-t-FORWARD -j ISULA-t-OUT"):
        assert lost in text
        batch = Batch()
        frame(NAMES, read(NAMES, text.replace(lost + "\n", "", 1)), batch)
        assert batch, lost


def test_rules_of_others_are_left_alone() -> None:
    text = saved({"network:1": WEB}).replace("*filter\n", "*filter\n-A ISULA-t-IN -s 10.9.9.9/32 -j DROP\n")
    seen = read(NAMES, text)
    assert is_whole(seen, "network:1", WEB)
    other = read(Names("x"), text)
    assert not other.chains and not other.owners and not other.hooks


def test_the_words_of_iptables_save_do_not_matter() -> None:
    text = saved({"ports:1": PORT}).replace("-p tcp --dport 80", "-p tcp -m tcp --dport 80")
    seen = read(NAMES, text)
    assert is_whole(seen, "ports:1", PORT)
    batch = Batch()
    change(NAMES, seen, batch, "ports:1", ())
    assert "-m tcp --dport 80" in batch.text() and "-D ISULA-t-DNAT" in batch.text()


def test_at_the_end_nothing_of_ours_is_left() -> None:
    batch = Batch()
    dismantle(read(NAMES, saved({"network:1": WEB})), batch)
    text = batch.text()
    assert text.index("-D FORWARD -j ISULA-t-FORWARD") < text.index("-F ISULA-t-FORWARD") < text.index("-X ISULA-t-")
    assert "DOCKER-USER" not in text


def test_targets_of_ours_get_their_names() -> None:
    assert place(NAMES, "network:1", WEB)[1].text.endswith(f"-j ISULA-t-{BETWEEN}")


def test_a_rule_is_one_line_in_a_chain_that_there_is() -> None:
    for table, chain, text in (("filter", DNAT, "-j ACCEPT"), ("filter", IN, "-j ACCEPT\n-F")):
        with pytest.raises((AssertionError, KeyError)):
            Rule(table, chain, text)


@given(st.lists(st.sampled_from([*WEB, *PORT]), min_size=1, max_size=5, unique=True))
def test_other_rules_have_another_digest(rules: list[Rule]) -> None:
    assert digest(rules) == digest(list(rules))
    assert digest(rules) != digest([*rules, Rule("raw", "PREROUTING", "-j DROP")])


@given(st.text(max_size=300))
def test_whatever_is_printed_is_read_without_an_error(text: str) -> None:
    read(NAMES, text)
