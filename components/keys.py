"""Keys of a stack's config that nobody reads: a slip of the pen in a name is told, since it would pass in silence."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from components.errors import Mistake
from words import phrase

#: What the plug-in reads (config variables of the schema of tencentcloud 0.2.3).
PLUGIN_KEYS = (
    "allowedAccountIds",
    "assumeRole",
    "assumeRoleWithSaml",
    "assumeRoleWithWebIdentity",
    "camRoleName",
    "cosDomain",
    "domain",
    "enablePodOidc",
    "forbiddenAccountIds",
    "mfaCertification",
    "profile",
    "protocol",
    "region",
    "secretId",
    "secretKey",
    "securityToken",
    "sharedCredentialsDir",
)
PLUGIN = "tencentcloud"
#: The engine's own keys, such as pulumi:tags, are its business.
ENGINE = "pulumi"
#: Of every plug-in: the version that a stack wants, and where it comes from.
_OF_ANY_PLUGIN = ("version", "pluginDownloadURL")
#: How alike two names must be to be taken for one (difflib's ratio).
_ALIKE = 0.7


def misspelt(keys: Iterable[str], project: str, own: Collection[str]) -> list[Mistake]:
    """Keys that are neither the project's nor the plug-in's though they look like one, with the nearest right key.

    `keys` are whole (`chatgml:state`), `own` the names under the project. Other namespaces belong to others.
    """
    known = {project: tuple(own), PLUGIN: (*PLUGIN_KEYS, *_OF_ANY_PLUGIN)}
    mistakes = []
    for key in keys:
        space, _, name = key.partition(":")
        if space == PLUGIN and name not in known[PLUGIN]:
            mistakes.append(
                _mistake(key, phrase("the plug-in {name} has no such key.", name=PLUGIN), _nearest(name, PLUGIN, known))
            )
        elif space not in (project, PLUGIN, ENGINE) and (near := _alike(space, known)):
            fix = _nearest(name, near, known)
            mistakes.append(_mistake(key, phrase("nothing reads the namespace {space!r}.", space=space), fix))
    return mistakes


def _alike(space: str, known: Collection[str]) -> str:
    """The namespace that was meant, empty where none looks like it."""
    return next(iter(difflib.get_close_matches(space.lower(), known, n=1, cutoff=_ALIKE)), "")


def _nearest(name: str, space: str, known: dict[str, tuple[str, ...]]) -> str:
    lower = {one.lower(): one for one in known[space]}
    near = difflib.get_close_matches(name.lower(), lower, n=1)
    return (
        f"{space}:{lower[near[0]]}"
        if near
        else phrase("one of {keys}", keys=f"{space}:{', '.join(sorted(known[space]))}")
    )


def _mistake(key: str, rule: str, meant: str) -> Mistake:
    return Mistake(
        key,
        None,
        rule,
        phrase("Did you mean {meant}? Take the wrong one away: pulumi config rm {key}", meant=meant, key=key),
    )
