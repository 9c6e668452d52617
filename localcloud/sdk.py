"""The official SDK, aimed at a local cloud; for tests, benchmarks and scripts."""

from __future__ import annotations

import importlib
import json
from typing import Any

from tencentcloud.common import credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from localcloud.signature import Keys
from localcloud.wire import VERSIONS, service_models


class Sdk:
    """The SDK's own typed clients of all services; calls go through the local cloud at `url` as their proxy.

    Errors are the SDK's: TencentCloudSDKException.
    """

    def __init__(
        self, url: str, keys: Keys, region: str = "ap-guangzhou", timeout: int = 30, token: str | None = None
    ) -> None:
        self._credential = credential.Credential(keys.secret_id, keys.secret_key, token)
        self._profile = ClientProfile(httpProfile=HttpProfile(protocol="http", proxy=url, reqTimeout=timeout))
        self._region = region
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The SDK's client of a service."""
        if service not in self._clients:
            version = "v" + VERSIONS[service].replace("-", "")
            module = importlib.import_module(f"tencentcloud.{service}.{version}.{service}_client")
            kind = getattr(module, f"{service.capitalize()}Client")
            self._clients[service] = kind(self._credential, self._region, self._profile)
        return self._clients[service]

    def call(self, service: str, action: str, **params: Any) -> dict[str, Any]:
        """Call an action with the SDK's request model made of `params`; the answer is its JSON."""
        request = getattr(service_models(service), f"{action}Request")()
        request._deserialize(params)
        response = getattr(self.client(service), action)(request)
        answer: dict[str, Any] = json.loads(response.to_json_string())
        return answer

    def call_json(self, service: str, action: str, params: dict[str, Any]) -> dict[str, Any]:
        """Call an action with `params` as they are: the SDK's models would drop fields that they do not know."""
        answer: dict[str, Any] = self.client(service).call_json(action, params)["Response"]
        return answer
