from restd.lib.ids import generated_name, is_id, is_name, new_id, short_id


def test_an_id_is_64_hex_digits_and_its_short_form_is_no_number() -> None:
    for _ in range(50):
        fresh = new_id()
        assert is_id(fresh)
        assert not short_id(fresh).isdigit()


def test_a_short_id_drops_the_digest_algorithm() -> None:
    assert short_id("sha256:" + "ab" * 32) == "abababababab"


def test_names_follow_dockers_pattern() -> None:
    assert all(is_name(name) for name in ("ab", "a.b", "A_1-x", "0x"))
    assert not any(is_name(name) for name in ("", "a", "-ab", ".ab", "a/b", "a b", "ä1", "a" * 256, "ab\n"))


def test_generated_names_are_names_and_get_a_digit_after_a_collision() -> None:
    assert is_name(generated_name())
    assert generated_name(1)[-1].isdigit()
