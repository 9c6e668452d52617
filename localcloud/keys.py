"""The cloud's own pair of keys, made at the first start and readable by their owner only."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from guest.files import replace_file
from localcloud.errors import LocalCloudError
from localcloud.signature import Keys

FILE_NAME = "keys.json"


def read_keys(data: Path) -> Keys:
    """The keys of a data folder. Raises LocalCloudError when there are none or the file is broken."""
    path = data / FILE_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Keys(str(content["secretId"]), str(content["secretKey"]))
    except FileNotFoundError:
        raise LocalCloudError(
            f"There are no keys in {data}: no local cloud was started there. "
            f"Start one: python -m localcloud start --data {data}"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise LocalCloudError(
            f"The keys in {path} cannot be read ({error}). Move the file away; the next start makes new keys."
        ) from error


def make_keys(data: Path) -> Keys:
    """The keys of a data folder, made now when there are none."""
    path = data / FILE_NAME
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The shape of Tencent's ids, with a word that tells these keys from real ones.
        content = {"secretId": "AKIDlocalcloud" + secrets.token_hex(11), "secretKey": secrets.token_hex(16)}
        replace_file(path, json.dumps(content).encode(), private=True)
    return read_keys(data)
