"""Unit tests of the authentication methods. Responses come from a script, not from a service."""

import base64
import hashlib
import json
import re
import subprocess
import sys
import uuid
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from MicrosoftCoreApiModule import CredentialError
from MicrosoftCoreApiModule_test import says
from MicrosoftTokenRequestApiModule_test import ScriptedService
from MicrosoftTokenRequestApiModule import (
    SignInRefusedError,
    SignInRequiredError,
    SignInUnavailableError,
    TokenClient,
    TokenRequest,
    TokenTarget,
)
from MicrosoftCredentialsApiModule import (
    AuthenticationMethod,
    AuthorizationCodeCredential,
    CachedSession,
    CertificateCredential,
    ClientSecretCredential,
    CortexAppCredential,
    Credential,
    DeviceCodeCredential,
    EntraCredential,
    ManagedIdentityCredential,
    PendingSignIn,
    create_credential,
    encrypt_for_token_service,
    parse_authorization_response,
    with_offline_access,
)

LOGIN, TENANT, CLIENT = 'https://login.example', '7d9a4b0e-52c1-4f3a-9a67-0c5d1e8f2b34', '1b2c3d4e-0001-4a5b-8c7d-9e0f1a2b3c4d'
V1_URL = f'{LOGIN}/{TENANT}/oauth2/token'
REDIRECT_URI = 'https://localhost/myapp'
TARGET = TokenTarget(scope='https://graph.microsoft.com/.default')
NOTHING = CachedSession()
AES_KEY = base64.b64encode(bytes(range(32))).decode()
SECRET = 'Very~secret'
# by name, since the machine of the tests may have the key folder of Azure Arc
VIRTUAL_MACHINE = {'AZURE_POD_IDENTITY_AUTHORITY_HOST': 'http://169.254.169.254'}
SHA1, SHA256 = 'AB' * 20, '0F' * 32

# region certificates and credentials


class Certificate(NamedTuple):
    """A self-signed certificate and its private key."""

    certificate_pem: str
    private_key_pem: str

    def digest(self, algorithm: str) -> bytes:
        der = base64.b64decode(''.join(self.certificate_pem.splitlines()[1:-1]))
        return hashlib.new(algorithm, der).digest()


