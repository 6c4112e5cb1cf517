from __future__ import annotations

import json

from restd.api.call import Glance, dumps, error_reply, json_reply


def test_json_ends_with_a_newline_and_has_an_exact_type() -> None:
    reply = json_reply({"a": [1, None]}, 201)
    assert (reply.status, reply.body, reply.content_type) == (201, b'{"a":[1,null]}\n', "application/json")


def test_an_error_has_a_message_alone() -> None:
    assert json.loads(error_reply(404, "No such container: x").body) == {"message": "No such container: x"}


def test_text_that_is_not_utf8_can_still_be_written() -> None:
    assert json.loads(dumps({"path": "\udcff"})) == {"path": "\udcff"}


def test_a_glance_knows_whether_there_are_parameters() -> None:
    assert Glance((1, 50), "x", "").plain
    assert Glance((1, 50), "x", "size=1").query.flag("size")
