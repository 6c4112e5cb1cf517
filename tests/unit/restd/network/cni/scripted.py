"""A CNI plugin that does what a test says, and writes down how it was called."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

SCRIPT = r"""#!/bin/sh
folder=$(dirname "$0")/state; me=$(basename "$0")
config=$(cat)
printf '%s %s %s|%s\n' "$me" "$CNI_COMMAND" "$CNI_IFNAME" "$config" >> "$folder/calls"
env > "$folder/env"
[ -e "$folder/$me.$CNI_COMMAND.hang" ] && exec sleep 60
if [ -e "$folder/$me.$CNI_COMMAND.fail" ]; then
    cat "$folder/$me.$CNI_COMMAND.fail"
    [ -e "$folder/$me.$CNI_COMMAND.once" ] && rm "$folder/$me.$CNI_COMMAND.fail"
    exit 1
fi
[ -e "$folder/$me.$CNI_COMMAND.out" ] && cat "$folder/$me.$CNI_COMMAND.out"
exit 0
"""


class Scripted:
    """Plugins in a folder of their own."""

    def __init__(self, folder: Path, *kinds: str) -> None:
        self.folder = folder / "bin"
        self.state = self.folder / "state"
        self.state.mkdir(parents=True)
        for kind in kinds:
            path = self.folder / kind
            path.write_text(SCRIPT)
            os.chmod(path, 0o755)

    def answers(self, kind: str, command: str, value: Any) -> None:
        (self.state / f"{kind}.{command}.out").write_text(value if isinstance(value, str) else json.dumps(value))

    def fails(self, kind: str, command: str, error: Any, *, once: bool = False) -> None:
        (self.state / f"{kind}.{command}.fail").write_text(error if isinstance(error, str) else json.dumps(error))
        if once:
            (self.state / f"{kind}.{command}.once").touch()

    def recovers(self, kind: str, command: str) -> None:
        (self.state / f"{kind}.{command}.fail").unlink()

    def hangs(self, kind: str, command: str) -> None:
        (self.state / f"{kind}.{command}.hang").touch()

    def calls(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Plugin, command and configuration of each call."""
        try:
            lines = (self.state / "calls").read_text().splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            if line:
                head, _, config = line.partition("|")
                found.append((head.split()[0], head.split()[1], json.loads(config or "{}")))
        return found

    def verbs(self) -> list[str]:
        return [f"{kind} {command}" for kind, command, _ in self.calls()]

    def environment(self) -> dict[str, str]:
        lines = (self.state / "env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)
