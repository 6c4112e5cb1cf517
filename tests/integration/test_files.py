"""Archive, changes, export and commit over HTTP, on running and stopped containers."""

from __future__ import annotations

import base64
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.calls import IMAGE
from tests.engine import Engine
from tests.wire import Reply

pytestmark = [pytest.mark.root, pytest.mark.peer]
TYPE = {"Content-Type": "application/x-tar"}


def tar(*members: tuple[str | tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return archive.getnames()


def content(data: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        member = archive.extractfile(name)
        assert member is not None
        return member.read()


def stat_of(reply: Reply) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(base64.b64decode(reply.headers["x-docker-container-path-stat"]))
    return value


SCRIPT = (
    "echo new > /etc/new; rm /bin/vi; mkdir /d; echo hi > /d/f; ln -s /etc /link; ln -s ../../../etc /up; sleep 1000"
)


@pytest.fixture(params=["running", "stopped"])
def container(engine: Engine, request: pytest.FixtureRequest) -> str:
    """One that has changed something; running or not."""
    name = engine.running(["sh", "-c", SCRIPT + " & wait"])
    engine.exec(name, ["sh", "-c", "until [ -L /up ]; do sleep 0.01; done"])
    if request.param == "stopped":
        engine.post(f"/containers/{name}/kill")
        engine.wait(name)
    return name


def test_a_file_comes_under_its_own_name(engine: Engine, container: str) -> None:
    reply = engine.call("GET", f"/containers/{container}/archive?path=/d/f")
    assert names(reply.body) == ["f"]
    assert content(reply.body, "f") == b"hi\n"
    stat = stat_of(reply)
    assert (stat["name"], stat["size"], stat["mode"], stat["linkTarget"]) == ("f", 3, 0o644, "")


def test_a_folder_comes_with_what_is_in_it(engine: Engine, container: str) -> None:
    assert names(engine.call("GET", f"/containers/{container}/archive?path=/d").body) == ["d", "d/f"]
    contents = names(engine.call("GET", f"/containers/{container}/archive?path=/d/.").body)
    assert [name.removeprefix("./") for name in contents if name != "."] == ["f"]


@pytest.mark.parametrize("path", ["/link/new", "/up/new", "/d/../link/new"])
def test_links_are_followed_inside_the_container(engine: Engine, container: str, path: str) -> None:
    reply = engine.call("GET", f"/containers/{container}/archive?path={path}")
    assert content(reply.body, "new") == b"new\n"


def test_a_link_is_described_itself(engine: Engine, container: str) -> None:
    reply = engine.call("HEAD", f"/containers/{container}/archive?path=/link")
    stat = stat_of(reply)
    assert stat["linkTarget"] == "/etc"
    assert stat["mode"] & (1 << 27)


@pytest.mark.parametrize("method", ["HEAD", "GET", "PUT"])
def test_what_is_not_there_is_not_found(engine: Engine, container: str, method: str) -> None:
    body = tar(("x", b"")) if method == "PUT" else None
    reply = engine.ask(method, f"/containers/{container}/archive?path=/no/such", body, TYPE if body else None)
    assert reply.status == 404
    assert engine.ask(method, f"/containers/{container}/archive", body, TYPE if body else None).status == 400
    assert engine.ask(method, "/containers/nobody/archive?path=/", body, TYPE if body else None).status == 404


def test_an_archive_is_unpacked(engine: Engine, container: str) -> None:
    info = tarfile.TarInfo("deep/own")
    info.uid, info.gid, info.mode, info.mtime = 1234, 5678, 0o4711, 1_000_000_000
    body = tar((info, b"mine"), ("plain", b"x" * 3_000_000))
    assert engine.ask("PUT", f"/containers/{container}/archive?path=/link", body, TYPE).status == 200
    reply = engine.call("GET", f"/containers/{container}/archive?path=/etc/deep")
    with tarfile.open(fileobj=io.BytesIO(reply.body)) as archive:
        found = archive.getmember("deep/own")
    assert (found.uid, found.gid, found.mode, found.mtime) == (1234, 5678, 0o4711, 1_000_000_000)
    large = engine.call("GET", f"/containers/{container}/archive?path=/etc/plain")
    assert content(large.body, "plain") == b"x" * 3_000_000


def test_it_needs_a_folder_to_unpack_in(engine: Engine, container: str) -> None:
    reply = engine.ask("PUT", f"/containers/{container}/archive?path=/d/f", tar(("x", b"")), TYPE)
    assert reply.status == 400
    assert b"extraction point is not a directory" in reply.body


def test_kinds_are_kept_if_asked(engine: Engine, container: str) -> None:
    path = f"/containers/{container}/archive?path=/&noOverwriteDirNonDir=1"
    reply = engine.ask("PUT", path, tar(("d", b"a file")), TYPE)
    assert reply.status == 400
    assert b"cannot overwrite directory" in reply.body


@pytest.mark.ours("dockerd 20.10 unpacks what came before the bad entry, and more")
@pytest.mark.parametrize("name", ["../../out", "/../out", "d/../../out"])
def test_names_that_climb_are_refused(engine: Engine, container: str, name: str) -> None:
    reply = engine.ask("PUT", f"/containers/{container}/archive?path=/d", tar((name, b"x")), TYPE)
    assert reply.status == 400
    assert engine.ask("HEAD", f"/containers/{container}/archive?path=/out").status == 404


def test_links_in_an_archive_stay_inside(engine: Engine, container: str, tmp_path: Path) -> None:
    link = tarfile.TarInfo("l")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
    engine.ask("PUT", f"/containers/{container}/archive?path=/", tar((link, b""), ("l/out", b"x")), TYPE)
    assert not os.listdir(tmp_path)


def test_what_is_no_archive_is_refused(engine: Engine, container: str) -> None:
    assert engine.ask("PUT", f"/containers/{container}/archive?path=/", b"rubbish" * 500, TYPE).status in (400, 500)


def test_everything_belongs_to_the_user_if_asked(engine: Engine) -> None:
    name = engine.create(["true"], User="1234:5678")
    for query, owner in (("", (0, 0)), ("&copyUIDGID=1", (1234, 5678))):
        engine.ask("PUT", f"/containers/{name}/archive?path=/tmp{query}", tar(("x", b"")), TYPE)
        with tarfile.open(
            fileobj=io.BytesIO(engine.call("GET", f"/containers/{name}/archive?path=/tmp/x").body)
        ) as one:
            assert (one.getmember("x").uid, one.getmember("x").gid) == owner


@pytest.mark.parametrize("run", [True, False])
def test_mounts_are_seen_and_kept_read_only(engine: Engine, tmp_path: Path, run: bool) -> None:
    (tmp_path / "kept").write_text("kept")
    host = {"Binds": [f"{tmp_path}:/rw", f"{tmp_path}:/ro:ro"]}
    name = engine.create(["sleep", "1000"], host=host)
    if run:
        engine.start(name)
    reply = engine.call("GET", f"/containers/{name}/archive?path=/rw/kept")
    assert content(reply.body, "kept") == b"kept"
    assert engine.ask("PUT", f"/containers/{name}/archive?path=/rw", tar(("new", b"x")), TYPE).status == 200
    assert (tmp_path / "new").read_text() == "x"
    reply = engine.ask("PUT", f"/containers/{name}/archive?path=/ro", tar(("bad", b"x")), TYPE)
    assert reply.status in (400, 403)
    assert b"marked read-only" in reply.body
    assert not (tmp_path / "bad").exists()


def test_a_read_only_root_stays_so(engine: Engine) -> None:
    name = engine.create(["true"], host={"ReadonlyRootfs": True})
    reply = engine.ask("PUT", f"/containers/{name}/archive?path=/tmp", tar(("x", b"x")), TYPE)
    assert reply.status in (400, 403)
    assert b"container rootfs is marked read-only" in reply.body


def test_changes_are_told(engine: Engine, container: str) -> None:
    found = {change["Path"]: change["Kind"] for change in engine.get(f"/containers/{container}/changes")}
    expected = {"/bin": 0, "/bin/vi": 2, "/d": 1, "/d/f": 1, "/etc": 0, "/etc/new": 1, "/link": 1, "/up": 1}
    assert found == expected


def test_a_container_that_changed_nothing_has_no_changes(engine: Engine) -> None:
    name = engine.create(["true"])
    engine.start(name)
    engine.wait(name)
    assert engine.get(f"/containers/{name}/changes") is None


def test_the_root_is_exported_without_mounts(engine: Engine, container: str) -> None:
    data = engine.call("GET", f"/containers/{container}/export").body
    found = {name.removeprefix("./").rstrip("/") for name in names(data)}
    assert {"d/f", "etc/new", "link"} <= found
    assert "bin/vi" not in found
    assert not any(name.startswith("proc/") for name in found)


def test_a_commit_is_an_image_with_the_changes(engine: Engine, container: str) -> None:
    query = "repo=made&tag=1&comment=why&author=me&changes=ENV+A%3Db&changes=CMD+%5B%22cat%22%2C%22%2Fd%2Ff%22%5D"
    reply = engine.ask("POST", f"/commit?container={container}&{query}", {"Labels": {"k": "v"}, "User": "0"})
    assert reply.status == 201
    identifier = json.loads(reply.body)["Id"]
    image = engine.get("/images/made:1/json")
    assert image["Id"] == identifier
    assert (image["Comment"], image["Author"]) == ("why", "me")
    assert "A=b" in image["Config"]["Env"]
    assert image["Config"]["Labels"]["k"] == "v"
    assert len(image["RootFS"]["Layers"]) == len(engine.get(f"/images/{IMAGE}/json")["RootFS"]["Layers"]) + 1
    made = engine.create(None, Image="made:1")
    engine.start(made)
    assert engine.wait(made) == 0
    assert b"hi\n" in engine.logs(made, stdout=1)
    state = engine.state(container)
    assert state["Paused"] is False
    engine.remove(made)
    engine.delete("/images/made:1", force=1)


@pytest.mark.parametrize("query", ["repo=Bad", "repo=a&tag=no%20tag", "changes=FROM%20x", "changes=NONSENSE"])
def test_a_bad_commit_makes_nothing(engine: Engine, query: str) -> None:
    name = engine.create(["true"])
    before = engine.get("/images/json", all=1)
    assert engine.ask("POST", f"/commit?container={name}&{query}").status in (400, 500)
    assert engine.get("/images/json", all=1) == before


def test_commit_needs_a_container(engine: Engine) -> None:
    assert engine.ask("POST", "/commit?container=nobody").status == 404
