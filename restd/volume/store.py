"""Volumes on disk: DATA/volumes/NAME.

    _data         the files
    volume.json   labels, options, time of creation         durable; a folder without it is a plain volume
    owner         a container's id: the volume goes if there is no such container (see `Volumes.settle`)
    _filling      a copy of the image's files under way

A volume is made beside its place and renamed into it, and renamed into the trash when it goes: a crash leaves all of it
or nothing. Calls block for as long as the disk needs to sync: call them from a thread.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from dataclasses import dataclass
from typing import Any

from restd.lib.files import UnreadableFile, read_json, sync_directory, write_json
from restd.lib.ids import is_name
from restd.model.volume import LOCAL, Volume

VERSION = 1
DATA, METADATA, OWNER, FILLING = "_data", "volume.json", "owner", "_filling"
_NEW = ".new-"
_TRASH = "volume-"


@dataclass(frozen=True, slots=True)
class Stored:
    """A volume as it was found, with the container that it belongs to, if it is marked so."""

    volume: Volume
    owner: str = ""


class VolumeStore:
    """The folders of one engine."""

    def __init__(self, root: str) -> None:
        self._root = os.path.join(root, "volumes")
        self._trash = os.path.join(root, "trash")

    def home(self, name: str) -> str:
        """DATA/volumes/NAME."""
        return os.path.join(self._root, name)

    def data(self, name: str) -> str:
        """The folder of its files."""
        return os.path.join(self._root, name, DATA)

    def open(self) -> tuple[list[Stored], list[str]]:
        """All volumes, and what could not be read, for people. What was being made or filled is taken away."""
        os.makedirs(self._root, 0o711, exist_ok=True)
        os.makedirs(self._trash, 0o700, exist_ok=True)
        found, problems = [], []
        for name in sorted(os.listdir(self._root)):
            if name.startswith(_NEW):
                self._put_aside(os.path.join(self._root, name))
            elif is_name(name) and os.path.isdir(self.home(name)):
                stored, problem = self._read(name)
                found.append(stored)
                problems += [f"volume {name}: {problem}"] if problem else []
        return found, problems

    def _read(self, name: str) -> tuple[Stored, str]:
        home = self.home(name)
        if os.path.lexists(os.path.join(home, FILLING)):
            self._put_aside(os.path.join(home, FILLING))
        owner = ""
        with contextlib.suppress(OSError), open(os.path.join(home, OWNER), encoding="ascii") as file:
            owner = file.read(128).strip()
        document: dict[str, Any] = {}
        problem = ""
        try:
            read = read_json(os.path.join(home, METADATA))
            if not isinstance(read, dict) or read.get("v") != VERSION:
                raise ValueError(f"{METADATA} is not of this engine's version")
            document = read
        except FileNotFoundError:
            if any(entry.startswith(f"{METADATA}.corrupt-") for entry in os.listdir(home)):
                problem = f"{METADATA} was set aside earlier: labels and options are lost"
        except (UnreadableFile, ValueError) as error:
            problem = str(error)
        created = document.get("Created") or os.stat(home).st_mtime_ns
        volume = Volume(name, self.data(name), created, document.get("Labels"), document.get("Options"))
        return Stored(volume, owner), problem

    def create(self, volume: Volume, owner: str) -> None:
        """Make it. On return it survives a power cut. Leaves nothing on failure. FileExistsError if it is there."""
        new = os.path.join(self._root, _NEW + secrets.token_hex(8))
        os.mkdir(new, 0o701)
        try:
            os.mkdir(os.path.join(new, DATA), 0o755)
            os.chmod(os.path.join(new, DATA), 0o755)
            if owner:
                self._write_owner(new, owner)
            document = {
                "v": VERSION,
                "Name": volume.name,
                "Driver": LOCAL,
                "Created": volume.created,
                "Labels": volume.labels,
                "Options": volume.options,
            }
            write_json(os.path.join(new, METADATA), document, 0o600)
            if os.path.lexists(self.home(volume.name)):
                raise FileExistsError(f"{self.home(volume.name)} is there already")
            os.rename(new, self.home(volume.name))
            sync_directory(self._root)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise

    def set_owner(self, name: str, owner: str) -> None:
        """Mark the volume as one that goes with a container, or with an empty `owner` take the mark away."""
        if owner:
            self._write_owner(self.home(name), owner)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.home(name), OWNER))

    @staticmethod
    def _write_owner(home: str, owner: str) -> None:
        with open(os.path.join(home, OWNER), "w", encoding="ascii") as file:
            file.write(owner)

    def discard(self, name: str) -> str:
        """Move the volume out of the way, as a whole; where it went. Deleting it there is left to the caller."""
        return self._put_aside(self.home(name))

    def _put_aside(self, path: str) -> str:
        target = os.path.join(self._trash, _TRASH + secrets.token_hex(8))
        os.rename(path, target)
        return target

    def rubbish(self) -> list[str]:
        """What was put aside and not yet deleted."""
        return [os.path.join(self._trash, name) for name in os.listdir(self._trash) if name.startswith(_TRASH)]
