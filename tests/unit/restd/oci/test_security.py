import json

import pytest

from restd.errors import InvalidParameter, NotImplementedYet
from restd.lib.host import Host
from restd.oci.security import SecurityOptions, parse

HOST = Host()


@pytest.mark.parametrize("word", ["no-new-privileges", "no-new-privileges:true", "no-new-privileges=1"])
def test_no_new_privileges_in_all_its_spellings(word: str) -> None:
    assert parse([word], HOST).no_new_privileges


def test_it_can_be_switched_off_again() -> None:
    assert not parse(["no-new-privileges", "no-new-privileges:false"], HOST).no_new_privileges


def test_seccomp_is_on_unless_unconfined() -> None:
    assert parse(None, HOST) == SecurityOptions()
    assert not parse(["seccomp=unconfined"], HOST).seccomp
    assert not parse(["seccomp:unconfined"], HOST).seccomp
    assert parse(["seccomp=builtin"], HOST).profile is None


def test_a_profile_comes_as_its_own_text() -> None:
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}
    assert parse([f"seccomp={json.dumps(profile)}"], HOST).profile == profile


def test_apparmor_is_refused_where_there_is_none() -> None:
    assert parse(["apparmor=unconfined"], HOST).apparmor == ""
    assert parse(["apparmor=mine"], Host(apparmor=True)).apparmor == "mine"
    with pytest.raises(InvalidParameter, match="AppArmor is not enabled"):
        parse(["apparmor=mine"], HOST)


def test_labels_mean_nothing_without_selinux() -> None:
    assert parse(["label=disable", "label=type:x"], HOST) == SecurityOptions()
    with pytest.raises(NotImplementedYet):
        parse(["label=type:x"], Host(selinux=True))


@pytest.mark.parametrize("word", ["fly", "fly=high", "no-new-privileges=maybe"])
def test_what_is_unknown_is_refused(word: str) -> None:
    with pytest.raises(InvalidParameter, match="invalid --security-opt"):
        parse([word], HOST)
