"""The machine's verbs: `python -m guest VERB [JSON]` prints exactly one JSON document, in ASCII.

Exit code 0, or 1 with {"error": {"message", "hint"}}. JSON may be given as `base64:...`, which no shell changes.
"""

from __future__ import annotations

import base64
import binascii
import json
import sys
from collections.abc import Callable
from typing import Any

from guest.errors import GuestError
from guest.phrases import phrase, with_phrases

Verb = Callable[[dict[str, Any]], dict[str, Any]]
_ENCODED = "base64:"
SERVE_SECONDS = 1200.0


def status(_: dict[str, Any]) -> dict[str, Any]:
    from guest.machine import this_machine
    from guest.status import read_status

    return read_status(this_machine().root)


def log(options: dict[str, Any]) -> dict[str, Any]:
    from guest.log import DEFAULT_LINES, read_log
    from guest.machine import this_machine

    return read_log(
        this_machine().root, str(options.get("step") or "bootstrap"), int(options.get("lines") or DEFAULT_LINES)
    )


def serve(options: dict[str, Any]) -> dict[str, Any]:
    from guest import deploy
    from guest.machine import this_machine

    return deploy.serve(this_machine(), options.get("model"), float(options.get("timeoutSeconds") or SERVE_SECONDS))


def stop(_: dict[str, Any]) -> dict[str, Any]:
    from guest.machine import this_machine
    from guest.serving import control
    from guest.serving.state import read_demo

    machine = this_machine()
    control.Demo(machine).stop()
    return {"demo": read_demo(machine.root)}


def doctor(options: dict[str, Any]) -> dict[str, Any]:
    from guest import doctor as examination
    from guest.machine import this_machine

    return examination.doctor(this_machine(), options)


def gpu(_: dict[str, Any]) -> dict[str, Any]:
    from guest.gpu import gpu_memory

    return {"gpu": gpu_memory()}


def verbs() -> dict[str, Verb]:
    """All verbs by name; those of fine-tuning and of files have modules of their own."""
    from guest.deploy import VERBS as DEPLOYMENT
    from guest.serving.tls import VERBS as CERTIFICATES
    from guest.training.verbs import VERBS as TRAINING
    from guest.transfer import VERBS as TRANSFERS
    from guest.unattended.outer import VERBS as GUARDING
    from guest.unattended.receivers import VERBS as RECEIVERS

    own: dict[str, Verb] = {
        "status": status,
        "log": log,
        "serve": serve,
        "stop": stop,
        "doctor": doctor,
        "gpu": gpu,
    }
    return {**own, **TRAINING, **DEPLOYMENT, **TRANSFERS, **RECEIVERS, **GUARDING, **CERTIFICATES}


def parse(text: str) -> dict[str, Any]:
    """The options of a verb. Raises GuestError for anything but one JSON object."""
    try:
        if text.startswith(_ENCODED):
            text = base64.b64decode(text[len(_ENCODED) :], validate=True).decode("utf-8")
        options = json.loads(text)
    except (ValueError, binascii.Error) as error:
        raise GuestError(
            phrase("The options are not JSON: {error}.", error=error),
            phrase("Give one JSON object, or base64: and its code."),
        ) from None
    if not isinstance(options, dict):
        raise GuestError(phrase("The options are not a JSON object."), phrase('For example: {"step": "model"}'))
    return options


def run(arguments: list[str]) -> tuple[int, dict[str, Any]]:
    """The exit code and the document for `VERB [JSON]`."""
    try:
        known = verbs()
        if not 1 <= len(arguments) <= 2 or arguments[0] not in known:
            raise GuestError(
                phrase("There is no verb {name}.", name=" ".join(arguments[:1]) or phrase("(none given)")),
                phrase("Verbs: {known}.", known=", ".join(sorted(known))),
            )
        return 0, known[arguments[0]](parse(arguments[1] if len(arguments) > 1 else "{}"))
    except GuestError as error:
        return 1, {"error": error.as_dict()}
    except OSError as error:
        hint = phrase("Look for a full disk, or a program that holds the file open.")
        return 1, {"error": {"message": phrase("The system refused it: {error}.", error=error), "hint": hint}}
    except Exception as error:  # whatever happens, the caller gets one document and not a traceback
        return 1, {
            "error": {
                "message": f"{type(error).__name__}: {error}",
                "hint": phrase("This is a bug in the guest; report it."),
            }
        }


def main() -> int:
    exit_code, document = run(sys.argv[1:])
    sys.stdout.write(json.dumps(with_phrases(document), ensure_ascii=True) + "\n")
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
