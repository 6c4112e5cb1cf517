"""What the HTTP door serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restd.config import Config
    from restd.container.containers import Containers
    from restd.events import Events
    from restd.image.store import ImageStore
    from restd.lib.host import Host
    from restd.network.networks import Networks
    from restd.volume.volumes import Volumes


@dataclass(frozen=True, slots=True)
class Engine:
    """The rooms behind the door, as `restd.app` built them."""

    config: Config
    host: Host
    events: Events
    images: ImageStore
    containers: Containers
    networks: Networks
    volumes: Volumes
