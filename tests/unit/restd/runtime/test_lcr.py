from restd.runtime import lcr


def test_only_its_own_name_is_lcr() -> None:
    assert lcr.detect("lcr") and not lcr.detect("runc") and not lcr.detect("lcr2")
