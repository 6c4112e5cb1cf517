from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.image.build.dockerfile import Heredoc, parse, parse_trigger, stages_for


def one(text: str) -> object:
    return parse(b"FROM x\n" + text.encode()).stages[0].instructions


def test_stages_have_names_bases_and_instructions() -> None:
    found = parse(b"ARG V=1\nFROM a:$V AS Build\nRUN x\n\nFROM --platform=linux/amd64 b\nCOPY --from=build /x /y\n")
    assert [argument.rest for argument in found.arguments] == ["V=1"]
    assert [(stage.name, stage.base) for stage in found.stages] == [("build", "a:$V"), ("", "b")]
    copy = found.stages[1].instructions[0]
    assert (copy.name, copy.rest, copy.flag("from"), copy.line) == ("COPY", "/x /y", "build", 6)
    assert copy.text == "COPY --from=build /x /y"
    assert found.stages[1].begin.flag("platform") == "linux/amd64"


def test_lines_go_on_comments_and_empty_lines_between_them_do_not_count() -> None:
    text = "run a && \\\n  # a comment\n\n  b \\ \n  c\n# end\n  CMD x"
    run, cmd = parse(b"FROM x\n" + text.encode()).stages[0].instructions
    assert run.rest == "a &&   b   c"
    assert (run.line, cmd.line, cmd.name) == (2, 8, "CMD")


def test_directives_count_at_the_top_only() -> None:
    found = parse(b"# syntax=docker/dockerfile:1\n# escape=`\nFROM x\nRUN a `\n b \\\n# escape=x\n")
    assert found.escape == "`"
    assert found.stages[0].instructions[0].rest == "a  b \\"
    assert parse(b"# comment\n# escape=`\nFROM x\n").escape == "\\"
    assert parse("\ufeffFROM x\r\nRUN a \\\r\n b\r\n".encode()).stages[0].instructions[0].rest == "a  b"


def test_heredocs_of_every_form() -> None:
    text = "RUN <<A cat > x && <<-'B' cat\n$x\nA\n\tkept\n\tB\nCOPY <<one <<\"two\" /d/\n1\none\n2\ntwo\nCMD x"
    run, copy, cmd = parse(b"FROM x\n" + text.encode()).stages[0].instructions
    assert run.heredocs == (Heredoc("A", "$x\n"), Heredoc("B", "kept\n", expand=False))
    assert copy.heredocs == (Heredoc("one", "1\n"), Heredoc("two", "2\n", expand=False))
    assert (cmd.name, cmd.line) == ("CMD", 12)


@pytest.mark.parametrize("text", ["RUN cat <<<x", 'RUN ["a", "<<b"]', "RUN echo $((1<<2))", "CMD <<x", "LABEL a=<<b"])
def test_what_is_no_heredoc(text: str) -> None:
    assert parse(b"FROM x\n" + text.encode() + b"\nCMD y\n").stages[0].instructions[0].heredocs == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the Dockerfile cannot be empty"),
        ("  \n\n", "the Dockerfile cannot be empty"),
        ("# only a comment\n", "file with no instructions"),
        ("RUN x\nFROM y", "line 1: no build stage in current context"),
        ("ARG x", "no build stage in current context"),
        ("FROM x\nFOO bar", "dockerfile parse error on line 2: unknown instruction: FOO"),
        ("FROM x\n\n\nfoo bar", "dockerfile parse error on line 4: unknown instruction: foo"),
        ("FROM x\nRUN", "line 2: RUN requires at least one argument"),
        ("FROM", "line 1: FROM requires exactly one argument"),
        ("FROM x y", "FROM requires either one or three arguments"),
        ("FROM x AS 1", "invalid name for build stage"),
        ("FROM x AS a\nFROM y AS A", "line 2: duplicate name a"),
        ("FROM x\nCOPY --nope=1 a b", "line 2: unknown flag: --nope"),
        ("FROM x\nRUN <<EOF\nfoo", "unterminated heredoc: EOF"),
        ("# escape=x\nFROM y", "invalid escape token 'x'"),
        ("# escape=`\n# escape=`\nFROM y", "line 2: only one escape parser directive"),
    ],
)
def test_what_a_dockerfile_may_not_be(text: str, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        parse(text.encode())


def test_a_target_is_a_name_or_a_number() -> None:
    found = parse(b"FROM a AS one\nFROM b\nFROM c AS three\n")
    assert len(stages_for(found, "")) == 3
    assert len(stages_for(found, "ONE")) == 1
    assert len(stages_for(found, "1")) == 2
    with pytest.raises(InvalidParameter, match="target stage 'x' could not be found"):
        stages_for(found, "x")


def test_a_trigger_is_one_instruction() -> None:
    assert parse_trigger("copy . /app", 7).text == "COPY . /app"
    assert parse_trigger("RUN a \\\n b", 7).line == 7
    with pytest.raises(InvalidParameter):
        parse_trigger("RUN a\nRUN b", 7)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_dockerfile_or_a_clear_error(data: bytes) -> None:
    for text in (data, b"FROM x\n" + data):
        try:
            parse(text)
        except InvalidParameter:
            continue


@given(st.lists(st.sampled_from(["RUN a", "COPY b c", "ENV d=e", "", "# x", "CMD f \\", "  g"]), max_size=12))
def test_every_instruction_knows_its_line(lines: list[str]) -> None:
    text = ["FROM x", *lines, "USER z"]
    try:
        found = parse("\n".join(text).encode())
    except InvalidParameter:
        return
    for instruction in found.stages[0].instructions:
        assert text[instruction.line - 1].strip().upper().startswith(instruction.name)
