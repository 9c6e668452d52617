"""Files that people bring as data sets, and what the check must say of each: `dataset_cases` counts the right answers.

A good file is right when its clean copy holds exactly the samples named here; a bad one when its mistakes are these,
word for word, and no other.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import pickle
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.figure import Figure
from guest.training.columns import Columns
from guest.training.dataset import check, write_clean

BAR = 60

NAMED = Columns()
CHAT = Columns("prompt", "response", "history")
ALPACA = Columns("instruction", "output")

Pair = tuple[str, str]


@dataclass(frozen=True)
class Case:
    """`samples` are the prompts and answers of a good file; `mistakes` are a bad one's. `says` are parts of what a good
    file is warned of or noted for, `hint` is a part of what a bad one is told to do."""

    name: str
    content: bytes
    samples: list[Pair] | None = None
    mistakes: list[str] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    hint: str = ""
    columns: Columns = NAMED
    suffix: str = ".json"

    def fault(self, folder: Path) -> str:
        """What is wrong with the check's answer; empty where it is right."""
        path = folder / f"train{self.suffix}"
        path.write_bytes(self.content)
        report = check(path, self.columns, samples_per_step=2)
        if [str(one) for one in report.mistakes] != self.mistakes:
            return f"mistakes {[str(one) for one in report.mistakes]}"
        if self.hint not in " ".join(one.hint for one in report.mistakes):
            return f"hints {[one.hint for one in report.mistakes]}"
        said = " | ".join([*map(str, report.warnings), *report.notes])
        if not all(part in said for part in self.says):
            return f"said {said}"
        if self.samples is None:
            return ""
        clean = folder / "clean.json"
        write_clean(path, self.columns, clean)
        rows = [json.loads(line) for line in clean.read_text(encoding="ascii").splitlines()]
        written = [(row[self.columns.prompt], row[self.columns.response]) for row in rows]
        return "" if written == self.samples and report.rows == len(written) else f"samples {written}"


A, B = ("类型#裤*版型#宽松", "宽松的阔腿裤"), ("类型#裙", "一条裙子")
GOOD = [{"content": prompt, "summary": response} for prompt, response in (A, B)]


def lines(*rows: Any) -> bytes:
    """JSON lines; a text is a line as it stands."""
    texts = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    return ("\n".join(texts) + "\n").encode()


def array(*rows: Any, indent: int | None = None) -> bytes:
    return json.dumps(rows, ensure_ascii=False, indent=indent).encode()


def table(*rows: list[str], delimiter: str = ",") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode()


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return packed.getvalue()


def turns(*texts: str) -> list[dict[str, str]]:
    roles = ("human", "gpt")
    return [{"from": roles[number % 2], "value": text} for number, text in enumerate(texts)]


def messages(*texts: str) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": text} for number, text in enumerate(texts)]


GBK_TEXT = '{"content": "类型#裤子，颜色#蓝色，夏天穿着很舒服", "summary": "宽松的阔腿裤，显瘦又百搭"}\n' * 3
BIG5_TEXT = '{"content": "這條褲子的版型寬鬆，顏色是藍色", "summary": "夏天穿著很舒服，顯瘦又百搭"}\n' * 3
LATIN_TEXT = '{"content": "café à la carte", "summary": "très élégant, où êtes-vous allés cet été"}\n' * 3
JAPANESE_TEXT = '{"content": "このズボンはゆったりしています", "summary": "夏にとても快適です。色は青です"}\n' * 3
KOREAN_TEXT = '{"content": "이 바지는 넉넉하고 편합니다", "summary": "여름에 입기 편합니다. 색상은 파란색입니다"}\n' * 3
ONE_LINE_HINT = "Write one object a line"
HISTORY_RULE = "column 'history' must be a list of [question, answer] pairs (an empty list for a first turn)"
ALTERNATE_RULE = (
    "a conversation must have the person's and the model's turns alternate, the person first (human and gpt, or user "
    "and assistant)"
)
SHAREGPT_RULE = "column 'conversations' must be a list of objects with the texts 'from' and 'value'"
PAIR_RULE = "column 'content' holds half of a character pair (\\ud800 to \\udfff alone)"


def not_utf8(name: str, where: str = "lines 1, 2, 3: ") -> list[str]:
    return [f"{where}not UTF-8 text; it looks like {name}"]


