"""Changes of the settings of an instance that has signed in: the old token is never used for the new settings."""

import base64
from collections.abc import Callable
from dataclasses import dataclass

from conformance.sign_in.methods import BOB, authorization_code, cortex_app
from conformance.sign_in.rows import *
from conformance.sign_in.workbench import Settings, Workbench
from MicrosoftApiModule import get_azure_cloud
from MicrosoftCoreApiModule import AZURE_GERMAN_CLOUD, CredentialError
from MicrosoftTokenRequestApiModule import SignInRefusedError, SignInRequiredError, SignInUnavailableError
from sandbox.microsoft.certificates import certificate
from sandbox.microsoft.entra.model import Application, Secret

NEW = Call()
SAME = Call(SAME_TOKEN, requests=0)
CODE_USED = Call(Refusal(SignInRequiredError, 'AADSTS54005', 'Start the sign-in again'))
NO_USER = Call(Refusal(SignInRequiredError, 'No user has signed in', 'Start the sign-in'))
UNKNOWN_ID = '00000000-0000-4000-8000-000000000000'
Change = Callable[[Workbench, Settings], Settings]


def refused(says: str, advice: str) -> Call:
    return Call(Refusal(SignInRefusedError, says, advice))


def not_sent(says: str, advice: str) -> Call:
    return Call(Refusal(CredentialError, says, advice), requests=0)


@dataclass(frozen=True)
class Changed:
    """A change of the settings of one method.

    Args:
        change: returns the new keywords.
        call: the outcome of the first token request.
    """

    case: str
    method: str
    situation: str
    change: Change
    call: Call

    def __str__(self) -> str:
        return f'{self.method} - {self.case} - {self.situation}'


# region secrets and certificates


def daemon(workbench: Workbench) -> Application:
    return workbench.cloud.directory.application('daemon')


def new_secret(workbench: Workbench, settings: Settings) -> Settings:
    workbench.cloud.directory.application(settings['auth_id']).secrets.append(Secret(value='another~secret'))
    return {'enc_key': 'another~secret'}


def new_certificate(workbench: Workbench, _settings: Settings) -> Settings:
    following = certificate('soar-next')
    daemon(workbench).certificates.append(following)
    return {'private_key': following.private_key_pem + following.certificate_pem}


def certificate_for_secret(workbench: Workbench, _settings: Settings) -> Settings:
    own = daemon(workbench).certificate
    return {'enc_key': '', 'private_key': own.private_key_pem + own.certificate_pem}


def key_of_another(workbench: Workbench, _settings: Settings) -> Settings:
    return {'private_key': certificate('soar-next').private_key_pem + daemon(workbench).certificate.certificate_pem}


SECRETS = [
    Changed('secret changed', CLIENT_SECRET, 'new one', new_secret, NEW),
    Changed(
        'secret changed',
        CLIENT_SECRET,
        'wrong one',
        lambda _workbench, _settings: {'enc_key': 'wrong~secret'},
        refused('AADSTS7000215', 'Value (not its Secret ID)'),
    ),
    Changed('secret changed', CLIENT_SECRET, 'certificate in its place', certificate_for_secret, NEW),
    Changed('secret changed', AUTHORIZATION_CODE, 'new one', new_secret, SAME),
    Changed('secret changed', CERTIFICATE_PS256, 'new certificate', new_certificate, NEW),
    Changed(
        'secret changed',
        CERTIFICATE_PS256,
        'key of another certificate',
        key_of_another,
        not_sent('does not belong to the certificate', 'that belong together'),
    ),
    Changed(
        'secret changed',
        CERTIFICATE_RS256,
        'thumbprint by SHA-256',
        lambda workbench, _settings: {'certificate_thumbprint': daemon(workbench).certificate.sha256_thumbprint},
        NEW,
    ),
    Changed(
        'secret changed',
        CERTIFICATE_RS256,
        'thumbprint of another certificate',
        lambda _workbench, _settings: {'certificate_thumbprint': certificate('soar-next').sha1_thumbprint},
        refused('AADSTS700027', 'Upload the certificate'),
    ),
    Changed(
        'secret changed',
        CORTEX_APP,
        'Key of another consent',
        lambda _workbench, _settings: {'enc_key': base64.b64encode(b'k' * 32).decode()},
        refused('decrypt', 'go through the consent page again'),
    ),
    Changed(
        'secret changed',
        CORTEX_APP,
        'Key that is none',
        lambda _workbench, _settings: {'enc_key': 'client~secret'},
        not_sent('Key is not the Key of the Cortex XSOAR application', 'Paste the Key that the consent page shows'),
    ),
]

