"""Servers and clients in network namespaces: `python -m tests.sockets VERB …` runs inside one, the rest starts that.

A server answers each connection or datagram with its own name and the client's address. Namespaces are named by the
file that stands for them: a container's `SandboxKey`, `/run/netns/NAME`.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.engine import Engine, run
from tests.leftovers import NETNS

SECONDS = 3.0


@contextmanager
def draining(namespace: str, address: str, port: int) -> Iterator[None]:
    """A TCP server that takes whatever it is sent and says nothing."""
    with _started(namespace, "drain", address, str(port)):
        yield


def pour(namespace: str, address: str, port: int, seconds: float) -> float:
    """MB/s over one connection to a `draining` server."""
    command = [*inside(namespace), "pour", address, str(port), str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    return float(done.stdout)


@contextmanager
def serving(namespace: str, protocol: str, address: str, port: int, name: str = "here") -> Iterator[None]:
    """A server in a namespace, until the end of the `with`."""
    with _started(namespace, "serve", protocol, address, str(port), name):
        yield


@contextmanager
def _started(namespace: str, *words: str) -> Iterator[None]:
    with subprocess.Popen([*inside(namespace), *words], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline() == "ready\n"
            yield
        finally:
            server.kill()


def ask(namespace: str, protocol: str, address: str, port: int, source: int = 0) -> str:
    """What a server answers, `NAME CLIENTADDRESS`; `refused`, `timeout` or another reason if it doesn't.

    `source` is the client's own port, 0 for any.
    """
    done = subprocess.run(
        [*inside(namespace), "ask", protocol, address, str(port), str(source)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout.strip()


def inside(namespace: str) -> list[str]:
    """The command line that runs this module in a namespace."""
    path = namespace if "/" in namespace else f"{NETNS}/{namespace}"
    return ["nsenter", f"--net={path}", sys.executable, "-m", "tests.sockets"]


@contextmanager
def remote_host(engine: Engine) -> Iterator[str]:
    """Another host on the engine's wire: 192.0.2.2 and 2001:db8::2; the engine's host is .1 there."""
    name = f"{engine.name}r"
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", engine.name, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", name)
        for namespace, at in ((engine.name, 1), (name, 2)):
            run("ip", "-n", namespace, "addr", "add", f"192.0.2.{at}/24", "dev", "wire")
            run("ip", "-n", namespace, "addr", "add", f"2001:db8::{at}/64", "dev", "wire", "nodad")
            run("ip", "-n", namespace, "link", "set", "lo", "up")
            run("ip", "-n", namespace, "link", "set", "wire", "up")
        yield name
    finally:
        run("ip", "netns", "del", name)
        subprocess.run(["ip", "-n", engine.name, "link", "del", "wire"], check=False, capture_output=True)


def _socket(protocol: str, address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)


def _serve(protocol: str, address: str, port: int, name: str) -> None:
    with _socket(protocol, address) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        if protocol == "tcp":
            server.listen(64)
        print("ready", flush=True)
        while True:
            if protocol == "tcp":
                client, peer = server.accept()
                with client:
                    client.sendall(f"{name} {peer[0]}".encode())
            else:
                _, peer = server.recvfrom(1024)
                server.sendto(f"{name} {peer[0]}".encode(), peer)


def _drain(address: str, port: int) -> None:
    buffer = bytearray(1 << 20)
    with _socket("tcp", address) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.listen(1)
        print("ready", flush=True)
        while True:
            client, _ = server.accept()
            with client:
                while client.recv_into(buffer):
                    pass


def _pour(address: str, port: int, seconds: float) -> float:
    """The last byte is acknowledged by the other's close: what only waits in buffers does not count."""
    data = bytes(1 << 20)
    with _socket("tcp", address) as client:
        client.settimeout(20)
        client.connect((address, port))
        begun = time.perf_counter()
        sent = 0
        while time.perf_counter() - begun < seconds:
            client.sendall(data)
            sent += len(data)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
        return sent / (time.perf_counter() - begun) / 1e6


def _ask(protocol: str, address: str, port: int, source: int) -> str:
    with _socket(protocol, address) as client:
        client.settimeout(SECONDS)
        try:
            if source:
                client.bind(("", source))
            client.connect((address, port))
            if protocol == "udp":
                client.send(b"?")
            return client.recv(1024).decode()
        except TimeoutError:
            return "timeout"
        except ConnectionRefusedError:
            return "refused"
        except OSError as error:
            return str(error.strerror).lower()


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    if verb == "serve":
        _serve(words[0], words[1], int(words[2]), words[3])
    elif verb == "drain":
        _drain(words[0], int(words[1]))
    elif verb == "pour":
        print(_pour(words[0], int(words[1]), float(words[2])))
    else:
        print(_ask(words[0], words[1], int(words[2]), int(words[3])))
