"""Builds without commands: the store is real, containers are in tests/clients/test_build.py."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from restd.errors import EngineError, InvalidParameter
from restd.events import Events
from restd.image.build.request import BuildRequest, Say, StepCommand
from restd.image.references import parse_reference
from restd.image.store import ImageStore
from restd.model.image import Image
from tests.unit.restd.image.building import gathered, pieces, small_image, tar, with_store

pytestmark = pytest.mark.root


class NoSteps:
    async def run(self, command: StepCommand, say: Say, *, keep_failed: bool) -> str:
        raise AssertionError(command)

    async def remove(self, container_id: str) -> None:
        raise AssertionError(container_id)


class Bench:
    """A store to build in, and what the builds said."""

    def __init__(self, store: ImageStore) -> None:
        self.store = store
        self.said: list[Any] = []

    async def build(self, text: str, files: dict[str, bytes] | None = None, **request: Any) -> Image:
        self.said = []
        context = tar(("Dockerfile", text.encode()), *(files or {}).items())
        asked = BuildRequest(**request)
        return await self.store.build(asked, pieces(context), NoSteps(), self.said.append)

    @property
    def text(self) -> str:
        return "".join(line.get("stream", "") for line in self.said)

    async def files(self, image: Image) -> dict[str, tarfile.TarInfo]:
        """Everything in the image's last layer."""
        saved = await gathered(self.store.save([image.id]))
        with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
            member = archive.extractfile("blobs/" + image.layers[-1].digest.replace(":", "/"))
            assert member is not None
            with tarfile.open(fileobj=member) as layer:
                return {item.name: item for item in layer}


def run(tmp_path: Path, body: Any) -> None:
    async def inside(store: ImageStore, _: Events) -> None:
        await store.load(pieces(small_image()))
        await body(Bench(store))
        assert not store.overlay.containers()

    with_store(str(tmp_path), inside)


METADATA = """FROM small
MAINTAINER me
ENV A=1 B="two words"
ENV C=$A$B
LABEL x=$A y=z
EXPOSE 80 90-91/udp
USER $A
VOLUME /data ["a"]
STOPSIGNAL SIGUSR1
SHELL ["/bin/ash", "-c"]
HEALTHCHECK --interval=5s --retries=2 CMD test -f /x
ONBUILD COPY . /app
ENTRYPOINT ["/entry"]
CMD run it
"""


