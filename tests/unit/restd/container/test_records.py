import os
from dataclasses import replace
from pathlib import Path

import pytest

from restd.config import Config as EngineConfig
from restd.container.records import Records, UnknownVersion
from restd.lib.files import UnreadableFile
from restd.model.container import (
    Config,
    Container,
    Endpoint,
    HostConfig,
    LogConfig,
    Mount,
    State,
    Status,
    Ulimit,
)
from restd.model.health import Health, Healthcheck, HealthStatus, ProbeResult
from tests.unit.restd.container.sample import ID, container


@pytest.fixture
def records(tmp_path: Path) -> Records:
    made = Records(EngineConfig(graph=str(tmp_path / "g"), state=str(tmp_path / "s")))
    made.open()
    return made


def full(records: Records) -> Container:
    return container(
        directory=records.directory("runc", ID),
        run_directory=records.run_directory("runc", ID),
        config=Config(
            image="busybox",
            cmd=("a", "b"),
            env=("A=1",),
            labels={"k": "v"},
            stop_timeout=0,
            healthcheck=Healthcheck(test=("NONE",)),
        ),
        host_config=HostConfig(
            binds=("/a:/b",),
            mounts=(Mount("tmpfs", "", "/t"),),
            ulimits=(Ulimit("nofile", 2, 1),),
            log_config=LogConfig("json-file", {"max-size": "1m"}),
            console_size=(24, 80),
            masked_paths=(),
            init=False,
        ),
        endpoints={"none": Endpoint()},
    )


def test_a_container_comes_back_as_it_was(records: Records) -> None:
    made = full(records)
    records.create(made)
    (found,) = records.found()
    assert records.load(found) == made


def test_its_state_comes_back_too(records: Records) -> None:
    made = replace(full(records), state=State(Status.EXITED, exit_code=3, finished_at=5), manually_stopped=True)
    records.create(made)
    records.save_state(made, durable=True)
    assert records.load(next(records.found())) == replace(made, boot_id=records.boot_id)


def test_a_new_name_is_kept(records: Records) -> None:
    made = full(records)
    records.create(made)
    records.save_config(replace(made, name="other"))
    loaded = records.load(next(records.found()))
    assert loaded is not None and loaded.name == "other"


def test_a_folder_that_was_never_finished_is_no_container(records: Records) -> None:
    made = full(records)
    records.create(made)
    os.unlink(f"{made.directory}/config.v2.json")
    assert records.load(next(records.found())) is None


@pytest.mark.parametrize("text", ['{"half": ', '{"v":1}', "[]", '{"v":1,"Name":"x","Created":"x"}'])
def test_a_config_that_does_not_parse_is_set_aside_and_never_forgotten(records: Records, text: str) -> None:
    made = full(records)
    records.create(made)
    Path(made.directory, "config.v2.json").write_text(text)
    for _ in range(2):
        with pytest.raises(UnreadableFile):
            records.load(next(records.found()))
    assert any(text == path.read_text() for path in Path(made.directory).iterdir())


def test_a_state_that_does_not_parse_is_an_unknown_end(records: Records) -> None:
    made = full(records)
    records.create(made)
    Path(made.directory, "state.json").write_text("{")
    loaded = records.load(next(records.found()))
    assert loaded is not None and loaded.state.exit_unknown and loaded.state.exit_code == 255


def test_files_of_a_later_engine_are_left_alone(records: Records) -> None:
    made = full(records)
    records.create(made)
    Path(made.directory, "config.v2.json").write_text('{"v":99}')
    with pytest.raises(UnknownVersion):
        records.load(next(records.found()))
    assert Path(made.directory, "config.v2.json").read_text() == '{"v":99}'


def test_a_failed_create_leaves_nothing(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(records, "save_config", full_disk)
    with pytest.raises(OSError, match="No space left"):
        records.create(full(records))
    assert list(records.found()) == []


def test_a_discarded_folder_is_gone_at_once_and_emptied_later(records: Records) -> None:
    made = full(records)
    records.create(made)
    target = records.discard(made.directory)
    assert os.path.isdir(target)
    assert list(records.found()) == [] and records.discard(made.directory) == ""
    records.empty_trash()
    assert not os.path.exists(target)


def test_the_state_of_a_removed_container_is_not_written(records: Records) -> None:
    records.save_state(full(records))


def test_what_the_probes_found_comes_back_while_it_runs(records: Records) -> None:
    made = full(records)
    records.create(made)
    running = replace(made, state=State(Status.RUNNING, pid=5, health=Health()), boot_id=records.boot_id)
    records.save_state(running)
    (found,) = records.found()
    assert records.load(found) == running
    results = (ProbeResult(1, 2, -1, "a"), ProbeResult(3, 4, 0, "b"))
    probed = replace(running, state=replace(running.state, health=Health(HealthStatus.HEALTHY, 0, results)))
    records.save_health(probed)  # there is no folder: it has been removed meanwhile
    os.makedirs(probed.run_directory)
    records.save_health(probed)
    assert records.load(found) == probed
    with open(f"{probed.run_directory}/health.json", "w") as file:
        file.write('{"Log":5}')
    assert records.load(found) == running
    records.save_health(probed)
    ended = replace(probed, state=replace(probed.state, status=Status.EXITED, health=Health()))
    records.save_state(ended)
    assert records.load(found) == ended
