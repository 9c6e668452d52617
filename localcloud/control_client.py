"""The typed client of the control interface, for tests, for the command line, and for anyone who scripts."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx
from pydantic import TypeAdapter

from localcloud.errors import LocalCloudError
from localcloud.views import (
    AccountView,
    CallView,
    DiskView,
    ImageView,
    InstanceView,
    KeyView,
    Meter,
    SnapshotView,
    StatementView,
    Status,
)

T = TypeVar("T")


class ControlError(LocalCloudError):
    """The local cloud refused what the control interface was asked; the text says why."""


class Control:
    """Talks to the local cloud at `url` (http://127.0.0.1:PORT), past any proxy settings.

    Every method raises ControlError: when nothing answers there, and when the request makes no sense.
    """

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url, trust_env=False, timeout=timeout)

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # --- what it tells ---------------------------------------------------------------------------------------

    def status(self) -> Status:
        return self._read("status", Status)

    def meter(self) -> Meter:
        """What is billed now, and how much so far."""
        return self._read("meter", Meter)

    def journal(self, since: int = 0) -> list[CallView]:
        """The calls of the API after number `since`, in order."""
        return self._read(f"journal?since={since}", list[CallView])

    def instances(self) -> list[InstanceView]:
        return self._read("instances", list[InstanceView])

    def images(self) -> list[ImageView]:
        """The custom images."""
        return self._read("images", list[ImageView])

    def snapshots(self) -> list[SnapshotView]:
        return self._read("snapshots", list[SnapshotView])

    def disks(self) -> list[DiskView]:
        return self._read("disks", list[DiskView])

    def faults(self) -> list[dict[str, Any]]:
        """The faults that still wait for their calls."""
        return self._read("faults", list[dict[str, Any]])

    def settings(self) -> dict[str, Any]:
        return self._read("settings", dict[str, Any])

    def now(self) -> float:
        """Cloud time in seconds since 1970."""
        return float(self._send("GET", "clock")["now"])

    def accounts(self) -> list[AccountView]:
        """The accounts with their users and roles."""
        return self._read("accounts", list[AccountView])

    def keys(self, account: str = "", user: str = "") -> KeyView:
        """The keys of an account's owner (empty: the default account's), or of one of its users."""
        return self._read(f"keys?{urlencode({'account': account, 'user': user})}", KeyView)

    def policies(self) -> list[StatementView]:
        """The statements of all policies."""
        return self._read("policies", list[StatementView])

    # --- what it does ----------------------------------------------------------------------------------------

    def reclaim(self, instance_id: str, notice_seconds: float = 120) -> None:
        """Take a spot machine back: notice in its meta-data, then it is gone with its disk."""
        self._post("reclaim", instance_id=instance_id, notice_seconds=notice_seconds)

    def fault(
        self,
        action: str,
        kind: str,
        *,
        service: str | None = None,
        code: str | None = None,
        times: int = 1,
        skip: int = 0,
        seconds: float = 0.0,
        age: float = 60.0,
    ) -> str:
        """Let something go wrong with calls of `action` (`*` for any); see localcloud.faults.KINDS.

        `times` -1 is for ever; `skip` lets that many matching calls pass first. Answers the fault's id.
        """
        answer = self._post(
            "faults",
            action=action,
            kind=kind,
            service=service,
            code=code,
            times=times,
            skip=skip,
            seconds=seconds,
            age=age,
        )
        return str(answer["fault_id"])

    def clear_faults(self) -> None:
        self._post("clear-faults")

    def advance(self, seconds: float) -> float:
        """Move the clock forward and let everything happen that falls due; answers the new time."""
        return float(self._post("clock", advance=seconds)["now"])

    def set_speed(self, speed: float | str) -> None:
        """Let the clock run at N cloud seconds a second, or `max`: whatever is waited for is due at once."""
        text = "max" if speed == float("inf") else str(speed)
        self._post("clock", speed=text)

    def set_stock(self, zone: str, instance_type: str, status: str) -> None:
        """`SELL` or `SOLD_OUT`."""
        self._post("stock", zone=zone, instance_type=instance_type, status=status)

    def set_price(self, zone: str, instance_type: str, hourly_cny: float) -> None:
        """The list price of a type in a zone; spot costs a fifth of it."""
        self._post("price", zone=zone, instance_type=instance_type, hourly_cny=hourly_cny)

    def set_balance(self, cny: float) -> None:
        """The account's balance as of now."""
        self._post("balance", cny=cny)

    def set_quota(self, name: str, quota: int) -> None:
        """`image`, `spot_vcpu`, `instance` or `security_group`."""
        self._post("quota", name=name, quota=quota)

    def set_settings(self, **settings: float | bool) -> None:
        """Change settings by name; see localcloud.records.Settings."""
        self._post("settings", **settings)

    def set_address(self, address: str) -> None:
        """The public address from which callers seem to come: what MY_PUBLIC_IP stands for."""
        self._post("address", address=address)

    def add_account(self, name: str) -> KeyView:
        """A new account; answers its owner's keys."""
        return TypeAdapter(KeyView).validate_python(self._post("accounts", name=name))

    def add_user(self, name: str, account: str = "") -> KeyView:
        """A new user of an account (empty: the default one); answers its keys."""
        return TypeAdapter(KeyView).validate_python(self._post("users", name=name, account=account))

    def add_role(
        self, name: str, account: str = "", trusted: list[str] | None = None, *, of_machines: bool = True
    ) -> str:
        """A new role, for its own account's users, those of the `trusted` accounts and machines; answers its ARN."""
        made = self._post("roles", name=name, account=account, trusted=trusted or [], of_machines=of_machines)
        return str(made["arn"])

    def deny(self, action: str, resource: str = "*", *, principal: str = "", account: str = "", code: str = "") -> None:
        """Deny an action (`cvm:DeleteImages`, or the action alone) to a user or role, or to the whole account.

        `resource` is `*`, an id, or a name like qcs::cvm:ap-guangzhou:uin/1:image/img-1; `code` another error code
        than AuthFailure.UnauthorizedOperation.
        """
        self._post("policies", deny=action, resource=resource, principal=principal, account=account, code=code)

    def add_policy(self, document: dict[str, Any], principal: str = "", account: str = "") -> None:
        """Attach a policy in CAM's syntax. Whoever has a statement that allows may do only what statements allow."""
        self._post("policies", document=document, principal=principal, account=account)

    def clear_policies(self) -> None:
        self._post("clear-policies")

    def reset(self) -> None:
        """Forget everything but the cloud's own keys, the clock and the settings."""
        self._post("reset")

    def stop(self) -> None:
        """End the local cloud's process."""
        self._post("stop")

    def _read(self, path: str, kind: type[T]) -> T:
        return TypeAdapter(kind).validate_python(self._send("GET", path))

    def _post(self, path: str, **params: Any) -> Any:
        return self._send("POST", path, params)

    def _send(self, method: str, path: str, params: dict[str, Any] | None = None) -> Any:
        try:
            response = self._http.request(method, f"/control/{path}", json=params)
        except httpx.HTTPError as error:
            raise ControlError(
                f"No local cloud answers at {self.url} ({type(error).__name__}). Start it: python -m localcloud start"
            ) from error
        if response.status_code != 200:
            raise ControlError(_reason(response))
        return response.json()


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"The local cloud answered with HTTP status {response.status_code}."
