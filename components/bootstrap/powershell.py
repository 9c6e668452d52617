"""Writing PowerShell: literals that cannot break out, templates, and scripts without what only people read."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from guest import paths

TEMPLATES = Path(__file__).parents[2] / "templates"
_CONSTANTS = {
    "root": paths.ROOT,
    "conda": paths.CONDA,
    "model": paths.MODEL,
    "source_folder": paths.SOURCE_FOLDER,
    "second_stage_name": paths.SECOND_STAGE_NAME,
    "model_files_name": paths.MODEL_FILES_NAME,
}
#: Windows PowerShell ends a single-quoted string at these too, not at the ASCII apostrophe alone.
_QUOTES = "'\u2018\u2019\u201a\u201b"


def quote(text: str) -> str:
    """`text` as a single-quoted PowerShell literal. Raises ValueError for what a script in ASCII cannot hold."""
    if not text.isprintable() or not text.isascii():
        raise ValueError(f"{text!r} cannot stand in a PowerShell script that must be plain ASCII")
    return "'" + "".join(c * 2 if c in _QUOTES else c for c in text) + "'"


def environment() -> Environment:
    """Jinja for the templates; `{{ value | quote }}` makes a literal. Unknown names are errors."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - PowerShell, not HTML; literals go through `quote`
    )
    made.filters["quote"] = quote
    made.globals.update(_CONSTANTS)
    return made


def minify(script: str) -> str:
    """Without comment lines, indentation and blank lines: user data has room for code only.

    Line by line, so templates must not use here-strings or block comments (the lint tool watches over that).
    """
    lines = (line.strip() for line in script.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#")) + "\n"
