"""Holds replies to the API description in `openapi/openapi.yaml`."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import jsonschema
import yaml

from tests.wire import Reply

DESCRIPTION = os.path.join(os.path.dirname(__file__), "..", "..", "openapi", "openapi.yaml")


class Contract:
    """The description, ready to check replies."""

    def __init__(self) -> None:
        with open(DESCRIPTION) as file:
            self.document: dict[str, Any] = yaml.safe_load(file)
        self._paths = [
            (re.compile(path.replace("{name}", ".+")), operations)
            for path, operations in sorted(self.document["paths"].items(), key=lambda item: "{" in item[0])
        ]

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """The described operation of a request; None for one that is not served."""
        plain = re.sub(r"^/v\d+\.\d+/", "/", path.partition("?")[0].rstrip("/"))
        for pattern, operations in self._paths:
            if pattern.fullmatch(plain) and method.lower() in operations:
                found: dict[str, Any] = operations[method.lower()]
                return found
        return None

    def check(self, method: str, path: str, reply: Reply) -> None:
        """AssertionError or ValidationError unless the reply is as described."""
        operation = self.operation(method, path)
        if operation is None:
            assert (reply.status, reply.message) == (404, "page not found")
            return
        response = operation["responses"].get(str(reply.status)) or operation["responses"]["default"]
        assert reply.status >= 400 or str(reply.status) in operation["responses"], f"{reply.status} is not described"
        content_type = reply.headers.get("content-type", "")
        if "content" not in response:
            assert reply.body == b"" and content_type == ""
            return
        assert content_type in response["content"], (content_type, list(response["content"]))
        if content_type == "application/json" and method != "HEAD":
            schema = {**response["content"][content_type]["schema"], "components": self.document["components"]}
            for value in documents(reply.body):
                jsonschema.validate(value, schema, jsonschema.Draft202012Validator)


def documents(body: bytes) -> list[Any]:
    """The JSON documents of a body: one a line, as streams have them; a plain reply has one line too."""
    return [json.loads(line) for line in body.splitlines() if line.strip()]
