"""TAT from end to end: the local cloud's agent runs our scripts in the Windows world, and nothing needs port 5986."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tenacity import Retrying, stop_after_delay, wait_fixed

from components.bootstrap.render import BootstrapInputs, Rendered, render
from components.bootstrap.settings import BootstrapSettings
from line.certificates import CertificateFile
from line.channel import VerbFailedError
from line.delivery import Supplies
from line.readiness import Patience, wait_ready
from line.rescue import look, start_again
from line.tat import TatChannel, find_agent
from line.winrm import WinRmChannel
from localcloud.windows.runtime import LocalGuests
from localcloud.windows.world import engine
from tencent import pace
from tencent.access import Access
from tencent.cloud import Cloud
from tests.localcloud.conftest import PASSWORD, Served

pytestmark = [pytest.mark.slow, pytest.mark.skipif(engine.find_pwsh() is None, reason=engine.describe())]
PORT = 17861


def rendered(port: int = PORT, password: str = "demo-passw0rd") -> Rendered:  # noqa: S107
    inputs = BootstrapInputs(BootstrapSettings(demo_port=port), password, ("127.0.0.1/32",), "organization/chatglm/t")
    return render(inputs)


@dataclass
class Launched:
    """A machine of the local cloud that nobody here can reach over WinRM."""

    served: Served
    cloud: Cloud
    id: str
    address: str

    def agent(self) -> TatChannel:
        """The machine's agent, once Windows is up."""
        found = find_agent(self.cloud, self.id)
        assert found is not None
        for attempt in Retrying(stop=stop_after_delay(120), wait=wait_fixed(0.2), reraise=True):
            with attempt:
                found.run_script("Write-Packed 0 'up'")
        return found


@pytest.fixture
def launched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Launched]:
    guests = LocalGuests(tmp_path / "guests", powershell=True)
    served = Served.start(tmp_path / "cloud", guests=guests)
    monkeypatch.setenv("HTTP_PROXY", served.server.url)
    monkeypatch.setenv(pace.VARIABLE, "0.1")
    keys = served.server.keys
    cloud = Cloud(Access(keys.secret_id, keys.secret_key, "", "ap-guangzhou", "HTTP", "tencentcloudapi.com"))
    try:
        user_data = base64.b64encode(rendered().user_data.encode()).decode()
        machine = served.running(UserData=user_data)
        row = served.instance(machine)
        assert row is not None
        yield Launched(served, cloud, machine, row["PublicIpAddresses"][0])
    finally:
        guests.close()
        served.stop()


def test_an_update_ends_ready_though_port_5986_cannot_be_reached(launched: Launched, tmp_path: Path) -> None:
    """A company's firewall: the second stage goes over TAT, in pieces of its limit; then settings, logs and a look."""
    said: list[str] = []
    stages = rendered()
    known = CertificateFile(tmp_path / "known.json")
    ready = wait_ready(
        launched.address,
        PASSWORD,
        machine=launched.id,
        demo_port=PORT,
        timeout_minutes=10,
        supplies=Supplies(stages.second_stage, stages.manifest_text.encode(), stages.user_data),
        certificates=known,
        progress=said.append,
        patience=Patience(poll=2, silence=1, agent=2),  # each question is a PowerShell of its own
        channel=WinRmChannel("127.0.0.1", PASSWORD, machine=launched.id, certificates=known, port=9),
        find_agent=lambda: find_agent(launched.cloud, launched.id),
    )
    assert ready.status["phase"] == "ready"
    assert "data sets and runs need port 5986" in ready.notes[0]
    assert "Sending the second stage." in said

    agent = launched.agent()
    assert agent.run_verb("status")["machine"] == launched.id
    assert agent.run_verb("log", {"step": "bootstrap", "lines": 5})["lines"]
    with pytest.raises(VerbFailedError, match="no verb"):
        agent.run_verb("no-such-verb")

    seen = look(agent, secrets=(PASSWORD,))
    assert seen.has_entry
    assert seen.status is not None
    assert seen.windows["the service WinRM"] == "Running"
    assert "bootstrap.log" in seen.logs
    assert PASSWORD not in "".join(seen.logs.values())

    changed = rendered(password="another-passw0rd").manifest_text.encode()
    told = agent.upload(changed, "manifest.json")
    assert told.endswith("manifest.json")
    answer = agent.run_verb("configure", {"sha256": hashlib.sha256(changed).hexdigest()})
    assert answer["configured"] is True


def test_a_machine_whose_user_data_never_ran_is_begun_over_tat(launched: Launched) -> None:
    """cloudbase-init that did nothing: what it would have run is run by the agent."""
    agent = launched.agent()
    agent.run_script("Remove-Item C:\\chatglm\\chatglm.ps1\nWrite-Packed 0 'removed'")
    seen = look(agent)
    assert seen.lines()[0].startswith("The user data has not run")
    stages = rendered()
    said: list[str] = []
    start_again(agent, seen, user_data=stages.user_data, manifest=stages.manifest_text.encode(), say=said.append)
    assert look(agent).has_entry
    assert said == ["The user data has not run on the machine: running it over TAT."]
