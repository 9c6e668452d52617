"""Who calls: accounts with users, roles and temporary keys; and what their policies deny."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from localcloud.errors import ApiError
from localcloud.records import DEFAULT_ACCOUNT, AccessKey, Account, Role, Statement, TemporaryKey, User
from localcloud.signature import Keys

if TYPE_CHECKING:
    from localcloud.database import Database

_FIRST_APP_ID = 1250000000
_FIRST_USER = 200000000001
#: What every request may ask, whatever the policies say.
_ALWAYS = ("sts", "GetCallerIdentity")
_RESOURCE_ID = re.compile(r"(ins|img|snap|disk|vpc|subnet|sg)-[a-z0-9]{1,32}")
#: What a request makes, besides the things that it names.
_MAKES = {("cvm", "CreateImage"): "image"}
#: The one operator and the keys of conditions that this cloud knows (CAM, "Conditions": tags).
_OPERATOR, _RESOURCE_TAG, _REQUEST_TAG = "for_any_value:string_equal", "qcs:resource_tag", "qcs:request_tag"
_KINDS = {
    "ins": "instance",
    "img": "image",
    "snap": "snapshot",
    "disk": "volume",
    "vpc": "vpc",
    "subnet": "subnet",
    "sg": "sg",
}


@dataclass(frozen=True)
class Caller:
    """Who signed a request. `principals` are the ids by which policies may name it, `secret_id` its keys' id."""

    account: str
    uin: str
    user_id: str
    arn: str
    kind: str = "CAMUser"
    principals: tuple[str, ...] = ()


def owner_of(account: str) -> Caller:
    """The account's owner, who signs with its root keys."""
    return Caller(account, account, account, f"qcs::cam::uin/{account}:uin/{account}", principals=(account,))


OWNER = owner_of(DEFAULT_ACCOUNT)


class Identities:
    """The accounts of a cloud; the default one, whose owner has the keys `root`, needs no record."""

    def __init__(self, database: Database, root: Keys) -> None:
        self._db = database
        self._root = root

    def find(self, secret_id: str, token: str, now: float) -> tuple[str, Caller]:
        """The secret key that belongs to an id, and whose it is. Raises ApiError (AuthFailure.*)."""
        if secret_id == self._root.secret_id:
            secret_key, caller = self._root.secret_key, OWNER
        elif (lasting := self._db.access_keys.get(secret_id)) is not None:
            secret_key, caller = lasting.secret_key, user_caller(lasting.account, lasting.uin)
        elif (temporary := self._db.temporary_keys.get(secret_id)) is not None:
            return temporary.secret_key, _session(temporary, token, now)
        else:
            raise ApiError(
                "AuthFailure.SecretIdNotFound", "The SecretId is not found, please ensure that it is correct."
            )
        if token:
            raise ApiError(
                "AuthFailure.TokenFailure", "The token does not belong to these keys; lasting keys have none."
            )
        return secret_key, caller

    def accounts(self) -> list[Account]:
        return [Account(DEFAULT_ACCOUNT, _FIRST_APP_ID, "default"), *self._db.accounts]

    def account(self, account_id: str) -> Account:
        """Raises ValueError for an account that this cloud does not have."""
        for account in self.accounts():
            if account_id in (account.account_id, account.name):
                return account
        known = ", ".join(f"{account.account_id} ({account.name})" for account in self.accounts())
        raise ValueError(f"account: there is no {account_id!r}; there are {known}")

    def add_account(self, name: str) -> AccessKey:
        """A new account; answers its owner's keys. Raises ValueError for a name that is taken."""
        _check_name("name", name, [account.name for account in self.accounts()])
        number = max(int(account.account_id) for account in self.accounts()) + 1
        account = Account(str(number), _FIRST_APP_ID + number - int(DEFAULT_ACCOUNT), name)
        self._db.accounts.put(account)
        return self._add_key(account.account_id, account.account_id)

    def add_user(self, name: str, account_id: str = DEFAULT_ACCOUNT) -> AccessKey:
        """A new user of an account; answers its keys. Users may do everything that no policy denies."""
        account = self.account(account_id).account_id
        _check_name("name", name, [user.name for user in self._db.users if user.account == account])
        uin = str(max((int(user.uin) for user in self._db.users), default=_FIRST_USER - 1) + 1)
        self._db.users.put(User(uin, account, name))
        return self._add_key(account, uin)

    def add_role(
        self, name: str, account_id: str = DEFAULT_ACCOUNT, trusted: Iterable[str] = (), *, of_machines: bool = True
    ) -> Role:
        """A new role of an account, for its own users, those of the `trusted` accounts, and perhaps for machines."""
        account = self.account(account_id).account_id
        _check_name("name", name, [role.name for role in self._db.roles if role.account == account])
        others = [self.account(each).account_id for each in trusted]
        role_id = str(4611686018427387904 + secrets.randbelow(10**9))
        return self._db.roles.put(Role(role_id, account, name, tuple(dict.fromkeys([account, *others])), of_machines))

    def role(self, account: str, name: str) -> Role | None:
        return next(
            (role for role in self._db.roles if role.account == account and name in (role.name, role.role_id)), None
        )

    def assume(self, role: Role, session: str, asked_by: str, expires: float) -> TemporaryKey:
        """Temporary keys of a role."""
        key = TemporaryKey(
            "AKIDlocaltemp" + secrets.token_hex(12),
            secrets.token_hex(16),
            secrets.token_urlsafe(48),
            role.account,
            role.role_id,
            session,
            asked_by,
            expires,
        )
        return self._db.temporary_keys.put(key)

    def add_policy(
        self, document: Mapping[str, Any], account_id: str, principal: str, code: str = ""
    ) -> list[Statement]:
        """Attach a policy document (CAM's version 2.0) to a user or role by name or id; empty: to the whole account.

        Raises ValueError for a document that says something else.
        """
        account = self.account(account_id).account_id
        who = self._principal(account, principal) if principal else ""
        made = [self._db.statements.put(each) for each in read_policy(document, account, who)]
        return [self._db.statements.change(each.statement_id, code=code) if code else each for each in made]

    def _principal(self, account: str, name: str) -> str:
        if name in (account, "owner"):
            return account
        for user in self._db.users:
            if user.account == account and name in (user.name, user.uin):
                return user.uin
        role = self.role(account, name)
        if role is not None:
            return role.role_id
        raise ValueError(f"principal: {name!r} is neither a user nor a role of the account {account}")

    def _add_key(self, account: str, uin: str) -> AccessKey:
        return self._db.access_keys.put(
            AccessKey("AKIDlocalcloud" + secrets.token_hex(11), secrets.token_hex(16), account, uin)
        )


