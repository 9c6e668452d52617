"""The page in a real browser: on a telephone, in the dark, by keyboard, by a screen reader; no script gets in.

Chromium and its driver are Debian's packages; axe-core comes from npm (tools/axe). CI installs both and must not skip.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from operate.dashboard.server import make_app
from rehearsal.engine import ROOT
from tests.waiting import HANG_SECONDS

AXE = ROOT / "tools" / "axe"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
NEEDED = {"chromium": CHROMIUM, "chromedriver": shutil.which("chromedriver"), "npm": shutil.which("npm")}
MISSING = [name for name, place in NEEDED.items() if place is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING) and not os.environ.get("CI"), reason=f"the page is not tested in a browser: no {', '.join(MISSING)}"
)

EVIL = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"


def step(title: str, state: str, **more: Any) -> dict[str, Any]:
    return {"name": title, "title": title, "state": state, "percent": None, "secondsLeft": None, "error": None, **more}


LOOK: dict[str, Any] = {
    "version": 1, "time": "2026-03-04T02:00:00+00:00", "stack": "dev", "region": "ap-guangzhou", "wanted": "running",
    "stage": "installing", "notice": None,
    "machine": {"id": "ins-1a2b3c4d", "state": "RUNNING", "zone": "ap-guangzhou-3"},
    "image": {"id": "img-9z8y7x6w", "state": "NORMAL", "created": "2026-03-01T00:00:00+00:00", "sizeGb": 75},
    "steps": [
        step("Windows settings", "done"),
        step("ChatGLM-6B model", "running", percent=41, secondsLeft=900),
        step(EVIL, "failed", percent=7, error=EVIL),
        step("PyTorch", "pending"),
    ],
    "demo": {"state": "starting", "model": "base", "url": "http://203.0.113.9:7860"},
    "gpu": {"usedMib": 12500, "totalMib": 15360, "percent": 63},
    "training": {
        "run": "poem-0304", "step": 1200, "total": 3000, "secondsLeft": 5400,
        "losses": [[step, 4 / (1 + step / 200)] for step in range(0, 1201, 50)],
        "heldOut": [[400, 1.9], [800, 1.4], [1200, 1.2]],
    },
    "cost": {"hourly": 1.92, "runningMonthly": 1382.4, "parkedMonthly": 9.75, "today": 7.31},
    "unknown": [{"what": {"en": "image", "zh": "镜像"}, "why": "throttled"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(make_app(lambda: LOOK, port, 0.2), log_level="error"))
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{port}"
        server.should_exit = server.force_exit = True
        thread.join(HANG_SECONDS)


@pytest.fixture(scope="module")
def axe() -> str:
    script = AXE / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=AXE, check=True, capture_output=True)
    return script.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or "chromium"
    for argument in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):  # fmt: skip
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(NEEDED["chromedriver"]))
    yield driver
    driver.quit()


def show(browser: webdriver.Chrome, address: str, language: str, *, width: int = 1100, dark: bool = False) -> None:
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(f"{address}/?lang={language}")
    WebDriverWait(browser, 60).until(lambda seen: seen.find_elements(By.CSS_SELECTOR, "#steps progress"))


LOOKS = [("en", 1100, False), ("zh", 1100, True), ("zh", 390, False), ("en", 390, True)]


@pytest.mark.parametrize(("language", "width", "dark"), LOOKS)
def test_it_fits_and_the_accessibility_checker_finds_nothing(
    browser: webdriver.Chrome, address: str, axe: str, language: str, width: int, dark: bool, tmp_path: Path
) -> None:
    show(browser, address, language, width=width, dark=dark)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width, "nothing to scroll sideways"
    browser.execute_script(axe)
    found = browser.execute_async_script("axe.run().then(arguments[0])")
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    browser.save_screenshot(str(folder / f"dashboard-{language}-{width}-{'dark' if dark else 'light'}.png"))


def test_what_a_machine_tells_is_text_and_never_a_script(browser: webdriver.Chrome, address: str) -> None:
    show(browser, address, "en")
    assert "owned" not in browser.title
    assert browser.find_elements(By.CSS_SELECTOR, "#steps img") == []
    assert EVIL in browser.find_element(By.ID, "steps").text


def test_it_says_where_the_stack_stands(browser: webdriver.Chrome, address: str) -> None:
    show(browser, address, "zh")
    assert browser.find_element(By.CSS_SELECTOR, "#life [aria-current]").text == "安装中"
    assert "ins-1a2b3c4d" in browser.find_element(By.ID, "where").text
    assert "1382.40" in browser.find_element(By.ID, "cost").text
    label = browser.find_element(By.CSS_SELECTOR, "#curve svg").get_attribute("aria-label")
    assert label == "损失：从 4.000 到第 1200 步的 0.571"


def test_it_can_be_used_by_keyboard(browser: webdriver.Chrome, address: str) -> None:
    show(browser, address, "en")
    seen = []
    for _ in range(3):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        seen.append(browser.switch_to.active_element.text)
    assert seen == ["Skip to the content", "中文", "http://203.0.113.9:7860"]


def test_a_look_that_fails_is_said_aloud(
    browser: webdriver.Chrome, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LOOK, "failure", "CloudError: no network")
    browser.get(f"{address}/?lang=en")
    WebDriverWait(browser, 60).until(lambda seen: seen.find_element(By.ID, "notice").is_displayed())
    assert browser.find_element(By.ID, "notice").text == "The look failed: CloudError: no network"
    assert browser.find_element(By.ID, "notice").get_attribute("role") == "alert"


def test_the_lock_names_the_checker_that_is_loaded(axe: str) -> None:
    locked = json.loads((AXE / "package-lock.json").read_text(encoding="utf-8"))
    assert locked["packages"]["node_modules/axe-core"]["version"] in axe[:200]
