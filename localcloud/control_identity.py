"""The part of the control interface that makes accounts, users, roles and policies."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from localcloud.cloud import Cloud
from localcloud.identity import deny
from localcloud.records import DEFAULT_ACCOUNT, AccessKey
from localcloud.views import AccountView, KeyView, UserView

Act = Callable[[dict[str, Any]], Any]


class IdentityControl:
    """Who may call, and what is denied to whom. Every act raises ValueError for what makes no sense."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def tells(self) -> dict[str, Act]:
        return {"accounts": self._accounts, "policies": self._policies, "keys": self._keys}

    def acts(self) -> dict[str, Act]:
        return {
            "accounts": self._add_account,
            "users": self._add_user,
            "roles": self._add_role,
            "policies": self._add_policy,
            "clear-policies": self._clear_policies,
        }

    def _accounts(self, _: dict[str, Any]) -> Any:
        db = self._cloud.db
        return [
            dataclasses.asdict(
                AccountView(
                    account.account_id,
                    account.app_id,
                    account.name,
                    [UserView(user.uin, user.name) for user in db.users if user.account == account.account_id],
                    [role.name for role in db.roles if role.account == account.account_id],
                )
            )
            for account in self._cloud.identities.accounts()
        ]

    def _policies(self, _: dict[str, Any]) -> Any:
        return [dataclasses.asdict(statement) for statement in self._cloud.db.statements]

    def _keys(self, params: dict[str, Any]) -> Any:
        """The keys of an account's owner, or of one of its users."""
        identities, keys = self._cloud.identities, self._cloud.keys
        account = identities.account(str(params.get("account") or DEFAULT_ACCOUNT)).account_id
        wanted = str(params.get("user") or account)
        uins = {user.name: user.uin for user in self._cloud.db.users if user.account == account}
        uin = uins.get(wanted, wanted)
        if uin == DEFAULT_ACCOUNT:
            return dataclasses.asdict(KeyView(uin, uin, keys.secret_id, keys.secret_key))
        for key in self._cloud.db.access_keys:
            if key.account == account and key.uin == uin:
                return _key_view(key)
        raise ValueError(f"user: the account {account} has no user {wanted!r}; it has {', '.join(uins) or 'none'}")

    def _add_account(self, params: dict[str, Any]) -> Any:
        with self._cloud.db.transaction():
            return _key_view(self._cloud.identities.add_account(str(params["name"])))

    def _add_user(self, params: dict[str, Any]) -> Any:
        with self._cloud.db.transaction():
            account = str(params.get("account") or DEFAULT_ACCOUNT)
            return _key_view(self._cloud.identities.add_user(str(params["name"]), account))

    def _add_role(self, params: dict[str, Any]) -> Any:
        trusted = params.get("trusted") or []
        if not isinstance(trusted, list):
            raise ValueError("trusted: must be a list of accounts")
        with self._cloud.db.transaction():
            account = str(params.get("account") or DEFAULT_ACCOUNT)
            role = self._cloud.identities.add_role(
                str(params["name"]), account, map(str, trusted), of_machines=params.get("of_machines") is not False
            )
        return {"arn": f"qcs::cam::uin/{role.account}:roleName/{role.name}", "role_id": role.role_id}

    def _add_policy(self, params: dict[str, Any]) -> Any:
        """A whole `document`, or the short form: `deny` an action, perhaps of one `resource`."""
        document = params.get("document")
        if document is None:
            document = deny(str(params["deny"]), str(params.get("resource") or "*"))
        if not isinstance(document, dict):
            raise ValueError("document: must be a JSON object")
        with self._cloud.db.transaction():
            made = self._cloud.identities.add_policy(
                document,
                str(params.get("account") or DEFAULT_ACCOUNT),
                str(params.get("principal") or ""),
                str(params.get("code") or ""),
            )
        return [dataclasses.asdict(statement) for statement in made]

    def _clear_policies(self, _: dict[str, Any]) -> Any:
        with self._cloud.db.transaction():
            self._cloud.db.statements.clear()
        return {}


def _key_view(key: AccessKey) -> dict[str, Any]:
    return dataclasses.asdict(KeyView(key.account, key.uin, key.secret_id, key.secret_key))