def user_caller(account: str, uin: str) -> Caller:
    if uin == account:
        return owner_of(account)
    return Caller(account, uin, uin, f"qcs::cam::uin/{account}:uin/{uin}", principals=(uin,))


def _session(key: TemporaryKey, token: str, now: float) -> Caller:
    if token != key.token:
        raise ApiError("AuthFailure.TokenFailure", "The token is missing or does not belong to these temporary keys.")
    if now >= key.expires:
        raise ApiError("AuthFailure.TokenFailure", "The token has expired.")
    return Caller(
        key.account,
        key.asked_by,
        f"{key.role_id}:{key.session}",
        f"qcs::sts:{key.account}:assumed-role/{key.role_id}",
        "CAMRole",
        (key.role_id, key.secret_id),
    )


def _check_name(field: str, name: str, taken: Iterable[str]) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
        raise ValueError(f"{field}: {name!r} is not 1 to 64 letters, digits, dots, hyphens and underscores")
    if name in taken:
        raise ValueError(f"{field}: {name!r} exists already")


def read_policy(document: Mapping[str, Any], account: str, principal: str) -> list[Statement]:
    """The statements of a policy in CAM's syntax. Raises ValueError."""
    found = document.get("statement")
    entries = [found] if isinstance(found, dict) else found
    if not isinstance(entries, list) or not entries:
        raise ValueError('policy: it needs a list `statement`, as in {"version": "2.0", "statement": [...]}')
    statements = []
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("effect") not in ("allow", "deny"):
            raise ValueError("policy: each statement needs an `effect`, allow or deny")
        actions = _texts(entry, "action")
        resources = _texts(entry, "resource", ["*"])
        carried, given = _conditions(entry.get("condition") or {})
        made = Statement(uuid4().hex, account, principal, entry["effect"], actions, resources)
        statements.append(replace(made, resource_tags=carried, request_tags=given))
    return statements


