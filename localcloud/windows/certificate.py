"""The machine's self-signed TLS certificate for WinRM, made at its first start.

Certificate and key lie on the machine's disk, so they travel with an image: a restored machine shows the certificate
that the operator's side already trusts.
"""

from __future__ import annotations

import datetime
import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from guest.files import replace_file

_VALIDITY = datetime.timedelta(days=3650)


@dataclass(frozen=True)
class MachineCertificate:
    """A certificate and its key, both in PEM files readable by the owner alone."""

    certificate: Path
    key: Path

    @property
    def der(self) -> bytes:
        """The certificate as it goes over the wire."""
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text(encoding="ascii"))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER form, lower-case hex: what the operator's side pins."""
        return hashlib.sha256(self.der).hexdigest()

    def server_context(self) -> ssl.SSLContext:
        """TLS settings of the listener."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        return context


def ensure_certificate(folder: Path, hostname: str, now: datetime.datetime) -> MachineCertificate:
    """Return the certificate in `folder`; if none is there make one for `hostname`, valid from the day before `now`."""
    held = MachineCertificate(folder / "winrm.crt", folder / "winrm.key")
    if held.certificate.is_file() and held.key.is_file():
        return held
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A day early: the clock of the local cloud and that of its clients need not agree.
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _VALIDITY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    replace_file(held.key, private, private=True, flushed=False)
    replace_file(held.certificate, certificate.public_bytes(serialization.Encoding.PEM), private=True, flushed=False)
    return held
