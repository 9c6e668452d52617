"""Quoting: whatever the text, PowerShell reads back the same text and nothing of it is run."""

from __future__ import annotations

import pytest
import tree_sitter
import tree_sitter_powershell
from hypothesis import example, given
from hypothesis import strategies as st

from components.bootstrap.powershell import minify, quote

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)


def parse(script: str) -> tree_sitter.Node:
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language())).parse(script.encode()).root_node


def leaves(node: tree_sitter.Node) -> list[tree_sitter.Node]:
    return [node] if not node.children else [leaf for child in node.children for leaf in leaves(child)]


@given(PRINTABLE)
@example("it's $(Stop-Computer) `\"")
@example("'; Restart-Computer; '")
@example("''")
@example("")
@example("a\\")
def test_a_quoted_text_is_one_literal_that_stands_for_itself(text: str) -> None:
    root = parse(f"$x = {quote(text)}\n")
    assert not root.has_error
    literals = [leaf for leaf in leaves(root) if leaf.type == "verbatim_string_characters"]
    assert len(literals) == 1
    raw = (literals[0].text or b"").decode()
    assert raw[0] == raw[-1] == "'"
    assert raw[1:-1].replace("''", "'") == text
    assert not [leaf for leaf in leaves(root) if leaf.type in ("command_name", "expandable_string_literal")]


@pytest.mark.parametrize("text", ["模型", "a\nb", "tab\t", "\x00", "\u2019; Stop-Computer"])
def test_what_a_script_in_ascii_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="plain ASCII"):
        quote(text)


def test_shortening_takes_comments_indentation_and_blank_lines_only() -> None:
    assert minify("# why\nif ($a) {\n    # how\n    'a # b'\n\n}\n") == "if ($a) {\n'a # b'\n}\n"
