"""The command line's part for accounts, users, roles and policies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from localcloud.cli_options import DEFAULT_DATA, Data, open_control
from words import phrase

if TYPE_CHECKING:
    from localcloud.views import KeyView

OfAccount = Annotated[str, typer.Option("--account", help="An account, by id or name. Default: the first one.")]
OfUser = Annotated[str, typer.Option("--user", help="A user of the account. Default: the account's owner.")]
Who = Annotated[str, typer.Option("--to", help="A user or role of the account. Default: everybody of the account.")]


def accounts(data: Data = DEFAULT_DATA) -> None:
    """List the accounts with their users and roles.

    Example:  python -m localcloud accounts
    """
    with open_control(data) as control:
        for account in control.accounts():
            typer.echo(f"{account.account_id}  AppId {account.app_id}  {account.name}")
            for user in account.users:
                typer.echo(f"  user {user.uin}  {user.name}")
            for role in account.roles:
                typer.echo(f"  role qcs::cam::uin/{account.account_id}:roleName/{role}")


def add_account(name: Annotated[str, typer.Argument(help="Its name.")], data: Data = DEFAULT_DATA) -> None:
    """Make another account, and print its owner's keys.

    Example:  python -m localcloud add-account colleague
    """
    with open_control(data) as control:
        _show(control.add_account(name))


def add_user(
    name: Annotated[str, typer.Argument(help="Its name.")], account: OfAccount = "", data: Data = DEFAULT_DATA
) -> None:
    """Make a user (a sub-account) of an account, and print its keys.

    Example:  python -m localcloud add-user intern --account colleague
    """
    with open_control(data) as control:
        _show(control.add_user(name, account))


def add_role(
    name: Annotated[str, typer.Argument(help="Its name.")],
    account: OfAccount = "",
    trust: Annotated[
        list[str] | None, typer.Option("--trust", help="Another account whose users may assume it.")
    ] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Make a role, and print the name by which it is assumed.

    Example:  python -m localcloud add-role operator --trust colleague
    """
    with open_control(data) as control:
        typer.echo(control.add_role(name, account, trust))


def keys(account: OfAccount = "", user: OfUser = "", data: Data = DEFAULT_DATA) -> None:
    """Print the keys of an account's owner or of a user (they open nothing but this cloud).

    Example:  python -m localcloud keys --account colleague --user intern
    """
    if account or user:
        with open_control(data) as control:
            _show(control.keys(account, user))
        return
    from localcloud.keys import read_keys

    own = read_keys(data)
    typer.echo(f"secretId  {own.secret_id}\nsecretKey {own.secret_key}")


def policies(data: Data = DEFAULT_DATA) -> None:
    """List what policies deny and allow, and to whom.

    Example:  python -m localcloud policies
    """
    with open_control(data) as control:
        found = control.policies()
    for one in found:
        who = one.principal or "everybody"
        typer.echo(
            f"{one.effect} {' '.join(one.actions)} on {' '.join(one.resources)} to {who} of {one.account}"
            + (f" ({one.code})" if one.effect == "deny" else "")
        )
    if not found:
        typer.echo(phrase("No policies: everybody may do everything in the own account."))


def deny(
    action: Annotated[str, typer.Argument(help="Such as cvm:DeleteImages or tag:*; clear to drop all policies.")],
    resource: Annotated[str, typer.Option("--resource", help="Only this thing: an id or a qcs:: name.")] = "*",
    to: Who = "",
    code: Annotated[str, typer.Option("--code", help="The error. Default: AuthFailure.UnauthorizedOperation.")] = "",
    account: OfAccount = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Deny an action, as a CAM policy does.

    Example:  python -m localcloud deny cvm:DeleteImages --resource img-1a2b3c4d --to intern
    """
    with open_control(data) as control:
        if action == "clear":
            control.clear_policies()
        else:
            control.deny(action, resource, principal=to, account=account, code=code)
        typer.echo(phrase("{count} statement(s) hold.", count=len(control.policies())))


def policy(
    file: Annotated[Path, typer.Argument(help="A policy in CAM's JSON.", exists=True, dir_okay=False)],
    to: Who = "",
    account: OfAccount = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Attach a whole policy; whoever has one that allows something may do nothing else.

    Example:  python -m localcloud policy policy.json --to intern
    """
    with open_control(data) as control:
        document = json.loads(file.read_text(encoding="utf-8"))
        control.add_policy(document, to, account)
        typer.echo(phrase("{count} statement(s) hold.", count=len(control.policies())))


COMMANDS = (accounts, add_account, add_user, add_role, keys, policies, deny, policy)


def _show(key: KeyView) -> None:
    typer.echo(f"account   {key.account}\nuin       {key.uin}")
    typer.echo(f"secretId  {key.secret_id}\nsecretKey {key.secret_key}")
