"""Containers' streams: attach, wait, logs."""

from __future__ import annotations

from restd.api import wire
from restd.api.call import GIVEN, Call, Outcome, json_reply
from restd.api.engine import Engine
from restd.api.table import Parameter, Route
from restd.errors import InvalidParameter
from restd.logs.query import LogQuery, parse_tail, parse_time
from restd.model.connection import AttachOptions

CONDITIONS = ("not-running", "next-exit", "removed")

_ATTACH = """Takes the connection over: after the head, bytes flow raw both ways. With an `Upgrade` header the answer is
101, without it 200. Without a terminal the output is framed: 8 bytes (stream, 0, 0, 0, length as 32 bits, big-endian)
before each piece; input never is.

The keys that end an attach (`detachKeys`, by default ctrl-p,ctrl-q) work on a terminal only. On this raw stream a
detach by keys looks the same to the client as the end of the process: the stream ends. A client that must tell them
apart asks for the container's state afterwards."""


class StreamRoutes:
    """`/containers/NAME/attach`, `wait`, `logs`."""

    def __init__(self, engine: Engine) -> None:
        self._containers = engine.containers

    def routes(self) -> list[Route]:
        """The operations of this module."""
        missing = {404: ("No such container.", "Error")}
        streams = (
            Parameter("stdout", "Standard output.", "boolean"),
            Parameter("stderr", "Standard error.", "boolean"),
        )
        return [
            Route(
                "POST",
                "/containers/{name}/attach",
                self._attach,
                "Attach to a container",
                description=_ATTACH,
                parameters=(
                    Parameter("stream", "Follow the streams.", "boolean"),
                    Parameter("logs", "First what was written so far.", "boolean"),
                    Parameter("stdin", "Standard input.", "boolean"),
                    *streams,
                    Parameter("detachKeys", "Keys that end the attach."),
                ),
                answers={
                    101: ("The connection is a raw stream now.", "stream"),
                    200: ("The connection is a raw stream now.", "stream"),
                    400: ("The keys are wrong.", "Error"),
                    **missing,
                    409: ("Not in its present state.", "Error"),
                },
            ),
            Route(
                "POST",
                "/containers/{name}/wait",
                self._wait,
                "Wait for a container's end",
                description="The head is sent at once, the body when the condition is met.",
                parameters=(Parameter("condition", f"One of {', '.join(CONDITIONS)}; by default not-running."),),
                answers={200: ("", "Wait"), 400: ("No such condition.", "Error"), **missing},
            ),
            Route(
                "GET",
                "/containers/{name}/logs",
                self._logs,
                "Read a container's log",
                parameters=(
                    *streams,
                    Parameter("follow", "Go on until the container stops.", "boolean"),
                    Parameter("since", "From this time on: seconds since the epoch."),
                    Parameter("until", "Up to this time."),
                    Parameter("timestamps", "The time before each message.", "boolean"),
                    Parameter("tail", "The last so many messages; `all` by default."),
                    Parameter("details", "The log's own attributes before each message.", "boolean"),
                ),
                answers={
                    200: ("Messages; framed if the container has no terminal.", "stream"),
                    400: ("Neither stream is asked for.", "Error"),
                    **missing,
                    501: ("The log driver keeps nothing to read.", "Error"),
                },
            ),
        ]

    async def _attach(self, call: Call) -> Outcome:
        query = call.query
        await call.skip_body()
        options = AttachOptions(
            stream=query.flag("stream"),
            stdin=query.flag("stdin"),
            stdout=query.flag("stdout"),
            stderr=query.flag("stderr"),
            logs=query.flag("logs"),
            detach_keys=query.text("detachKeys"),
        )
        await self._containers.attach(call.name, options, await call.connection(), call.heads)
        return GIVEN

    async def _wait(self, call: Call) -> Outcome:
        condition = call.query.text("condition") or CONDITIONS[0]
        if condition not in CONDITIONS:
            raise InvalidParameter(f'invalid condition: "{condition}"')
        await call.skip_body()
        result = await self._containers.wait(call.name, condition, await call.connection(), call.heads)
        if result is None:
            return GIVEN
        body: dict[str, object] = {"StatusCode": result.status_code}
        if result.error:
            body["Error"] = {"Message": result.error}
        return json_reply(body)

    async def _logs(self, call: Call) -> Outcome:
        query = call.query
        asked = LogQuery(
            stdout=query.flag("stdout"),
            stderr=query.flag("stderr"),
            follow=query.flag("follow"),
            since=parse_time(query.text("since"), "since"),
            until=parse_time(query.text("until"), "until"),
            timestamps=query.flag("timestamps"),
            tail=parse_tail(query.text("tail")),
            details=query.flag("details"),
        )
        if not asked.stdout and not asked.stderr:
            raise InvalidParameter("Bad parameters: you must choose at least one stream")
        log = await self._containers.logs(call.name, asked)
        stream = call.stream(wire.logs_type(call.version, framed=log.framed), endless=asked.follow)
        async for data in log:
            await stream.write(data)
        return stream
