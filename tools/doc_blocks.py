"""The commands in the documentation: which a test runs, and why not the rest. `python -m tools.doc_blocks` lists them.

A block is marked in the line before it: `<!-- run -->`, `<!-- run in the rehearsal's environment -->` or
`<!-- not run: REASON -->`. A mark that names a whole page stands before its first heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rehearsal.engine import ROOT
from tools.twins import twin_of, twins, without_comments

LIST = ROOT / "docs" / "examples.md"
RUN = "run"
RUN_IN_REHEARSAL = "run in the rehearsal's environment"
NOT_RUN = "not run: "
_MARK = re.compile(r"^<!-- (run|run in the rehearsal's environment|not run: .+?) -->$")
_FENCE = re.compile(r"^\s*```(\w*)\s*$")
#: Languages of fences that hold what somebody types into a shell; indented blocks count in any case.
_COMMANDS = ("sh", "bash", "console", "powershell")


class UnmarkedBlockError(Exception):
    """A block of commands says neither that it is run nor why not; the text names page and line."""


@dataclass(frozen=True)
class Block:
    """Some commands of a page, with its mark."""

    page: Path
    line: int
    text: str
    mark: str

    @property
    def is_run(self) -> bool:
        return not self.mark.startswith(NOT_RUN)

    @property
    def reason(self) -> str:
        """Why it is not run; empty for one that is."""
        return "" if self.is_run else self.mark.removeprefix(NOT_RUN)

    @property
    def commands(self) -> str:
        """What is typed, without comments."""
        return without_comments(self.text)


def pages() -> list[Path]:
    """Every English page that may hold commands, the first hour's first; tests/tools/test_twins.py holds the Chinese
    ones to the same commands.
    """
    found = [pair.english for pair in twins()]
    return sorted(found, key=lambda page: (page.name != "README.md", page.parent != ROOT, page.name))


def read_blocks(page: Path) -> list[Block]:
    """The blocks of a page, fenced or indented. Raises UnmarkedBlockError."""
    return list(_read(page, page.read_text(encoding="utf-8").splitlines()))


def _read(page: Path, lines: list[str]) -> Iterator[Block]:
    whole = mark = ""
    index, headed = 0, False
    while index < len(lines):
        line = lines[index]
        if found := _MARK.match(line):
            mark = found[1]
            if not headed:
                whole = mark
        elif line.startswith("#"):
            headed = True
        elif fence := _FENCE.match(line):
            end = next(i for i in range(index + 1, len(lines)) if _FENCE.match(lines[i]))
            if fence[1] in _COMMANDS:
                yield _block(page, index, lines[index + 1 : end], mark or whole)
            index, mark = end, ""
        elif line.startswith("    ") and not lines[index - 1].strip():
            end = next(
                (i for i in range(index, len(lines)) if lines[i].strip() and not lines[i].startswith("    ")),
                len(lines),
            )
            yield _block(page, index, [one[4:] for one in lines[index:end]], mark or whole)
            index, mark = end - 1, ""
        elif line.strip():
            mark = ""
        index += 1


def _block(page: Path, index: int, lines: Iterable[str], mark: str) -> Block:
    if not mark:
        raise UnmarkedBlockError(f"{page.name}:{index + 1}: say before it <!-- run --> or <!-- not run: REASON -->")
    return Block(page, index + 1, "\n".join(lines).strip(), mark)


def render() -> str:
    """The page that lists every block: the run ones, and those that are not with their reason in both languages."""
    run, rows = [], []
    for page in pages():
        for block, chinese in zip(read_blocks(page), read_blocks(twin_of(page)), strict=True):
            start = f"| {page.relative_to(ROOT)} | `{_first(block)}` |"
            if block.is_run:
                run.append(f"{start} {block.mark} |")
            else:
                rows.append(f"{start} {block.reason} | {chinese.reason} |")
    return _TEXT.format(run="\n".join(run), rows="\n".join(rows))


_TEXT = """# Which commands of the documentation are run 文档中哪些命令由测试运行

Made by `python -m tools.doc_blocks`; do not edit by hand. `tests/e2e/test_first_hour.py` runs the blocks of the first
table in their order in a clean clone, whose path has blanks and Chinese characters. The Chinese pages have the same
blocks, which `tests/tools/test_doc_blocks.py` holds; each is listed once.

本页由 `python -m tools.doc_blocks` 生成，请勿手改。`tests/e2e/test_first_hour.py` 在一份干净的克隆里
按顺序运行第一张表中的命令块，克隆的路径带有空格和汉字。
中文页面有同样的命令块，由 `tests/tools/test_doc_blocks.py` 把关；每块只列一次。

| page 页面 | block 命令块 | |
| --- | --- | --- |
{run}

Not run, and why 没有运行的，以及原因：

| page 页面 | block 命令块 | reason | 原因 |
| --- | --- | --- | --- |
{rows}
"""


def _first(block: Block) -> str:
    return block.commands.splitlines()[0].replace("|", "\\|")


if __name__ == "__main__":
    LIST.write_text(render(), encoding="utf-8")