def chat(*history: list[str]) -> dict[str, Any]:
    return {"prompt": "又如何", "response": "好", "history": list(history)}


GOOD_FILES = [
    Case("JSON lines", lines(*GOOD), [A, B]),
    Case("JSON lines with a mark", b"\xef\xbb\xbf" + lines(*GOOD), [A, B]),
    Case("JSON lines with Windows line ends", lines(*GOOD).replace(b"\n", b"\r\n"), [A, B]),
    Case("JSON lines without a last line end", lines(*GOOD).rstrip(), [A, B]),
    Case("JSON lines with blank lines before and between", b"\n \n" + lines(GOOD[0], "", GOOD[1]), [A, B]),
    Case("one array", array(*GOOD), [A, B]),
    Case("one array, pretty-printed", array(*GOOD, indent=2), [A, B]),
    Case("a blank line before a pretty-printed array", b"\n\n" + array(*GOOD, indent=2), [A, B]),
    Case("one array with a mark", b"\xef\xbb\xbf" + array(*GOOD), [A, B]),
    Case("a name that is not .json", lines(*GOOD), [A, B], suffix=".txt"),
    Case("columns nobody uses, of changing types", lines(GOOD[0] | {"id": 1}, GOOD[1] | {"id": "x"}), [A, B]),
    Case("a text column nobody uses", lines(GOOD[0] | {"title": "裤"}), [A],
         says=["text in 'title' is not trained on"]),
    Case("a number of 5,000 digits nobody uses", lines('{"content": "a", "summary": "b", "id": ' + "9" * 5000 + "}"),
         [("a", "b")]),
    Case("answers that all look like dates", lines({"content": "何时", "summary": "2023-05-02"},
         {"content": "几号", "summary": "2023-05-03 10:00:00"}),
         [("何时", "2023-05-02"), ("几号", "2023-05-03 10:00:00")]),
    Case("empty rows", lines(*GOOD, {"content": " ", "summary": "x"}, {"content": "x", "summary": None}), [A, B],
         says=["lines 3, 4: empty prompt or answer"]),
    Case("one row", lines(GOOD[0]), [A], says=["there is 1 row", "fewer than the 2 samples of one step"]),
    Case("a thousand equal rows", lines(*[GOOD[0]] * 1000), [A] * 1000, says=["all 1,000 rows are equal"]),
    Case("rows that repeat", lines(*GOOD, *GOOD), [A, B] * 2, says=["2 of 4 rows repeat an earlier one"]),
    Case("answers that are cut", lines(GOOD[0], {"content": "a", "summary": "字" * 400}), [A, ("a", "字" * 400)],
         says=["about 1 of 2 answers (50.0 %) are longer than 126 tokens and get cut"]),
    Case("signs of every plane", lines({"content": "\U0001f600 \\ \" \t", "summary": "\u2028\u00a0好"}),
         [("\U0001f600 \\ \" \t", "\u2028\u00a0好")]),
    Case("a history", lines(chat(["问", "答"])), [("[Round 0]\n问：问\n答：答\n[Round 1]\n问：又如何\n答：", "好")],
         columns=CHAT),
    Case("histories that are empty at first and filled later", lines(chat(), chat(["问", "答"])),
         [("又如何", "好"), ("[Round 0]\n问：问\n答：答\n[Round 1]\n问：又如何\n答：", "好")], columns=CHAT),
    Case("a history of null", lines({"prompt": "a", "response": "b", "history": None}), [("a", "b")], columns=CHAT),
    Case("Alpaca", lines({"instruction": "翻译", "input": "你好", "output": "hello"}), [("翻译\n你好", "hello")],
         says=["1 row: Alpaca form"]),
    Case("Alpaca as one array, inputs empty or missing", array({"instruction": "a", "input": "", "output": "b"},
         {"instruction": "c", "output": "d"}), [("a", "b"), ("c", "d")], says=["2 rows: Alpaca form"]),
    Case("Alpaca of which two columns are named", lines({"instruction": "翻译", "input": "你好", "output": "hello"}),
         [("翻译\n你好", "hello")], says=["Alpaca form"], columns=ALPACA),
    Case("Alpaca with system and history", lines({"instruction": "c", "input": "", "output": "d", "system": "s",
         "history": [["a", "b"]]}), [("[Round 0]\n问：s\na\n答：b\n[Round 1]\n问：c\n答：", "d")]),
    Case("ShareGPT", lines({"conversations": turns("a", "b")}), [("a", "b")], says=["1 row: a conversation"]),
    Case("ShareGPT of several turns", lines({"conversations": turns("a", "b", "c", "d")}),
         [("a", "b"), ("[Round 0]\n问：a\n答：b\n[Round 1]\n问：c\n答：", "d")]),
    Case("ShareGPT with a system's turn and a question without answer", lines({"conversations": [
         {"from": "system", "value": "s"}, *turns("a", "b", "c")]}), [("s\na", "b")],
         says=["line 1: a conversation's last turn has no answer"]),
    Case("messages with roles", lines({"messages": messages("a", "b")}), [("a", "b")], says=["a conversation"]),
    Case("messages with a system's turn", lines({"messages": [{"role": "system", "content": "s"},
         *messages("a", "b")]}), [("s\na", "b")]),
    Case("CSV", table(["content", "summary"], ["a,b", "c\nd"], ["e", "f"]), [("a,b", "c\nd"), ("e", "f")],
         suffix=".csv"),
    Case("CSV under another name", table(["content", "summary"], ["a", "b"]), [("a", "b")]),
    Case("CSV with a mark, as Excel writes it", b"\xef\xbb\xbf" + table(["content", "summary"], ["a", "b"]),
         [("a", "b")], suffix=".csv"),
    Case("CSV with tabs", table(["content", "summary"], ["a", "b"], delimiter="\t"), [("a", "b")], suffix=".tsv"),
    Case("CSV with semicolons", table(["content", "summary"], ["a", "b"], delimiter=";"), [("a", "b")], suffix=".csv"),
    Case("CSV in Alpaca's form", table(["instruction", "input", "output"], ["a", "b", "c"]), [("a\nb", "c")],
         suffix=".csv", says=["Alpaca form"]),
    Case("CSV with a history in JSON", table(["prompt", "response", "history"], ["c", "d", '[["a", "b"]]'],
         ["e", "f", ""]), [("[Round 0]\n问：a\n答：b\n[Round 1]\n问：c\n答：", "d"), ("e", "f")], suffix=".csv",
         columns=CHAT),
]  # fmt: skip

