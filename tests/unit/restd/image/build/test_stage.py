"""Which text a RUN gives to the shell; what a whole stage does is in test_builder.py."""

from __future__ import annotations

import pytest

from restd.image.build.dockerfile import parse
from restd.image.build.stage import script_of


@pytest.mark.parametrize(
    ("text", "shell", "scripts"),
    [
        ("RUN a && b", "a && b", {}),
        ("RUN <<EOF\na\nb\nEOF", "a\nb\n", {}),
        ("RUN <<-'EOF'\n\ta\n\tEOF", "a\n", {}),
        ("RUN <<EOF\n#!/usr/bin/env x\na\nEOF", "", {"EOF": "#!/usr/bin/env x\na\n"}),
        ("RUN cat <<A > x\n1\nA", "cat <<A > x\n1\nA\n", {}),
    ],
)
def test_heredocs_reach_the_shell(text: str, shell: str, scripts: dict[str, str]) -> None:
    one = parse(b"FROM x\n" + text.encode() + b"\n").stages[0].instructions[0]
    assert script_of(one) == (shell, scripts)
