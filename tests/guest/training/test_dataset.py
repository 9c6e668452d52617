"""What the data set check finds, and that it says it with line numbers, all at once."""

from __future__ import annotations

import json
import os
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guest.errors import GuestError
from guest.files import file_sha256
from guest.training import dataset, reading
from guest.training.columns import Columns
from guest.training.dataset import check, is_advertisegen, write_clean

GOOD = {"content": "类型#裤*版型#宽松", "summary": "宽松的阔腿裤"}
CHAT = Columns("prompt", "response", "history")


def lines(*values: Any) -> bytes:
    texts = [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values]
    return ("\n".join(texts) + "\n").encode()


def mistakes_of(path: Path, content: bytes, **options: Any) -> list[str]:
    path.write_bytes(content)
    return [str(finding) for finding in check(path, **options).mistakes]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "train.json"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (lines(GOOD, GOOD), "UTF-8"),
        (b"\xef\xbb\xbf" + lines(GOOD, GOOD), "UTF-8 with BOM"),
        (lines(GOOD, "", GOOD).replace(b"\n", b"\r\n"), "UTF-8"),
        (json.dumps([GOOD, GOOD], indent=2).encode(), "UTF-8"),
        (b"\xef\xbb\xbf" + json.dumps([GOOD, GOOD]).encode(), "UTF-8 with BOM"),
    ],
    ids=["lines", "lines with mark", "Windows line ends", "array", "array with mark"],
)
def test_json_lines_and_arrays_are_read_with_or_without_a_mark(path: Path, content: bytes, encoding: str) -> None:
    path.write_bytes(content)
    report = check(path)
    assert (report.mistakes, report.rows, report.encoding) == ([], 2, encoding)
    assert report.sha256 == file_sha256(path)
    clean = path.with_name("clean.json")
    assert write_clean(path, Columns(), clean) == 2
    assert [json.loads(line) for line in clean.read_bytes().decode("ascii").splitlines()] == [GOOD, GOOD]


@pytest.mark.parametrize(
    ("text", "codec", "name"),
    [
        ('{"content": "类型#裤子，颜色#蓝色", "summary": "宽松的阔腿裤"}\n', "gbk", "GBK"),
        ('{"content": "café à la carte", "summary": "très élégant"}\n', "cp1252", "Windows-1252"),
        ('{"content": "a", "summary": "b"}\n', "utf-16", "UTF-16"),
        ('{"content": "a", "summary": "b"}\n', "utf-16-le", "UTF-16"),
    ],
)
def test_other_encodings_are_named_with_what_to_do(path: Path, text: str, codec: str, name: str) -> None:
    path.write_bytes((text * 3).encode(codec))
    with pytest.raises(GuestError) as caught:
        check(path).raise_for_mistakes()
    assert name in caught.value.message
    assert "iconv -f" in caught.value.hint


def test_an_encoding_that_changes_in_the_middle_is_found_at_its_lines(path: Path) -> None:
    content = lines(GOOD) + '{"content": "裤子的颜色", "summary": "蓝色"}\n'.encode("gbk") + lines(GOOD)
    assert mistakes_of(path, content) == ["line 2: not UTF-8 text; it looks like GBK"]


def test_all_mistakes_come_at_once_with_their_lines(path: Path) -> None:
    content = lines(
        GOOD,
        "{broken",
        {"prompt": "a", "summary": "b"},
        ["content"],
        {"content": 3, "summary": "b"},
        {"prompt": "a", "summary": "b"},
        {"content": "\ud800", "summary": "b"} | {"content": "x"},
    )
    assert mistakes_of(path, content) == [
        "line 2: not JSON (Expecting property name enclosed in double quotes)",
        "lines 3, 6: no column 'content' (columns there: prompt, summary)",
        "line 4: a row must be an object {...}, not a list",
        "line 5: column 'content' must be text, not a number",
    ]


def test_many_lines_with_one_mistake_are_counted_not_all_listed(path: Path) -> None:
    (mistake,) = mistakes_of(path, lines(*[{"summary": "b"}] * 500))
    assert mistake == "lines 1, 2, 3, 4, 5, 6, 7, 8 and 492 more: no column 'content' (columns there: summary)"


