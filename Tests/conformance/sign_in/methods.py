"""The authentication methods as keywords of `MicrosoftClient`, for the sandbox."""

from collections.abc import Callable

import authentication_methods
import MicrosoftApiModule
from authentication_methods import METHODS_BY_NAME, AuthenticationMethod
from conformance.sign_in.workbench import Settings, Workbench
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.samples import REDIRECT_URI

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
CORTEX_APP_NAME = 'ms-graph-mail-listener'


def self_deployed(workbench: Workbench, application: str) -> Settings:
    """Return the keywords of an instance with its own app registration."""
    cloud = workbench.cloud
    return {
        'self_deployed': True,
        'tenant_id': cloud.directory.tenants[0].tenant_id,
        'auth_id': cloud.directory.application(application).client_id,
        'azure_cloud': MicrosoftApiModule.get_azure_cloud(
            {
                'azure_ad_endpoint': workbench.at(cloud.authority),
                'graph_endpoint': cloud.graph,
                'server_url': cloud.resource_manager,
            },
            'conformance',
        ),
    }


def client_secret(workbench: Workbench) -> Settings:
    return {**self_deployed(workbench, 'daemon'), 'enc_key': workbench.cloud.directory.application('daemon').secret}


def certificate_ps256(workbench: Workbench) -> Settings:
    certificate = workbench.cloud.directory.application('daemon').certificate
    return {**self_deployed(workbench, 'daemon'), 'private_key': certificate.private_key_pem + certificate.certificate_pem}


def certificate_rs256(workbench: Workbench) -> Settings:
    certificate = workbench.cloud.directory.application('daemon').certificate
    return {
        **self_deployed(workbench, 'daemon'),
        'private_key': certificate.private_key_pem,
        'certificate_thumbprint': certificate.sha1_thumbprint,
    }


def signed_out(workbench: Workbench) -> Settings:
    """Return the keywords for an authorization code. No user has signed in."""
    return {
        **self_deployed(workbench, 'web'),
        'enc_key': workbench.cloud.directory.application('web').secret,
        'grant_type': MicrosoftApiModule.AUTHORIZATION_CODE,
        'redirect_uri': REDIRECT_URI,
    }


def redirect_of(workbench: Workbench, settings: Settings, user: str = ADA) -> str:
    """Start a sign-in, have the user finish it in the browser, and return the redirect URL."""
    login_url = MicrosoftApiModule.start_browser_sign_in(workbench.client(settings))
    authority = settings['azure_cloud'].endpoints.active_directory
    return Browser(workbench.cloud, user).sign_in(login_url.replace(authority, workbench.cloud.authority, 1))


def authorization_code(workbench: Workbench, user: str = ADA) -> Settings:
    """Return the keywords with the code of a user who has signed in. It is not redeemed yet."""
    settings = signed_out(workbench)
    return {**settings, 'auth_code': redirect_of(workbench, settings, user)}


def device_signed_out(workbench: Workbench) -> Settings:
    """Return the keywords for a device code. No user has signed in."""
    return {**self_deployed(workbench, 'device'), 'grant_type': MicrosoftApiModule.DEVICE_CODE}


def device_code(workbench: Workbench, user: str = ADA) -> Settings:
    """Return the keywords for a device code that the user has entered. No token was requested yet."""
    settings = device_signed_out(workbench)
    started = MicrosoftApiModule.start_device_sign_in(workbench.client(settings))
    Browser(workbench.cloud, user).enter_device_code(started['verification_uri'], started['user_code'])
    return settings


def cortex_app(workbench: Workbench, user: str = ADA) -> Settings:
    """Go through the consent page as a user."""
    service = workbench.cloud.token_service
    page = service.replace('/obtain-token', f'/{CORTEX_APP_NAME}')
    id_, token, key = Browser(workbench.cloud, user).consent_to_cortex_app(page)
    return {
        'app_name': CORTEX_APP_NAME,
        'auth_id': id_.replace(service, workbench.at(service)),
        'refresh_token': token,
        'enc_key': key,
    }


def managed_identity(host: str, identity: str = '') -> Callable[[Workbench], Settings]:
    """Return a function that returns the keywords of an instance on that kind of host.

    Args:
        identity: name of a user-assigned one; empty for the system-assigned.
    """

    def settings(workbench: Workbench) -> Settings:
        workbench.run_on(host)
        client_id = workbench.cloud.directory.managed_identity(identity).client_id if identity else ''
        return {
            'managed_identities_client_id': client_id or MicrosoftApiModule.MANAGED_IDENTITIES_SYSTEM_ASSIGNED,
            'managed_identities_resource_uri': workbench.cloud.graph,
        }

    return settings


# Functions that return the keywords, after the user has signed in
KEYWORDS: dict[AuthenticationMethod, Callable[[Workbench], Settings]] = {
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


def keywords(name: str, workbench: Workbench) -> Settings:
    """Return the keywords of `MicrosoftClient` for the method of that name, ready for the first token request."""
    return KEYWORDS[METHODS_BY_NAME[name]](workbench)
