"""The page's server: this computer only, reads only, both languages complete."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from operate.dashboard.server import LANGUAGES, STATIC, Looker, make_app

PORT = 8686
LOOK: dict[str, Any] = {"version": 1, "stack": "dev"}


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(make_app(lambda: LOOK, PORT, 0.01), base_url=f"http://127.0.0.1:{PORT}") as made:
        yield made


def test_the_page_comes_with_its_own_files_only(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert re.findall(r"https?://", page.text) == []
    for place in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text):
        assert client.get(place).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8686", "127.0.0.1:1", ""])
def test_another_hosts_page_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/state", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/state", "/events", "/words"])
def test_nothing_can_be_done_on_it(client: TestClient, method: str, path: str) -> None:
    assert client.request(method, path).status_code == 405


def test_the_state_is_the_look(client: TestClient) -> None:
    assert client.get("/state").json() == LOOK


@pytest.mark.parametrize(
    ("address", "accepts", "language"),
    [
        ("/", "en-GB,en;q=0.9", "en"),
        ("/", "zh-CN", "zh"),
        ("/", "fr", "zh"),
        ("/", "fr, en;q=0.5", "en"),
        ("/?lang=en", "zh", "en"),
    ],
)
def test_the_language_is_the_one_asked_for_else_the_browsers(
    client: TestClient, address: str, accepts: str, language: str
) -> None:
    assert f'<html lang="{language}">' in client.get(address, headers={"accept-language": accepts}).text


def test_both_languages_say_everything_that_the_page_asks_for() -> None:
    words = {name: json.loads((STATIC / f"words.{name}.json").read_text(encoding="utf-8")) for name in LANGUAGES}
    assert words["en"].keys() == words["zh"].keys()
    for name, text in words["en"].items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", words["zh"][name])), name
    script = (STATIC / "page.js").read_text(encoding="utf-8")
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    asked = set(re.findall(r'say\("([\w-]+)"', script)) | set(re.findall(r'data-word="([\w-]+)"', page))
    assert asked <= words["en"].keys()
    for family, members in {
        "where": ["launching", "installing", "ready", "parked", "reclaimed", "failed", "unknown"],
        "step": ["done", "running", "waiting", "failed", "pending"],
        "demo": ["answering", "starting", "stopped", "failed", "off"],
    }.items():
        assert {f"{family}-{member}" for member in members} <= words["en"].keys()


async def test_every_watcher_gets_each_look_and_nobody_looks_when_nobody_watches() -> None:
    looks: list[int] = []

    def look() -> dict[str, Any]:
        looks.append(1)
        return {"number": len(looks)}

    looker = Looker(look, 0)
    first, second = looker.watch(), looker.watch()
    assert (await anext(first))["number"] >= 1
    assert (await anext(second))["number"] >= 1
    await first.aclose()  # type: ignore[attr-defined]
    await second.aclose()  # type: ignore[attr-defined]
    await looker.stop()


async def test_a_failed_look_is_told() -> None:
    def fail() -> dict[str, Any]:
        raise RuntimeError("no network")

    assert (await Looker(fail, 1).once())["failure"] == "RuntimeError: no network"