def test_metadata_ends_up_in_the_image(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        tags = [parse_reference("made:1"), parse_reference("made:2")]
        image = await bench.build(METADATA, tags=tags, labels={"from": 'out"side'})
        config = image.raw["config"]
        assert config["Env"] == ["A=1", "B=two words", "C=1two words"]
        assert config["Labels"] == {"x": "1", "y": "z", "from": 'out"side'}
        assert set(config["ExposedPorts"]) == {"80/tcp", "90/udp", "91/udp"}
        assert (config["User"], config["StopSignal"]) == ("1", "SIGUSR1")
        assert config["Healthcheck"] == {
            "Interval": 5 * 10**9,
            "Retries": 2,
            "Test": ["CMD-SHELL", "test -f /x"],
        }
        assert config["OnBuild"] == ["COPY . /app"]
        assert config["Entrypoint"] == ["/entry"]
        assert config["Cmd"] == ["/bin/ash", "-c", "run it"]
        assert image.author == "me"
        assert image.repo_tags == ("made:1", "made:2")
        assert bench.said[-4]["aux"] == {"ID": image.id}
        assert f"Successfully built {image.id[7:19]}\nSuccessfully tagged made:1\n" in bench.text
        assert bench.text.startswith("Step 1/15 : FROM small\n")

    run(tmp_path, body)


def test_what_was_made_before_is_used_again(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        text = "FROM small\nENV A=1\nCOPY f /f\nCMD x\n"
        first = await bench.build(text, {"f": b"1"})
        assert "Using cache" not in bench.text
        again = await bench.build(text, {"f": b"1", "unrelated": b""})
        assert again.id == first.id
        assert bench.text.count(" ---> Using cache\n") == 3
        changed = await bench.build(text, {"f": b"2"})
        assert changed.id != first.id
        assert bench.text.count(" ---> Using cache\n") == 1
        fresh = await bench.build(text, {"f": b"1"}, cache=False)
        assert fresh.id != first.id
        assert "Using cache" not in bench.text

    run(tmp_path, body)


def test_files_are_copied_where_they_belong(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        files = {"a.txt": b"a", "b.txt": b"b", "d/e/f": b"f", "d/g": b"g"}
        text = "FROM small\nWORKDIR /w\n"
        cases = {
            "COPY a.txt new": {"w/new"},
            "COPY a.txt /x/y/z": {"x/y/z"},
            "COPY a.txt /etc": {"etc/a.txt"},
            "COPY *.txt /t/": {"t/a.txt", "t/b.txt"},
            "COPY d /d2": {"d2/e/f", "d2/g"},
            "COPY d/e a.txt ./": {"w/f", "w/a.txt"},
            'COPY ["a.txt", "/with space"]': {"with space"},
        }
        for line, expected in cases.items():
            image = await bench.build(text + line, files)
            found = {name for name, item in (await bench.files(image)).items() if item.isreg()}
            assert found == expected, line

    run(tmp_path, body)


def test_owner_and_mode_are_roots_unless_asked(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        for flags, owner, mode in (
            ("", (0, 0), 0o644),
            ("--chown=7 ", (7, 7), 0o644),
            ("--chown=7:8 --chmod=4711 ", (7, 8), 0o4711),
        ):
            image = await bench.build(f"FROM small\nCOPY {flags}f /f", {"f": b""})
            found = (await bench.files(image))["f"]
            assert ((found.uid, found.gid), found.mode) == (owner, mode)

    run(tmp_path, body)


def test_stages_and_images_are_copied_from(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        text = """FROM scratch AS One
COPY f /deep/f
FROM small AS two
COPY --from=one /deep /x/
COPY --from=0 /deep/f /y
COPY --from=small /etc/motd /z
"""
        image = await bench.build(text, {"f": b"data"})
        assert len(image.layers) == 4
        target = await bench.build(text, {"f": b"data"}, target="one")
        assert len(target.layers) == 1
        found = await bench.files(target)
        assert {"deep/f"} == {name for name, item in found.items() if item.isreg()}

    run(tmp_path, body)


def test_inline_files(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        text = "FROM small\nARG V=1\nCOPY <<one <<'two' /in/\nv $V\none\nv $V\ntwo\n"
        image = await bench.build(text)
        found = await bench.files(image)
        assert (found["in/one"].size, found["in/two"].size) == (4, 5)

    run(tmp_path, body)


def test_add_unpacks_archives_and_copies_the_rest(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        inner = tar(("in/side", b"x"))
        for name, data in (("a.tar", inner), ("a.tgz", gzip.compress(inner))):
            image = await bench.build(f"FROM small\nADD {name} /to/", {name: data})
            assert "to/in/side" in await bench.files(image)
            image = await bench.build(f"FROM small\nCOPY {name} /to/", {name: data})
            assert f"to/{name}" in await bench.files(image)
        image = await bench.build("FROM small\nADD plain.gz /to/", {"plain.gz": gzip.compress(b"no archive")})
        assert "to/plain.gz" in await bench.files(image)

    run(tmp_path, body)


def test_triggers_of_the_base_are_carried_out(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        base = "FROM small\nONBUILD COPY f /triggered\nONBUILD ENV T=1\n"
        await bench.build(base, tags=[parse_reference("base")])
        image = await bench.build("FROM base\nENV U=2\n", {"f": b""})
        assert "# Executing 2 build triggers\n" in bench.text
        assert image.raw["config"]["Env"] == ["T=1", "U=2"]
        assert not image.raw["config"].get("OnBuild")
        assert len(image.layers) == 2

    run(tmp_path, body)


def test_arguments_have_their_scopes(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        text = "ARG BASE=none\nARG V=outer\nFROM $BASE\nENV A=[$V]\nARG V\nENV B=[$V]\nARG W=w\nENV C=[$W]\n"
        image = await bench.build(text, arguments={"BASE": "small", "W": "given", "UNUSED": "x"})
        assert image.raw["config"]["Env"] == ["A=[]", "B=[outer]", "C=[given]"]
        assert "[Warning] One or more build-args ['UNUSED'] were not consumed" in bench.text

    run(tmp_path, body)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FROM small\nFOO x", "line 2: unknown instruction: FOO"),
        ("FROM small\n\nCOPY nothing /x", "line 3: COPY failed: stat nothing: file does not exist"),
        ("FROM small\nCOPY no*thing /x", "line 2: no source files were specified"),
        ("FROM small\nENV A", "line 2: ENV must have two arguments"),
        ("FROM small\nEXPOSE 99999", "line 2: invalid containerPort: 99999"),
        ("FROM small\nCOPY --chown=nobody-here f /f", "line 2: "),
        ("FROM small\nCOPY ../../etc/passwd /x", "line 2: COPY failed"),
        ("FROM small\nRUN --mount=type=cache x", "line 2: the --mount option"),
        ("FROM $NOTHING", "line 1: base name"),
        ("FROM scratch", "No image was generated"),
        ("FROM small\nADD https://x.example/f /f", "line 2: ADD of an address is not supported"),
    ],
)
def test_errors_say_where(tmp_path: Path, text: str, words: str) -> None:
    async def body(bench: Bench) -> None:
        before = len(bench.store.list(intermediate=True))
        with pytest.raises(EngineError, match=words):
            await bench.build(text, {"f": b""})
        assert len(bench.store.list(intermediate=True)) == before

    run(tmp_path, body)


def test_a_context_needs_its_dockerfile(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(EngineError, match="Cannot locate specified Dockerfile: other"):
            await bench.build("FROM small", dockerfile="other")
        with pytest.raises(InvalidParameter):
            await bench.store.build(BuildRequest(), pieces(b"rubbish" * 500), NoSteps(), bench.said.append)

    run(tmp_path, body)


def test_quiet_says_the_id_alone(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        image = await bench.build("FROM small\nENV A=1", quiet=True)
        assert bench.said == [{"aux": {"ID": image.id}}, {"stream": f"{image.id}\n"}]

    run(tmp_path, body)
