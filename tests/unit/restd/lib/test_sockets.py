import os
import socket
from pathlib import Path

from restd.lib.sockets import peer_of, short_path


def test_a_socket_can_be_bound_and_reached_in_a_folder_with_a_long_name(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 200)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        with short_path(str(folder), "s") as path:
            listener.bind(path)
        listener.listen()
        with short_path(str(folder), "s") as path:
            client.connect(path)
        connection, _ = listener.accept()
        with connection:
            assert peer_of(connection).pid == os.getpid()
            assert peer_of(connection).uid == os.getuid()
