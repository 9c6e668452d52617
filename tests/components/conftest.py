"""Components under Pulumi's mocks, with the requests that reach the engine written down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks as pulumi_mocks
from typing_extensions import override

from components.hooks import Hooks
from components.settings import Settings

Program = Callable[[], list[pulumi.Output[Any]]]


class Recorder(pulumi.runtime.Mocks):
    """Answers like a cloud in which everything succeeds."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return args.resource_id or f"{args.name}-id", {"publicIp": "127.0.1.5", **args.inputs}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], None]:
        return {}, None


class RecordingMonitor(pulumi_mocks.MockMonitor):
    def __init__(self) -> None:
        super().__init__(Recorder())
        self.requests: dict[str, Any] = {}

    @override
    def RegisterResource(self, request: Any) -> Any:
        self.requests[request.name] = request
        return super().RegisterResource(request)

    def inputs(self, name: str) -> dict[str, Any]:
        found = pulumi.runtime.rpc.deserialize_properties(self.requests[name].object)
        assert isinstance(found, dict)
        return found


@pytest.fixture(autouse=True)
def loop() -> Iterator[None]:
    """Pulumi's mocks take the thread's event loop; tests of other rooms leave none behind."""
    own = asyncio.new_event_loop()
    asyncio.set_event_loop(own)
    yield
    own.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def deploy() -> Callable[[Program], tuple[RecordingMonitor, list[Any]]]:
    """Run a program to its end, all its outputs awaited; give the monitor and the outputs' values.

    A test that only builds Outputs can end before any of them was looked at, and passes whatever they hold.
    So the program hands over its outputs, and one that never resolves fails the test here.
    """

    def run(program: Program) -> tuple[RecordingMonitor, list[Any]]:
        monitor = RecordingMonitor()
        pulumi.runtime.set_mocks(Recorder(), project="chatglm", stack="dev", preview=False, monitor=monitor)
        values: list[Any] = []

        @pulumi.runtime.test
        def whole() -> pulumi.Output[Any]:
            return pulumi.Output.all(*program()).apply(values.extend)

        whole()
        assert values, "the program ended before its outputs were awaited"
        return monitor, values

    return run


@pytest.fixture
def no_hooks() -> Hooks:
    """Mocks never call hooks, so none are registered; tests/e2e sees them at work under the real engine."""
    none = pulumi.ResourceHookBinding()
    return Hooks(none, none, none, none, none)


@pytest.fixture
def settings() -> Settings:
    return Settings(adminPassword="Correct-Horse-7", operatorCidrs=("203.0.113.7/32", "198.51.100.0/24"))