# endregion
# region tenant and client

TENANTS = [
    Changed(
        'tenant changed',
        CLIENT_SECRET,
        'same tenant by its domain',
        lambda workbench, _settings: {'tenant_id': workbench.cloud.directory.tenants[0].domain},
        NEW,
    ),
    Changed(
        'tenant changed',
        CERTIFICATE_PS256,
        'same tenant by its domain',
        lambda workbench, _settings: {'tenant_id': workbench.cloud.directory.tenants[0].domain},
        NEW,
    ),
    Changed(
        'tenant changed',
        CLIENT_SECRET,
        'another one',
        lambda workbench, _settings: {'tenant_id': workbench.cloud.directory.tenants[1].tenant_id},
        refused('AADSTS700016', 'Token (tenant ID)'),
    ),
    Changed(
        'tenant changed',
        CLIENT_SECRET,
        'unknown one',
        lambda _workbench, _settings: {'tenant_id': UNKNOWN_ID},
        refused('AADSTS90002', 'Check Token (tenant ID)'),
    ),
    Changed(
        'tenant changed',
        AUTHORIZATION_CODE,
        'same tenant by its domain',
        lambda workbench, _settings: {'tenant_id': workbench.cloud.directory.tenants[0].domain},
        NEW,
    ),
    Changed(
        'tenant changed',
        DEVICE_CODE,
        'another one',
        lambda workbench, _settings: {'tenant_id': workbench.cloud.directory.tenants[1].tenant_id},
        NO_USER,
    ),
]


def web_for_daemon(workbench: Workbench, _settings: Settings) -> Settings:
    web = workbench.cloud.directory.application('web')
    return {'auth_id': web.client_id, 'enc_key': web.secret}


def daemon_for_web(workbench: Workbench, _settings: Settings) -> Settings:
    return {'auth_id': daemon(workbench).client_id, 'enc_key': daemon(workbench).secret}


def user_assigned(workbench: Workbench, _settings: Settings) -> Settings:
    return {'managed_identities_client_id': workbench.cloud.directory.managed_identity('soar-engine').client_id}


def unknown_identity(_workbench: Workbench, _settings: Settings) -> Settings:
    return {'managed_identities_client_id': UNKNOWN_ID}


CLIENT_IDS = [
    Changed('client ID changed', CLIENT_SECRET, 'another application', web_for_daemon, NEW),
    Changed(
        'client ID changed',
        CLIENT_SECRET,
        'unknown one',
        lambda _workbench, _settings: {'auth_id': UNKNOWN_ID},
        refused('AADSTS700016', 'Check ID (client ID)'),
    ),
    Changed(
        'client ID changed',
        AUTHORIZATION_CODE,
        'another application',
        daemon_for_web,
        Call(Refusal(SignInRequiredError, 'AADSTS70000', 'Sign in again')),
    ),
    Changed(
        'client ID changed',
        DEVICE_CODE,
        'another application',
        lambda workbench, _settings: {'auth_id': workbench.cloud.directory.application('web').client_id},
        NO_USER,
    ),
    Changed(
        'client ID changed',
        CORTEX_APP,
        'ID of another consent',
        lambda workbench, _settings: {'auth_id': cortex_app(workbench)['auth_id']},
        refused('decrypt', 'Check that ID, Token and Key are of the same consent'),
    ),
    Changed('client ID changed', VM_SYSTEM_ASSIGNED, 'user-assigned', user_assigned, NEW),
    Changed(
        'client ID changed',
        VM_USER_ASSIGNED,
        'system-assigned',
        lambda _workbench, _settings: {'managed_identities_client_id': 'SYSTEM_ASSIGNED'},
        NEW,
    ),
    Changed(
        'client ID changed',
        VM_SYSTEM_ASSIGNED,
        'unknown one',
        unknown_identity,
        refused('Identity not found', 'Turn on the managed identity'),
    ),
    Changed('client ID changed', APP_SERVICE, 'user-assigned', user_assigned, NEW),
    Changed(
        'client ID changed',
        APP_SERVICE,
        'unknown one',
        unknown_identity,
        refused('No managed identity was found', 'Azure Managed Identities Client ID'),
    ),
    Changed('client ID changed', ARC, 'user-assigned', user_assigned, NEW),
    Changed(
        'client ID changed',
        ARC,
        'unknown one',
        unknown_identity,
        Call(Refusal(SignInUnavailableError, 'Identity not found', 'Azure Managed Identities Client ID'), 10, waits=(9, 15)),
    ),
]

