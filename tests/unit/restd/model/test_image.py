from __future__ import annotations

from restd.model.image import Image, ImageConfig, ImageLayer


def test_an_image_knows_its_topmost_chain_and_its_diff_ids() -> None:
    layers = (ImageLayer("d1", 1, "k", "diff1", "chain1"), ImageLayer("d2", 1, "k", "diff2", "chain2"))
    image = Image("sha256:i", "sha256:m", layers, ImageConfig(), {})
    assert image.chain_id == "chain2"
    assert image.diff_ids == ("diff1", "diff2")
    assert Image("sha256:i", "sha256:m", (), ImageConfig(), {}).chain_id == ""
