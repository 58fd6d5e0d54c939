"""An authority and what it signed, made for one test."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Papers:
    """PEM files: the authority, our certificate and key, a client's."""

    authority: Path
    certificate: Path
    key: Path
    client: Path
    client_key: Path


def make_authority(folder: Path, *, days: int = 30) -> Papers:
    """`days`: how long the certificates last; negative for one that has run out."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    authority = (
        _builder(name, name, key.public_key(), 30)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    papers = Papers(
        folder / "ca.pem",
        folder / "server.pem",
        folder / "server.key",
        folder / "client.pem",
        folder / "client.key",
    )
    papers.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    sign(papers.certificate, papers.key, "localhost", (name, key), days)
    sign(papers.client, papers.client_key, "phone", (name, key), days)
    return papers


def sign(
    certificate: Path,
    key_file: Path,
    common: str,
    issuer: tuple[x509.Name, ec.EllipticCurvePrivateKey],
    days: int,
) -> None:
    """A certificate for `common`, localhost and the loopback addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    names = x509.SubjectAlternativeName(
        [
            x509.DNSName("localhost"),
            x509.IPAddress(ip_address("127.0.0.1")),
            x509.IPAddress(ip_address("::1")),
        ]
    )
    made = (
        _builder(subject, issuer[0], key.public_key(), days)
        .add_extension(names, critical=False)
        .sign(issuer[1], hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
    )
