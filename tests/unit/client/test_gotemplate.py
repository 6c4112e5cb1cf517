from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.gotemplate import Template
from client.gotokens import TemplateError
from tests.unit.client.test_gofunctions import JSON

DATA = {
    "ID": "abc",
    "State": {"Status": "running", "Pid": 7, "Health": None},
    "Labels": {"b": "2", "a": "1"},
    "Names": ["/x", "/y"],
    "Empty": [],
    "Label": lambda name: {"a": "1"}.get(name, ""),
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("{{.ID}} {{.State.Status}}", "abc running"),
        ("{{json .State}}", '{"Status":"running","Pid":7,"Health":null}'),
        ('{{index .Labels "a"}}{{index .Names 1}}', "1/y"),
        ('{{.Label "a"}}-{{.Label "zz"}}', "1-"),
        ("{{range .Names}}[{{.}}]{{end}}", "[/x][/y]"),
        ("{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "a=1;b=2;"),
        ("{{range $i, $n := .Names}}{{if $i}},{{end}}{{$n}}{{end}}", "/x,/y"),
        ("{{range .Empty}}x{{else}}none{{end}}", "none"),
        ("{{range .Names}}{{.}}{{break}}{{end}}", "/x"),
        ('{{range .Names}}{{if eq . "/x"}}{{continue}}{{end}}{{.}}{{end}}', "/y"),
        ("{{if .Empty}}a{{else if .Names}}b{{else}}c{{end}}", "b"),
        ("{{if and .ID (gt .State.Pid 5)}}yes{{end}}", "yes"),
        ("{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}", "none"),
        ("{{if .Missing.Deeper}}x{{else}}none{{end}}", "none"),
        ("{{with .State}}{{.Status}} of {{$.ID}}{{end}}", "running of abc"),
        ('{{$x := "a"}}{{if true}}{{$x = "b"}}{{end}}{{$x}}', "b"),
        ('{{.ID | upper | printf "%5s"}}', "  ABC"),
        ('{{join .Names ","}} {{len .Names}}', "/x,/y 2"),
        ("{{println .ID}}", "abc\n"),
        ("{{.State.Health}}", "<no value>"),
        ("{{(index .Names 0)}}{{/* nothing */}}", "/x"),
        ("{{with $s := .State}}{{$s.Pid}}{{end}}", "7"),
        ("{{or .Empty .ID}} {{and .ID .Empty}} {{not .Empty}}", "abc [] true"),
        ("{{slice .ID 1}}", "bc"),
        ("{{.}}", ""),
    ],
)
def test_templates_that_people_use(template: str, text: str) -> None:
    data: Any = "" if template == "{{.}}" else DATA
    if "json" in template:
        data = {key: value for key, value in DATA.items() if key != "Label"}
    assert Template(template).render(data) == text


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{.Missing}}", 'map has no entry for key "Missing"'),
        ("{{.State.Health.Status}}", "nil pointer"),
        ("{{.ID.x}}", "can't evaluate field x"),
        ("{{nope .ID}}", 'function "nope" not defined'),
        ("{{if .ID}}", "{{end}} is missing for if"),
        ("{{end}}", "unexpected {{end}}"),
        ("{{else}}", "unexpected {{else}}"),
        ("{{}}", "missing value"),
        ("{{.ID | }}", "missing value"),
        ("{{(.ID}}", "unclosed left paren"),
        ("{{.ID)}}", "unexpected"),
        ("{{$x}}", "undefined variable"),
        ("{{range .ID}}{{end}}", "range can't iterate"),
        ("{{break}}", "outside range"),
        ('{{define "x"}}{{end}}', "define is not supported"),
        ("{{.ID .ID}}", "can't give argument"),
        ("{{join .Names}}{{truncate .ID}}", "wrong number or kind"),
        ("{{" + "(" * 100 + "}}", "nested too deeply"),
        ("{{if .ID}}" * 100, "nested too deeply"),
    ],
)
def test_wrong_templates_say_why(template: str, reason: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template(template).render(DATA)
    assert reason in str(caught.value)


@given(JSON)
def test_json_comes_out_as_it_went_in(value: Any) -> None:
    text = Template("{{json .}}").render(value)
    assert json.dumps(json.loads(text)) == json.dumps(value)


PIECES = st.sampled_from(
    '{{.A}} {{ range if with else end . .A $ $x := = , ( ) | }} index json len "s" 1 and or not eq break - x'.split()
)


@given(st.lists(PIECES, max_size=14), st.sampled_from(["", " "]), JSON)
def test_any_template_is_rendered_or_refused(pieces: list[str], joint: str, data: Any) -> None:
    try:
        Template(joint.join(pieces)).render({"A": data})
    except TemplateError:
        return