BAD_FILES = [
    Case("nothing", b"", mistakes=["the file is empty"]),
    Case("blanks", b" \n\n", mistakes=["the file is empty"]),
    Case("an empty array", b"[]", mistakes=["the file is empty"]),
    Case("empty rows only", lines({"content": "", "summary": "b"}), mistakes=["every row is empty"]),
    Case("GBK", GBK_TEXT.encode("gbk"), mistakes=not_utf8("GBK"), hint="iconv -f GB18030"),
    Case("GBK in an array", array(*map(json.loads, GBK_TEXT.splitlines()), indent=1).decode().encode("gbk"),
         mistakes=not_utf8("GBK", "lines 3, 4, 7, 8, 11, 12: ")),
    Case("GBK in one line of many", lines(GOOD[0]) + '{"content": "裤子的颜色", "summary": "蓝色"}\n'.encode("gbk"),
         mistakes=not_utf8("GBK", "line 2: ")),
    Case("CSV in GBK, as Excel writes it in China", "content,summary\n裤子的颜色,蓝色很显瘦\n".encode("gbk"),
         mistakes=not_utf8("GBK", "line 2: "), suffix=".csv"),
    Case("Big5", BIG5_TEXT.encode("big5"), mistakes=not_utf8("Big5"), hint="iconv -f BIG5"),
    Case("Shift-JIS", JAPANESE_TEXT.encode("cp932"), mistakes=not_utf8("Shift-JIS")),
    Case("EUC-KR", KOREAN_TEXT.encode("cp949"), mistakes=not_utf8("EUC-KR")),
    Case("Windows-1252", LATIN_TEXT.encode("cp1252"), mistakes=not_utf8("Windows-1252")),
    Case("UTF-16, as PowerShell writes it", lines(*GOOD).decode().encode("utf-16"), mistakes=not_utf8("UTF-16", "")),
    Case("UTF-16 without a mark", lines(*GOOD).decode().encode("utf-16-be"), mistakes=not_utf8("UTF-16", "")),
    Case("UTF-32", lines(*GOOD).decode().encode("utf-32"), mistakes=not_utf8("UTF-32", "")),
    Case("gzip", gzip.compress(lines(*GOOD)), mistakes=["the file is a gzip archive"], hint="gunzip"),
    Case("bzip2", bz2.compress(lines(*GOOD)), mistakes=["the file is a bzip2 archive"]),
    Case("xz", lzma.compress(lines(*GOOD)), mistakes=["the file is an xz archive"]),
    Case("zip", zipped(train=lines(*GOOD)), mistakes=["the file is a zip archive"]),
    Case("an Excel workbook", zipped(xl__workbook=b"x"), mistakes=["the file is an Excel workbook"], hint="CSV"),
    Case("Parquet", b"PAR1\x15\x04", mistakes=["the file is a Parquet table"], hint="to_json"),
    Case("a pickle", pickle.dumps(GOOD, 4), mistakes=["the file is a Python pickle"]),
    Case("a web page", b"<!DOCTYPE html>\n<html><body>log in</body></html>",
         mistakes=["the file is a web page (HTML)"], hint="fetch it anew"),
    Case("XML", b'<?xml version="1.0"?><Error/>', mistakes=["the file is XML"]),
    Case("a Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
         mistakes=["the file is a Git LFS pointer, not the file that it stands for"], hint="git lfs pull"),
    Case("zeros, as a power cut leaves them", bytes(4096), mistakes=["the file is damaged: it begins with zeros"]),
    Case("plain text", b"hello\nworld\n", mistakes=["lines 1, 2: not JSON (plain text)"], hint="CSV whose header"),
    Case("an array and more lines", array(GOOD[0]) + b"\n" + lines(GOOD[1]),
         mistakes=["line 2: more follows after the end of the array"]),
    Case("two arrays", array(GOOD[0]) + b"\n" + array(GOOD[1]),
         mistakes=["line 2: more follows after the end of the array"]),
    Case("a missing comma", b'[{"content": "a", "summary": "b"}\n {"content": "c", "summary": "d"}]',
         mistakes=["line 2: a comma is missing between two rows"]),
    Case("a missing comma and no end", b'[{"content": "a", "summary": "b"} {"content": "c", "summary": "d"}',
         mistakes=["line 1: a comma is missing between two rows", "line 1: the array has no end: ']' is missing"]),
    Case("a comma too many", b'[{"content": "a", "summary": "b"},, {"content": "c", "summary": "d"}]',
         mistakes=["line 1: a comma stands where a row should"]),
    Case("an array that is cut between rows", b'[{"content": "a", "summary": "b"},\n',
         mistakes=["line 2: the array has no end: ']' is missing"], hint="a transfer cut it"),
    Case("an array that is cut in a row", b'[{"content": "a", "summ',
         mistakes=["line 1: not JSON (Unterminated string starting at)"], hint="a transfer cut it"),
    Case("lines that are cut", lines(GOOD[0]) + b'{"content": "a", "summ',
         mistakes=["line 2: not JSON (Unterminated string starting at)"], hint="a transfer cut it"),
    Case("a broken line in the middle", lines(GOOD[0], "{broken", GOOD[1]),
         mistakes=["line 2: not JSON (Expecting property name enclosed in double quotes)"], hint="Mend these lines"),
    Case("single quotes", lines(str(GOOD[0])), mistakes=["line 1: not JSON (single quotes, as Python prints them)"]),
    Case("several objects on a line", lines('{"content": "a", "summary": "b"} {"content": "c", "summary": "d"}'),
         mistakes=["line 1: more follows after the first value of the line"], hint=ONE_LINE_HINT),
    Case("an object over several lines", json.dumps(GOOD[0], indent=2).encode(),
         mistakes=["line 1: an object is spread over several lines"], hint=ONE_LINE_HINT),
    Case("a blank line before an object over several lines", b"\n" + json.dumps(GOOD[0], indent=2).encode(),
         mistakes=["line 2: an object is spread over several lines"], hint=ONE_LINE_HINT),
    Case("one object around the rows", json.dumps({"data": GOOD}).encode(),
         mistakes=["line 1: the rows lie in 'data' of one object"], hint="jq"),
    Case("one pretty-printed object around the rows", json.dumps({"data": GOOD}, indent=2).encode(),
         mistakes=["line 1: the rows lie in 'data' of one object"], hint="jq"),
    Case("joined files with a mark inside", lines(GOOD[0]) + b"\xef\xbb\xbf" + lines(GOOD[1]),
         mistakes=["line 2: not JSON (a byte order mark inside the file)"]),
    Case("nested too deeply", b"[" * 100_000, mistakes=["line 1: not JSON (nested too deeply)"]),
    Case("a number of 5,000 digits for an answer", lines('{"content": "a", "summary": ' + "9" * 5000 + "}"),
         mistakes=["line 1: column 'summary' must be text, not a number"]),
    Case("an answer that is a list", lines({"content": "a", "summary": ["b"]}),
         mistakes=["line 1: column 'summary' must be text, not a list"]),
    Case("rows that are no objects", lines('"a"', "3", "null", "[1]"),
         mistakes=["line 1: a row must be an object {...}, not text", "line 2: a row must be an object {...}, not a "
                   "number", "line 3: a row must be an object {...}, not null",
                   "line 4: a row must be an object {...}, not a list"]),
    Case("other columns", lines({"q": "a", "a": "b"}), mistakes=[
         "line 1: no column 'content' (columns there: a, q)", "line 1: no column 'summary' (columns there: a, q)"],
         hint="Name the columns"),
    Case("a column twice in a row", lines('{"content": "a", "content": "b", "summary": "c"}'),
         mistakes=["line 1: column 'content' stands twice in the row"]),
    Case("half of a pair in a prompt", b'{"content": "\\ud800", "summary": "b"}', mistakes=[f"line 1: {PAIR_RULE}"]),
    Case("half of a pair in a history", b'{"prompt": "a", "response": "b", "history": [["\\udc00", "c"]]}',
         mistakes=["line 1: " + PAIR_RULE.replace("content", "history")], columns=CHAT),
    Case("a history that is text", lines(chat() | {"history": "x"}), mistakes=[f"line 1: {HISTORY_RULE}"],
         columns=CHAT),
    Case("a history of half turns", lines(chat(["a"])), mistakes=[f"line 1: {HISTORY_RULE}"], columns=CHAT),
    Case("no history where one is named", lines({"prompt": "a", "response": "b"}),
         mistakes=[f"line 1: {HISTORY_RULE}"], columns=CHAT),
    Case("Alpaca with a number", lines({"instruction": "a", "input": 3, "output": "b"}),
         mistakes=["line 1: column 'input' must be text, not a number"]),
    Case("ShareGPT that the model begins", lines({"conversations": turns("a", "b")[::-1]}),
         mistakes=[f"line 1: {ALTERNATE_RULE}"]),
    Case("ShareGPT with a tool's turn", lines({"conversations": [{"from": "human", "value": "a"},
         {"from": "tool", "value": "b"}]}), mistakes=[f"line 1: {ALTERNATE_RULE}"]),
    Case("ShareGPT without texts", lines({"conversations": [{"from": "human"}]}),
         mistakes=[f"line 1: {SHAREGPT_RULE}"]),
    Case("CSV without the columns", table(["q", "a"], ["x", "y"]), mistakes=[
         "line 2: no column 'content' (columns there: a, q)", "line 2: no column 'summary' (columns there: a, q)"],
         suffix=".csv"),
    Case("CSV with cells too many", table(["content", "summary"], ["a", "b", "c"]),
         mistakes=["line 2: a row has another number of cells than the header (2)"], suffix=".csv"),
    Case("CSV with an open quote", b'content,summary\na,"b\n', mistakes=["line 2: not CSV (unexpected end of data)"],
         suffix=".csv"),
    Case("CSV with one name twice", table(["content", "content", "summary"], ["a", "b", "c"]),
         mistakes=["line 1: two columns of the header have the same name"], suffix=".csv"),
]  # fmt: skip

CASES = [*GOOD_FILES, *BAD_FILES]


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        faults = {case.name: case.fault(Path(folder)) for case in CASES}
    wrong = {name: fault for name, fault in faults.items() if fault}
    if wrong:
        raise RuntimeError(f"the check answers wrongly: {wrong}")
    return [Figure("dataset_cases", len(faults), "files", BAR, "at least")]
