import asyncio
from dataclasses import replace

import pytest

from restd.container.registry import Entry, ExecEntry, Registry
from restd.errors import Conflict, InvalidParameter, NotFound
from restd.model.container import Config, Container, Exec, ExecConfig, HostConfig

BASE = Container(
    id="", name="", created=1, image="", path="sh", args=(), config=Config(), host_config=HostConfig(),
    runtime="runc", directory="", run_directory="",
)  # fmt: skip


def registry(*rows: tuple[str, str]) -> Registry:
    result = Registry()
    for container_id, name in rows:
        result.reserve_name(name, container_id)
        result.add(Entry(replace(BASE, id=container_id, name=name)))
    return result


FIRST, SECOND = "ab" + "1" * 62, "ab" + "2" * 62


def test_lookup_takes_full_id_then_name_then_unique_prefix() -> None:
    known = registry((FIRST, "web"), (SECOND, "ab1"))
    assert known.find(FIRST).container.id == FIRST
    assert known.find("/web").container.id == FIRST
    assert known.find("ab1").container.id == SECOND, "a name wins over a prefix"
    assert known.find("ab2").container.id == SECOND


@pytest.mark.parametrize(("reference", "kind"), [("", InvalidParameter), ("ab", InvalidParameter), ("zz", NotFound)])
def test_what_names_nothing_or_two_is_refused(reference: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        registry((FIRST, "web"), (SECOND, "db")).find(reference)


def test_a_name_belongs_to_one_container_until_it_is_released() -> None:
    known = registry((FIRST, "web"))
    with pytest.raises(Conflict, match=f'"/web" is already in use by container "{FIRST}"'):
        known.reserve_name("web", SECOND)
    known.discard(known.find("web"))
    known.reserve_name("web", SECOND)
    assert known.name_taken("web")
    assert len(known) == 0


def test_execs_are_found_until_their_container_is_gone() -> None:
    async def scenario() -> None:
        known = registry((FIRST, "web"))
        entry = known.find("web")
        known.add_exec(entry, ExecEntry(Exec("e" * 64, FIRST, ExecConfig(("sh",)))))
        assert known.find_exec("e" * 64)[0] is entry
        known.discard(entry)
        with pytest.raises(NotFound, match="No such exec instance"):
            known.find_exec("e" * 64)

    asyncio.run(scenario())
