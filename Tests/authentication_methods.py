"""The ways to sign in that are shown, and what an administrator enters for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.samples import REDIRECT_URI

ADA = 'ada@contoso.example'
BROWSER, DEVICE = 'browser', 'device'
Settings = dict[str, Any]


@dataclass(frozen=True)
class Way:
    """A way to sign in.

    Attributes:
        name: of the row, and of the instance.
        settings: gives the values of the instance's parameters.
        services: those of the cloud that the integration itself asks.
        person: how a person signs in, BROWSER or DEVICE; empty where nobody has to.
        engine: name of the engine that the instance runs on; empty means the server.
    """

    name: str
    settings: Callable[[MicrosoftCloud], Settings]
    services: tuple[str, ...] = ('entra', 'graph')
    person: str = ''
    engine: str = ''


def place(cloud: MicrosoftCloud) -> Settings:
    """Where the cloud is: every way needs it."""
    return {'azure_cloud': 'Custom', 'azure_ad_endpoint': cloud.authority, 'graph_endpoint': cloud.graph}


def consent_page(cloud: MicrosoftCloud) -> str:
    """The page of the Cortex app that hands out ID, Token and Key."""
    return cloud.token_service.replace('/obtain-token', '/ms-graph-mail-listener')


def cortex_app(cloud: MicrosoftCloud) -> Settings:
    """ID, Token and Key, which a person is shown after consenting."""
    registration_id, token, key = Browser(cloud, ADA).consent_to_cortex_app(consent_page(cloud))
    return {
        **place(cloud),
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
    """The certificate below its private key: assertions are signed with PS256."""
    certificate = cloud.directory.application('daemon').certificate
    return {**_daemon(cloud), 'creds_certificate': _secret(certificate.private_key_pem + certificate.certificate_pem)}


def certificate_by_thumbprint(cloud: MicrosoftCloud) -> Settings:
    """The SHA-1 thumbprint and the private key: assertions are signed with RS256."""
    certificate = cloud.directory.application('daemon').certificate
    return {**_daemon(cloud), 'creds_certificate': _secret(certificate.private_key_pem, certificate.sha1_thumbprint)}


def device_code(cloud: MicrosoftCloud) -> Settings:
    return {**_application(cloud, 'device'), 'auth_method': 'Device Code'}


def managed_identity(cloud: MicrosoftCloud) -> Settings:
    return {**place(cloud), 'use_managed_identities': True, 'mailbox_to_fetch': ADA}


def user_assigned_identity(cloud: MicrosoftCloud) -> Settings:
    client_id = cloud.directory.managed_identity('soar-engine').client_id
    return {**managed_identity(cloud), 'managed_identities_client_id': _secret(client_id)}


def _application(cloud: MicrosoftCloud, name: str) -> Settings:
    application = cloud.directory.application(name)
    return {
        **place(cloud),
        'self_deployed': True,
        'creds_auth_id': _secret(application.client_id),
        'creds_refresh_token': _secret(application.tenant_id),
    }


def _daemon(cloud: MicrosoftCloud) -> Settings:
    return {**_application(cloud, 'daemon'), 'auth_method': 'Client Credentials', 'mailbox_to_fetch': ADA}


def _secret(password: str, identifier: str = '') -> dict[str, str]:
    return {'identifier': identifier, 'password': password}


WAYS = (
    Way('Cortex app', cortex_app, ('token-service', 'graph')),
    Way('Authorization code', authorization_code, person=BROWSER),
    Way('Client secret', client_secret),
    Way('Certificate, PS256', certificate_with_key),
    Way('Certificate, RS256', certificate_by_thumbprint),
    Way('Device code', device_code, person=DEVICE),
    Way('Managed identity, system-assigned', managed_identity, ('imds', 'graph'), engine='azure-vm'),
    Way('Managed identity, user-assigned', user_assigned_identity, ('imds', 'graph'), engine='azure-vm'),
    Way('Managed identity, App Service', managed_identity, ('app-service', 'graph'), engine='app-service'),
    Way('Managed identity, Azure Arc', managed_identity, ('arc', 'graph'), engine='arc'),
)