@cache
def certificate(name: str, kind: str = 'rsa') -> Certificate:
    """Return the same certificate for each call with this name and this kind of key."""
    key = ed25519.Ed25519PrivateKey.generate() if kind == 'ed25519' else rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
    signed = (
        builder.not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    private_key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Certificate(signed.public_bytes(Encoding.PEM).decode(), private_key.decode())


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip('=')


OWN = certificate('unit-test')
PEM = OWN.private_key_pem + OWN.certificate_pem
SHA1_OF_OWN, SHA256_OF_OWN = (OWN.digest(algorithm).hex().upper() for algorithm in ('sha1', 'sha256'))


def secret_of(
    client_secret: str = SECRET,
    tenant: str = TENANT,
    client: str = CLIENT,
    login: str = LOGIN,
    url: str = '',
) -> ClientSecretCredential:
    return ClientSecretCredential(login, tenant, client, client_secret, url)


def code_of(
    code: str = '', client: EntraCredential | None = None, redirect_uri: str = REDIRECT_URI
) -> AuthorizationCodeCredential:
    return AuthorizationCodeCredential(client or secret_of(), redirect_uri, code)


def cortex(**changes: Any) -> CortexAppCredential:
    return CortexAppCredential(
        **{
            'app_name': 'app',
            'registration_id': 'id@https://tokens.example/obtain',
            'token': 'a-token',
            'key': AES_KEY,
            **changes,
        }
    )


# endregion
# region authorization response


@pytest.mark.parametrize(
    'pasted, code, state',
    [
        ('0.code', '0.code', ''),
        (' 0.co\nde ', '0.code', ''),
        ('0.c%24', '0.c$', ''),
        ('0.code&session_state=1', '0.code', ''),
        ('0.c%24&session_state=1', '0.c$', ''),
        (f'{REDIRECT_URI}?code=0.c%24&state=s%3D', '0.c$', 's='),
        (f'{REDIRECT_URI}#code=c&state=s', 'c', 's'),
        ('?code=c&state=s', 'c', 's'),
        ('#code=c', 'c', ''),
        ('code=c', 'c', ''),
        ('state=s&code=c', 'c', 's'),
        ('&code=c', 'c', ''),
        (f'{REDIRECT_URI}?code=c#state=s', 'c', 's'),
        (f'"{REDIRECT_URI}?code=c"', 'c', ''),
        (f'{REDIRECT_URI}?code=0.a+b&state=s', '0.a+b', 's'),
        (f'{REDIRECT_URI}?code=c&amp;state=s', 'c', 's'),
        (f'{REDIRECT_URI}?code=c\\u0026state=s', 'c', 's'),
        (quote(f'{REDIRECT_URI}?code=c&state=s', safe=''), 'c', 's'),
        (quote(quote(quote(f'{REDIRECT_URI}?code=c&state=s', safe=''))), 'c', 's'),
        (f'https://filter.example/?url={quote(f"{REDIRECT_URI}?code=c&state=s", safe="")}&data=x', 'c', 's'),
        (f'<{REDIRECT_URI}?code=c> (copied)', 'c', ''),
        (f'[the page]({REDIRECT_URI}?code=c&state=s)', 'c', 's'),
        (f'[[{REDIRECT_URI}?code=old]({REDIRECT_URI}?code=c)', 'c', ''),
    ],
)
def test_a_code_is_found_in_the_pasted_text(pasted: str, code: str, state: str) -> None:
    response = parse_authorization_response(pasted)
    assert (response.code, response.state) == (code, state)
    assert repr(response) == '<AuthorizationResponse>'


NO_CODE = 'The authorization code is missing. Paste the full address of the page after the sign-in.'
NO_CODE_IN_URL = "The pasted URL contains no code. Copy the full address of the page after the sign-in. It contains 'code='."


@pytest.mark.parametrize(
    'pasted, message',
    [
        ('', NO_CODE),
        ('&state=x', NO_CODE),
        (REDIRECT_URI, NO_CODE_IN_URL),
        (f'{REDIRECT_URI}?state=s', NO_CODE_IN_URL),
        ('code=', NO_CODE_IN_URL),
        *(
            (
                pasted,
                'The authorization code contains the character U+00E9, which is not allowed in this field. '
                'Copy the value again, and paste only it.',
            )
            for pasted in ('cod\xe9', f'{REDIRECT_URI}?code=cod%C3%A9')
        ),
    ],
)
def test_a_text_without_a_code_is_rejected(pasted: str, message: str) -> None:
    with pytest.raises(CredentialError, match=says(message)):
        parse_authorization_response(pasted)


@pytest.mark.parametrize(
    'description, what, code',
    [
        ('&error_description=AADSTS65004%3a+Declined.+Trace+ID%3a+1', 'AADSTS65004: Declined.', 'AADSTS65004'),
        ('', 'access_denied.', 'access_denied'),
    ],
)
def test_a_redirect_url_with_an_error_raises_it(description: str, what: str, code: str) -> None:
    message = f'Microsoft refused the sign-in: {what} The sign-in was declined. Start it again and accept.'
    with pytest.raises(SignInRequiredError, match=says(message)) as refused:
        parse_authorization_response(f'{REDIRECT_URI}?error=access_denied{description}')
    assert refused.value.code == code


def test_a_redirect_url_with_a_pending_error_still_requires_a_sign_in() -> None:
    with pytest.raises(SignInRequiredError):
        parse_authorization_response('https://localhost/myapp?error=authorization_pending')


# endregion
# region identity


def test_the_identity_does_not_depend_on_how_values_were_pasted() -> None:
    assert secret_of().identity == secret_of(f' {SECRET}', f'{LOGIN}/{TENANT.upper()}/', f'{CLIENT}\n', f'{LOGIN}/').identity


DIFFERENT: list[Credential] = [
    secret_of(),
    secret_of('Other~secret'),
    secret_of(tenant='contoso.example'),
    secret_of(client='other'),
    secret_of(login='https://x.example'),
    secret_of(url=V1_URL),
    EntraCredential(LOGIN, TENANT, CLIENT),
    DeviceCodeCredential(LOGIN, TENANT, CLIENT),
    CertificateCredential(LOGIN, TENANT, CLIENT, PEM),
    CertificateCredential(LOGIN, TENANT, CLIENT, OWN.private_key_pem, SHA1),
    CertificateCredential(LOGIN, TENANT, CLIENT, OWN.private_key_pem, SHA256),
    CertificateCredential(LOGIN, TENANT, CLIENT, certificate('another').private_key_pem, SHA1),
    code_of(),
    code_of('code'),
    code_of(client=secret_of(client='other')),
    code_of(client=secret_of(login='https://x.example')),
    code_of(client=secret_of(url='https://x.example/token')),
    DeviceCodeCredential(LOGIN, TENANT, 'other'),
    cortex(),
    cortex(token='other'),
    cortex(key=base64.b64encode(b'k' * 16).decode()),
    cortex(app_name='other'),
    cortex(registration_id='other@https://tokens.example/obtain'),
    cortex(registration_id='id@https://tokens.example/other'),
    cortex(registration_id='id'),
    ManagedIdentityCredential(environment=VIRTUAL_MACHINE),
    ManagedIdentityCredential(CLIENT, VIRTUAL_MACHINE),
    ManagedIdentityCredential(environment={'AZURE_POD_IDENTITY_AUTHORITY_HOST': 'http://10.0.0.1/'}),
    ManagedIdentityCredential(environment={'IDENTITY_ENDPOINT': 'http://x', 'IDENTITY_HEADER': 'h'}),
    ManagedIdentityCredential(environment={'IDENTITY_ENDPOINT': 'http://x', 'IMDS_ENDPOINT': 'http://y'}),
]


def test_any_other_value_changes_the_identity() -> None:
    assert len({credential.identity for credential in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.parametrize(
    'other',
    [
        code_of('a code', client=secret_of('Other~secret')),
        code_of('a code', client=CertificateCredential(LOGIN, TENANT, CLIENT, PEM)),
        code_of('a code', client=EntraCredential(LOGIN, TENANT, CLIENT)),
        code_of('a code', client=secret_of(tenant='contoso.example')),
        code_of('a code', client=secret_of(url=V1_URL)),
        code_of('a code', redirect_uri='https://localhost/myapp/'),
    ],
)
def test_rotating_a_secret_keeps_the_session(other: AuthorizationCodeCredential) -> None:
    assert other.identity == code_of('a code').identity


def test_the_application_does_not_depend_on_what_a_user_pasted() -> None:
    assert code_of('one').application == code_of('two').application
    assert cortex(token='one').application == cortex(token='two').application
    assert code_of().application != secret_of().application


@pytest.mark.parametrize(
    'credential, method_name, description, needs_user, is_single_use',
    [
        (EntraCredential(LOGIN, TENANT, CLIENT), 'public-client', '', False, False),
        (secret_of(), 'client-secret', 'Self-deployed application, client secret', False, False),
        (
            CertificateCredential(LOGIN, TENANT, CLIENT, PEM),
            'certificate',
            'Self-deployed application, certificate',
            False,
            False,
        ),
        (code_of(), 'authorization-code', 'Self-deployed application, authorization code', True, False),
        (
            DeviceCodeCredential(LOGIN, TENANT, CLIENT),
            'device-code',
            'Self-deployed application, device code',
            True,
            False,
        ),
        (cortex(), 'cortex-app', 'Cortex XSOAR application', False, True),
        (ManagedIdentityCredential(environment=VIRTUAL_MACHINE), 'managed-identity', 'Azure managed identity', False, False),
    ],
)
def test_a_credential_tells_what_it_is(
    credential: Credential, method_name: str, description: str, needs_user: bool, is_single_use: bool
) -> None:
    assert (credential.method_name, credential.description) == (method_name, description)
    assert (credential.needs_user, credential.is_single_use) == (needs_user, is_single_use)


@pytest.mark.parametrize('credential', DIFFERENT)
def test_the_repr_of_a_credential_has_no_secret(credential: Credential) -> None:
    assert repr(credential) == f'<{type(credential).__name__} {credential.identity[:8]}>'
    assert str(credential) == repr(credential)


@pytest.mark.parametrize('kind', [Credential, ClientSecretCredential, AuthorizationCodeCredential, CortexAppCredential])
def test_a_credential_whose_values_were_rejected_has_a_repr(kind: type[Credential]) -> None:
    assert repr(kind.__new__(kind)) == f'<{kind.__name__} >'


SYSTEM_ASSIGNED = '/subscriptions/1/resourcegroups/soar/providers/Microsoft.Compute/virtualMachines/soar'
USER_ASSIGNED = '/subscriptions/1/resourcegroups/soar/providers/Microsoft.ManagedIdentity/userAssignedIdentities/soar'


@pytest.mark.parametrize(
    'credential, claims, expected',
    [
        (secret_of(), {}, True),
        (secret_of(), {'appid': CLIENT, 'tid': TENANT}, True),
        (secret_of(), {'appid': 'other', 'tid': TENANT}, False),
        (secret_of(), {'appid': CLIENT, 'tid': 'other'}, False),
        (secret_of(tenant='contoso.example'), {'appid': CLIENT, 'tid': 'any'}, True),
        (code_of(), {'appid': 'other'}, False),
        (code_of(), {'appid': CLIENT}, True),
        (secret_of(), {'azp': 'other'}, False),
        (secret_of(), {'appid': CLIENT, 'appidacr': '0'}, False),
        (secret_of(), {'appid': CLIENT, 'appidacr': '2'}, True),  # a secret may replace a certificate
        (code_of(), {'appid': CLIENT, 'azpacr': '0'}, False),
        (DeviceCodeCredential(LOGIN, TENANT, CLIENT), {'appid': CLIENT, 'appidacr': '0'}, True),
        (DeviceCodeCredential(LOGIN, TENANT, CLIENT), {'appid': CLIENT, 'appidacr': '1'}, False),
        (cortex(), {'appid': 'other'}, True),
        (cortex(), {'appid': 'other', 'appidacr': '1'}, True),
        (cortex(), {'appid': 'other', 'appidacr': '0'}, False),
        (cortex(), {'appid': 'other', 'appidacr': '2', 'xms_mirid': SYSTEM_ASSIGNED}, False),
        (ManagedIdentityCredential(environment=VIRTUAL_MACHINE), {}, True),
        (ManagedIdentityCredential(environment=VIRTUAL_MACHINE), {'appid': 'any', 'xms_mirid': SYSTEM_ASSIGNED}, True),
        (ManagedIdentityCredential(environment=VIRTUAL_MACHINE), {'appid': 'any', 'xms_mirid': USER_ASSIGNED}, False),
        (ManagedIdentityCredential(environment=VIRTUAL_MACHINE), {'appid': 'any', 'appidacr': '1'}, False),
        (ManagedIdentityCredential(CLIENT, VIRTUAL_MACHINE), {'appid': CLIENT, 'xms_mirid': USER_ASSIGNED}, True),
        (ManagedIdentityCredential(CLIENT, VIRTUAL_MACHINE), {'appid': 'other', 'xms_mirid': USER_ASSIGNED}, False),
    ],
)
def test_claims_match_unless_they_are_of_another_client_or_tenant_or_method(
    credential: Credential, claims: dict[str, Any], expected: bool
) -> None:
    assert credential.matches_claims(claims) == expected


# endregion
# region requests to Entra


@pytest.mark.parametrize(
    'scope, expected',
    [('a', 'a offline_access'), ('offline_access a', 'offline_access a'), ('', 'offline_access')],
)
def test_offline_access_is_added_once(scope: str, expected: str) -> None:
    assert with_offline_access(scope) == expected


def test_a_client_secret_is_sent_in_the_form() -> None:
    request = secret_of().token_request(TARGET, NOTHING)
    assert (request.method, request.url) == ('POST', f'{LOGIN}/{TENANT}/oauth2/v2.0/token')
    assert request.form == {
        'grant_type': 'client_credentials',
        'client_id': CLIENT,
        'client_secret': SECRET,
        'scope': TARGET.scope,
    }
    assert not request.is_host_service


def test_the_id_of_a_client_secret_in_its_place_is_recognized() -> None:
    body = json.dumps({'error': 'invalid_client', 'error_description': 'AADSTS7000215: Wrong.'})
    message = (
        'Microsoft refused the sign-in: AADSTS7000215: Wrong. Key looks like the ID of the client secret. '
        "Paste the secret's Value. If it is no longer shown, create a new secret."
    )
    with ScriptedService([(401, {}, body)]), pytest.raises(SignInRefusedError, match=says(message)):
        secret_of(TENANT).request_token(TokenClient(), TARGET, NOTHING)


def test_a_v1_endpoint_gets_a_resource_instead_of_a_scope() -> None:
    form = secret_of(url=V1_URL).token_request(TARGET, NOTHING).form
    assert form['resource'] == 'https://graph.microsoft.com'
    assert 'scope' not in form


def test_a_claims_challenge_is_part_of_the_form() -> None:
    assert secret_of().token_request(TokenTarget(scope='s', claims='{"x":1}'), NOTHING).form['claims'] == '{"x":1}'


@pytest.mark.parametrize('credential', [secret_of(tenant='common'), CertificateCredential(LOGIN, 'common', CLIENT, PEM)])
def test_an_application_needs_a_particular_tenant(credential: Credential) -> None:
    message = "Token is 'common', which is not a particular tenant. Enter the Directory (tenant) ID of your tenant in Token."
    with pytest.raises(CredentialError, match=says(message)):
        credential.token_request(TARGET, NOTHING)


@pytest.mark.parametrize('url', ['http://login.example', 'login.example', ''])
def test_a_login_host_without_tls_is_rejected(url: str) -> None:
    message = 'The Azure AD endpoint is not an https address. Enter the full address, starting with https://.'
    with pytest.raises(CredentialError, match=says(message)):
        secret_of(login=url)


def test_a_token_url_without_tls_is_rejected() -> None:
    message = 'The token URL is not an https address. Enter the full address, starting with https://.'
    with pytest.raises(CredentialError, match=says(message)):
        secret_of(url='http://login.example/token')


PASTED_CODE = f'{REDIRECT_URI}?code=0.c%24'


@pytest.mark.parametrize(
    'pasted, session, fields',
    [
        (PASTED_CODE, NOTHING, {'grant_type': 'authorization_code', 'code': '0.c$', 'redirect_uri': REDIRECT_URI}),
        (
            PASTED_CODE,
            CachedSession(pending=PendingSignIn(code_verifier='v')),
            {'grant_type': 'authorization_code', 'code': '0.c$', 'redirect_uri': REDIRECT_URI, 'code_verifier': 'v'},
        ),
        (
            PASTED_CODE,
            CachedSession('r', PendingSignIn(code_verifier='v')),
            {'grant_type': 'refresh_token', 'refresh_token': 'r'},
        ),
        ('', CachedSession('r'), {'grant_type': 'refresh_token', 'refresh_token': 'r'}),
        ('refresh_token:p', NOTHING, {'grant_type': 'refresh_token', 'refresh_token': 'p'}),
        ('refresh_token:p', CachedSession('r'), {'grant_type': 'refresh_token', 'refresh_token': 'r'}),
    ],
)
def test_a_code_is_redeemed_once_and_then_refreshed(pasted: str, session: CachedSession, fields: dict[str, str]) -> None:
    request = code_of(pasted).token_request(TARGET, session)
    assert request.form == {**fields, 'client_id': CLIENT, 'client_secret': SECRET, 'scope': f'{TARGET.scope} offline_access'}


@pytest.mark.parametrize(
    'credential, session',
    [
        (code_of(), NOTHING),
        (code_of(PASTED_CODE), CachedSession(is_code_redeemed=True)),
    ],
)
def test_without_a_session_a_sign_in_is_required(credential: Credential, session: CachedSession) -> None:
    message = 'No user has signed in with these settings. Start the sign-in, then complete it.'
    with pytest.raises(SignInRequiredError, match=says(message)):
        credential.token_request(TARGET, session)


def test_without_a_session_a_device_sign_in_may_have_been_blocked() -> None:
    message = (
        'No user has signed in with these settings. Start the sign-in, then complete it. '
        'If the browser says that access is blocked, choose Authorization Code, because the tenant does not allow device codes.'
    )
    with pytest.raises(SignInRequiredError, match=says(message)):
        DeviceCodeCredential(LOGIN, TENANT, CLIENT).token_request(TARGET, NOTHING)


@pytest.mark.parametrize(
    'pasted, state, is_taken',
    [
        ('https://localhost/myapp?code=c&state=mine', 'mine', True),
        ('c', '', True),
        ('c&state=mine', 'mine', True),
        ('https://localhost/myapp?code=c&state=x', '', True),
        ('https://localhost/myapp?code=c&state=of-somebody-else', 'mine', False),
    ],
)
def test_a_redirect_url_of_another_sign_in_is_rejected(pasted: str, state: str, is_taken: bool) -> None:
    client = EntraCredential('https://login.example', 'contoso.example', 'id')
    credential = AuthorizationCodeCredential(client, 'https://localhost/myapp', pasted)
    session = CachedSession(pending=PendingSignIn(state, 'verifier'))
    if is_taken:
        assert credential.token_request(TokenTarget('s'), session).form['code'] == 'c'
    else:
        message = (
            'The pasted URL belongs to another sign-in than the one started last. '
            'Start the sign-in again, and paste the URL that it ends on.'
        )
        with pytest.raises(SignInRequiredError, match=says(message)):
            credential.token_request(TokenTarget('s'), session)


@pytest.mark.parametrize('pasted', ['c', 'c&session_state=1', 'https://localhost/myapp?code=c', '?code=c', 'code=c&state='])
def test_a_code_that_does_not_say_to_which_sign_in_it_belongs_is_rejected(pasted: str) -> None:
    message = (
        'The code was pasted without the address that contained it, so it may belong to another sign-in. '
        'Paste the full address of the page after the sign-in.'
    )
    with pytest.raises(CredentialError, match=says(message)):
        code_of(pasted).token_request(TARGET, CachedSession(pending=PendingSignIn('mine', 'verifier')))


def test_a_v1_endpoint_gets_the_redirect_uri_with_a_refresh_token() -> None:
    request = code_of(client=secret_of(url=V1_URL)).token_request(TARGET, CachedSession('r'))
    assert request.form['redirect_uri'] == REDIRECT_URI
    assert request.form['resource'] == 'https://graph.microsoft.com'


@pytest.mark.parametrize(
    'redirect_uri, message',
    [
        (' ', 'The application redirect URI is missing. Enter the redirect URI of the app registration.'),
        (
            'https://localhost/myapp\xe9',
            'The application redirect URI contains the character U+00E9, which is not allowed in this field. '
            'Copy the value again, and paste only it.',
        ),
        (
            'localhost/myapp',
            'The application redirect URI is not a full address. Enter it as in the app registration, with https://.',
        ),
    ],
)
def test_a_redirect_uri_is_required(redirect_uri: str, message: str) -> None:
    with pytest.raises(CredentialError, match=says(message)):
        code_of(redirect_uri=redirect_uri).authorize_url(TARGET, 'a state', 'verifier')


def test_the_login_url_contains_the_challenge_and_not_the_verifier() -> None:
    url = urlsplit(code_of().authorize_url(TokenTarget(scope='Mail.Send'), 'a state', 'verifier'))
    assert f'{url.scheme}://{url.netloc}{url.path}' == f'{LOGIN}/{TENANT}/oauth2/v2.0/authorize'
    assert dict(parse_qsl(url.query)) == {
        'client_id': CLIENT,
        'response_type': 'code',
        'redirect_uri': REDIRECT_URI,
        'scope': 'Mail.Send offline_access',
        'state': 'a state',
        'code_challenge': base64.urlsafe_b64encode(hashlib.sha256(b'verifier').digest()).decode().rstrip('='),
        'code_challenge_method': 'S256',
        'prompt': 'select_account',
    }
    assert '+' not in url.query


@pytest.mark.parametrize('hint', ['ada@contoso.example', 'a+b@contoso.example', "o'hara@contoso.example"])
def test_the_login_url_suggests_the_account_of_the_mailbox(hint: str) -> None:
    url = urlsplit(code_of().authorize_url(TokenTarget(scope='Mail.Send'), 'a state', 'verifier', hint))
    assert dict(parse_qsl(url.query))['login_hint'] == hint


def test_an_object_id_is_not_sent_as_a_login_hint() -> None:
    url = code_of().authorize_url(TokenTarget(scope='Mail.Send'), 'a state', 'verifier', CLIENT)
    assert 'login_hint' not in url


def test_a_device_code_is_requested_redeemed_and_refreshed_without_a_secret() -> None:
    credential = DeviceCodeCredential(LOGIN, TENANT, CLIENT)
    started = credential.start_request(TARGET)
    assert started.url == f'{LOGIN}/{TENANT}/oauth2/v2.0/devicecode'
    assert started.form == {'client_id': CLIENT, 'scope': f'{TARGET.scope} offline_access'}
    polled = credential.token_request(TARGET, CachedSession(pending=PendingSignIn(device_code='d'))).form
    assert polled == {
        'grant_type': 'urn:ietf:params:oauth:grant-type:device_code',
        'device_code': 'd',
        'client_id': CLIENT,
        'scope': f'{TARGET.scope} offline_access',
    }
    refreshed = credential.token_request(TARGET, CachedSession('r', PendingSignIn(device_code='d'))).form
    assert refreshed == {
        'grant_type': 'refresh_token',
        'refresh_token': 'r',
        'client_id': CLIENT,
        'scope': f'{TARGET.scope} offline_access',
    }


@pytest.mark.parametrize(
    'session, error, text',
    [
        (NOTHING, SignInRequiredError, 'No user has signed in with these settings. Start the sign-in, then complete it.'),
        *(
            (session, SignInRefusedError, 'Microsoft refused the sign-in: AADSTS7000215: Wrong. ')
            for session in (CachedSession('r'), CachedSession(pending=PendingSignIn(device_code='d')))
        ),
    ],
)
def test_a_refusal_of_a_device_code_is_told_if_there_is_one(session: CachedSession, error: type[Exception], text: str) -> None:
    credential = DeviceCodeCredential(LOGIN, TENANT, CLIENT, allows_empty_code=True)
    body = json.dumps({'error': 'invalid_client', 'error_description': 'AADSTS7000215: Wrong.'})
    with ScriptedService([(401, {}, body)]), pytest.raises(error, match=f'^{re.escape(text)}') as refused:
        credential.request_token(TokenClient(), TARGET, session)
    assert type(refused.value) is error


# endregion
# region certificates

NO_KEY = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'
ELLIPTIC_KEY = certificate('edwards', 'ed25519').private_key_pem


@pytest.mark.parametrize(
    'private_key, thumbprint, algorithm, header',
    [
        (PEM, '', 'PS256', {'x5t#S256': base64url(OWN.digest('sha256'))}),
        (OWN.private_key_pem, OWN.certificate_pem, 'PS256', {'x5t#S256': base64url(OWN.digest('sha256'))}),
        (OWN.private_key_pem, SHA256_OF_OWN, 'PS256', {'x5t#S256': base64url(OWN.digest('sha256'))}),
        (OWN.private_key_pem, SHA1_OF_OWN, 'RS256', {'x5t': base64url(OWN.digest('sha1'))}),
        (PEM, SHA1_OF_OWN, 'PS256', {'x5t#S256': base64url(OWN.digest('sha256'))}),
        (ELLIPTIC_KEY + PEM, '', 'PS256', {'x5t#S256': base64url(OWN.digest('sha256'))}),
        (NO_KEY + OWN.private_key_pem, SHA1_OF_OWN, 'RS256', {'x5t': base64url(OWN.digest('sha1'))}),
    ],
    ids=['both in one', 'certificate', 'SHA-256', 'SHA-1', 'both and SHA-1', 'after another key', 'after half a key'],
)
def test_an_assertion_names_its_certificate_as_its_algorithm_requires(
    private_key: str, thumbprint: str, algorithm: str, header: dict[str, str]
) -> None:
    credential = CertificateCredential(LOGIN, TENANT, CLIENT, private_key, thumbprint)
    assertion = credential.assertion(1_900_000_000.7)
    assert jwt.get_unverified_header(assertion) == {'alg': algorithm, 'typ': 'JWT', **header}
    claims = jwt.decode(
        assertion,
        x509.load_pem_x509_certificate(OWN.certificate_pem.encode()).public_key(),
        [algorithm],
        audience=credential.token_url,
        options={'verify_nbf': False, 'verify_iat': False},
    )
    assert uuid.UUID(claims.pop('jti'))
    assert claims == {
        'aud': credential.token_url,
        'iss': CLIENT,
        'sub': CLIENT,
        'iat': 1_900_000_000,
        'nbf': 1_900_000_000,
        'exp': 1_900_000_600,
    }


def test_each_request_and_each_retry_has_its_own_assertion() -> None:
    credential = CertificateCredential(LOGIN, TENANT, CLIENT, PEM)
    first = credential.token_request(TARGET, NOTHING)
    second = first.rebuild()
    requests = [first, second, second.rebuild(), credential.token_request(TARGET, NOTHING)]
    assert len({request.form['client_assertion'] for request in requests}) == 4
    assert {request.form['grant_type'] for request in requests} == {'client_credentials'}
    assert first == TokenRequest(first.method, first.url, form=first.form, rebuild=first.rebuild)


def test_a_certificate_authenticates_the_client_of_an_authorization_code() -> None:
    form = code_of('code', CertificateCredential(LOGIN, TENANT, CLIENT, PEM)).token_request(TARGET, NOTHING).form
    assert form['client_assertion_type'] == 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
    assert 'client_secret' not in form


@pytest.mark.parametrize('thumbprint', [SHA1_OF_OWN, SHA256_OF_OWN], ids=['SHA-1', 'SHA-256'])
def test_the_thumbprint_may_be_given_with_its_certificate(thumbprint: str) -> None:
    assert CertificateCredential(LOGIN, TENANT, CLIENT, PEM, thumbprint).assertion(1.9e9)


def test_the_thumbprint_of_another_certificate_is_rejected() -> None:
    message = 'The thumbprint does not belong to the certificate. Clear it, or paste the thumbprint of this certificate.'
    with pytest.raises(CredentialError, match=says(message)):
        CertificateCredential(LOGIN, TENANT, CLIENT, PEM, certificate('another').digest('sha1').hex()).assertion(1.9e9)


NO_CERTIFICATE = '-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----'
OTHER_KEY = 'The private key does not belong to the certificate. Paste a key and a certificate that belong together.'
UNREADABLE_CERTIFICATE = 'The certificate cannot be read. Paste the whole certificate in PEM format.'


def with_unknown_kind_of_key(pem: str) -> str:
    """Return an RSA certificate whose key says that it is of a kind that nobody knows."""
    der, rsa_encryption = base64.b64decode(''.join(pem.splitlines()[1:-1])), bytes.fromhex('06092a864886f70d010101')
    assert der.count(rsa_encryption) == 1
    changed = base64.b64encode(der.replace(rsa_encryption, rsa_encryption[:-1] + b'\x7f')).decode()
    return f'-----BEGIN CERTIFICATE-----\n{changed}\n-----END CERTIFICATE-----\n'


@pytest.mark.parametrize(
    'private_key, message',
    [
        (OWN.private_key_pem + certificate('another').certificate_pem, OTHER_KEY),
        (OWN.private_key_pem + certificate('edwards', 'ed25519').certificate_pem, OTHER_KEY),
        (OWN.private_key_pem + NO_CERTIFICATE, UNREADABLE_CERTIFICATE),
        (OWN.private_key_pem + with_unknown_kind_of_key(OWN.certificate_pem), UNREADABLE_CERTIFICATE),
        (NO_KEY + OWN.certificate_pem, 'The private key cannot be read. Paste the whole key in PEM format.'),
        (
            certificate('edwards', 'ed25519').private_key_pem + OWN.certificate_pem,
            'The private key is not an RSA key. Upload an RSA certificate to the app registration.',
        ),
    ],
    ids=['other', 'other kind', 'no certificate', 'unknown kind', 'no key', 'no RSA key'],
)
def test_a_key_and_a_certificate_that_do_not_match_are_rejected_when_they_sign(private_key: str, message: str) -> None:
    credential = CertificateCredential(LOGIN, TENANT, CLIENT, private_key)
    with pytest.raises(CredentialError, match=says(message)):
        credential.token_request(TARGET, NOTHING)


@pytest.mark.parametrize(
    'private_key, thumbprint, message',
    [
        (
            '',
            SHA1,
            'The private key is missing, or is not in PEM format. '
            "Paste the whole key, from '-----BEGIN PRIVATE KEY-----' to '-----END PRIVATE KEY-----'.",
        ),
        (
            OWN.private_key_pem,
            '',
            'The certificate thumbprint is missing. Enter the thumbprint, or the certificate in PEM format.',
        ),
        (
            OWN.private_key_pem,
            'x',
            'The certificate thumbprint is not 40 (SHA-1) or 64 (SHA-256) hexadecimal digits. '
            'Copy the thumbprint from Certificates & secrets of the app registration.',
        ),
    ],
    ids=['no key', 'no thumbprint', 'a wrong thumbprint'],
)
def test_a_missing_key_or_thumbprint_is_rejected_at_once(private_key: str, thumbprint: str, message: str) -> None:
    with pytest.raises(CredentialError, match=says(message)):
        CertificateCredential(LOGIN, TENANT, CLIENT, private_key, thumbprint)


# endregion
# region Cortex XSOAR application


def decrypted(encrypted: str) -> tuple[int, str]:
    """Time and token out of what the token service gets."""
    raw = base64.b64decode(encrypted)
    plain = AESGCM(base64.b64decode(AES_KEY)).decrypt(raw[:12], raw[12:], None).decode()
    seconds, _, token = plain.partition(':')
    return int(seconds), token


def test_the_token_service_can_decrypt_the_token_and_its_time() -> None:
    seconds, token = decrypted(encrypt_for_token_service('a:token', AES_KEY))
    assert token == 'a:token'
    assert seconds == pytest.approx(datetime.now(timezone.utc).timestamp(), abs=2)
    assert encrypt_for_token_service('x', AES_KEY) != encrypt_for_token_service('x', AES_KEY)


WRONG_KEY = (
    'Key is not the Key of the Cortex XSOAR application. '
    "Paste the Key that the consent page shows, or select 'Use a self-deployed Azure application'."
)


@pytest.mark.parametrize('key', ['short', 'a-b_', base64.b64encode(b'k' * 31).decode(), 'kéy', AES_KEY + '\n', ''])
def test_an_invalid_key_is_rejected(key: str) -> None:
    with pytest.raises(CredentialError, match=says(WRONG_KEY)):
        encrypt_for_token_service('token', key)


@pytest.mark.parametrize('session, token', [(NOTHING, 'a-token'), (CachedSession('newer'), 'newer')])
def test_the_latest_token_is_sent_to_the_service_in_the_id(session: CachedSession, token: str) -> None:
    credential = cortex(info_headers=lambda: {'X-Content-Name': 'x'})
    request = credential.token_request(TokenTarget('scope', 'resource'), session)
    assert (request.method, request.url, request.headers) == ('POST', 'https://tokens.example/obtain', {'X-Content-Name': 'x'})
    assert decrypted(request.json_body.pop('encrypted_token'))[1] == token
    assert request.json_body == {'app_name': 'app', 'registration_id': 'id', 'scope': 'scope', 'resource': 'resource'}


@pytest.mark.parametrize('separator', ['\n', '\r\n', ' ', '\t'])
def test_whitespace_within_the_key_does_not_matter(separator: str) -> None:
    credential = cortex(key=f'{AES_KEY[:20]}{separator}{AES_KEY[20:]}')
    request = credential.token_request(TokenTarget(), NOTHING)
    assert decrypted(request.json_body['encrypted_token'])[1] == 'a-token'
    assert (credential.identity, AES_KEY in request.secrets()) == (cortex().identity, True)


def test_without_a_service_in_the_id_the_public_one_is_used() -> None:
    assert cortex(registration_id='id').token_request(TokenTarget(), NOTHING).url == 'https://oproxy.demisto.ninja/obtain-token'


def test_the_encryption_can_be_replaced() -> None:
    credential = cortex(encrypt=lambda token, key: f'{token}+{len(key)}')
    assert credential.token_request(TokenTarget(), NOTHING).json_body['encrypted_token'] == 'a-token+44'


@pytest.mark.parametrize(
    'name, changes',
    [
        ('ID', {'registration_id': ' '}),
        ('ID', {'registration_id': '@https://tokens.example'}),
        ('Token', {'token': ''}),
        ('Key', {'key': '\n'}),
    ],
)
def test_each_missing_value_of_the_consent_page_is_named(name: str, changes: dict[str, str]) -> None:
    message = f'{name} is missing. Paste the {name} that the consent page of the Cortex XSOAR application shows.'
    with pytest.raises(CredentialError, match=says(message)):
        cortex(**changes)


@pytest.mark.parametrize('status', [200, 302, 400, 401, 404, 405])
def test_a_check_calls_the_service_without_the_token(status: int) -> None:
    with ScriptedService([(status, {'Retry-After': '0'}, '')]) as service:
        cortex(registration_id=f'id@{service.url}').check_without_token_use(TokenClient())
    assert {(seen.method, seen.body) for seen in service.seen} == {('GET', None)}


@pytest.mark.parametrize('status', [500, 502, 503])
def test_a_check_finds_a_service_that_is_down(status: int) -> None:
    with (
        ScriptedService([(status, {'Retry-After': '0'}, '')]) as service,
        pytest.raises(
            SignInUnavailableError,
            match=says(
                f'The sign-in service at service.example responded with HTTP status {status}. '
                'Check the address and the proxy settings.'
            ),
        ),
    ):
        cortex(registration_id=f'id@{service.url}').check_without_token_use(TokenClient())


def test_a_check_finds_an_invalid_key_and_sends_nothing() -> None:
    with ScriptedService([(200, {}, '')]) as service, pytest.raises(CredentialError, match=says(WRONG_KEY)):
        cortex(registration_id=f'id@{service.url}', key='wrong').check_without_token_use(TokenClient())
    assert service.seen == []


def test_an_echoed_token_is_not_in_the_error_of_the_token_service() -> None:
    echo = json.dumps({'title': 'Refused', 'detail': 'The refresh token the-plain-Token is not known.'})
    with ScriptedService([(400, {}, echo)]) as service, pytest.raises(SignInRefusedError) as refused:
        TokenClient().request_token(
            cortex(registration_id=f'id@{service.url}', token='the-plain-Token').token_request(TokenTarget(), CachedSession())
        )
    assert str(refused.value) == (
        'The sign-in service at service.example responded with HTTP status 400: Refused: The refresh token *** is not known. '
        'Check that ID, Token and Key are of the same consent, and that the clock of the engine is right. '
        'If so, go through the consent page again.'
    )


def test_the_token_service_has_time_since_its_response_contains_the_next_token() -> None:
    request = cortex().token_request(TokenTarget(), CachedSession())
    assert 60 < request.read_timeout < CortexAppCredential.max_request_seconds


# endregion
# region factory


def settings_of(method: str, **values: Any) -> dict[str, Any]:
    return {'method': method, **values}


REGISTRATION: dict[str, Any] = {'authority': LOGIN, 'tenant_id': TENANT, 'client_id': CLIENT}


@pytest.mark.parametrize(
    'settings, credential',
    [
        (
            settings_of(AuthenticationMethod.MANAGED_IDENTITY, managed_identity_id=CLIENT),
            ManagedIdentityCredential(CLIENT),
        ),
        (
            settings_of(
                AuthenticationMethod.CORTEX_APP,
                client_id='id@https://tokens.example/obtain',
                app_name='app',
                token='a-token',
                client_secret=AES_KEY,
            ),
            cortex(),
        ),
        (settings_of(AuthenticationMethod.DEVICE_CODE, **REGISTRATION), DeviceCodeCredential(LOGIN, TENANT, CLIENT)),
        (settings_of(AuthenticationMethod.CLIENT_CREDENTIALS, **REGISTRATION, client_secret=SECRET), secret_of()),
        (
            settings_of(AuthenticationMethod.CLIENT_CREDENTIALS, **REGISTRATION, client_secret=SECRET, token_url=V1_URL),
            secret_of(url=V1_URL),
        ),
        (
            settings_of(AuthenticationMethod.CLIENT_CREDENTIALS, **REGISTRATION, private_key=PEM),
            CertificateCredential(LOGIN, TENANT, CLIENT, PEM),
        ),
        (
            settings_of(
                AuthenticationMethod.AUTHORIZATION_CODE,
                **REGISTRATION,
                client_secret=SECRET,
                redirect_uri=REDIRECT_URI,
                authorization_code='code',
            ),
            code_of('code'),
        ),
        (
            settings_of(AuthenticationMethod.AUTHORIZATION_CODE, **REGISTRATION, redirect_uri=REDIRECT_URI),
            code_of(client=EntraCredential(LOGIN, TENANT, CLIENT)),
        ),
        (
            settings_of(AuthenticationMethod.AUTHORIZATION_CODE, **REGISTRATION, private_key=PEM, redirect_uri=REDIRECT_URI),
            code_of(client=CertificateCredential(LOGIN, TENANT, CLIENT, PEM)),
        ),
    ],
)
def test_the_settings_select_the_credential(settings: dict[str, Any], credential: Credential) -> None:
    created = create_credential(**settings)
    assert (type(created), created.identity) == (type(credential), credential.identity)


def test_client_credentials_without_a_secret_are_rejected() -> None:
    message = 'Key (client secret) is missing. Enter the client secret, or a certificate and its private key.'
    with pytest.raises(CredentialError, match=says(message)):
        create_credential(AuthenticationMethod.CLIENT_CREDENTIALS, **REGISTRATION)


@pytest.mark.parametrize(
    'is_public, private_key, thumbprint, kind',
    [
        (True, 'filled in by the browser', '', ClientSecretCredential),
        (True, OWN.private_key_pem, ' ', ClientSecretCredential),
        (True, OWN.private_key_pem, 'AB' * 20, CertificateCredential),
        (True, PEM, '', CertificateCredential),
        (True, OWN.private_key_pem, OWN.certificate_pem, CertificateCredential),
        (False, PEM, '', CertificateCredential),
    ],
)
def test_a_private_key_without_its_certificate_does_not_replace_a_public_secret(
    is_public: bool, private_key: str, thumbprint: str, kind: type
) -> None:
    method, key = AuthenticationMethod.CLIENT_CREDENTIALS, {'private_key': private_key, 'thumbprint': thumbprint}
    settings = settings_of(method, **REGISTRATION, client_secret=SECRET, is_public=is_public, **key)
    assert type(create_credential(**settings)) is kind


@pytest.mark.parametrize('is_public, client_secret', [(True, ''), (False, SECRET)])
def test_a_private_key_without_its_certificate_is_rejected(is_public: bool, client_secret: str) -> None:
    key = {'private_key': OWN.private_key_pem, 'client_secret': client_secret}
    settings = settings_of(AuthenticationMethod.CLIENT_CREDENTIALS, **REGISTRATION, is_public=is_public, **key)
    with pytest.raises(CredentialError, match='The certificate thumbprint is missing'):
        create_credential(**settings)


@pytest.mark.parametrize('public', [{'is_public': True}, {}])
def test_a_redirect_uri_is_checked_unless_the_public_client_is_made(public: dict[str, bool]) -> None:
    method = AuthenticationMethod.AUTHORIZATION_CODE
    settings = settings_of(method, **REGISTRATION, redirect_uri='localhost', **public)
    if public:
        assert create_credential(**settings).needs_user
    else:
        with pytest.raises(CredentialError, match='The application redirect URI is not a full address'):
            create_credential(**settings)


# endregion


def test_the_modules_load_neither_cryptography_nor_jwt() -> None:
    program = "import sys, MicrosoftCredentialsApiModule; print(sorted({'cryptography', 'jwt'} & set(sys.modules)))"
    loaded = subprocess.run(
        [sys.executable, '-c', f'import sys; sys.path[:] = {sys.path!r}; {program}'], capture_output=True, text=True, check=True
    )
    assert json.loads(loaded.stdout) == []
