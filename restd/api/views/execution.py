"""An exec as `GET /exec/ID/json` shows it."""

from __future__ import annotations

from typing import Any

from restd.model.container import Exec


def exec_view(record: Exec) -> dict[str, Any]:
    """`ProcessConfig` has lower-case keys, and `ExitCode` is null until there is one."""
    config = record.config
    process: dict[str, Any] = {
        "tty": config.tty,
        "entrypoint": config.cmd[0],
        "arguments": list(config.cmd[1:]),
        "privileged": config.privileged,
    }
    if config.user:
        process["user"] = config.user
    return {
        "ID": record.id,
        "Running": record.running,
        "ExitCode": record.exit_code,
        "ProcessConfig": process,
        "OpenStdin": config.attach_stdin,
        "OpenStdout": config.attach_stdout,
        "OpenStderr": config.attach_stderr,
        "CanRemove": record.exit_code is not None,
        "ContainerID": record.container,
        "DetachKeys": config.detach_keys,
        "Pid": record.pid,
    }
