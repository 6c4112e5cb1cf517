"""What the engine asks of registries: pull, push, look, search, log in. One object, its parts beside it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlencode

from restd.errors import InvalidParameter, NotFound, Unauthorized
from restd.events import Events
from restd.image.archive import Platform, host_platform, parse_platform
from restd.image.blobs import BlobStore
from restd.image.catalogue import Catalogue
from restd.image.configuration import parse_json
from restd.image.intake import Intake
from restd.image.layers import LayerStore
from restd.image.ledger import Ledger
from restd.image.references import Reference, parse_reference
from restd.image.registry import words
from restd.image.registry.credentials import Credentials
from restd.image.registry.downloads import Downloads
from restd.image.registry.failures import RegistryError, pull_failure
from restd.image.registry.manifests import MOST_CONFIG, Index, platforms
from restd.image.registry.pull import RemoteImage, Report, Target, ask, describe, list_tags, look_up
from restd.image.registry.push import Push
from restd.image.registry.session import Registry, scope_of
from restd.image.registry.settings import RegistrySettings
from restd.lib.tasks import TaskGroup
from restd.model.image import Image

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Described:
    """What a registry says of a reference, without pulling it: `GET /distribution/NAME/json`."""

    media_type: str
    digest: str
    size: int
    platforms: Sequence[dict[str, Any]]


class Registries:
    """The door to all registries."""

    def __init__(
        self,
        settings: RegistrySettings,
        events: Events,
        catalogue: Catalogue,
        ledger: Ledger,
        layers: LayerStore,
        blobs: BlobStore,
        intake: Intake,
        tasks: TaskGroup,
        pool: Executor,
    ) -> None:
        self._settings, self._events, self._intake = settings, events, intake
        self._catalogue, self._ledger, self._layers, self._blobs = catalogue, ledger, layers, blobs
        self._downloads = Downloads(tasks, pool, intake.workspace, settings.downloads, settings.attempts)
        self._uploads = asyncio.Semaphore(settings.uploads)

    async def pull(
        self, reference: Reference, *, all_tags: bool, platform: str, credentials: Credentials, report: Report
    ) -> Image:
        """Bring an image (with `all_tags` all of a repository) into the store; the last one.

        `report` gets the lines of the stream. Errors before its first call are of the look-up: NotFound and so on.
        """
        wanted = parse_platform(platform) if platform else None
        attempts = self._settings.attempts

        async def look(registry: Registry) -> Target:
            return await look_up(registry, reference, wanted or host_platform(), attempts)

        async def tags(registry: Registry) -> list[str]:
            return await list_tags(registry, reference, attempts)

        try:
            if not all_tags:
                registry, target = await ask(reference, self._settings, credentials, look)
                try:
                    return await self._fetch(target, wanted, report)
                finally:
                    await registry.release()
            registry, names = await ask(reference, self._settings, credentials, tags)
            try:
                if not names:
                    raise NotFound(f"no tags for {reference.familiar_name}")
                for name in names:
                    one = replace(reference, tag=name)
                    target = await look_up(registry, one, wanted or host_platform(), attempts)
                    image = await self._fetch(target, wanted, report)
                return image
            finally:
                await registry.release()
        except RegistryError as error:
            raise pull_failure(error, reference) from error

    async def _fetch(self, target: Target, platform: Platform | None, report: Report) -> Image:
        reference = target.reference
        shown = reference.digest or reference.tag or ""
        path = reference.familiar_name if reference.domain != "docker.io" else reference.path
        report({"status": f"Pulling from {path.removeprefix(reference.domain + '/')}", "id": shown})
        pinned = replace(reference, tag=None, digest=target.digest)
        named = reference if not reference.digest else pinned
        before = self._catalogue.target(named)
        source = RemoteImage(
            target,
            list(dict.fromkeys((named.familiar, pinned.familiar))),
            platform,
            self._layers,
            self._blobs,
            self._downloads,
            report,
        )
        image = await self._intake.fetch(source)
        report(words.status(f"Digest: {target.digest}"))
        same = before is not None and before.id == image.id
        text = "Image is up to date for" if same else "Downloaded newer image for"
        report(words.status(f"Status: {text} {named.familiar}"))
        attributes = {**image.config.labels, "name": named.familiar_name}
        self._events.publish("image", "pull", named.familiar, attributes)
        return image

    async def push(
        self, images: Sequence[tuple[Image, Reference]], *, credentials: Credentials, report: Report
    ) -> None:
        """Send images to the repository of their references, which is one. `report` gets the lines of the stream."""
        repository = images[0][1]
        registry, _ = await ask(repository, self._settings, credentials, _nothing, mirrors=False)
        try:
            report(words.status(f"The push refers to repository [{repository.name}]"))
            push = Push(
                registry,
                self._blobs,
                self._uploads,
                self._settings.attempts,
                lambda digest: self._elsewhere(digest, repository),
                report,
            )
            for image, reference in images:
                digest = await push.image(image, reference)
                await self._ledger.point({replace(reference, tag=None, digest=digest): image.id})
                attributes = {**image.config.labels, "name": reference.familiar_name}
                self._events.publish("image", "push", reference.familiar, attributes)
        finally:
            await registry.release()

    def _elsewhere(self, digest: str, repository: Reference) -> list[str]:
        """Other repositories of the same registry that were pulled from or pushed to with this layer."""
        found = {
            reference.path
            for image in self._catalogue.all()
            if any(layer.digest == digest for layer in image.layers)
            for reference in self._catalogue.references(image.id)
            if reference.digest and reference.domain == repository.domain and reference.path != repository.path
        }
        return sorted(found)[:1]

    async def describe(self, reference: Reference, credentials: Credentials) -> Described:
        """What the registry has under `reference`. NotFound in Docker's words."""
        reference = reference.with_default_tag()

        async def look(registry: Registry) -> Described:
            found = await describe(registry, reference, self._settings.attempts)
            if isinstance(found, Index):
                return Described(found.media_type, found.digest, len(found.raw), platforms(found))
            path = f"/v2/{reference.path}/blobs/{found.config.digest}"
            data, _ = await registry.metadata(path, scope=scope_of(reference.path), most=MOST_CONFIG)
            raw = parse_json(data, "image configuration")
            platform = {key: raw[key] for key in ("architecture", "os", "variant", "os.version") if raw.get(key)}
            return Described(found.media_type, found.digest, len(found.raw), [platform])

        try:
            return await self._asked(reference, credentials, look)
        except RegistryError as error:
            raise pull_failure(error, reference) from error

    async def log_in(self, address: str, credentials: Credentials) -> None:
        """Check credentials. Unauthorized if the registry refuses them."""
        try:
            await self._asked(_repository(address or "docker.io"), credentials, Registry.log_in)
        except RegistryError as error:
            if error.status in (401, 403):
                raise Unauthorized(str(error)) from error
            raise

    async def search(self, term: str, limit: int, credentials: Credentials) -> list[dict[str, Any]]:
        """Repositories whose name has `term` in it: `[REGISTRY/]TERM`.

        The index of docker.io and of those that have one (`/v1/search`), else the catalogue of a registry.
        """
        host, slash, rest = term.partition("/")
        named = slash and ("." in host or ":" in host or host == "localhost")
        domain, text = (host, rest) if named else ("docker.io", term)

        async def look(registry: Registry) -> list[dict[str, Any]]:
            with contextlib.suppress(RegistryError):
                return await _search_index(registry, domain, text, limit)
            return await _search_catalogue(registry, domain, text, limit)

        return await self._asked(_repository(domain), credentials, look)

    async def _asked(
        self, reference: Reference, credentials: Credentials, question: Callable[[Registry], Awaitable[T]]
    ) -> T:
        registry, answer = await ask(reference, self._settings, credentials, question, mirrors=False)
        await registry.release()
        return answer


