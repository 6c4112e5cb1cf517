import os

from restd.container.handover import Client
from tests.unit.restd.container import clients


def test_a_connection_is_borrowed_once_and_only_when_it_is_needed() -> None:
    connection = clients.Client(b"early")
    client = Client(connection)
    first = client.borrow()
    assert client.borrow() is first and first.early == b"early"
    client.close()
    client.close()
    assert not connection.released, "the server has it again"
    connection.close()


def test_one_that_is_given_away_is_let_go_of() -> None:
    connection = clients.Client()
    client = Client(connection)
    client.borrow()
    client.given()
    assert connection.released
    assert connection.rest() == b""
    connection.close()


def test_one_that_is_kept_stays_open() -> None:
    connection = clients.Client()
    client = Client(connection)
    descriptor = client.keep()
    client.close()
    os.write(descriptor, b"still there")
    os.close(descriptor)
    assert connection.rest() == b"still there"
    connection.close()


def test_one_that_gets_no_more_than_a_head() -> None:
    connection = clients.Client()
    Client(connection).end("HEAD")
    assert connection.rest() == b"HEAD"
    connection.close()
