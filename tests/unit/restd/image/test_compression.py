from __future__ import annotations

import bz2
import gzip
import lzma
import random
from collections.abc import Callable

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.image.compression import STEP, Decoder, recognise

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstd.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
REAL = sorted(set(COMPRESSORS) - {"plain"})


def decode(compression: str, data: bytes, step: int = 1 << 20) -> bytes:
    decoder = Decoder(compression)
    out = b"".join(piece for at in range(0, len(data), step) for piece in decoder.feed(data[at : at + step]))
    decoder.finish()
    return out


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=3000), st.sampled_from(sorted(COMPRESSORS)), st.sampled_from([1, 7, 1000, 100_000]))
def test_what_was_compressed_comes_back_however_it_is_cut(data: bytes, compression: str, step: int) -> None:
    packed = COMPRESSORS[compression](data)
    assert decode(compression, packed, step) == data


@pytest.mark.parametrize("compression", REAL)
def test_each_compression_is_recognised_by_its_first_bytes(compression: str) -> None:
    assert recognise(COMPRESSORS[compression](b"x")) == compression
    assert recognise(b"") == recognise(b"etc/") == "plain"
    assert recognise(b"\x5a\x2a\x4d\x18\0\0\0\0") == "zstd"


@pytest.mark.parametrize("step", [1, 100, 1 << 20])
@pytest.mark.parametrize("compression", REAL)
def test_several_members_and_padding_are_one_stream(compression: str, step: int) -> None:
    pack = COMPRESSORS[compression]
    assert decode(compression, pack(b"one") + pack(b"two") + bytes(600), step) == b"onetwo"


@pytest.mark.parametrize("step", [1, 100, 1 << 20])
@pytest.mark.parametrize("compression", REAL)
def test_a_cut_stream_is_refused_wherever_it_is_cut(compression: str, step: int) -> None:
    packed = COMPRESSORS[compression](random.Random(1).randbytes(300))
    for cut in range(1, len(packed), 5):
        with pytest.raises(InvalidParameter, match=f"invalid {compression} data"):
            decode(compression, packed[:cut], step)


@pytest.mark.parametrize("compression", REAL)
def test_garbage_behind_the_end_is_refused(compression: str) -> None:
    with pytest.raises(InvalidParameter, match=f"invalid {compression} data"):
        decode(compression, COMPRESSORS[compression](b"x") + b"garbage" * 20)
    with pytest.raises(InvalidParameter, match=f"invalid {compression} data"):
        decode(compression, COMPRESSORS[compression](b"x") + bytes(10) + b"garbage" * 20, 3)


@pytest.mark.parametrize("compression", ["gzip", "zstd", "xz"])
def test_a_flipped_bit_in_the_checksum_is_noticed(compression: str) -> None:
    packed = bytearray(
        zstd.compress(b"x" * 500, options={zstd.CompressionParameter.checksum_flag: 1})
        if compression == "zstd"
        else COMPRESSORS[compression](b"x" * 500)
    )
    packed[-6 if compression == "gzip" else -2] ^= 1
    with pytest.raises(InvalidParameter):
        decode(compression, bytes(packed))


@pytest.mark.parametrize("compression", REAL)
def test_a_bomb_comes_out_in_bounded_steps(compression: str) -> None:
    packed = COMPRESSORS[compression](bytes(20 * STEP))
    decoder = Decoder(compression)
    sizes = [len(piece) for piece in decoder.feed(packed)]
    assert sum(sizes) == 20 * STEP
    assert max(sizes) <= STEP
