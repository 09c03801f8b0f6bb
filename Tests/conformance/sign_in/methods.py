"""The authentication methods as keywords of `MicrosoftClient`, for the sandbox."""

from collections.abc import Callable

import authentication_methods
import MicrosoftApiModule
from authentication_methods import METHODS_BY_NAME, AuthenticationMethod
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
    """Starts a sign-in, has the user finish it in the browser, and returns the address on which it ends."""
    login_url = MicrosoftApiModule.start_browser_sign_in(world.client(settings))
    authority = settings['azure_cloud'].endpoints.active_directory
    return Browser(world.cloud, user).sign_in(login_url.replace(authority, world.cloud.authority, 1))


def authorization_code(world: World, user: str = ADA) -> Settings:
    """The user has signed in, and pasted the code into the settings. Nothing was redeemed yet."""
    settings = signed_out(world)
    return {**settings, 'auth_code': redirect_of(world, settings, user)}


def device_signed_out(world: World) -> Settings:
    """A device code is wanted, and nobody has signed in."""
    return {**self_deployed(world, 'device'), 'grant_type': MicrosoftApiModule.DEVICE_CODE}


def device_code(world: World, user: str = ADA) -> Settings:
    """The user has entered the device code. Nothing was asked for since."""
    settings = device_signed_out(world)
    started = MicrosoftApiModule.start_device_sign_in(world.client(settings))
    Browser(world.cloud, user).enter_device_code(started.verification_uri, started.user_code)
    return settings


def cortex_app(world: World, user: str = ADA) -> Settings:
    """The user has gone through the consent page."""
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


# Makes the keywords, and has the user do what a user has to
KEYWORDS: dict[AuthenticationMethod, Callable[[World], Settings]] = {
    authentication_methods.CLIENT_SECRET: client_secret,
    authentication_methods.CERTIFICATE_PS256: certificate_ps256,
    authentication_methods.CERTIFICATE_RS256: certificate_rs256,
    authentication_methods.AUTHORIZATION_CODE: authorization_code,
    authentication_methods.DEVICE_CODE: device_code,
    authentication_methods.CORTEX_APP: cortex_app,
    authentication_methods.VM_SYSTEM_ASSIGNED: managed_identity('azure-vm'),
    authentication_methods.VM_USER_ASSIGNED: managed_identity('azure-vm', 'soar-engine'),
    authentication_methods.APP_SERVICE: managed_identity('app-service'),
    authentication_methods.ARC: managed_identity('arc'),
}


def keywords(name: str, world: World) -> Settings:
    """Return the keywords of `MicrosoftClient` for the method of that name, ready for the first token request."""
    return KEYWORDS[METHODS_BY_NAME[name]](world)
