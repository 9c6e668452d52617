"""Pages for people in two languages, and what has to be the same in both; `tests/tools/test_twins.py` holds them to it.

A page NAME.md has its twin in NAME.zh-CN.md, and each names the other under its title. Words are a writer's; but
headings, commands, names in code, figures, tables, lists and links belong to the matter, and are compared section by
section.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rehearsal.engine import ROOT

SUFFIX = ".zh-CN.md"
#: Pages that say everything in both languages in one text, most of them made from tables in the code.
BOTH_IN_ONE = ("docs/permissions.md", "docs/settings.md", "docs/examples.md", ".github/PULL_REQUEST_TEMPLATE.md")
_FOLDERS = (ROOT, ROOT / "docs", ROOT / ".github")
_FENCE = re.compile(r"^\s*```")
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\]\(([^)]+)\)")
#: Ten and more, or with a fraction: smaller ones are words in a sentence of either language. Not those in names, as
#: in T4 and SHA-256.
_FIGURE = re.compile(r"(?<![A-Za-z0-9_.\-])(\d[\d,]*\.\d+|\d[\d,]*\d)(?![A-Za-z0-9_])")


@dataclass(frozen=True)
class Twins:
    """A page in English and the same page in Chinese, which may be missing."""

    english: Path
    chinese: Path


@dataclass
class Section:
    """What a heading's text holds that no language changes."""

    level: int
    line: int
    prose: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    items: int = 0

    @property
    def code(self) -> set[str]:
        """Names and commands within sentences."""
        return set(_CODE.findall(" ".join(self.prose)))

    @property
    def figures(self) -> set[str]:
        """Numbers in sentences and tables, without the commas between thousands."""
        text = _LINK.sub("]", _CODE.sub("", " ".join(self.prose)))
        return {found.replace(",", "") for found in _FIGURE.findall(text)}

    @property
    def links(self) -> set[str]:
        """Where links lead, without what differs by right: the language of a page or picture, a heading's own words."""
        found = _LINK.findall(_CODE.sub("", " ".join(self.prose)))
        return {one.replace(".zh-CN.", ".").replace(".en.", ".").partition("#")[0] for one in found}


def twin_of(page: Path) -> Path:
    """Where the Chinese page beside an English one stands, or would stand."""
    return page.with_name(page.stem + SUFFIX)


def without_comments(text: str) -> str:
    """Commands or code without their comments, which differ between the languages."""
    return "\n".join(re.sub(r"\s+#.*$", "", line).rstrip() for line in text.splitlines())


def twins() -> list[Twins]:
    """Every page for people that has, or lacks, a Chinese one beside it."""
    pages = sorted(page for folder in _FOLDERS for page in folder.glob("*.md"))
    both = [ROOT / name for name in BOTH_IN_ONE]
    english = [page for page in pages if page not in both and not page.name.endswith(SUFFIX)]
    return [Twins(page, twin_of(page)) for page in english]


def read_sections(text: str) -> list[Section]:
    """The sections of a page in their order; the lines before the first heading belong to none."""
    return list(_read(text.splitlines()))


def _read(lines: list[str]) -> Iterator[Section]:
    section = Section(0, 1)
    index = 0
    while index < len(lines):
        line = lines[index]
        if heading := re.match(r"(#+) ", line):
            if section.level:
                yield section
            section = Section(len(heading[1]), index + 1)
            section.prose.append(line)
        elif _FENCE.match(line):
            end = next(i for i in range(index + 1, len(lines)) if _FENCE.match(lines[i]))
            section.blocks.append(without_comments("\n".join(lines[index:end])))
            index = end
        elif line.startswith("    ") and not lines[index - 1].strip():
            end = index
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            section.blocks.append(without_comments("\n".join(lines[index:end]).rstrip()))
            index = end - 1
        elif line.startswith("|"):
            section.rows.append(line.replace("\\|", "").count("|") - 1)
            section.prose.append(line)
        elif not line.startswith("<!--"):
            section.items += bool(re.match(r"\s*(?:-|\d+\.) ", line))
            section.prose.append(re.sub(r"^\d+\. ", "", line))
        index += 1
    yield section


def differences(english: str, chinese: str) -> list[str]:
    """What one page has and its twin lacks, a line each with both places; empty when they say the same."""
    first, second = read_sections(english), read_sections(chinese)
    if [one.level for one in first] != [one.level for one in second]:
        return [f"headings: {[one.level for one in first]}, in Chinese {[one.level for one in second]}"]
    told = []
    for one, other in zip(first, second, strict=True):
        where = f"lines {one.line} and {other.line}: "
        for name in ("code", "figures", "links"):
            have, lack = getattr(one, name) - getattr(other, name), getattr(other, name) - getattr(one, name)
            told += [f"{where}{name}: not in Chinese {sorted(have)}, not in English {sorted(lack)}"] * bool(
                have or lack
            )
        for name in ("blocks", "rows", "items"):
            if getattr(one, name) != getattr(other, name):
                told.append(f"{where}{name}: {getattr(one, name)}, in Chinese {getattr(other, name)}")
    return told


def faults(pair: Twins) -> list[str]:
    """Why the two are no twins, in words; empty when they are."""
    if not pair.chinese.exists():
        return [f"{pair.english.name} has no {pair.chinese.name} beside it"]
    english, chinese = (page.read_text(encoding="utf-8") for page in (pair.english, pair.chinese))
    told = differences(english, chinese)
    if f"[中文]({pair.chinese.name})" not in english or f"[English]({pair.english.name})" not in chinese:
        told.append("each has to lead to the other under its title: [中文](...), [English](...)")
    for page, text in ((pair.english, english), (pair.chinese, chinese)):
        told += [f"{page.name} leads its reader into the other language: {one}" for one in _strays(page, text)]
    return told


def _strays(page: Path, text: str) -> Iterator[str]:
    chinese = page.name.endswith(SUFFIX)
    for target in re.findall(r"\[(?!中文\]|English\])[^\]]*\]\((?!https?:)([^)#]+\.md)", text):
        other = (page.parent / target).with_name(Path(target).stem + SUFFIX)
        if target.endswith(SUFFIX) != chinese and (not chinese or other.exists()):
            yield target