# endregion
# region cloud


def same_login_host_by_number(workbench: Workbench, _settings: Settings) -> Settings:
    return {
        'azure_cloud': get_azure_cloud(
            {
                'azure_ad_endpoint': workbench.cloud.authority.replace('localhost', '127.0.0.1'),
                'graph_endpoint': workbench.cloud.graph,
            },
            'conformance',
        )
    }


def other_graph(workbench: Workbench, _settings: Settings) -> Settings:
    return {
        'azure_cloud': get_azure_cloud(
            {'azure_ad_endpoint': workbench.cloud.authority, 'graph_endpoint': workbench.cloud.resource_manager}, 'conformance'
        )
    }


CLOUDS = [
    Changed('cloud changed', CLIENT_SECRET, 'another login host', same_login_host_by_number, NEW),
    Changed('cloud changed', AUTHORIZATION_CODE, 'another login host', same_login_host_by_number, CODE_USED),
    Changed('cloud changed', DEVICE_CODE, 'another login host', same_login_host_by_number, NO_USER),
    Changed('cloud changed', CLIENT_SECRET, 'another Graph', other_graph, NEW),
    Changed('cloud changed', CORTEX_APP, 'another Graph', other_graph, NEW),
    Changed(
        'cloud changed',
        CLIENT_SECRET,
        'the old German cloud',
        lambda _workbench, _settings: {'azure_cloud': AZURE_GERMAN_CLOUD},
        not_sent('was closed on 2021-10-29', 'Select the cloud'),
    ),
    Changed(
        'cloud changed',
        CORTEX_APP,
        'another token service',
        lambda _workbench, settings: {'auth_id': settings['auth_id'].replace('localhost', '127.0.0.1')},
        Call(Refusal(SignInRequiredError, 'AADSTS70000', 'go through the consent page again')),
    ),
    Changed(
        'cloud changed',
        CORTEX_APP,
        'a token service without TLS',
        lambda _workbench, _settings: {'auth_id': f'{UNKNOWN_ID}@http://tokens.example'},
        not_sent('The token service in ID is not an https', 'starting with https://'),
    ),
    *(
        Changed(
            'cloud changed',
            method,
            'another Graph',
            lambda workbench, _settings: {'managed_identities_resource_uri': workbench.cloud.resource_manager},
            NEW,
        )
        for method in HOSTS
    ),
]

# endregion
# region code


def code_of_bob(workbench: Workbench, _settings: Settings) -> Settings:
    return {'auth_code': authorization_code(workbench, BOB)['auth_code']}


CODES = [
    Changed('code changed', AUTHORIZATION_CODE, 'another user has signed in', code_of_bob, NEW),
    Changed(
        'code changed',
        AUTHORIZATION_CODE,
        'an invalid code',
        lambda _workbench, _settings: {'auth_code': '0.made-up'},
        Call(Refusal(SignInRequiredError, 'AADSTS9002313', 'Paste all of it')),
    ),
    Changed('code changed', AUTHORIZATION_CODE, 'removed', lambda _workbench, _settings: {'auth_code': ''}, SAME),
    Changed(
        'code changed',
        AUTHORIZATION_CODE,
        'an invalid refresh token',
        lambda _workbench, _settings: {'auth_code': 'refresh_token:1.made-up'},
        Call(Refusal(SignInRequiredError, 'AADSTS9002313', 'Paste all of it')),
    ),
    Changed(
        'code changed', CORTEX_APP, 'another user has consented', lambda workbench, _settings: cortex_app(workbench, BOB), NEW
    ),
    Changed(
        'code changed',
        CORTEX_APP,
        'an invalid Token',
        lambda _workbench, _settings: {'refresh_token': 'made-up-token'},
        Call(Refusal(SignInRequiredError, 'AADSTS70000', 'go through the consent page again')),
    ),
]

# endregion

ROWS = [*SECRETS, *TENANTS, *CLIENT_IDS, *CLOUDS, *CODES]
