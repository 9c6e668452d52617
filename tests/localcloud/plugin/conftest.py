"""A plug-in that is served over real gRPC and called as the engine calls it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from localcloud.plugin.api import Patience
from localcloud.plugin.server import Provider, serve
from tests.waiting import HANG_SECONDS

REQUESTS: dict[str, Any] = {
    "CheckConfig": provider_pb2.CheckRequest,
    "DiffConfig": provider_pb2.DiffRequest,
    "Configure": provider_pb2.ConfigureRequest,
    "Check": provider_pb2.CheckRequest,
    "Diff": provider_pb2.DiffRequest,
    "Create": provider_pb2.CreateRequest,
    "Read": provider_pb2.ReadRequest,
    "Update": provider_pb2.UpdateRequest,
    "Delete": provider_pb2.DeleteRequest,
    "Invoke": provider_pb2.InvokeRequest,
    "GetSchema": provider_pb2.GetSchemaRequest,
    "GetPluginInfo": Empty,
    "Cancel": Empty,
}

CONFIGURATION = {"acceptSecrets": True, "args": {"protocol": "HTTP", "region": "ap-guangzhou"}}


class FakeClock:
    """Time that passes only in waits: an hour of polling takes no time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses = 0

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.pauses += 1

    def patience(self) -> Patience:
        # 22 tries fit in three minutes, as in the recording of a delete that never works.
        return Patience(read_window=180, write_window=300, interval=180 / 21, clock=lambda: self.now, wait=self.wait)


class Plugin:
    """A client of one served plug-in; requests and answers are JSON, as in the recordings."""

    def __init__(self, port: int) -> None:
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)

    def call(self, verb: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
        message = json_format.ParseDict(request or {}, REQUESTS[verb]())
        answer: dict[str, Any] = json_format.MessageToDict(getattr(self._stub, verb)(message, timeout=HANG_SECONDS))
        return answer

    def failure(self, verb: str, request: dict[str, Any] | None = None) -> grpc.RpcError:
        with pytest.raises(grpc.RpcError) as caught:
            self.call(verb, request)
        return caught.value

    def close(self) -> None:
        self._channel.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def start_plugin(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> Iterator[Callable[[str | None], Plugin]]:
    """Starts a plug-in whose environment points at a cloud's URL."""
    started: list[tuple[Any, Plugin]] = []
    for variable in ("HTTP_PROXY", "http_proxy", "TENCENTCLOUD_PROTOCOL", "TENCENTCLOUD_DOMAIN", "TENCENTCLOUD_REGION"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "example")

    def start(url: str | None) -> Plugin:
        if url is not None:
            monkeypatch.setenv("HTTP_PROXY", url)
        server, port = serve(Provider(clock.patience()))
        plugin = Plugin(port)
        started.append((server, plugin))
        return plugin

    yield start
    for server, plugin in started:
        plugin.close()
        server.stop(None)