@pytest.mark.parametrize("content", [b"", b"\n \n", b"[]", b"\xef\xbb\xbf"])
def test_an_empty_file_is_a_mistake(path: Path, content: bytes) -> None:
    assert mistakes_of(path, content) == ["the file is empty"]


def test_empty_rows_are_counted_and_left_out(path: Path) -> None:
    path.write_bytes(lines(GOOD, {"content": " ", "summary": "b"}, {"content": "a", "summary": None}))
    report = check(path)
    assert (report.rows, report.empty_rows, report.mistakes) == (1, 2, [])
    assert str(report.warnings[0]) == "lines 2, 3: empty prompt or answer; such rows are left out"
    assert write_clean(path, Columns(), path.with_name("clean.json")) == 1


def test_a_file_of_empty_rows_only_is_a_mistake(path: Path) -> None:
    assert mistakes_of(path, lines({"content": "", "summary": "b"})) == ["every row is empty"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'[{"content": "a", "summary": "b"},\n', "line 2: the array has no end: ']' is missing"),
        (b'[{"content": "a", "summ', "line 1: not JSON (Unterminated string starting at)"),
        (b'{\n  "content": "a",\n  "summary": "b"\n}\n', "line 1: an object is spread over several lines"),
        (b"[" * 100_000, "line 1: not JSON (nested too deeply)"),
        (b'{"content": "\\ud800", "summary": "b"}', "half of a character pair"),
    ],
)
def test_files_that_break_off_or_have_another_form(path: Path, content: bytes, message: str) -> None:
    (mistake,) = mistakes_of(path, content)
    assert message in mistake


def test_a_file_over_the_limit_is_refused_without_reading_it(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2 * 1024**3 + 1)
    (mistake,) = check(path).mistakes
    assert str(mistake) == "the file has 2,147,483,649 bytes; the limit is 2,147,483,648"


def test_rows_that_get_cut_are_counted(path: Path) -> None:
    path.write_bytes(lines({"content": "a " * 20, "summary": "b"}, {"content": "a", "summary": "b " * 20}, GOOD))
    report = check(path, max_source_length=21, max_target_length=21)
    # One place of the prompt and two of the answer are for special tokens.
    assert (report.cut_prompts, report.cut_responses) == (0, 1)
    assert (report.longest_prompt, report.longest_response) == (20, 20)
    (warning,) = report.warnings
    assert str(warning).startswith("about 1 of 3 answers (33.3 %) are longer than 19 tokens and get cut")
    assert "estimated" in report.as_dict()["lengths"]


def test_lengths_are_exact_where_the_tokenizer_is_there(path: Path) -> None:
    path.write_bytes(lines(GOOD))
    report = check(path, count_tokens=lambda _: 500)
    assert (report.longest_prompt, report.as_dict()["lengths"]) == (500, "exact")
    assert any(str(one).startswith("1 of 1 prompts") for one in report.warnings)


def test_histories_must_be_pairs_and_count_as_part_of_the_prompt(path: Path) -> None:
    turn = {"prompt": "又如何", "response": "好", "history": [["问", "答"]]}
    assert mistakes_of(path, lines(turn, turn | {"history": []}), columns=CHAT) == []
    assert mistakes_of(path, lines(turn | {"history": [["a"]]}, turn | {"history": "x"}), columns=CHAT) == [
        "lines 1, 2: column 'history' must be a list of [question, answer] pairs (an empty list for a first turn)"
    ]


def test_the_clean_copy_holds_finished_prompts(path: Path) -> None:
    turn = {"prompt": "又如何", "response": "好", "history": [["问", "答"]]}
    path.write_bytes(lines(turn, turn | {"history": []}))
    clean = path.with_name("clean.json")
    assert write_clean(path, CHAT, clean) == 2
    prompts = [json.loads(line)["prompt"] for line in clean.read_text(encoding="ascii").splitlines()]
    assert prompts == ["[Round 0]\n问：问\n答：答\n[Round 1]\n问：又如何\n答：", "又如何"]


def test_columns_nobody_uses_are_left_out_of_the_clean_copy(path: Path) -> None:
    path.write_bytes(lines(GOOD | {"id": 1}, GOOD | {"id": "two"}))
    clean = path.with_name("clean.json")
    write_clean(path, Columns(), clean)
    assert {tuple(json.loads(line)) for line in clean.read_text().splitlines()} == {("content", "summary")}


