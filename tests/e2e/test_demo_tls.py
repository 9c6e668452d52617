"""A life over HTTPS (`chatglm:demoTls`): what is served, what clients trust, and where the private key is not."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest

from localcloud.windows.world import engine
from tests.e2e.conftest import LocalCloud, start_cloud
from tests.waiting import HANG_SECONDS
from tools.workspace import Result, Workspace

pytestmark = pytest.mark.e2e
KEY_FILE = "demo-tls.pem"
#: Without line breaks, so that it is found in whatever form a text is kept.
LEAST_CANARY = 60


def secret(stack: Workspace, name: str) -> str:
    return stack.pulumi("stack", "output", name, "--show-secrets", check=True).text.strip()


def trust(outputs: dict[str, Any]) -> ssl.SSLContext:
    """As the documentation says: this certificate and no other, by the address that stands in it."""
    return ssl.create_default_context(cadata=outputs["demoCertificate"])


def demand_https(stack: Workspace) -> dict[str, Any]:
    """The outputs of a stack whose page and API were used over HTTPS, and gave nothing in the clear."""
    outputs: dict[str, Any] = stack.outputs()
    url = outputs["demoUrl"]
    assert url.startswith("https://")
    client = httpx.Client(base_url=url, verify=trust(outputs), trust_env=False, timeout=HANG_SECONDS)
    with client as person:
        form = {"username": outputs["demoUser"], "password": secret(stack, "demoPassword")}
        assert person.post("/login", data=form).status_code < 400
        assert "simulated" in person.get("/").text
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), HANG_SECONDS) as line:
        line.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert b"HTTP" not in line.recv(4096)
    return outputs


def demand_api(stack: Workspace) -> None:
    outputs = stack.outputs()
    http = httpx.Client(verify=trust(outputs), trust_env=False)
    with openai.OpenAI(base_url=outputs["apiUrl"], api_key=secret(stack, "apiKey"), http_client=http) as client:
        asked = client.chat.completions.create(model="chatglm-6b", messages=[{"role": "user", "content": "你好"}])
    assert "You asked: 你好" in str(asked.choices[0].message.content)


def key_files(cloud: LocalCloud) -> list[Path]:
    """Wherever a machine, or an image of one, keeps its key."""
    return list(cloud.data.rglob(KEY_FILE))


class Life:
    """What was said in a life, and the keys that were made in it."""

    def __init__(self, cloud: LocalCloud, stack: Workspace) -> None:
        self.cloud, self.stack, self.said = cloud, stack, ""
        self.keys: set[str] = set()

    def hear(self, result: Result) -> Result:
        self.said += result.text
        assert result.ok, result.text
        for file in key_files(self.cloud):
            text = file.read_text(encoding="ascii").partition("-----END PRIVATE KEY")[0]
            self.keys |= {line for line in text.splitlines()[1:] if len(line) >= LEAST_CANARY}
        return result

    def leaks(self) -> list[str]:
        """Where a key stands, in the clear or in base64, besides the file that is for it."""
        canaries = {*self.keys}
        for key in self.keys:
            # Whatever stands before it: base64 has three forms.
            for shift in range(3):
                canaries.add(base64.b64encode(b"-" * shift + key.encode())[4:-4].decode())
        found = ["what Pulumi said"] if any(canary in self.said for canary in canaries) else []
        journal = json.dumps([vars(call) for call in self.cloud.control.journal()], ensure_ascii=False)
        found += ["the cloud's journal"] if any(canary in journal for canary in canaries) else []
        for folder in (self.cloud.data, self.stack.folder):
            for path in folder.rglob("*"):
                if path.is_file() and not path.is_symlink() and path.name != KEY_FILE:
                    text = path.read_bytes().decode("utf-8", "replace")
                    found += [str(path)] if any(canary in text for canary in canaries) else []
        return found


def test_a_life_over_https_whose_keys_stand_nowhere_but_on_the_machine(cloud: LocalCloud, stack: Workspace) -> None:
    stack.set({"chatglm:demoTls": "true"})
    life = Life(cloud, stack)
    life.hear(stack.pulumi("preview", "--diff"))
    up = life.hear(stack.up("running", "--logtostderr", "-v=9"))
    assert "Sending one with its key" in up.text
    first = demand_https(stack)
    demand_api(stack)
    life.hear(stack.pulumi("preview", "--diff", "--logtostderr", "-v=9"))
    idle = life.hear(stack.up())
    assert "Sending one with its key" not in idle.text
    assert stack.outputs()["demoFingerprint"] == first["demoFingerprint"], "an update without reason changes nothing"
    life.hear(stack.up("parked"))
    life.hear(stack.up("running"))
    restored = demand_https(stack)
    same_address = restored["address"] == first["address"]
    assert (restored["demoFingerprint"] == first["demoFingerprint"]) is same_address
    life.hear(stack.pulumi("stack", "export"))
    life.hear(stack.pulumi("stack", "output", "--show-secrets"))
    assert life.keys
    assert {oct(file.stat().st_mode & 0o777) for file in key_files(cloud)} == {"0o600"}
    assert life.leaks() == []


@pytest.mark.whole
def test_a_machine_that_nobody_waits_for_does_not_serve_in_the_clear(cloud: LocalCloud, stack: Workspace) -> None:
    stack.set({"chatglm:demoTls": "true", "chatglm:waitReady": "false"})
    assert stack.up("running").ok
    outputs = stack.outputs()
    assert outputs["demoUrl"].startswith("https://")
    assert outputs["demoCertificate"] == ""
    assert key_files(cloud) == []
    stack.set({"chatglm:waitReady": "true"})
    assert stack.up().ok
    demand_https(stack)


# The real scripts, where there is a PowerShell


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCloud]:
    monkeypatch.delenv("LOCALCLOUD_WINDOWS", raising=False)
    yield from start_cloud(tmp_path, monkeypatch)


@pytest.mark.skipif(engine.find_pwsh() is None, reason=engine.describe())
@pytest.mark.whole
def test_a_living_machine_is_switched_over_and_back_by_its_own_scripts(world: LocalCloud, tmp_path: Path) -> None:
    from tests.stacks import open_stack

    # A first installation of the world takes well below a minute.
    stack = open_stack(tmp_path / "stack", world.data, world.port, {"chatglm:readyTimeoutMinutes": "15"})
    life = Life(world, stack)
    life.hear(stack.up("running"))
    plain = stack.outputs()
    assert httpx.get(plain["demoUrl"], trust_env=False, timeout=HANG_SECONDS).status_code < 500
    stack.set({"chatglm:demoTls": "true"})
    told = life.hear(stack.preview("--diff"))
    assert "chatglm:demoTls changed: this update tells the machine" in told.text
    life.hear(stack.up())
    over_https = demand_https(stack)
    assert over_https["machineId"] == plain["machineId"]
    stack.set({"chatglm:demoTls": "false"})
    life.hear(stack.up())
    back = stack.outputs()
    assert back["demoUrl"] == plain["demoUrl"]
    assert not back["demoCertificate"]
    assert httpx.get(back["demoUrl"], trust_env=False, timeout=HANG_SECONDS).status_code < 500
    assert life.keys
    assert life.leaks() == []
