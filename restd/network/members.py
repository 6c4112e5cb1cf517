"""Who is on which network now, in memory and in `STATE/networks/NETWORKID/CONTAINERID.json`.

A record is written before the plugins are called and goes after they have been called to delete: whatever happens to
the daemon in between, the next one finds what has to be given back. After a reboot there are none, and nothing to give
back.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from restd.lib.files import UnreadableFile, read_json, write_json
from restd.lib.ids import is_id
from restd.model.docker_json import from_docker, to_docker
from restd.model.network import Endpoint
from restd.network.cni.configuration import Attachment, ConfList, from_json

log = logging.getLogger(__name__)

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Member:
    """One endpoint, and what its plugins must be told at the end. `chain` is None where no plugin is called.

    `joined` is false until the plugins have done their work. `leaving` (not recorded) is true once it is known that the
    container has ended.
    """

    endpoint: Endpoint
    chain: ConfList | None = None
    attachment: Attachment | None = None
    result: dict[str, Any] = field(default_factory=dict)
    joined: bool = False
    order: int = 0
    leaving: bool = False

    @property
    def present(self) -> bool:
        """Whether the container is on the network as far as anybody should see."""
        return self.joined and not self.leaving


class Members:
    """The members of one engine's networks."""

    def __init__(self, state: str) -> None:
        self._root = os.path.join(state, "networks")
        self._members: dict[tuple[str, str], Member] = {}
        self._order = 0

    def load(self) -> None:
        """Read what a daemon before left. Blocks."""
        os.makedirs(self._root, 0o700, exist_ok=True)
        found = []
        for network_id in filter(is_id, os.listdir(self._root)):
            folder = os.path.join(self._root, network_id)
            for name in os.listdir(folder):
                stem, _, kind = name.rpartition(".")
                path = os.path.join(folder, name)
                if kind == "new":
                    os.unlink(path)
                elif kind == "json" and (member := _read(path, network_id, stem)) is not None:
                    found.append(member)
        for member in sorted(found, key=lambda member: member.order):
            self._members[_key(member.endpoint)] = member
            self._order = max(self._order, member.order)

    def put(self, member: Member) -> Member:
        """Note a member, new or changed; it as noted."""
        if not member.order:
            self._order += 1
            member = replace(member, order=self._order)
        self._members[_key(member.endpoint)] = member
        path = self._path(member.endpoint)
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        write_json(path, _record(member), 0o600, durable=False)
        return member

    def leave(self, member: Member) -> None:
        """Note that a member is about to go."""
        self._members[_key(member.endpoint)] = replace(member, leaving=True)

    def drop(self, endpoint: Endpoint) -> None:
        """Forget a member."""
        self._members.pop(_key(endpoint), None)
        path = self._path(endpoint)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        with contextlib.suppress(OSError):  # others are on the network
            os.rmdir(os.path.dirname(path))

    def get(self, network_id: str, container_id: str) -> Member | None:
        """A container's membership of a network."""
        return self._members.get((network_id, container_id))

    def all(self) -> Sequence[Member]:
        """Every member, in the order of joining."""
        return list(self._members.values())

    def of_network(self, network_id: str) -> Sequence[Member]:
        """The members of a network, in the order of joining."""
        return [member for (network, _), member in self._members.items() if network == network_id]

    def of_container(self, container_id: str) -> Sequence[Member]:
        """A container's memberships, in the order of joining."""
        return [member for (_, container), member in self._members.items() if container == container_id]

    def addresses(self, network_id: str) -> set[str]:
        """The addresses that the members of a network have, or are about to get."""
        endpoints = [member.endpoint for member in self.of_network(network_id)]
        return {text for item in endpoints for text in (item.ipv4_address, item.ipv6_address) if text}

    def _path(self, endpoint: Endpoint) -> str:
        return os.path.join(self._root, endpoint.network_id, f"{endpoint.container_id}.json")


def _key(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.network_id, endpoint.container_id


def _record(member: Member) -> dict[str, Any]:
    attachment = member.attachment
    return {
        "version": _FORMAT,
        "endpoint": to_docker(member.endpoint),
        "joined": member.joined,
        "order": member.order,
        "chain": member.chain.to_json() if member.chain is not None else None,
        "attachment": None
        if attachment is None
        else {
            "netns": attachment.netns,
            "interface": attachment.interface,
            "arguments": attachment.arguments,
            "runtime": attachment.runtime,
        },
        "result": member.result,
    }


def _read(path: str, network_id: str, container_id: str) -> Member | None:
    try:
        record = read_json(path)
        endpoint = from_docker(Endpoint, record["endpoint"])
        if record["version"] != _FORMAT or (endpoint.network_id, endpoint.container_id) != (network_id, container_id):
            raise ValueError("it is not what its name says")
        given = record["attachment"]
        attachment = None
        if given is not None:
            arguments = tuple((key, value) for key, value in given["arguments"])
            attachment = Attachment(container_id, given["netns"], given["interface"], arguments, given["runtime"])
        chain = from_json(record["chain"], path) if record["chain"] is not None else None
        return Member(endpoint, chain, attachment, record["result"], record["joined"], record["order"])
    except UnreadableFile as error:
        log.error("a container's place on a network is not known any more: %s", error)
    except Exception as error:
        log.error("a container's place on a network is not known any more: %s: %s", path, error)
        os.rename(path, f"{path}.corrupt")
    return None
