import gc

from restd.lib.memory import one_arena, settle


def test_what_lives_is_permanent_after_settling_and_nothing_breaks() -> None:
    one_arena()
    kept = [{"a": number} for number in range(1000)]
    before = gc.get_freeze_count()
    try:
        settle()
        assert gc.get_freeze_count() > before
        assert kept[999] == {"a": 999}
    finally:
        gc.unfreeze()
