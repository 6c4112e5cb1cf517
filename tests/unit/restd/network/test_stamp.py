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
    watch.now = b"3"
    watch.note()
    watch.look()
    assert told == [b"1", b"2"]


def test_the_kernel_answers_or_nothing_is_said() -> None:
    assert len(stamp.generation()) in (0, 4)
