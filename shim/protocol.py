"""What the daemon and the shim say to each other. The only module of `shim` that the daemon imports.

Four channels:

* **nursery socket** (SOCK_SEQPACKET pair, daemon <-> nursery): one `Birth` a packet, with SCM_RIGHTS descriptors:
  the reply socket first, then one client connection for each entry of `Birth.attaches` and `Birth.waits`, in order.
  The nursery forks a shim for it. The packet names the folder of the shim's run-time state; everything else is in
  `process.json` there, so a packet stays small.
* **reply socket** (SOCK_SEQPACKET pair, shim -> daemon, one a birth): exactly one `Born` packet, after which the shim
  closes it. A close without a packet means that the shim died: the daemon reads `shim-log.json`.
* **attach socket** (`attach_socket.sock`, SOCK_STREAM, any number of connections): one request a connection. Either a
  JSON object in one line, ended by a newline (`{"v":1,"op":...}`), with at most one descriptor by SCM_RIGHTS on its
  first byte; or the original iSulad form, three FIFO paths separated by spaces (stdin stdout stderr, a `-` or empty
  word for none), without a newline. The answer is four bytes, a native int: 0, or -1 after a line was written to
  `attach-log.json`. For `attach` and `wait` the client's own connection travels as the descriptor.

* **keeper** (SOCK_SEQPACKET, daemon <-> keeper; `keeper.sock` in the state folder): `KEEP key head record` with one
  client connection, answered by `KEPT key` when the keeper has sent the response head, or `DROP key` if the client has
  left; `DROP key`, not answered. A daemon that connects gets a `KEEP` for each connection, then `WELCOME version`.

And one way for news: the shim keeps the FIFO `exit_fifo` open (read-write, so it never blocks nor loses its reader)
and writes one JSON line a `News`; a daemon that comes later reads what is still in it. The end of file on it means
that the shim is gone. The exit record is on disk, fsynced, before the `exit` news is written.

Versions: `VERSION` is in `process.json`, in every request and in `state.json`. A shim answers requests of its own and
of lower versions; a daemon talks to shims of its own and of lower versions down to `OLDEST`.

`Birth`, `ProcessSpec` and `LogSpec` are not frozen, because a shim makes one of each at its birth, and the way that
frozen ones set their fields would leave it 28 KB more for life. Nobody changes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

VERSION = 1
OLDEST = 1

# Names inside a shim's run-time folder, STATE/RUNTIME/ID (an exec's: STATE/RUNTIME/ID/exec/EXECID).
PROCESS_FILE = "process.json"
PID_FILE = "pid"
SHIM_PID_FILE = "shim-pid"  # "PID STARTTIME\n": STARTTIME is field 22 of /proc/PID/stat, so a reused pid is noticed
EXIT_FIFO = "exit_fifo"
EXIT_RECORD = "exit"
ATTACH_SOCKET = "attach_socket.sock"
ATTACH_LOG = "attach-log.json"
SHIM_LOG = "shim-log.json"
RUNTIME_LOG = "runtime-log.json"

ATTACH_LIMIT = 16
DRAIN_SECONDS = 2.0
"""How long streams stay open for a grandchild that holds them after the process itself has ended (Docker: 2 s)."""
CLIENT_BUFFER = 1 << 20
"""Bytes that may wait for one attached client before the container's output is held back."""

# STREAM types of Docker's multiplexed framing.
STDIN, STDOUT, STDERR, SYSTEM_ERROR = 0, 1, 2, 3


@dataclass
class LogSpec:
    """The container's log. `driver`: `json-file`, or `none`. Sizes in bytes, -1 for no limit; `max_files` >= 1."""

    driver: str = "json-file"
    path: str = ""
    max_size: int = -1
    max_files: int = 1


