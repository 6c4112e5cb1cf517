import inspect

from restd import errors


def test_each_kind_is_an_engine_error_with_its_text() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    assert len(kinds) > 8
    for kind in kinds:
        assert issubclass(kind, errors.EngineError)
        assert str(kind("words for people")) == "words for people"
