from restd.model.connection import AttachOptions, Borrowed


def test_an_attach_asks_for_nothing_unless_told() -> None:
    assert AttachOptions() == AttachOptions(False, False, False, False, False, "")


def test_a_borrowed_connection_is_its_descriptor_and_its_early_bytes() -> None:
    assert Borrowed(7, b"x").early == b"x"
