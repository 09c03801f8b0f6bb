"""The ways to sign in, as instances of integrations are configured: keywords of `MicrosoftClient` for the sandbox."""

from collections.abc import Callable
from dataclasses import dataclass

import MicrosoftApiModule
from conformance.sign_in import rows
from conformance.sign_in.world import Settings, World
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.samples import REDIRECT_URI

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
CORTEX_APP_NAME = 'ms-graph-mail-listener'


def self_deployed(world: World, application: str) -> Settings:
    """Keywords of an instance with an app registration of its own."""
    cloud = world.cloud
    return {
        'self_deployed': True,
        'tenant_id': cloud.directory.tenants[0].tenant_id,
        'auth_id': cloud.directory.application(application).client_id,
        'azure_cloud': MicrosoftApiModule.get_azure_cloud(
            {'azure_ad_endpoint': world.at(cloud.authority), 'graph_endpoint': cloud.graph, 'server_url': cloud.resource_manager},
            'conformance',
        ),
    }


def client_secret(world: World) -> Settings:
    return {**self_deployed(world, 'daemon'), 'enc_key': world.cloud.directory.application('daemon').secret}


def certificate_ps256(world: World) -> Settings:
    certificate = world.cloud.directory.application('daemon').certificate
    return {**self_deployed(world, 'daemon'), 'private_key': certificate.private_key_pem + certificate.certificate_pem}


def certificate_rs256(world: World) -> Settings:
    certificate = world.cloud.directory.application('daemon').certificate
    return {
        **self_deployed(world, 'daemon'),
        'private_key': certificate.private_key_pem,
        'certificate_thumbprint': certificate.sha1_thumbprint,
    }


def signed_out(world: World) -> Settings:
    """An authorization code is wanted, and nobody has signed in."""
    return {
        **self_deployed(world, 'web'),
        'enc_key': world.cloud.directory.application('web').secret,
        'grant_type': MicrosoftApiModule.AUTHORIZATION_CODE,
        'redirect_uri': REDIRECT_URI,
    }


def redirect_of(world: World, settings: Settings, user: str = ADA) -> str:
    """Starts a sign-in, has the person finish it in the browser, and gives the address on which it ends."""
    login_url = MicrosoftApiModule.start_browser_sign_in(world.client(settings))
    authority = settings['azure_cloud'].endpoints.active_directory
    return Browser(world.cloud, user).sign_in(login_url.replace(authority, world.cloud.authority, 1))


def authorization_code(world: World, user: str = ADA) -> Settings:
    """A person has signed in, and pasted the code into the settings. Nothing was redeemed yet."""
    settings = signed_out(world)
    return {**settings, 'auth_code': redirect_of(world, settings, user)}


def device_signed_out(world: World) -> Settings:
    """A device code is wanted, and nobody has signed in."""
    return {**self_deployed(world, 'device'), 'grant_type': MicrosoftApiModule.DEVICE_CODE}


def device_code(world: World, user: str = ADA) -> Settings:
    """A person has entered the device code. Nothing was asked for since."""
    settings = device_signed_out(world)
    started = MicrosoftApiModule.start_device_sign_in(world.client(settings))
    Browser(world.cloud, user).enter_device_code(started['verification_uri'], started['user_code'])
    return settings


def cortex_app(world: World, user: str = ADA) -> Settings:
    """A person has gone through the consent page."""
    service = world.cloud.token_service
    page = service.replace('/obtain-token', f'/{CORTEX_APP_NAME}')
    id_, token, key = Browser(world.cloud, user).consent_to_cortex_app(page)
    return {
        'app_name': CORTEX_APP_NAME,
        'auth_id': id_.replace(service, world.at(service)),
        'refresh_token': token,
        'enc_key': key,
    }


def managed_identity(host: str, identity: str = '') -> Callable[[World], Settings]:
    """What makes the keywords of an instance that runs on that kind of host.

    Args:
        identity: name of a user-assigned one; empty for the system-assigned.
    """

    def settings(world: World) -> Settings:
        world.run_on(host)
        client_id = world.cloud.directory.managed_identity(identity).client_id if identity else ''
        return {
            'managed_identities_client_id': client_id or MicrosoftApiModule.MANAGED_IDENTITIES_SYSTEM_ASSIGNED,
            'managed_identities_resource_uri': world.cloud.graph,
        }

    return settings


@dataclass(frozen=True)
class Way:
    """One way to sign in.

    Args:
        service, path: of the sandbox, where its tokens come from.
        settings: makes the keywords, and has the person do what a person has to.
        has_refresh_token: the store holds one once it has signed in.
        challenges: requests that come before each one that brings a token.
    """

    service: str
    path: str
    settings: Callable[[World], Settings]
    has_refresh_token: bool = False
    challenges: int = 0


WAYS = {
    rows.CLIENT_SECRET: Way('entra', '/token$', client_secret),
    rows.CERTIFICATE_PS256: Way('entra', '/token$', certificate_ps256),
    rows.CERTIFICATE_RS256: Way('entra', '/token$', certificate_rs256),
    rows.AUTHORIZATION_CODE: Way('entra', '/token$', authorization_code, has_refresh_token=True),
    rows.DEVICE_CODE: Way('entra', '/token$', device_code, has_refresh_token=True),
    rows.CORTEX_APP: Way('token-service', '/obtain-token$', cortex_app, has_refresh_token=True),
    rows.VM_SYSTEM_ASSIGNED: Way('imds', '/token$', managed_identity('azure-vm')),
    rows.VM_USER_ASSIGNED: Way('imds', '/token$', managed_identity('azure-vm', 'soar-engine')),
    rows.APP_SERVICE: Way('app-service', '/token$', managed_identity('app-service')),
    rows.ARC: Way('arc', '/token$', managed_identity('arc'), challenges=1),
}
