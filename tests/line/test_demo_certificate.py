"""The demo's certificate on the operator's side: what it vouches for, when it is renewed, and where its key goes."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from line.channel import VerbFailedError
from line.demo_certificate import RENEW_DAYS, VALID_DAYS, Made, fingerprint, make, reason_to_renew, supply, told_by

NOW = datetime(2026, 5, 4, tzinfo=UTC)
ADDRESS = "203.0.113.9"


@pytest.fixture
def made() -> Made:
    return make(ADDRESS, NOW)


def test_it_is_for_one_address_and_vouches_for_nobody_else(made: Made) -> None:
    held = x509.load_pem_x509_certificate(made.certificate.encode())
    names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == [ADDRESS]
    assert not held.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert held.not_valid_before_utc < NOW
    assert held.not_valid_after_utc == NOW + timedelta(days=VALID_DAYS)


def test_each_has_a_key_of_its_own_which_is_told_nowhere(made: Made) -> None:
    assert fingerprint(make(ADDRESS, NOW).certificate) != fingerprint(made.certificate)
    assert made.both.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert made.both.endswith(made.certificate.encode())
    assert "PRIVATE" not in made.certificate
    assert "PRIVATE" not in repr(made)


def test_the_fingerprint_is_as_browsers_show_it(made: Made) -> None:
    shown = fingerprint(made.certificate)
    assert len(shown.split(":")) == 32
    assert shown == shown.upper()
    assert shown.replace(":", "").lower() == (
        x509.load_pem_x509_certificate(made.certificate.encode()).fingerprint(_sha256()).hex()
    )


def _sha256() -> Any:
    from cryptography.hazmat.primitives.hashes import SHA256

    return SHA256()


def test_a_client_of_pythons_defaults_takes_it(made: Made) -> None:
    assert ssl.create_default_context(cadata=made.certificate).cert_store_stats()["x509"] == 1


@pytest.mark.parametrize(
    ("days", "address", "reason"),
    [
        (0, ADDRESS, ""),
        (VALID_DAYS - RENEW_DAYS - 1, ADDRESS, ""),
        (VALID_DAYS - RENEW_DAYS + 1, ADDRESS, "ends on 2027-06-05"),
        (VALID_DAYS + 900, ADDRESS, "ends on"),
        (0, "203.0.113.10", "for another address"),
    ],
)
def test_it_is_renewed_for_another_address_and_before_its_end(made: Made, days: int, address: str, reason: str) -> None:
    told = reason_to_renew(made.certificate, address, NOW + timedelta(days=days))
    assert reason in told
    assert bool(told) == bool(reason)


@pytest.mark.parametrize(
    "pem", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_none_and_nonsense_are_replaced(pem: str) -> None:
    assert reason_to_renew(pem, ADDRESS, NOW)


class Machine:
    """Takes uploads and verbs."""

    def __init__(self, refusal: VerbFailedError | None = None) -> None:
        self.took: list[tuple[str, bytes]] = []
        self.asked: list[tuple[str, Any]] = []
        self.refusal = refusal

    def upload(self, content: bytes, name: str) -> str:
        self.took.append((name, content))
        return name

    def run_verb(self, verb: str, options: dict[str, Any] | None = None, **_: Any) -> dict[str, Any]:
        self.asked.append((verb, options))
        if self.refusal:
            raise self.refusal
        return {}

    def run_script(self, *_: Any, **__: Any) -> tuple[int, bytes]:
        raise AssertionError

    def close(self) -> None:
        raise AssertionError


def test_a_machine_that_wants_one_gets_it_with_its_key_in_an_upload_and_on_no_command_line() -> None:
    machine, said = Machine(), list[str]()
    assert supply(machine, {"tls": {"certificate": None}}, ADDRESS, said.append)
    [(name, content)] = machine.took
    assert name == "demo-tls.pem"
    assert content.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert machine.asked == [("certificate", None)]
    assert said == ["The machine has no certificate for its demo yet. Sending one with its key."]


@pytest.mark.parametrize("status", [{}, {"tls": None}, {"tls": "strange"}])
def test_a_machine_that_wants_none_gets_none(status: dict[str, Any]) -> None:
    machine = Machine()
    assert not supply(machine, status, ADDRESS, print)
    assert machine.took == []
    assert told_by(status) is None


def test_a_machine_that_has_one_keeps_it() -> None:
    machine = Machine()
    status = {"tls": {"certificate": make(ADDRESS, datetime.now(UTC)).certificate}}
    assert not supply(machine, status, ADDRESS, print)
    assert machine.took == []
