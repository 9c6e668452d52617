"""Key pairs: made, brought along, looked up and deleted. Linux machines can be launched with them."""

from __future__ import annotations

import re
from typing import Any

from localcloud.call import Call
from localcloud.clock import iso_time
from localcloud.cloud import Cloud
from localcloud.errors import ApiError
from localcloud.query import page, select
from localcloud.records import KeyPair
from localcloud.registry import action
from localcloud.services.tags import read_tag_specification, tag_list

_NAME = re.compile(r"[A-Za-z0-9_]{1,25}")


def _answer(pair: KeyPair, private: str = "") -> dict[str, Any]:
    return {
        "KeyId": pair.key_id,
        "KeyName": pair.name,
        "ProjectId": pair.project_id,
        "Description": "",
        "PublicKey": pair.public_key,
        # Told once, when it is made; the cloud keeps none.
        "PrivateKey": private or None,
        "AssociatedInstanceIds": [],
        "CreatedTime": iso_time(pair.created),
        "Tags": tag_list(pair.tags),
    }


def _add(cloud: Cloud, call: Call, public: str) -> KeyPair:
    name = call.params["KeyName"]
    if not _NAME.fullmatch(name):
        raise ApiError("InvalidKeyPairNameIncludeIllegalChar", "A key's name has 1 to 25 letters, digits and _.")
    if any(pair.region == call.region and pair.name == name for pair in cloud.db.key_pairs):
        raise ApiError("InvalidKeyPairName.Duplicate", f"The key pair {name} exists already.")
    tags = read_tag_specification(call.params, "keypair")
    project = call.params.get("ProjectId", 0)
    return cloud.db.key_pairs.put(
        KeyPair(cloud.new_id("skey"), call.region, name, public.strip(), call.time, project, tags)
    )


@action("cvm", "CreateKeyPair", "KeyName")
def create_key_pair(cloud: Cloud, call: Call) -> dict[str, Any]:
    # Imported here: the library is large, and few programs ask for keys.
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return {"KeyPair": _answer(_add(cloud, call, public.decode("ascii")), private.decode("ascii"))}


@action("cvm", "ImportKeyPair", "KeyName", "PublicKey")
def import_key_pair(cloud: Cloud, call: Call) -> dict[str, Any]:
    return {"KeyId": _add(cloud, call, call.params["PublicKey"]).key_id}


@action("cvm", "DescribeKeyPairs")
def describe_key_pairs(cloud: Cloud, call: Call) -> dict[str, Any]:
    found = select(
        call.params,
        [pair for pair in cloud.db.key_pairs if pair.region == call.region],
        {"project-id": lambda p: str(p.project_id), "key-name": lambda p: p.name},
        ids="KeyIds",
        read_id=lambda p: p.key_id,
        tags=lambda p: p.tags,
    )
    return {"TotalCount": len(found), "KeyPairSet": [_answer(pair) for pair in page(call.params, found)]}


@action("cvm", "DeleteKeyPairs", "KeyIds")
def delete_key_pairs(cloud: Cloud, call: Call) -> dict[str, Any]:
    """All or none."""
    for key_id in call.params["KeyIds"]:
        pair = cloud.db.key_pairs.get(key_id)
        if pair is None or pair.region != call.region:
            raise ApiError("InvalidKeyPairId.NotFound", f"The key pair {key_id[:40]} does not exist.")
    for key_id in call.params["KeyIds"]:
        cloud.db.key_pairs.delete(key_id)
    return {}