def test_advertisegen_is_recognised_by_its_form_and_its_rows_or_name() -> None:
    assert is_advertisegen("dev.json", 1_070, 1_070)
    assert is_advertisegen("AdvertiseGen-sample.json", 50, 50)
    assert not is_advertisegen("dev.json", 50, 50)
    assert not is_advertisegen("dev.json", 1_070, 3)
    assert not is_advertisegen("AdvertiseGen.json", 0, 0)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(GuestError, match="There is no file"):
        check(tmp_path / "none.json")
    with pytest.raises(GuestError, match="is not a file"):
        check(tmp_path)


text = st.text(st.characters(codec="utf-8"), max_size=40)
row = st.fixed_dictionaries({"content": text, "summary": text})
fast = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


beginnings = st.sampled_from([b"", b"[", b"{", b"content,summary\n", b'[{"content": "a", "summary": "b"}'])


@fast
@given(
    start=beginnings,
    content=st.binary(max_size=300) | st.text(string.printable, max_size=300).map(str.encode),
    suffix=st.sampled_from([".json", ".csv"]),
)
def test_whatever_the_bytes_the_check_reports_and_never_fails(
    path: Path, start: bytes, content: bytes, suffix: str
) -> None:
    path = path.with_suffix(suffix)
    path.write_bytes(start + content)
    report = check(path)
    assert report.mistakes or report.rows
    json.dumps(report.as_dict())


@fast
@given(data=st.lists(row, min_size=1), as_array=st.booleans(), mark=st.booleans(), indent=st.sampled_from([None, 1]))
def test_every_good_file_comes_through_unchanged(
    path: Path, data: list[dict[str, str]], as_array: bool, mark: bool, indent: int | None
) -> None:
    content = json.dumps(data, ensure_ascii=False, indent=indent).encode() if as_array else lines(*data)
    path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + content)
    report = check(path)
    kept = [one for one in data if one["content"].strip() and one["summary"].strip()]
    assert (report.rows, report.empty_rows) == (len(kept), len(data) - len(kept))
    clean = path.with_name("clean.json")
    assert write_clean(path, Columns(), clean) == len(kept)
    assert [json.loads(line) for line in clean.read_text(encoding="ascii").splitlines()] == kept


any_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["content", "summary", "instruction", "input", "output", "conversations", "messages", "history"]
)


@fast
@given(rows=st.lists(st.dictionaries(names, any_value, max_size=6) | any_value, min_size=1, max_size=4))
def test_whatever_the_values_the_check_reports_and_the_clean_copy_has_what_it_counted(
    path: Path, rows: list[Any]
) -> None:
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    report = check(path)
    clean = path.with_name("clean.json")
    assert report.mistakes or report.rows
    if not report.mistakes:
        assert write_clean(path, Columns(), clean) == report.rows


def test_a_line_without_an_end_is_not_read_into_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_LINE_BYTES", 1000)
    assert mistakes_of(path, lines(GOOD) + b'{"content": "' + b"a" * 5000) == [
        "line 2: a line has more than 1,000 bytes"
    ]


def test_an_array_that_does_not_fit_into_memory_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ARRAY_BYTES", 10)
    assert mistakes_of(path, json.dumps([GOOD]).encode()) == [
        "a JSON array of more than 10 bytes is read into memory as a whole"
    ]


def test_more_rows_than_needed_are_not_counted_in_tokens(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "COUNTED_ROWS", 2)
    counted = []

    def count(text: str) -> int:
        counted.append(text)
        return 500

    path.write_bytes(lines(*[{"content": f"a{number}", "summary": "b"} for number in range(9)]))
    report = check(path, count_tokens=count)
    assert (len(counted), report.counted_rows) == (4, 2)
    assert any(str(one).startswith("2 of the first 2 prompts (100.0 %)") for one in report.warnings)


def test_the_verbs_are_there_before_the_packages_are(tmp_path: Path) -> None:
    """The status is asked for while the packages are still being installed."""
    for package in ("pydantic", "charset_normalizer"):
        (tmp_path / f"{package}.py").write_text("raise ImportError('not installed yet')\n", encoding="utf-8")
    code = "import guest.__main__ as main; assert main.verbs()"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[3]}"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