@dataclass
class ProcessSpec:
    """`process.json`: all that a shim must know. Paths are absolute.

    A container's shim runs `runtime + create --bundle BUNDLE --pid-file .. [--console-socket ..] ID`; an exec's shim
    (`exec_id` set) runs `runtime + exec --process .. --detach --pid-file .. [--console-socket ..] ID`, with `process`
    (an OCI `process` object) written to a file in the shim's folder. `runtime` is the program with its global
    arguments (`--root`, and so on); the shim itself adds `--log FILE --log-format json`. With `start` it runs `run
    --detach` in the place of `create`, which lets the container's process run as well: one program less.
    """

    id: str
    runtime: list[str]
    bundle: str
    exec_id: str = ""
    start: bool = False
    process: dict[str, Any] | None = None
    tty: bool = False
    stdin: bool = False  # the container's stdin is open (OpenStdin; an exec's AttachStdin)
    stdin_once: bool = False  # the end of the first attach's stdin closes the container's
    console_size: list[int] = field(default_factory=lambda: [0, 0])  # [height, width]
    log: LogSpec = field(default_factory=lambda: LogSpec(driver="none"))
    attach_limit: int = ATTACH_LIMIT
    start_timeout: float = 120.0  # seconds for the runtime call
    watch_oom: bool = True
    capture: int = 0  # bytes of its output that go into the exit record (a health probe's)
    time_limit: float = 0.0  # seconds until the process is killed, with its group; 0 for none
    v: int = VERSION


@dataclass(frozen=True)
class Attach:
    """One attach. The descriptor that goes with it is the client's connection.

    `head`: bytes (latin-1) of the HTTP response head that the shim must send first, in one write; empty if the daemon
    has sent it already. `early`: base64 of what the client sent behind its request. `framed`: 8-byte frame headers
    (no TTY); else raw. `replay`: send the log so far before anything new (`logs=1`); with `follow` false the
    connection is closed after the replay. `detach_keys`: the byte values (as ints) of the magic keys, active only on
    a TTY; empty for none.
    On the end of the client's input the container's stdin is closed only when the spec says so (`stdin_once`, no
    TTY; or any exec).
    """

    head: str = ""
    early: str = ""
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    framed: bool = True
    replay: bool = False
    follow: bool = True
    detach_keys: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Wait:
    """One held `wait`. At the exit the shim writes `{"StatusCode":N}` as the body and closes the connection.

    `head` as in `Attach` (it announces a chunked body and `Connection: close`, so the shim writes one chunk and the
    last chunk). `removed`: wait until the container's run-time folder is gone too.
    """

    head: str = ""
    removed: bool = False


@dataclass
class Birth:
    """A packet to the nursery: make a shim for the folder `state`.

    With `keeper` it shall be the keeper of the state folder `state`; the only descriptor is its connection.
    """

    state: str
    attaches: list[Attach] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    keeper: bool = False
    v: int = VERSION


@dataclass(frozen=True)
class Born:
    """The shim's one packet on the reply socket.

    `ok`: the runtime has created the container (or started the exec); `pid` is its first process, `shim_pid` the
    shim with `shim_start` (clock ticks since boot). `at`: if the process runs by now, a time (nanoseconds since the
    epoch) before anything of its output was read; 0 if it waits to be started. Else `message` is the runtime's own
    error text, without its prefix of time and level, and `kind` says what a client should make of it: `not-found`
    (exit 127), `not-executable` (126), `timeout`, or `runtime`. A shim that answers `ok=False` leaves no process and
    ends; for an exec it first writes the text and CRLF to the attached client and an exit record with 127 or 126.
    """

    ok: bool
    pid: int = 0
    shim_pid: int = 0
    shim_start: int = 0
    at: int = 0
    kind: str = ""
    message: str = ""
    v: int = VERSION


def born(pid: int, shim_pid: int, shim_start: int, at: int) -> bytes:
    """The packet of a success, made without the general encoder: its memory would stay with the shim."""
    numbers = pid, shim_pid, shim_start, at, VERSION
    return b'{"ok":true,"pid":%d,"shim_pid":%d,"shim_start":%d,"at":%d,"v":%d}\n' % numbers


