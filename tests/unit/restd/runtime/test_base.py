from restd.runtime.base import Handed, RuntimeFailure


def test_a_failure_carries_the_runtimes_words_and_their_kind() -> None:
    failure = RuntimeFailure("container not running", "gone")
    assert (str(failure), failure.kind, RuntimeFailure("x").kind) == ("container not running", "gone", "runtime")


def test_nothing_is_handed_over_by_default() -> None:
    assert not Handed().descriptors and not Handed().attaches and not Handed().waits
