"""The local cloud serves the official plug-in: every request it was recorded to send, and every field it was given.

tests/contract/api-calls.jsonl holds the calls of the official plug-in, in order, against a minimal stand-in. The
requests are sent again here, with the ids of this cloud in place of the recorded ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from localcloud.wire import fields_of, service_models

RECORDING = Path(__file__).parents[1] / "contract" / "api-calls.jsonl"
IDS = re.compile(r"(?:ins|img|disk|snap|sg|vpc|subnet|rtb)-[0-9a-z]+")

# The stand-in of the recording answered these, but Tencent's documents do not have them.
UNDOCUMENTED = {
    "InstanceSet.GPU",
    "DescribeInstancesAttributes.TotalCount",
    "RouteTableSet.LocalCcnRoute",
}

# The answers of the recording that say that something which takes time is over.
SETTLED = ('"DiskState": "ATTACHED"', '"DiskState": "UNATTACHED"', '"InstanceState": "RUNNING"')


def recorded_calls() -> Iterator[dict[str, Any]]:
    scenario = ""
    for line in RECORDING.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        scenario = record.get("scenario", scenario)
        if "action" in record:
            yield {**record, "scenario": scenario}


class Replay:
    """Sends recorded requests, learning which id here stands for which id there."""

    def __init__(self, cloud: Any) -> None:
        self.cloud = cloud
        self.ids: dict[str, str] = {}

    def translate(self, value: Any) -> Any:
        return json.loads(IDS.sub(lambda m: self.ids.get(m.group(), m.group()), json.dumps(value)))

    def learn(self, there: Any, here: Any) -> None:
        if isinstance(there, dict) and isinstance(here, dict):
            for name, value in there.items():
                self.learn(value, here.get(name))
        elif isinstance(there, list) and isinstance(here, list):
            for old, new in zip(there, here, strict=False):
                self.learn(old, new)
        elif isinstance(there, str) and isinstance(here, str) and IDS.fullmatch(there) and IDS.fullmatch(here):
            self.ids.setdefault(there, here)

    def prepare(self, call: dict[str, Any]) -> None:
        """Bring about what the stand-in of the recording had made happen by itself."""
        wants = json.dumps(call["response"])
        if call["scenario"] == "01-run-soldout" and call["action"] == "RunInstances":
            self.cloud.control.set_stock("ap-guangzhou-6", "GN7.2XLARGE32", "SOLD_OUT")
        elif call["action"] == "RunInstances":
            self.cloud.control.set_stock("ap-guangzhou-6", "GN7.2XLARGE32", "SELL")
        elif call["scenario"] == "04-park-captureerror" and call["action"] == "CreateImage":
            self.cloud.control.fault("CreateImage", "error", code="InvalidInstance.NotSupported")
        elif call["scenario"] == "07-reclaim-refresh" and self.cloud.control.instances():
            for machine in self.cloud.control.instances():
                self.cloud.control.reclaim(machine.id, 0)
            self.cloud.pass_time(60)
        elif call["action"] in ("CreateImage", "CreateSnapshot", "DetachDisks", "TerminateInstances"):
            self.cloud.pass_time(60)
        elif '"ImageState": "NORMAL"' in wants or '"SnapshotState": "NORMAL"' in wants:
            self.cloud.pass_time(1000)
        elif call["action"].startswith("Delete") or any(word in wants for word in SETTLED) or self.is_gone(call):
            self.cloud.pass_time(60)

    @staticmethod
    def is_gone(call: dict[str, Any]) -> bool:
        return bool(call["action"] == "DescribeInstances" and not call["response"].get("InstanceSet"))

    def send(self, call: dict[str, Any]) -> dict[str, Any]:
        self.prepare(call)
        request = self.translate(call["request"])
        return self.cloud.sdk.call_json(call["service"], call["action"], request)


def test_the_official_plug_in_is_served(cloud: Any) -> None:
    replay = Replay(cloud)
    # The recorded stand-in had one public image with an id of its own.
    replay.ids = {"img-9id7emv7": "img-m07ny34j", "snap-x": "snap-m07ny34j"}
    wrong: list[str] = []
    count = 0
    for call in recorded_calls():
        count += 1
        where = f"{call['scenario']} {call['service']} {call['action']}"
        expected = call["response"]
        if "Error" in expected and not expected["Error"]["Message"].startswith("stub:"):
            with pytest.raises(TencentCloudSDKException) as caught:
                replay.send(call)
            if caught.value.code != expected["Error"]["Code"]:
                wrong.append(f"{where}: {caught.value.code} instead of {expected['Error']['Code']}")
            continue
        try:
            answer = replay.send(call)
        except TencentCloudSDKException as error:
            wrong.append(f"{where}: refused with {error.code}: {error.message}")
            continue
        if "Error" not in expected:
            replay.learn(expected, answer)
            wrong += [f"{where}: {text}" for text in differences(expected, answer, call["action"])]
    assert count > 190
    assert not wrong, "\n".join(sorted(set(wrong)))


def differences(expected: Any, answer: Any, path: str) -> Iterator[str]:
    """Fields of the recorded answer that are missing here or have another type."""
    if isinstance(expected, dict):
        if not isinstance(answer, dict):
            yield f"{path} is {answer!r}, not an object"
            return
        for name, value in expected.items():
            short = ".".join([*path.split(".")[-1:], name])
            if short in UNDOCUMENTED:
                continue
            if name not in answer:
                yield f"{path}.{name} is missing"
            elif value is not None:
                yield from differences(value, answer[name], f"{path}.{name}")
    elif isinstance(expected, list):
        if not isinstance(answer, list):
            yield f"{path} is {answer!r}, not a list"
        elif expected and not answer:
            yield f"{path} is empty"
        elif expected:
            yield from differences(expected[0], answer[0], path)
    elif type(expected) is not type(answer):
        yield f"{path} is {answer!r}, not like {expected!r}"


@pytest.mark.parametrize("name", sorted(UNDOCUMENTED))
def test_what_is_left_out_is_not_documented(name: str) -> None:
    model, field = name.split(".")
    service = "vpc" if model.startswith("Route") else "cvm"
    models = {"InstanceSet": "Instance", "RouteTableSet": "RouteTable"}
    known = fields_of(service, models.get(model, f"{model}Response"))
    assert field not in known
    assert hasattr(service_models(service), models.get(model, f"{model}Response"))
