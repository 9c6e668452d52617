"""The demo's certificate (`chatglm:demoTls`): made here, sent over WinRM with its key, which this side then forgets.

The machine's Python cannot make one. What the machine has it tells in its status, over a channel that is pinned: that
is what operators trust, and nothing else.
"""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from guest.serving.tls import UPLOAD
from line.channel import Channel
from words import phrase

#: Long enough that a person's browser asks rarely; the machine's address, which changes at a restore, is in it anyway.
VALID_DAYS = 397
#: With fewer days left the next update makes another one.
RENEW_DAYS = 60


@dataclass(frozen=True)
class Made:
    """A new certificate in PEM, and `both`: the same with its private key."""

    certificate: str
    both: bytes = field(repr=False)


def make(address: str, now: datetime) -> Made:
    """A certificate for the machine at this address, valid from the day before `now` for VALID_DAYS."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ChatGLM demo")])
    subject = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A day early: clocks differ.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        # It vouches for nobody else: who trusts it trusts this one key.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(subject, critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Made(certificate.decode("ascii"), private + certificate)


def fingerprint(pem: str) -> str:
    """SHA-256 of a certificate as browsers show it: AB:CD:..."""
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def reason_to_renew(pem: str, address: str, now: datetime) -> str:
    """Why a machine's certificate needs another in its place, in words; empty where it does not."""
    if not pem:
        return phrase("The machine has no certificate for its demo yet.")
    try:
        held = x509.load_pem_x509_certificate(pem.encode("ascii"))
        names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = {str(one) for one in names.get_values_for_type(x509.IPAddress)}
    except (ValueError, x509.ExtensionNotFound):
        return phrase("The certificate of the machine's demo cannot be read.")
    if address not in addresses:
        return phrase("The certificate of the machine's demo is for another address.")
    if held.not_valid_after_utc - now < timedelta(days=RENEW_DAYS):
        return phrase(
            "The certificate of the machine's demo ends on {day}.", day=f"{held.not_valid_after_utc:%Y-%m-%d}"
        )
    return ""


def told_by(status: Mapping[str, Any]) -> str | None:
    """The certificate by the machine's status: empty where it waits for one, None where it serves plain HTTP."""
    told = status.get("tls")
    return str(told.get("certificate") or "") if isinstance(told, Mapping) else None


def supply(channel: Channel, status: Mapping[str, Any], address: str, say: Callable[[str], None]) -> bool:
    """Give the machine another certificate where its status says that it wants and needs one; True when it got one.

    Raises ChannelErrors. Never to be called with a way over TAT, whose commands the console keeps: the key goes along.
    """
    held = told_by(status)
    reason = "" if held is None else reason_to_renew(held, address, datetime.now(UTC))
    if not reason:
        return False
    say(phrase("{reason} Sending one with its key.", reason=reason))
    channel.upload(make(address, datetime.now(UTC)).both, UPLOAD)
    channel.run_verb("certificate")
    return True
