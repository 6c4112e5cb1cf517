"""The operations of the API: one module a resource."""

from __future__ import annotations

from restd.api.engine import Engine
from restd.api.routes.build import BuildRoutes
from restd.api.routes.containers import ContainerRoutes
from restd.api.routes.executions import ExecRoutes
from restd.api.routes.files import FileRoutes
from restd.api.routes.images import ImageRoutes
from restd.api.routes.networks import NetworkRoutes
from restd.api.routes.registries import RegistryRoutes
from restd.api.routes.stats import StatsRoutes
from restd.api.routes.streams import StreamRoutes
from restd.api.routes.system import SystemRoutes
from restd.api.routes.volumes import VolumeRoutes
from restd.api.table import Route


def all_routes(engine: Engine) -> list[Route]:
    """Every operation that is served."""
    return [
        *SystemRoutes(engine).routes(),
        *ContainerRoutes(engine).routes(),
        *StreamRoutes(engine).routes(),
        *StatsRoutes(engine).routes(),
        *ExecRoutes(engine).routes(),
        *FileRoutes(engine).routes(),
        *ImageRoutes(engine).routes(),
        *RegistryRoutes(engine).routes(),
        *BuildRoutes(engine).routes(),
        *NetworkRoutes(engine).routes(),
        *VolumeRoutes(engine).routes(),
    ]
