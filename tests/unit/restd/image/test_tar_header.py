from __future__ import annotations

import io
import tarfile

from hypothesis import given
from hypothesis import strategies as st

from restd.image import tar_header as th

names = st.binary(min_size=1, max_size=300).filter(lambda name: b"\0" not in name and not name.endswith(b"/"))


def read(data: bytes) -> tarfile.TarInfo:
    with tarfile.open(fileobj=io.BytesIO(data + th.END)) as archive:
        member = archive.next()
    assert member is not None
    return member


@given(
    name=names,
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 1 << 32),
    size=st.integers(0, 1 << 40),
    mtime=st.integers(-(1 << 33), 1 << 40),
)
def test_what_is_written_is_read(name: bytes, mode: int, uid: int, size: int, mtime: int) -> None:
    one = read(th.header(th.REGULAR, name, mode=mode, uid=uid, gid=uid + 1, size=size, mtime=mtime))
    assert one.name == name.decode("utf-8", "surrogateescape")
    assert (one.mode, one.uid, one.gid, one.size, one.mtime) == (mode, uid, uid + 1, size, mtime)


@given(name=names, link=names)
def test_links_of_any_length(name: bytes, link: bytes) -> None:
    one = read(th.header(th.SYMLINK, name, link=link))
    assert one.linkname == link.decode("utf-8", "surrogateescape")
    assert one.issym()


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,9}\.[a-z]{1,200}", fullmatch=True), st.binary(max_size=2000), min_size=1)
)
def test_attributes_come_with_a_pax_header(attributes: dict[str, bytes]) -> None:
    data = th.header(th.REGULAR, b"n" * 150, link=b"", xattrs=attributes)
    one = read(data)
    assert one.name == "n" * 150
    for key, value in attributes.items():
        found = one.pax_headers[f"SCHILY.xattr.{key}"]
        assert found.encode("utf-8", "surrogateescape") == value


def test_devices_and_padding() -> None:
    one = read(th.header(th.CHAR, b"null", device=(1, 3)))
    assert (one.devmajor, one.devminor, one.ischr()) == (1, 3, True)
    assert [len(th.padding(size)) for size in (0, 1, 512, 513)] == [0, 511, 0, 511]
