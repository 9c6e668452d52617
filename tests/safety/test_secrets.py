"""No password, key or user data where somebody could read it: canaries are looked for after a whole life."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest

from tests.sweep.world import World, open_world
from tools.workspace import Result

pytestmark = pytest.mark.e2e
ADMIN, DEMO = "Canary-Admin-2022", "Canary-Demo-2022"


class Life:
    """A life lived with canaries for secrets, and everything that was said in it."""

    def __init__(self, world: World) -> None:
        self.world, self.said = world, ""
        for key, secret in (("adminPassword", ADMIN), ("demoPassword", DEMO)):
            world.stack.pulumi("config", "set", "--secret", f"chatglm:{key}", stdin=secret, check=True)
        self.user_data: list[str] = []

    def hear(self, result: Result) -> Result:
        self.said += result.text
        return result

    def up(self, state: str) -> None:
        done = self.hear(self.world.stack.up(state))
        assert done.ok, done.text
        self.user_data += [machine.user_data for machine in self.world.machines()]

    def canaries(self) -> dict[str, str]:
        """Each secret in the forms in which it could leak; of the user data, parts that no other text has."""
        plain = {"password of Administrator": ADMIN, "password of the demo": DEMO}
        plain["secret key"] = self.world.server.keys.secret_key
        encoded = {f"{name} in base64": base64.b64encode(text.encode()).decode()[:-4] for name, text in plain.items()}
        for number, data in enumerate(self.user_data):
            text = base64.b64decode(data).decode()
            middle = len(text) // 2
            plain[f"user data {number}"] = text[middle : middle + 60].strip()
            encoded[f"user data {number} in base64"] = data[len(data) // 2 : len(data) // 2 + 60]
        return plain | encoded


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory):
    with open_world(tmp_path_factory.mktemp("life")) as world:
        life = Life(world)
        stack = world.stack
        life.hear(stack.pulumi("preview", "--diff"))
        life.up("running")
        life.hear(stack.pulumi("preview", "--diff", "--logtostderr", "-v=3"))
        life.hear(stack.pulumi("stack", "output"))
        life.hear(stack.pulumi("stack", "export"))
        life.hear(stack.pulumi("config"))
        world.served.control.fault("CreateImage", "error", code="InvalidInstance.NotSupported")
        life.hear(stack.up("parked"))
        life.up("parked")
        stack.set({"chatglm:state": "running"})
        life.hear(stack.pulumi("preview", "--diff", "--json"))
        world.served.control.fault("RunInstances", "error", code="InvalidParameterValue.InvalidPassword", skip=1)
        life.hear(stack.up())
        life.up("running")
        life.hear(stack.destroy())
        life.up("parked")
        life.hear(stack.destroy())
        yield life


def found_in(text: str, canaries: dict[str, str]) -> list[str]:
    return [name for name, canary in canaries.items() if canary in text or json.dumps(canary)[1:-1] in text]


def test_the_canaries_are_ones_that_a_leak_would_show(life: Life) -> None:
    canaries = life.canaries()
    assert len(life.user_data) >= 2
    assert all(len(canary) >= 12 for canary in canaries.values()), canaries
    assert found_in(f"x {ADMIN} y", canaries) == ["password of Administrator"]


def test_nothing_that_pulumi_says_holds_a_secret(life: Life) -> None:
    assert found_in(life.said, life.canaries()) == []


def test_nothing_that_pulumi_writes_holds_a_secret(life: Life) -> None:
    folder = life.world.folder / "stack"
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    leaks = {str(path): found_in(path.read_bytes().decode("utf-8", "replace"), life.canaries()) for path in files}
    assert len(files) > 5
    assert {path: found for path, found in leaks.items() if found} == {}


def test_the_local_clouds_journal_masks_every_secret(life: Life) -> None:
    journal = json.dumps([vars(call) for call in life.world.served.control.journal()], ensure_ascii=False)
    assert '"Password": "***"' in journal, "the password was sent, and masked"
    assert found_in(journal, life.canaries()) == []


def test_files_that_hold_secrets_are_their_owners_alone(life: Life) -> None:
    folder = life.world.folder
    holders = [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and (path.name == "passphrase" or found_in(path.read_bytes().decode("utf-8", "replace"), life.canaries()))
    ]
    assert {folder / "stack" / "passphrase", folder / "cloud" / "keys.json"} <= set(holders)
    assert [path for path in holders if not is_private(path, folder)] == []


def is_private(path: Path, up_to: Path) -> bool:
    """Whether only the owner can read a file: by its own mode, or because nobody else can enter its folder."""
    while path != up_to:
        if stat.S_IMODE(path.stat().st_mode) & 0o077 == 0:
            return True
        path = path.parent
    return False