def _conditions(condition: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tags that a statement asks for: of the thing, and of the request."""
    if not isinstance(condition, dict) or set(condition) - {_OPERATOR}:
        raise ValueError(f"policy: of conditions this cloud knows {_OPERATOR} alone")
    asked = condition.get(_OPERATOR) or {}
    if not isinstance(asked, dict) or set(asked) - {_RESOURCE_TAG, _REQUEST_TAG}:
        raise ValueError(f"policy: a condition is on {_RESOURCE_TAG} or {_REQUEST_TAG}")
    carried, given = (_texts(asked, key) if key in asked else () for key in (_RESOURCE_TAG, _REQUEST_TAG))
    return carried, given


def condition_of(statement: Statement) -> dict[str, Any]:
    """A statement's conditions in CAM's syntax; empty where it has none."""
    asked = {_RESOURCE_TAG: list(statement.resource_tags), _REQUEST_TAG: list(statement.request_tags)}
    given = {key: values for key, values in asked.items() if values}
    return {"condition": {_OPERATOR: given}} if given else {}


def _texts(entry: Mapping[str, Any], name: str, default: list[str] | None = None) -> tuple[str, ...]:
    value = entry.get(name, default)
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"policy: `{name}` must be a text or a list of texts")
    return tuple(texts)


def check_policies(
    statements: Iterable[Statement],
    caller: Caller,
    service: str,
    action: str,
    region: str,
    params: Mapping[str, Any],
    tags_of: Callable[[str], Mapping[str, str]] = lambda _: {},
) -> None:
    """Raise ApiError unless the caller may do this: nothing denies it, and where something is allowed, this is.

    Each principal is judged by itself: a session that a policy narrows may do what both role and session allow.
    `tags_of` gives the tags of a thing by its id.
    """
    if (service, action) == _ALWAYS:
        return
    own = [each for each in statements if each.account == caller.account and each.principal in ("", *caller.principals)]
    if not own:
        return
    made = _MAKES.get((service, action), "")
    given = {f"{key}&{value}" for key, value in _given_tags(params).items()}
    for resource_id in [*sorted(_resources(params)), *([made] if made else [])] or ["*"]:
        name = _resource_name(service, region, caller.account, resource_id)
        carried = {f"{key}&{value}" for key, value in tags_of(resource_id).items()}
        fitting = [
            each
            for each in own
            if _covers(each, f"{service}:{action}", name, resource_id) and _meets(each, carried, given)
        ]
        denial = next((each for each in fitting if each.effect == "deny"), None)
        allowing = {each.principal for each in own if each.effect == "allow"}
        allowed = allowing <= {each.principal for each in fitting if each.effect == "allow"}
        if denial is not None or not allowed:
            raise ApiError(
                denial.code if denial is not None else Statement.code,
                "You are not authorized to perform this operation. Check your CAM policies, and ensure that you are "
                f"using the correct access keys. [you are not authorized to perform operation ({service}:{action})\n"
                f"resource ({name}) has no permission\n]",
            )


def _covers(statement: Statement, action: str, name: str, resource_id: str) -> bool:
    patterns = [pattern.removeprefix("name/").lower() for pattern in statement.actions]
    if not any(fnmatchcase(action.lower(), pattern if ":" in pattern else f"*:{pattern}") for pattern in patterns):
        return False
    return any(_is_resource(pattern, name, resource_id) for pattern in statement.resources)


def _meets(statement: Statement, carried: set[str], given: set[str]) -> bool:
    """Whether a statement's conditions hold."""
    resource, request = set(statement.resource_tags), set(statement.request_tags)
    return (not resource or bool(resource & carried)) and (not request or bool(request & given))


def _given_tags(params: Mapping[str, Any]) -> dict[str, str]:
    entries = params.get("TagSpecification")
    tags = [tag for entry in (entries if isinstance(entries, list) else []) for tag in entry.get("Tags") or []]
    return {str(tag.get("Key")): str(tag.get("Value")) for tag in tags}


def _is_resource(pattern: str, name: str, resource_id: str) -> bool:
    """Whether a statement's resource means this one: by its id, or by its six parts, of which an empty one is any."""
    if pattern == "*" or fnmatchcase(resource_id, pattern):
        return True
    wanted, given = pattern.split(":", 5), name.split(":", 5)
    return len(wanted) == len(given) == 6 and all(
        part in ("", "uin/") or fnmatchcase(whole, part) for part, whole in zip(wanted, given, strict=True)
    )


def _resource_name(service: str, region: str, account: str, resource_id: str) -> str:
    if resource_id == "*":
        return "*"
    if resource_id in _MAKES.values():
        return f"qcs::{service}:{region}:uin/{account}:{resource_id}/*"
    kind = _KINDS[resource_id.partition("-")[0]]
    return f"qcs::{service}:{region}:uin/{account}:{kind}/{resource_id}"


def _resources(value: Any) -> set[str]:
    """The ids of things that a request names, however deep."""
    if isinstance(value, Mapping):
        return {found for inner in value.values() for found in _resources(inner)}
    if isinstance(value, list):
        return {found for inner in value for found in _resources(inner)}
    return {value} if isinstance(value, str) and _RESOURCE_ID.fullmatch(value) else set()


def deny(action: str, resource: str = "*") -> dict[str, Any]:
    """The policy document that denies one action (`cvm:DeleteImages`, or the action alone), perhaps of one thing."""
    return {"version": "2.0", "statement": [{"effect": "deny", "action": [action], "resource": [resource]}]}


def document_of(text: str) -> dict[str, Any]:
    """A policy document from its JSON. Raises ValueError."""
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("policy: it must be a JSON object")
    return document