@dataclass(frozen=True)
class ExitRecord:
    """The file `exit`: how the process ended. The truth about it from the moment it is there.

    `exit_code`: 0..255, a signal n as 128+n; None when it is not known (then `unknown` says why). `at`: nanoseconds
    since the epoch. `oom`: the kernel killed a process of the container for want of memory. `output`: what
    `ProcessSpec.capture` asked for. `late`: the process was killed because of its `time_limit`.
    """

    exit_code: int | None
    at: int
    oom: bool = False
    unknown: str = ""
    output: str = ""
    late: bool = False
    v: int = VERSION


@dataclass(frozen=True)
class News:
    """A line in `exit_fifo`: `exit` (read the record), `oom`, `detach` (magic keys ended an attach), `log-error`."""

    what: str
    message: str = ""


# Requests on the attach socket: {"v":1,"op":OP, ...fields}.
OP_ATTACH = "attach"  # fields of Attach, one descriptor
OP_WAIT = "wait"  # fields of Wait, one descriptor
OP_RESIZE = "resize"  # height, width
OP_CLOSE_STDIN = "close-stdin"
OP_LOG_WATCH = "log-watch"  # the connection stays; the shim sends one byte when the log has grown or was rotated
OP_REMOVED = "removed"  # the run-time folder is gone: answer the waits that wait for it, then end
OP_REOPEN_LOG = "reopen-log"
OP_PING = "ping"

OK_REPLY, REFUSED_REPLY = 0, -1

KEEPER_SOCKET = "keeper.sock"
KEEP, KEPT, DROP, WELCOME = b"+", b"!", b"-", b"="
KEEPER_PACKET = 1 << 20
"""Bytes of one packet to or from a keeper: the early input of one client is the largest part."""
KEEPER_BUFFER = 4 << 20
SO_SNDBUFFORCE = 32  # asm-generic/socket.h

_T = TypeVar("_T")


def keeper_packet(operation: bytes, number: int, head: bytes = b"", record: bytes = b"") -> bytes:
    """A packet to or from a keeper. `number`: a key, or the version."""
    return b"%b%d %d %b%b" % (operation, number, len(head), head, record)


def read_keeper_packet(packet: bytes) -> tuple[bytes, int, bytes, bytes]:
    """The inverse: operation, number, head, record. ValueError if it is none."""
    number, length, rest = packet[1:].split(b" ", 2)
    return packet[:1], int(number), rest[: int(length)], rest[int(length) :]


def encode(message: Any) -> bytes:
    """A dataclass of this module as one JSON line."""
    return json.dumps(message, default=vars, separators=(",", ":")).encode() + b"\n"


def decode(kind: type[_T], data: bytes | dict[str, Any]) -> _T:
    """The inverse of `encode`. Unknown fields are ignored (a newer peer); a missing required one raises ValueError.

    Written to run little Python: what a shim looks at while it decodes its orders stays in its memory for good.
    """
    value = data if isinstance(data, dict) else _parse(data)
    if not isinstance(value, dict):
        raise ValueError(f"not an object: {value!r}")
    return _build(kind, value)


_scan: Callable[[str, int], tuple[Any, int]] = vars(json.JSONDecoder())["scan_once"]


def _parse(data: bytes) -> Any:
    """A JSON value as `encode` writes it, straight from the scanner in C."""
    try:
        return _scan(data.decode(), 0)[0]
    except StopIteration as error:
        raise ValueError("not JSON") from error


_NESTED: dict[str, type[Any]] = {"log": LogSpec}
_NESTED_LISTS: dict[str, type[Any]] = {"attaches": Attach, "waits": Wait}


def _build(kind: type[_T], value: dict[str, Any]) -> _T:
    names = kind.__dataclass_fields__  # type: ignore[attr-defined]  # every kind here is a dataclass
    known = {name: inner for name, inner in value.items() if name in names}
    for name, inner in known.items():
        if isinstance(inner, dict) and name in _NESTED:
            known[name] = _build(_NESTED[name], inner)
        elif isinstance(inner, list) and inner and name in _NESTED_LISTS:
            known[name] = [_build(_NESTED_LISTS[name], entry) for entry in inner]
    try:
        return kind(**known)
    except TypeError as error:
        raise ValueError(str(error)) from error
