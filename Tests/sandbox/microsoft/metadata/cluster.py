"""A Kubernetes cluster (AKS) with an identity binding: what its webhook puts into a pod, and who may ask its token proxy."""

import base64
import hashlib
import ssl
from pathlib import Path
from typing import Any

import jwt
import trustme

from sandbox.microsoft.certificates import certificate
from sandbox.microsoft.clock import Clock
from sandbox.microsoft.entra.errors import EntraError, outside_its_time

AUDIENCE = 'api://AKSIdentityBinding'
ISSUER = 'https://oidc.example/cluster'
SUBJECT = 'system:serviceaccount:soar:engine'
TOKEN_SECONDS = 3600
# The name that the proxy answers to. It is not that of its address, and has no entry in a DNS.
SERVER_NAME = f'a{base64.b32hexencode(hashlib.sha256(ISSUER.encode()).digest()).decode().rstrip("=").lower()}.ests.aks'


class Cluster:
    """The service account of a pod, and the certificate authority of the cluster.

    Attributes:
        ca_file: PEM file of that authority, which no one else trusts.
        tls: of the token proxy.
    """

    def __init__(self, folder: Path) -> None:
        self._key = certificate('cluster')
        self._folder = folder
        authority = trustme.CA(organization_name='Local cluster')
        self.ca_file = folder / 'cluster-ca.crt'
        self.ca_file.write_bytes(authority.cert_pem.bytes())
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(SERVER_NAME).configure_cert(self.tls)
        self.tls.sni_callback = _refuse_other_names

    def pod(self, proxy: str, clock: Clock) -> dict[str, str]:
        """Return the variables of a pod whose service account has the identity binding, with a new token."""
        token = self._folder / 'azure-identity-token'
        token.write_text(self.token(clock))
        return {
            'AZURE_FEDERATED_TOKEN_FILE': str(token),
            'AZURE_KUBERNETES_TOKEN_PROXY': proxy,
            'AZURE_KUBERNETES_SNI_NAME': SERVER_NAME,
            'AZURE_KUBERNETES_CA_FILE': str(self.ca_file),
        }

    def token(self, clock: Clock, **claims: Any) -> str:
        """Return a token of the service account, with other ``claims``."""
        now = int(clock.now())
        known = {'iss': ISSUER, 'sub': SUBJECT, 'aud': [AUDIENCE], 'iat': now, 'nbf': now, 'exp': now + TOKEN_SECONDS}
        return jwt.encode({**known, **claims}, self._key.private_key_pem, algorithm='RS256')

    def check(self, assertion: str, now: float) -> None:
        """Raise EntraError for a token that is not of this service account, or not for identity bindings."""
        unchecked: Any = {'verify_exp': False, 'verify_nbf': False, 'verify_iat': False, 'verify_aud': False}
        try:
            claims = jwt.decode(assertion, self._key.public_key, algorithms=['RS256'], options=unchecked)
        except jwt.InvalidTokenError:
            raise EntraError(50027, 'The assertion is not a token of this cluster.') from None
        if AUDIENCE not in claims['aud']:
            raise EntraError(700212, f'The audience of the assertion is not {AUDIENCE}.')
        if not claims['nbf'] <= now < claims['exp']:
            raise outside_its_time(claims['nbf'], claims['exp'], now)
        if claims['sub'] != SUBJECT:
            raise EntraError(700213, f'The service account {claims["sub"]} may not use this managed identity.')


def _refuse_other_names(_socket: Any, name: str | None, _context: ssl.SSLContext) -> int | None:
    return None if name == SERVER_NAME else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
