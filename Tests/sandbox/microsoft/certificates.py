"""RSA keys and self-signed certificates, made once for each process because making a key is slow."""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

_KEYS: dict[str, rsa.RSAPrivateKey] = {}


@dataclass(frozen=True)
class Certificate:
    """A certificate that an application registered, with the private key that its owner keeps."""

    certificate_pem: str
    private_key_pem: str = field(repr=False)

    @property
    def sha1_thumbprint(self) -> str:
        """40 hexadecimal digits, upper case: what the portal shows as thumbprint."""
        return hashlib.sha1(self._der, usedforsecurity=False).hexdigest().upper()

    @property
    def sha256_thumbprint(self) -> str:
        """64 hexadecimal digits, upper case."""
        return hashlib.sha256(self._der).hexdigest().upper()

    @property
    def x5t(self) -> str:
        """Header value of an assertion that names this certificate by SHA-1 (RFC 7515, 4.1.7)."""
        return _base64url(hashlib.sha1(self._der, usedforsecurity=False).digest())

    @property
    def x5t_s256(self) -> str:
        """Header value of an assertion that names this certificate by SHA-256 (RFC 7515, 4.1.8)."""
        return _base64url(hashlib.sha256(self._der).digest())

    @property
    def public_key(self) -> rsa.RSAPublicKey:
        key = self._x509.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        return key

    @property
    def _x509(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate_pem.encode())

    @property
    def _der(self) -> bytes:
        return self._x509.public_bytes(serialization.Encoding.DER)


def rsa_key(purpose: str) -> rsa.RSAPrivateKey:
    """Return the RSA key of this process for ``purpose``: the same at each call."""
    if purpose not in _KEYS:
        _KEYS[purpose] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return _KEYS[purpose]


@cache
def certificate(common_name: str) -> Certificate:
    """Return a self-signed certificate with its own key: the same at each call with this name."""
    key = rsa_key(common_name)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(timezone.utc)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return Certificate(
        certificate_pem=built.public_bytes(serialization.Encoding.PEM).decode(),
        private_key_pem=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b'=').decode()
