from __future__ import annotations

from restd.image.history import MISSING, history_rows
from restd.model.image import Image, ImageConfig, ImageLayer


def image(number: str, steps: str, parent: str = "", tags: tuple[str, ...] = ()) -> Image:
    """`steps`: a letter a step, `-` for one without a layer."""
    layers = tuple(ImageLayer("", 0, "", "", f"chain-{step}") for step in steps if step != "-")
    history = [{"created_by": step, "empty_layer": step == "-"} for step in steps]
    return Image(number, "", layers, ImageConfig(), {"history": history}, repo_tags=tags, parent=parent)


def test_rows_are_newest_first_with_the_size_of_their_layer() -> None:
    sizes = {"chain-a": 1, "chain-b": 2}
    rows = history_rows(image("i", "a-b", tags=("t:1",)), sizes.__getitem__, lambda _: None)
    assert [(row.created_by, row.size) for row in rows] == [("b", 2), ("-", 0), ("a", 1)]
    assert [(row.id, row.tags) for row in rows] == [("i", ("t:1",)), (MISSING, ()), (MISSING, ())]


def test_parents_that_are_here_are_named() -> None:
    known = {"p": image("p", "ab"), "g": image("g", "a")}
    known["p"] = image("p", "ab", parent="g")
    rows = history_rows(image("i", "ab-", parent="p"), lambda _: 0, known.get)
    assert [row.id for row in rows] == ["i", "p", "g"]


def test_parents_in_a_circle_end() -> None:
    known = {"p": image("p", "ab", parent="i"), "i": image("i", "ab", parent="p")}
    assert len(history_rows(known["i"], lambda _: 0, known.get)) == 2


def test_more_steps_than_layers_and_no_steps_are_shown_as_they_are() -> None:
    short = Image("i", "", (), ImageConfig(), {"history": [{"created_by": "x"}]})
    assert [row.size for row in history_rows(short, lambda _: 1, lambda _: None)] == [0]
    assert history_rows(image("i", ""), lambda _: 1, lambda _: None) == []
