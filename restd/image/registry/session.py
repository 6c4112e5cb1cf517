"""Talking to one registry: who we are, what it wants to see, and trying again.

A `Registry` is one address with one client's credentials. It outlives the pull that made it as long as a download
that others share goes on (`retain`, `release`). Errors are `RegistryError`, whose text is for people.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp

from restd import __version__
from restd.image.registry.challenge import Challenge, parse_challenges
from restd.image.registry.credentials import Credentials
from restd.image.registry.endpoints import Endpoint, proxy_of, tls_context
from restd.image.registry.failures import NoAnswer, RegistryError, failure_of

CONNECT_SECONDS = 15.0
SILENCE_SECONDS = 60.0
"""How long a registry may say nothing."""
METADATA_SECONDS = 120.0
_MOST_TOKEN = 1 << 20
_MOST_ERROR = 64 << 10
_READ_BUFFER = 1 << 18
_LONGEST_PAUSE = 30.0


class Registry:
    """One registry, spoken to with one client's credentials. `connect` makes it, `release` ends it."""

    def __init__(self, endpoint: Endpoint, session: aiohttp.ClientSession, credentials: Credentials) -> None:
        self.endpoint = endpoint
        self._session = session
        self._credentials = credentials
        self._challenges: list[Challenge] = []
        self._authorizations: dict[str, str] = {}
        self._proxy = proxy_of(endpoint)
        self._users = 1

    @classmethod
    async def connect(cls, endpoint: Endpoint, credentials: Credentials, certificates: str) -> Registry:
        """Find out what is at `endpoint`. NoAnswer if nothing is, RegistryError if it is no registry."""
        tls: ssl.SSLContext | bool = False
        if endpoint.url.startswith("https:"):
            tls = await asyncio.to_thread(tls_context, endpoint, certificates)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=0),
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=_READ_BUFFER,
            headers={"User-Agent": f"isula-rest/{__version__}", "Accept-Encoding": "identity"},
        )
        registry = cls(endpoint, session, credentials)
        try:
            await registry._ping()
        except BaseException:
            await session.close()
            raise
        return registry

    def retain(self) -> None:
        """One more user."""
        self._users += 1

    async def release(self) -> None:
        """One user less; the last one closes the connections."""
        self._users -= 1
        if not self._users:
            await self._session.close()

    async def _ping(self) -> None:
        async with self._send("GET", "/v2/", {}) as response:
            await _read(response, _MOST_ERROR)
            if response.status == 401:
                self._challenges = parse_challenges(response.headers.getall("WWW-Authenticate", []))
            elif response.status != 200:
                raise RegistryError(
                    f"{self.endpoint.url}/v2/: unexpected status {response.status}: this is no registry",
                    response.status,
                )

    async def log_in(self) -> None:
        """Check the credentials. RegistryError with status 401 if the registry refuses them."""
        async with self.request("GET", "/v2/", scope="") as response:
            await _read(response, _MOST_ERROR)

    @contextlib.asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        accepted: tuple[int, ...] = (200, 201, 202, 204, 206),
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One exchange, with authorization for `scope` (see `scope_of`). RegistryError for any other status.

        `path` is a path, or a whole URL as a registry gave it: credentials go to the registry's own origin only.
        """
        asked = dict(headers or {})
        for attempt in (1, 2):
            own = urlsplit(urljoin(self.endpoint.url, path)).netloc == self.endpoint.host
            if own and (authorization := await self._authorization(scope)):
                asked["Authorization"] = authorization
            async with self._send(method, path, asked, data) as response:
                if response.status == 401 and own:
                    # The token has expired, or the registry asks for this path alone.
                    if challenges := parse_challenges(response.headers.getall("WWW-Authenticate", [])):
                        self._challenges = challenges
                    self._authorizations.pop(scope, None)
                    if attempt == 1 and data is None:
                        continue
                if response.status not in accepted:
                    body = await _read(response, _MOST_ERROR)
                    raise failure_of(method, str(response.url), response.status, body, response.headers)
                yield response
                return

    @contextlib.asynccontextmanager
    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], data: Any = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        url = urljoin(self.endpoint.url + "/", path)
        if urlsplit(url).scheme not in ("http", "https"):
            raise RegistryError(f"{self.endpoint.host} leads to {url}, which is not http", 0)
        try:
            async with self._session.request(
                method, url, headers=headers, data=data, proxy=self._proxy, max_redirects=10
            ) as response:
                yield response
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # The answer came before the whole body went out: aiohttp cancels the sending, and hands that on to us.
            if isinstance(error.__context__, RegistryError):
                raise error.__context__ from None
            raise NoAnswer(f'{method.title()} "{url}": the upload was ended early') from error
        except (aiohttp.ClientError, TimeoutError, ConnectionError, ValueError) as error:
            raise NoAnswer(f'{method.title()} "{url}": {_reason(error)}') from error

    async def _authorization(self, scope: str) -> str:
        if self._credentials.registry_token:
            return f"Bearer {self._credentials.registry_token}"
        if (known := self._authorizations.get(scope)) is not None:
            return known
        made = ""
        for challenge in self._challenges:
            if challenge.scheme == "bearer":
                made = f"Bearer {await self._token(challenge.parameters, scope)}"
                break
            if challenge.scheme == "basic":
                made = self._credentials.basic
                if not made:
                    raise RegistryError(f'Get "{self.endpoint.url}/v2/": no basic auth credentials', 401)
        self._authorizations[scope] = made
        return made

    async def _token(self, parameters: Mapping[str, str], scope: str) -> str:
        """A token for `scope` (Docker "Token Authentication Specification")."""
        realm = parameters.get("realm", "")
        if urlsplit(realm).scheme not in ("http", "https"):
            raise RegistryError(f"{self.endpoint.host} names no usable realm for tokens: {realm!r}", 401)
        if self.endpoint.url.startswith("https:") and self.endpoint.verify and not realm.startswith("https:"):
            raise RegistryError(f"{self.endpoint.host} wants credentials sent in the clear to {realm}", 401)
        query = [(key, parameters[key]) for key in ("service",) if parameters.get(key)]
        query += [("scope", part) for part in scope.split(" ") if part]
        refresh = self._credentials.identity_token
        headers = {"Authorization": self._credentials.basic} if self._credentials.basic and not refresh else {}
        if refresh:
            form = [("grant_type", "refresh_token"), ("refresh_token", refresh), ("client_id", "isula-rest")]
            form += [(key, value) for key, value in query if key != "scope"] + [("scope", scope)]
            exchange = self._send("POST", realm, headers, aiohttp.FormData(form))
        else:
            joint = "&" if "?" in realm else "?"
            exchange = self._send("GET", f"{realm}{joint}{urlencode(query)}" if query else realm, headers)
        async with asyncio.timeout(METADATA_SECONDS), exchange as response:
            body = await _read(response, _MOST_TOKEN)
            if response.status != 200:
                raise failure_of("get", realm, response.status, body, response.headers)
        try:
            value = json.loads(body)
            token = value.get("token") or value.get("access_token")
        except (ValueError, AttributeError, RecursionError):
            token = None
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            raise RegistryError(f"{realm} answered without a token", 401)
        return token

    async def metadata(
        self, path: str, *, scope: str, most: int, headers: Mapping[str, str] | None = None, attempts: int = 1
    ) -> tuple[bytes, Mapping[str, str]]:
        """A small document and its headers, tried again while the registry is busy or away."""
        attempt = 0
        while True:
            attempt += 1
            try:
                async with (
                    asyncio.timeout(METADATA_SECONDS),
                    self.request("GET", path, scope=scope, headers=headers) as response,
                ):
                    return await _read(response, most), response.headers
            except TimeoutError:
                raise NoAnswer(f'Get "{self.endpoint.url}{path}": no answer within {METADATA_SECONDS:.0f} s') from None
            except RegistryError as error:
                if attempt >= attempts or not error.transient:
                    raise
                await asyncio.sleep(pause(attempt, error.retry_after))


def scope_of(path: str, *actions: str) -> str:
    """The scope of a token for a repository: `repository:PATH:pull,push`."""
    return f"repository:{path}:{','.join(actions or ('pull',))}"


def pause(attempt: int, asked: float) -> float:
    """Seconds before the next attempt: what the registry asked for, else 1, 2, 4 …, half a minute at most."""
    return min(asked or 2.0 ** (attempt - 1), _LONGEST_PAUSE)


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body, which may not be larger than `most`."""
    parts: list[bytes] = []
    left = most
    async for part in response.content.iter_any():
        left -= len(part)
        if left < 0:
            raise RegistryError(f"{response.url} answers with more than {most} bytes", response.status)
        parts.append(part)
    return b"".join(parts)


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"tls: failed to verify certificate: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        # asyncio puts addresses into strerror; an error of TLS or of the resolver has a number of its own kind.
        words = os.strerror(number) if type(error) is aiohttp.ClientConnectorError and number else str(error.os_error)
        return f"dial tcp {error.host}:{error.port}: connect: {words.lower()}"
    return str(error) or type(error).__name__
