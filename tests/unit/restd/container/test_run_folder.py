import asyncio
import os
from pathlib import Path

from restd.container import run_folder


def test_a_folder_is_made_with_its_parents_and_for_root_alone(tmp_path: Path) -> None:
    path = tmp_path / "runc" / "id"
    run_folder.make_empty(str(path))
    assert path.stat().st_mode & 0o777 == 0o700


def test_an_old_run_is_emptied_out_but_the_folder_stays(tmp_path: Path) -> None:
    path = tmp_path / "id"
    (path / "exec" / "x").mkdir(parents=True)
    (path / "exit").touch()
    before = path.stat().st_ino
    run_folder.make_empty(str(path))
    assert list(path.iterdir()) == [] and path.stat().st_ino == before


def test_a_link_in_it_is_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (tmp_path / "id").mkdir()
    os.symlink(tmp_path / "precious", tmp_path / "id" / "link")
    run_folder.empty(str(tmp_path / "id"))
    assert (tmp_path / "precious" / "file").exists()


def test_a_folder_is_taken_out_of_its_place_once(tmp_path: Path) -> None:
    path = tmp_path / "id"
    (path / "sub").mkdir(parents=True)
    aside = asyncio.run(run_folder.take_away(str(path)))
    assert os.listdir(aside) == ["sub"] and not path.exists()
    assert asyncio.run(run_folder.take_away(str(path))) == ""


def test_a_socket_that_nobody_answers_does_not_stop_that(tmp_path: Path) -> None:
    path = tmp_path / "id"
    path.mkdir()
    (path / "attach_socket.sock").touch()
    assert asyncio.run(run_folder.take_away(str(path)))
    assert not path.exists()
