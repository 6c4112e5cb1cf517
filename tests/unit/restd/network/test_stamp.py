from restd.network import stamp


def test_a_change_is_told_once_and_ones_own_is_not(monkeypatch: object) -> None:
    told = []

    class Counted(stamp.Watch):
        now = b"1"

        def _now(self) -> bytes:
            return self.now

    watch = Counted()
    watch.add(lambda: told.append(watch.now))
    watch.look()
    watch.look()
    watch.now = b"2"
    watch.look()
    watch.now = b"\0\0\0\7"
    watch.look()
    watch.now = b"\0\0\0\11"
    watch.note(2)
    watch.look()
    assert told == [b"1", b"2", b"\0\0\0\7"]
    watch.now = b"\0\0\0\14"
    watch.note(2)  # three commits: one was somebody else's
    assert told[3:] == [b"\0\0\0\14"]


def test_the_kernel_answers_or_nothing_is_said() -> None:
    assert len(stamp.generation()) in (0, 4)