async def _nothing(_: Registry) -> None:
    """No question: that it is there is enough."""


def _repository(address: str) -> Reference:
    """A reference that stands for a registry's address, as clients give it: with or without scheme and path."""
    host = address.removeprefix("https://").removeprefix("http://").partition("/")[0]
    if host in ("docker.io", "index.docker.io", "registry-1.docker.io", ""):
        return parse_reference("docker.io/library/any")
    if "." not in host and ":" not in host and host != "localhost":
        raise InvalidParameter(f"invalid registry address {address!r}")
    return parse_reference(f"{host}/any")


async def _search_index(registry: Registry, domain: str, text: str, limit: int) -> list[dict[str, Any]]:

    base = "https://index.docker.io" if domain == "docker.io" else ""
    path = f"{base}/v1/search?{urlencode({'q': text, 'n': limit})}"
    data, _ = await registry.metadata(path, scope="", most=MOST_CONFIG)
    results = parse_json(data, "search result").get("results") or []
    return [_row(item, str(item.get("name", ""))) for item in results if isinstance(item, dict)][:limit]


async def _search_catalogue(registry: Registry, domain: str, text: str, limit: int) -> list[dict[str, Any]]:
    data, _ = await registry.metadata("/v2/_catalog?n=1000", scope="registry:catalog:*", most=MOST_CONFIG)
    names = parse_json(data, "catalogue").get("repositories") or []
    return [_row({}, f"{domain}/{name}") for name in names if isinstance(name, str) and text in name][:limit]


def _row(item: dict[str, Any], name: str) -> dict[str, Any]:
    return {
        "star_count": int(item.get("star_count") or 0),
        "is_official": bool(item.get("is_official")),
        "name": name,
        "is_automated": bool(item.get("is_automated")),
        "description": str(item.get("description") or ""),
    }
