"""The authentication methods, in one list. The demo, the tables of the tests and the checks of the documentation go through it.

A method that is added here fails tests until it is demonstrated, tested in every case and documented; one that the product has
and this list lacks fails them too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.samples import REDIRECT_URI

ADA = 'ada@contoso.example'
IN_BROWSER, BY_DEVICE_CODE = 'browser', 'device code'
Settings = dict[str, Any]


@dataclass(frozen=True)
class AuthenticationMethod:
    """One authentication method.

    Attributes:
        name: in tables, and of the instance that shows it.
        settings: returns the values of the integration's parameters for a cloud.
        option: what the documentation calls the choice in the settings of an instance.
        terms: what the section on that option has to mention, in the guide and in the description of the integration.
        credential: name of the product's class for it.
        token_service: the service of the cloud that issues its tokens.
        sign_in: how a user signs in, IN_BROWSER or BY_DEVICE_CODE; empty if no user has to, or has consented before.
        engine: name of the engine that the instance runs on; empty means the server.
        has_refresh_token: whether the token cache holds a refresh token after the sign-in.
        challenges: requests that come before each request that brings a token.
    """

    name: str
    settings: Callable[[MicrosoftCloud], Settings]
    option: str
    terms: tuple[str, ...]
    credential: str
    token_service: str = 'entra'
    sign_in: str = ''
    engine: str = ''
    has_refresh_token: bool = False
    challenges: int = 0

    @property
    def requests(self) -> int:
        """How many requests the integration sends from the start of the sign-in to the answer of auth-test: token and mailbox,
        a challenge, and the one that starts a sign-in by device code."""
        return 2 + self.challenges + (self.sign_in == BY_DEVICE_CODE)


# region settings of the integration


def cloud_settings(cloud: MicrosoftCloud) -> Settings:
    """Return the addresses of the cloud, which every method needs."""
    return {'azure_cloud': 'Custom', 'azure_ad_endpoint': cloud.authority, 'graph_endpoint': cloud.graph}


def consent_page(cloud: MicrosoftCloud) -> str:
    """Return the URL of the page of the Cortex app that shows ID, Token and Key."""
    return cloud.token_service.replace('/obtain-token', '/ms-graph-mail-listener')


def cortex_app(cloud: MicrosoftCloud) -> Settings:
    """Have Ada consent; return the ID, Token and Key that the page shows her."""
    registration_id, token, key = Browser(cloud, ADA).consent_to_cortex_app(consent_page(cloud))
    return {
        **cloud_settings(cloud),
        'creds_auth_id': _secret(registration_id),
        'creds_refresh_token': _secret(token),
        'creds_enc_key': _secret(key),
    }


def authorization_code(cloud: MicrosoftCloud) -> Settings:
    return {
        **_application(cloud, 'web'),
        'auth_method': 'Authorization Code',
        'redirect_uri': REDIRECT_URI,
        'creds_enc_key': _secret(cloud.directory.application('web').secret),
    }


def client_secret(cloud: MicrosoftCloud) -> Settings:
    return {**_daemon(cloud), 'creds_enc_key': _secret(cloud.directory.application('daemon').secret)}


def certificate_with_key(cloud: MicrosoftCloud) -> Settings:
    """Return settings with the private key and the certificate: assertions are signed with PS256."""
    certificate = cloud.directory.application('daemon').certificate
    return {**_daemon(cloud), 'creds_certificate': _secret(certificate.private_key_pem + certificate.certificate_pem)}


def certificate_by_thumbprint(cloud: MicrosoftCloud) -> Settings:
    """Return settings with the private key and the SHA-1 thumbprint: assertions are signed with RS256."""
    certificate = cloud.directory.application('daemon').certificate
    return {**_daemon(cloud), 'creds_certificate': _secret(certificate.private_key_pem, certificate.sha1_thumbprint)}


def device_code(cloud: MicrosoftCloud) -> Settings:
    return {**_application(cloud, 'device'), 'auth_method': 'Device Code'}


def managed_identity(cloud: MicrosoftCloud) -> Settings:
    return {**cloud_settings(cloud), 'use_managed_identities': True, 'mailbox_to_fetch': ADA}


def user_assigned_identity(cloud: MicrosoftCloud) -> Settings:
    client_id = cloud.directory.managed_identity('soar-engine').client_id
    return {**managed_identity(cloud), 'managed_identities_client_id': _secret(client_id)}


def _application(cloud: MicrosoftCloud, name: str) -> Settings:
    application = cloud.directory.application(name)
    return {
        **cloud_settings(cloud),
        'self_deployed': True,
        'creds_auth_id': _secret(application.client_id),
        'creds_refresh_token': _secret(application.tenant_id),
    }


def _daemon(cloud: MicrosoftCloud) -> Settings:
    return {**_application(cloud, 'daemon'), 'auth_method': 'Client Credentials', 'mailbox_to_fetch': ADA}


def _secret(password: str, identifier: str = '') -> dict[str, str]:
    return {'identifier': identifier, 'password': password}


# endregion
# region the methods

CORTEX_APP = AuthenticationMethod(
    'Cortex app',
    cortex_app,
    option='Cortex XSOAR application',
    terms=('consent page',),
    credential='CortexAppCredential',
    token_service='token-service',
    has_refresh_token=True,
)
AUTHORIZATION_CODE = AuthenticationMethod(
    'Authorization code',
    authorization_code,
    option='Authorization Code',
    terms=('redirect URI', '!msgraph-mail-auth-start', '!msgraph-mail-auth-complete'),
    credential='AuthorizationCodeCredential',
    sign_in=IN_BROWSER,
    has_refresh_token=True,
)
CLIENT_SECRET = AuthenticationMethod(
    'Client secret', client_secret, option='Client Credentials', terms=('client secret',), credential='ClientSecretCredential'
)
CERTIFICATE_PS256 = AuthenticationMethod(
    'Certificate, PS256',
    certificate_with_key,
    option='Client Credentials',
    terms=('certificate', 'private key'),
    credential='CertificateCredential',
)
CERTIFICATE_RS256 = AuthenticationMethod(
    'Certificate, RS256',
    certificate_by_thumbprint,
    option='Client Credentials',
    terms=('certificate', 'private key', 'SHA-1', 'thumbprint'),
    credential='CertificateCredential',
)
DEVICE_CODE = AuthenticationMethod(
    'Device code',
    device_code,
    option='Device Code',
    terms=('public client flows', '!msgraph-mail-auth-start', '!msgraph-mail-auth-complete'),
    credential='DeviceCodeCredential',
    sign_in=BY_DEVICE_CODE,
    has_refresh_token=True,
)
VM_SYSTEM_ASSIGNED = AuthenticationMethod(
    'Managed identity, system-assigned',
    managed_identity,
    option='Azure Managed Identities',
    terms=('system-assigned', 'VM'),
    credential='ManagedIdentityCredential',
    token_service='imds',
    engine='azure-vm',
)
VM_USER_ASSIGNED = AuthenticationMethod(
    'Managed identity, user-assigned',
    user_assigned_identity,
    option='Azure Managed Identities',
    terms=('user-assigned', 'Azure Managed Identities Client ID'),
    credential='ManagedIdentityCredential',
    token_service='imds',
    engine='azure-vm',
)
APP_SERVICE = AuthenticationMethod(
    'Managed identity, App Service',
    managed_identity,
    option='Azure Managed Identities',
    terms=('App Service',),
    credential='ManagedIdentityCredential',
    token_service='app-service',
    engine='app-service',
)
ARC = AuthenticationMethod(
    'Managed identity, Azure Arc',
    managed_identity,
    option='Azure Managed Identities',
    terms=('Azure Arc',),
    credential='ManagedIdentityCredential',
    token_service='arc',
    engine='arc',
    challenges=1,
)

METHODS = (
    CORTEX_APP,
    AUTHORIZATION_CODE,
    CLIENT_SECRET,
    CERTIFICATE_PS256,
    CERTIFICATE_RS256,
    DEVICE_CODE,
    VM_SYSTEM_ASSIGNED,
    VM_USER_ASSIGNED,
    APP_SERVICE,
    ARC,
)
METHODS_BY_NAME = {method.name: method for method in METHODS}

# endregion
