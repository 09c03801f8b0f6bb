"""Unit tests of the authentication methods. Responses come from a script, not from a service."""

import base64
import hashlib
import json
import re
import ssl
import subprocess
import sys
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
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
from MicrosoftCoreApiModule import CredentialError, MicrosoftSignInError
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
    MANAGED_IDENTITY_RETRIES,
    AppService,
    AuthenticationMethod,
    AuthorizationCodeCredential,
    AzureArc,
    CachedSession,
    CertificateCredential,
    ClientSecretCredential,
    CortexAppCredential,
    Credential,
    CredentialSettings,
    DeviceCodeCredential,
    EntraCredential,
    ManagedIdentityCredential,
    PendingSignIn,
    VirtualMachine,
    clean_client_id,
    clean_client_secret,
    clean_managed_identity_id,
    clean_pem,
    clean_private_keys,
    clean_tenant,
    clean_thumbprint,
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
        (cortex(), {'appid': 'other'}, True),
    ],
)
def test_claims_match_unless_they_name_another_client_or_tenant(
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
        'If the browser says that access is blocked, the tenant allows no device codes: choose Authorization Code.'
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
    credential = DeviceCodeCredential(LOGIN, TENANT, CLIENT, asks_without_sign_in=True)
    body = json.dumps({'error': 'invalid_client', 'error_description': 'AADSTS7000215: Wrong.'})
    with ScriptedService([(401, {}, body)]), pytest.raises(error, match=f'^{re.escape(text)}') as refused:
        credential.request_token(TokenClient(), TARGET, session)
    assert type(refused.value) is error


# endregion
# region certificates


@pytest.mark.parametrize(
    'private_key, thumbprint, algorithm, header',
    [
        (PEM, '', 'PS256', {'x5t#S256': base64url(OWN.digest('sha256'))}),
        (OWN.private_key_pem, OWN.certificate_pem, 'PS256', {'x5t#S256': base64url(OWN.digest('sha256'))}),
        (OWN.private_key_pem, SHA256_OF_OWN, 'PS256', {'x5t#S256': base64url(OWN.digest('sha256'))}),
        (OWN.private_key_pem, SHA1_OF_OWN, 'RS256', {'x5t': base64url(OWN.digest('sha1'))}),
        (PEM, SHA1_OF_OWN, 'PS256', {'x5t#S256': base64url(OWN.digest('sha256'))}),
    ],
    ids=['both in one', 'certificate', 'SHA-256', 'SHA-1', 'both and SHA-1'],
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
NO_KEY = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----'
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
            'The private key is not an RSA key. Create an RSA certificate and upload it to the app.',
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
# region Cortex XSOAR app


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
    'Key is not the Key of the Cortex XSOAR app. '
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
    message = f'{name} is missing. Paste the {name} that the consent page of the Cortex XSOAR app shows.'
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
                f'The sign-in service at service.example answered with HTTP status {status}. '
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
        'The sign-in service at service.example answered with HTTP status 400: Refused: The refresh token *** is not known. '
        'Check that ID, Token and Key are of the same consent. If they are, go through the consent page again.'
    )


def test_the_token_service_has_time_since_its_response_contains_the_next_token() -> None:
    request = cortex().token_request(TokenTarget(), CachedSession())
    assert 60 < request.read_timeout < CortexAppCredential.max_request_seconds


# endregion
# region managed identity

RESOURCE = TokenTarget(resource='https://graph.microsoft.com')
APP_SERVICE_HOST = {'IDENTITY_ENDPOINT': 'http://127.0.0.1:1/msi', 'IDENTITY_HEADER': SECRET}
ARC_HOST = {'IDENTITY_ENDPOINT': 'http://127.0.0.1:1/arc', 'IMDS_ENDPOINT': 'http://127.0.0.1:1'}


@pytest.mark.parametrize(
    'environment, client_id, url, version, header',
    [
        ({}, '', 'http://169.254.169.254/metadata/identity/oauth2/token', '2018-02-01', {'Metadata': 'true'}),
        ({}, CLIENT, 'http://169.254.169.254/metadata/identity/oauth2/token', '2018-02-01', {'Metadata': 'true'}),
        (
            {'AZURE_POD_IDENTITY_AUTHORITY_HOST': 'http://10.0.0.1:80/'},
            '',
            'http://10.0.0.1:80/metadata/identity/oauth2/token',
            '2018-02-01',
            {'Metadata': 'true'},
        ),
        (
            {'IDENTITY_ENDPOINT': 'http://x'},
            '',
            'http://169.254.169.254/metadata/identity/oauth2/token',
            '2018-02-01',
            {'Metadata': 'true'},
        ),
        (
            {'IDENTITY_HEADER': 'h', 'IMDS_ENDPOINT': 'http://x'},
            '',
            'http://169.254.169.254/metadata/identity/oauth2/token',
            '2018-02-01',
            {'Metadata': 'true'},
        ),
        (APP_SERVICE_HOST, '', 'http://127.0.0.1:1/msi', '2019-08-01', {'X-IDENTITY-HEADER': SECRET}),
        (APP_SERVICE_HOST, CLIENT, 'http://127.0.0.1:1/msi', '2019-08-01', {'X-IDENTITY-HEADER': SECRET}),
        ({**APP_SERVICE_HOST, **ARC_HOST}, '', 'http://127.0.0.1:1/arc', '2019-08-01', {'X-IDENTITY-HEADER': SECRET}),
        (ARC_HOST, '', 'http://127.0.0.1:1/arc', '2020-06-01', {'Metadata': 'true'}),
    ],
)
def test_the_environment_tells_the_kind_of_host(
    environment: dict[str, str],
    client_id: str,
    url: str,
    version: str,
    header: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(AzureArc, 'KEY_FOLDER', str(tmp_path / 'missing'))
    request = ManagedIdentityCredential(client_id, environment).token_request(RESOURCE, NOTHING)
    named = {'client_id': client_id} if client_id else {}
    assert (request.method, request.url, request.headers) == ('GET', url, header)
    assert request.params == {'api-version': version, 'resource': 'https://graph.microsoft.com', **named}
    assert request.is_host_service
    assert request.retry_policy is MANAGED_IDENTITY_RETRIES
    assert request.connect_timeout == 2
    assert SECRET not in repr(request)


@pytest.mark.parametrize(
    'environment, url',
    [
        ({}, 'http://localhost:40342/metadata/identity/oauth2/token'),
        ({'IDENTITY_ENDPOINT': 'http://x'}, 'http://localhost:40342/metadata/identity/oauth2/token'),
        (ARC_HOST, 'http://127.0.0.1:1/arc'),
        (APP_SERVICE_HOST, 'http://127.0.0.1:1/msi'),
        ({'AZURE_POD_IDENTITY_AUTHORITY_HOST': 'http://10.0.0.1'}, 'http://10.0.0.1/metadata/identity/oauth2/token'),
    ],
)
@pytest.mark.usefixtures('key_folder')
def test_the_key_folder_tells_an_arc_machine_without_variables(environment: dict[str, str], url: str) -> None:
    assert ManagedIdentityCredential('', environment).token_request(RESOURCE, NOTHING).url == url


def test_the_environment_is_by_default_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('AZURE_POD_IDENTITY_AUTHORITY_HOST', 'http://10.0.0.7')
    monkeypatch.delenv('IDENTITY_ENDPOINT', raising=False)
    assert ManagedIdentityCredential().token_request(RESOURCE, NOTHING).url.startswith('http://10.0.0.7/')


def test_an_arc_machine_has_only_a_system_assigned_identity() -> None:
    message = 'An Azure Arc machine has no user-assigned managed identity. Leave Azure Managed Identities Client ID empty.'
    with pytest.raises(CredentialError, match=says(message)):
        ManagedIdentityCredential(CLIENT, ARC_HOST).token_request(RESOURCE, NOTHING)


@pytest.mark.parametrize('kind', [VirtualMachine, AppService])
def test_other_hosts_need_no_challenge(kind: type[VirtualMachine]) -> None:
    request = TokenRequest('GET', 'http://127.0.0.1:1')
    assert kind(APP_SERVICE_HOST).authenticate(request, TokenClient()) is request


@pytest.fixture
def key_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace the folder of Arc's key files, which only root can create."""
    folder = tmp_path / 'tokens'
    folder.mkdir()
    (folder / 'good.key').write_text('the key\n')
    (tmp_path / 'outside.key').write_text('another secret')
    (folder / 'link.key').symlink_to(tmp_path / 'outside.key')
    (folder / 'good.txt').write_text('no key')
    (folder / 'folder.key').mkdir()
    (folder / 'just-right.key').write_text('k' * AzureArc.MAX_KEY_SIZE)
    (folder / 'large.key').write_text('k' * (AzureArc.MAX_KEY_SIZE + 1))
    monkeypatch.setattr(AzureArc, 'KEY_FOLDER', str(folder))
    return folder


def authorization_for_arc(challenge: str, status: int = 401) -> str:
    """What Arc is sent once it has answered with `challenge`."""
    with ScriptedService([(status, {'WWW-Authenticate': challenge} if challenge else {}, '{}')]) as service:
        host = AzureArc({'IDENTITY_ENDPOINT': service.url})
        return host.authenticate(host.request('r', ''), TokenClient()).headers['Authorization']


@pytest.mark.parametrize('name, key', [('good.key', 'the key'), ('just-right.key', 'k' * 4096)])
@pytest.mark.parametrize('form', ['Basic realm={}', 'Basic realm="{}"'])
def test_the_key_file_of_arc_is_read_and_sent(key_folder: Path, name: str, key: str, form: str) -> None:
    assert authorization_for_arc(form.format(key_folder / name)) == f'Basic {key}'


@pytest.mark.parametrize(
    'path, says',
    [
        ('{folder}/../outside.key', 'outside of its own folder'),
        ('{folder}/link.key', 'outside of its own folder'),
        ('{folder}/good.txt', 'outside of its own folder'),
        ('/etc/passwd', 'outside of its own folder'),
        ('good.key', 'outside of its own folder'),
        ('{folder}.key', 'outside of its own folder'),
        ('{folder}/large.key', 'too large'),
        ('{folder}/missing.key', 'himds'),
        ('{folder}/folder.key', 'himds'),
    ],
)
def test_other_files_are_not_read(key_folder: Path, path: str, says: str) -> None:
    with pytest.raises(SignInRefusedError, match=says) as refused:
        authorization_for_arc(f'Basic realm={path.format(folder=key_folder)}')
    assert 'secret' not in str(refused.value)


@pytest.mark.parametrize(
    'challenge, status, kind',
    [
        ('', 401, SignInRefusedError),
        ('Bearer realm=x', 401, SignInRefusedError),
        ('', 400, SignInRefusedError),
        ('Basic realm=x', 403, SignInRefusedError),
        ('Basic realm=x', 200, SignInUnavailableError),
    ],
)
def test_a_response_without_a_challenge_is_an_error(challenge: str, status: int, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        authorization_for_arc(challenge, status)


# endregion
# region factory

REGISTRATION: dict[str, Any] = {'authority': LOGIN, 'tenant_id': TENANT, 'client_id': CLIENT}


@pytest.mark.parametrize(
    'settings, credential',
    [
        (
            CredentialSettings(AuthenticationMethod.MANAGED_IDENTITY, managed_identity_id=CLIENT),
            ManagedIdentityCredential(CLIENT),
        ),
        (
            CredentialSettings(
                AuthenticationMethod.CORTEX_APP,
                client_id='id@https://tokens.example/obtain',
                app_name='app',
                token='a-token',
                client_secret=AES_KEY,
            ),
            cortex(),
        ),
        (CredentialSettings(AuthenticationMethod.DEVICE_CODE, **REGISTRATION), DeviceCodeCredential(LOGIN, TENANT, CLIENT)),
        (CredentialSettings(AuthenticationMethod.CLIENT_CREDENTIALS, **REGISTRATION, client_secret=SECRET), secret_of()),
        (
            CredentialSettings(AuthenticationMethod.CLIENT_CREDENTIALS, **REGISTRATION, client_secret=SECRET, token_url=V1_URL),
            secret_of(url=V1_URL),
        ),
        (
            CredentialSettings(AuthenticationMethod.CLIENT_CREDENTIALS, **REGISTRATION, private_key=PEM),
            CertificateCredential(LOGIN, TENANT, CLIENT, PEM),
        ),
        (
            CredentialSettings(
                AuthenticationMethod.AUTHORIZATION_CODE,
                **REGISTRATION,
                client_secret=SECRET,
                redirect_uri=REDIRECT_URI,
                authorization_code='code',
            ),
            code_of('code'),
        ),
        (
            CredentialSettings(AuthenticationMethod.AUTHORIZATION_CODE, **REGISTRATION, redirect_uri=REDIRECT_URI),
            code_of(client=EntraCredential(LOGIN, TENANT, CLIENT)),
        ),
        (
            CredentialSettings(
                AuthenticationMethod.AUTHORIZATION_CODE, **REGISTRATION, private_key=PEM, redirect_uri=REDIRECT_URI
            ),
            code_of(client=CertificateCredential(LOGIN, TENANT, CLIENT, PEM)),
        ),
    ],
)
def test_the_settings_select_the_credential(settings: CredentialSettings, credential: Credential) -> None:
    created = create_credential(settings)
    assert (type(created), created.identity) == (type(credential), credential.identity)
    assert repr(settings) == f'<CredentialSettings {settings.method}>'


def test_client_credentials_without_a_secret_are_rejected() -> None:
    message = 'Key (client secret) is missing. Enter the client secret, or a certificate and its private key.'
    with pytest.raises(CredentialError, match=says(message)):
        create_credential(CredentialSettings(AuthenticationMethod.CLIENT_CREDENTIALS, **REGISTRATION))


@pytest.mark.parametrize('public', [{'is_public': True}, {}])
def test_a_redirect_uri_is_checked_unless_the_public_client_is_made(public: dict[str, bool]) -> None:
    method = AuthenticationMethod.AUTHORIZATION_CODE
    settings = CredentialSettings(method, **REGISTRATION, redirect_uri='localhost', **public)  # type: ignore[arg-type]
    if public:
        assert create_credential(settings).needs_user
    else:
        with pytest.raises(CredentialError, match='The application redirect URI is not a full address'):
            create_credential(settings)


# endregion


def test_the_modules_load_neither_cryptography_nor_jwt() -> None:
    program = "import sys, MicrosoftCredentialsApiModule; print(sorted({'cryptography', 'jwt'} & set(sys.modules)))"
    loaded = subprocess.run(
        [sys.executable, '-c', f'import sys; sys.path[:] = {sys.path!r}; {program}'], capture_output=True, text=True, check=True
    )
    assert json.loads(loaded.stdout) == []


# region errors and requests of hosts


HIMDS = "The key file of the Azure Arc agent cannot be read. Add the integration's user to the group himds on this machine."


@pytest.mark.parametrize(
    'path, message',
    [
        ('{folder}/missing.key', HIMDS),
        ('{folder}/folder.key', HIMDS),
        ('{folder}/large.key', 'The key file of the Azure Arc agent is too large. Check the agent of this machine.'),
        *(
            (path, 'The Azure Arc agent named a key file outside of its own folder. Check the agent of this machine.')
            for path in ('{folder}/../outside.key', '{folder}/good\0.key')
        ),
    ],
)
def test_an_error_of_the_agent_says_what_to_do(key_folder: Path, path: str, message: str) -> None:
    with pytest.raises(SignInRefusedError, match=says(message)):
        authorization_for_arc(f'Basic realm={path.format(folder=key_folder)}')


def test_an_agent_that_sends_a_token_without_a_challenge_is_rejected() -> None:
    message = 'The sign-in service at service.example answered with a token in place of a challenge. Managed identities work only'
    with pytest.raises(SignInUnavailableError, match=f'^{re.escape(message)} on an Azure host'):
        authorization_for_arc('Basic realm=x', 200)


@pytest.fixture
def pod(tmp_path: Path) -> dict[str, str]:
    """Return the environment variables of a pod with workload identity, in the worldwide cloud."""
    (tmp_path / 'token').write_text('a.federated.token\n')
    return {
        'AZURE_FEDERATED_TOKEN_FILE': str(tmp_path / 'token'),
        'AZURE_TENANT_ID': TENANT,
        'AZURE_CLIENT_ID': CLIENT,
    }


@pytest.mark.parametrize(
    'of_cloud, authority',
    [
        ({}, 'https://login.microsoftonline.com'),
        ({'AZURE_AUTHORITY_HOST': ''}, 'https://login.microsoftonline.com'),
        ({'AZURE_AUTHORITY_HOST': 'https://login.microsoftonline.us/'}, 'https://login.microsoftonline.us'),
    ],
)
def test_a_pod_requests_a_token_with_its_federated_token(pod: dict[str, str], of_cloud: dict[str, str], authority: str) -> None:
    request = ManagedIdentityCredential(environment={**pod, **of_cloud}).token_request(RESOURCE, NOTHING)
    assert (request.method, request.url) == ('POST', f'{authority}/{TENANT}/oauth2/v2.0/token')
    assert request.form == {
        'grant_type': 'client_credentials',
        'client_id': CLIENT,
        'client_assertion_type': 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        'client_assertion': 'a.federated.token',
        'scope': 'https://graph.microsoft.com/.default',
    }
    assert not request.is_host_service
    other = ManagedIdentityCredential('another-id', pod).token_request(RESOURCE, NOTHING)
    assert other.form['client_id'] == 'another-id'


@pytest.fixture
def bound_pod(pod: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Return the environment variables of a pod with an identity binding."""
    (tmp_path / 'token').write_text(jwt.encode({'aud': ['api://AKSIdentityBinding']}, 'x' * 32, algorithm='HS256'))
    (tmp_path / 'ca.crt').write_text(OWN.certificate_pem)
    return {
        **pod,
        'AZURE_KUBERNETES_TOKEN_PROXY': 'https://10.0.0.1/proxy/',
        'AZURE_KUBERNETES_SNI_NAME': 'a0.ests.aks',
        'AZURE_KUBERNETES_CA_FILE': str(tmp_path / 'ca.crt'),
    }


@pytest.mark.parametrize('source', ['file', 'data'])
def test_a_pod_with_an_identity_binding_asks_the_proxy_of_its_cluster(bound_pod: dict[str, str], source: str) -> None:
    if source == 'data':
        bound_pod['AZURE_KUBERNETES_CA_DATA'] = Path(bound_pod.pop('AZURE_KUBERNETES_CA_FILE')).read_text()
    request = ManagedIdentityCredential(environment=bound_pod).token_request(RESOURCE, NOTHING)
    assert request.url == f'https://10.0.0.1/proxy/{TENANT}/oauth2/v2.0/token'
    assert request.is_host_service
    assert request.adapter is not None
    pool = request.adapter.poolmanager.connection_pool_kw  # type: ignore[attr-defined]
    assert (pool['server_hostname'], pool['ssl_context'].cert_store_stats()['x509']) == ('a0.ests.aks', 1)
    assert pool['ssl_context'].verify_mode == ssl.CERT_REQUIRED


def test_a_proxy_without_a_name_and_certificates_of_its_own_is_verified_as_others(bound_pod: dict[str, str]) -> None:
    for name in ('AZURE_KUBERNETES_SNI_NAME', 'AZURE_KUBERNETES_CA_FILE'):
        del bound_pod[name]
    adapter = ManagedIdentityCredential(environment=bound_pod).token_request(RESOURCE, NOTHING).adapter
    pool = adapter.poolmanager.connection_pool_kw  # type: ignore[union-attr]
    assert pool['server_hostname'] is None
    assert (pool['ssl_context'].verify_mode, pool['ssl_context'].check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize(
    'changes, message',
    [
        (
            {'AZURE_KUBERNETES_TOKEN_PROXY': 'http://x.example'},
            'AZURE_KUBERNETES_TOKEN_PROXY is not an https address. Enter the full address, starting with https://.',
        ),
        (
            {'AZURE_KUBERNETES_CA_DATA': 'x'},
            'AZURE_KUBERNETES_CA_FILE and AZURE_KUBERNETES_CA_DATA cannot be combined. Set one of them.',
        ),
        (
            {'AZURE_KUBERNETES_CA_FILE': '/nowhere'},
            'The certificates in AZURE_KUBERNETES_CA_FILE cannot be read. Mount the file into the container of the integration.',
        ),
        *(
            (
                {'AZURE_KUBERNETES_CA_FILE': '', 'AZURE_KUBERNETES_CA_DATA': data},
                'The certificates in AZURE_KUBERNETES_CA_DATA cannot be read. Paste them in PEM format.',
            )
            for data in ('x', 'not ASCII: \xe4')
        ),
        (
            {'AZURE_KUBERNETES_TOKEN_PROXY': ''},
            'The federated token of this pod is for an identity binding, but AZURE_KUBERNETES_TOKEN_PROXY is not set. Pass it on '
            'to the container of the integration, with AZURE_KUBERNETES_SNI_NAME and AZURE_KUBERNETES_CA_FILE.',
        ),
    ],
)
def test_a_variable_of_an_identity_binding_that_cannot_be_used_is_named(
    bound_pod: dict[str, str], changes: dict[str, str], message: str
) -> None:
    with pytest.raises(CredentialError, match=says(message)):
        ManagedIdentityCredential(environment={**bound_pod, **changes}).token_request(RESOURCE, NOTHING)


def test_a_refusal_of_the_proxy_and_of_its_certificate_have_their_own_advice(bound_pod: dict[str, str]) -> None:
    advice = ManagedIdentityCredential(environment=bound_pod).token_request(RESOURCE, NOTHING).advice
    binding = 'Check the identity binding of the managed identity, and that the service account may use it.'
    tls = 'Check AZURE_KUBERNETES_CA_FILE and AZURE_KUBERNETES_SNI_NAME in the container of the integration.'
    assert {advice.refusal, *(advice.by_code[f'AADSTS{number}'] for number in (700211, 700212, 700213))} == {binding}
    assert {advice.by_code[code] for code in ('untrusted_certificate', 'no_tls')} == {tls}


def test_service_fabric_is_refused() -> None:
    environment = {**APP_SERVICE_HOST, 'IDENTITY_SERVER_THUMBPRINT': 'AB' * 20}
    message = 'A managed identity of Service Fabric is not supported. Use an application, or an engine on another Azure host.'
    with pytest.raises(CredentialError, match=says(message)):
        ManagedIdentityCredential(environment=environment)


def test_a_pod_reads_its_federated_token_again_for_each_retry(pod: dict[str, str]) -> None:
    request = ManagedIdentityCredential(environment=pod).token_request(RESOURCE, NOTHING)
    Path(pod['AZURE_FEDERATED_TOKEN_FILE']).write_text('a.newer.token')
    assert request.rebuild
    assert request.rebuild().form == {**request.form, 'client_assertion': 'a.newer.token'}


@pytest.mark.parametrize('content', [None, b'', b'no token', b'a.b', b'a.b.c.d', b'\xff.b.c'])
def test_a_pod_without_a_federated_token_says_what_it_needs(pod: dict[str, str], content: bytes | None) -> None:
    file = Path(pod['AZURE_FEDERATED_TOKEN_FILE'])
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    message = (
        f'The federated token of this pod cannot be read from {file}. '
        'Use a service account with workload identity, and label the pod azure.workload.identity/use: "true".'
    )
    with pytest.raises(SignInRefusedError, match=says(message)):
        ManagedIdentityCredential(environment=pod).token_request(RESOURCE, NOTHING)


FEDERATION = 'Check the federated credential of the managed identity or application, and its client ID.'
ISSUER = 'Try again in a few minutes. If it lasts, check that the issuer of the cluster is public, with its keys.'


@pytest.mark.parametrize(
    'number, advice, tries',
    [
        (7000215, FEDERATION, 1),
        (50166, ISSUER, 4),
        (90061, ISSUER, 4),
        (700211, f'Compare issuer, subject and audience of the federated credential with the token of this pod. {FEDERATION}', 4),
    ],
)
def test_a_refused_pod_retries_transient_codes_and_says_what_to_check(
    pod: dict[str, str], number: int, advice: str, tries: int
) -> None:
    body = json.dumps({'error': 'invalid_client', 'error_description': f'AADSTS{number}: Refused.'})
    with ScriptedService([(400, {'Retry-After': '0'}, body)]) as service, pytest.raises(SignInRefusedError) as refused:
        ManagedIdentityCredential(environment=pod).request_token(TokenClient(), RESOURCE, NOTHING)
    assert str(refused.value) == f'Microsoft refused the sign-in: AADSTS{number}: Refused. {advice}'
    assert len(service.seen) == tries


IDENTITY = 'Turn on the managed identity of this Azure host, and check Azure Managed Identities Client ID.'
IN_RULES = f'{IDENTITY} If its Metadata Security Protocol is on, allow the containers of the engine in the rules.'
NO_HOST = (
    'Managed identities work only on an Azure host that has one. Choose an engine that runs on one. The container of the '
    'integration needs on App Service the variables IDENTITY_ENDPOINT and IDENTITY_HEADER of the host, and on Azure Arc its '
    'network and /var/opt/azcmagent/tokens.'
)


@pytest.mark.parametrize(
    'status, body, text',
    [
        (
            400,
            '{"error": "invalid_request", "error_description": "Identity not found"}',
            f'Microsoft refused the sign-in: Identity not found. {IDENTITY}',
        ),
        (403, '', f'HTTP status 403. {IN_RULES}'),
        (421, '', f'HTTP status 421. {IN_RULES}'),
        (401, '', f'HTTP status 401. {IDENTITY}'),
        (403, '<html>', f'The service at 169.254.169.254 is not an Azure identity endpoint (HTTP status 403). {NO_HOST}'),
        (405, '', f'The service at 169.254.169.254 is not an Azure identity endpoint (HTTP status 405). {NO_HOST}'),
        (404, '', f'HTTP status 404. Try again in a few minutes. {NO_HOST}'),
        (500, '', f'HTTP status 500. Try again in a few minutes. {IDENTITY}'),
        (200, '', f'something that is not a JSON object. {NO_HOST}'),
    ],
)
def test_an_error_of_a_virtual_machine_says_what_to_do(status: int, body: str, text: str) -> None:
    client = TokenClient().without_retries(9)
    with ScriptedService([(status, {}, body)]), pytest.raises(MicrosoftSignInError) as error:
        ManagedIdentityCredential(environment=VIRTUAL_MACHINE).request_token(client, RESOURCE, NOTHING)
    answered = str(error.value).removeprefix('The sign-in service at 169.254.169.254 answered with ')
    assert answered == text


def test_the_id_of_a_client_secret_in_its_place_is_recognized() -> None:
    body = json.dumps({'error': 'invalid_client', 'error_description': 'AADSTS7000215: Wrong.'})
    message = (
        'Microsoft refused the sign-in: AADSTS7000215: Wrong. Key looks like the ID of the client secret. '
        "Paste the secret's Value. If it is no longer shown, create a new secret."
    )
    with ScriptedService([(401, {}, body)]), pytest.raises(SignInRefusedError, match=says(message)):
        secret_of(TENANT).request_token(TokenClient(), TARGET, NOTHING)


# endregion


# region pasted values


@pytest.mark.parametrize(
    'pasted, tenant',
    [
        (TENANT, TENANT),
        (TENANT.upper(), TENANT),
        ('Contoso.Example', 'contoso.example'),
        ('contoso', 'contoso'),
        ('/contoso/', 'contoso'),
        (f'{LOGIN}/{TENANT}', TENANT),
        (f'{LOGIN}/{TENANT}/v2.0/', TENANT),
        (f'{LOGIN}/contoso.example?x=1', 'contoso.example'),
        (f'{LOGIN}/common/oauth2', 'common'),
        (f'https://portal.example/#x/{TENANT}/y', TENANT),
    ],
)
def test_a_tenant_is_found_in_the_pasted_text(pasted: str, tenant: str) -> None:
    assert clean_tenant(pasted) == tenant


NO_TENANT = 'Token (tenant ID) is missing. Copy the Directory (tenant) ID from the app registration into Token.'
NOT_A_TENANT = 'Token is not a tenant ID. Enter the Directory (tenant) ID, or a domain name of the tenant.'


@pytest.mark.parametrize(
    'pasted, message',
    [
        ('', NO_TENANT),
        (' \n', NO_TENANT),
        ('two words', NOT_A_TENANT),
        (LOGIN, NOT_A_TENANT),
        ('a/b', NOT_A_TENANT),
        ('tenant?', NOT_A_TENANT),
        ('-x', NOT_A_TENANT),
        (TENANT[:-1], NOT_A_TENANT),
        (TENANT.replace('a', '\u0430'), NOT_A_TENANT),
        ('contoso.ex\u0430mple', NOT_A_TENANT),
    ],
)
def test_a_value_that_is_not_a_tenant_is_rejected(pasted: str, message: str) -> None:
    with pytest.raises(CredentialError, match=says(message)):
        clean_tenant(pasted)


NO_CLIENT = 'ID (client ID) is missing. Copy the Application (client) ID from the app registration into ID.'
NOT_A_CLIENT = 'ID is not a client ID. Enter the Application (client) ID of the app registration in ID.'


@pytest.mark.parametrize(
    'pasted, message',
    [
        ('', NO_CLIENT),
        ('a b', NOT_A_CLIENT),
        ('https://x', NOT_A_CLIENT),
        (f'{CLIENT}?', NOT_A_CLIENT),
        (
            f'{CLIENT}@https://tokens.example',
            'ID is that of the Cortex XSOAR app, not a client ID. '
            "Enter the Application (client) ID, or clear 'Use a self-deployed Azure application'.",
        ),
        (CLIENT[1:], NOT_A_CLIENT),
        (CLIENT.replace('-', '_'), NOT_A_CLIENT),
        (f'{CLIENT}.', NOT_A_CLIENT),
        (CLIENT.replace('1', '\u0406'), NOT_A_CLIENT),
    ],
)
def test_a_value_that_is_not_a_client_id_is_rejected(pasted: str, message: str) -> None:
    with pytest.raises(CredentialError, match=says(message)):
        clean_client_id(pasted)


@pytest.mark.parametrize(
    'pasted, cleaned',
    [
        ('ABCDEF01-2345-6789-ABCD-EF0123456789', 'abcdef01-2345-6789-abcd-ef0123456789'),
        ('ABCDEF0123456789ABCDEF0123456789', 'abcdef01-2345-6789-abcd-ef0123456789'),
        ('MyApp', 'MyApp'),
    ],
)
def test_a_guid_is_in_lower_case_as_entra_answers_it(pasted: str, cleaned: str) -> None:
    assert clean_client_id(pasted) == clean_managed_identity_id(pasted) == cleaned


@pytest.mark.parametrize('client_id', ['/subscriptions/1/x', 'my identity', f'{CLIENT}@x'])
def test_the_client_id_of_a_managed_identity_is_not_its_resource_id(client_id: str) -> None:
    assert clean_managed_identity_id(f' {CLIENT}\n') == CLIENT
    message = (
        'Azure Managed Identities Client ID is not a client ID. '
        'Enter the client ID of the user-assigned identity, not its resource ID or name.'
    )
    with pytest.raises(CredentialError, match=says(message)):
        clean_managed_identity_id(client_id)


def test_a_client_secret_is_required() -> None:
    message = 'Key (client secret) is missing. Enter the client secret, or a certificate and its private key.'
    with pytest.raises(CredentialError, match=says(message)):
        clean_client_secret(' \n')


@pytest.mark.parametrize(
    'pasted, character', [('a\nb', 'U+000A'), ('s\xe9cret', 'U+00E9'), ('a\x00b', 'U+0000'), ('\u0430bc', 'U+0430')]
)
def test_a_value_that_is_not_a_client_secret_is_rejected(pasted: str, character: str) -> None:
    message = (
        f'Key (client secret) contains the character {character}, which is not allowed in this field. '
        'Copy the value again, and paste only it.'
    )
    with pytest.raises(CredentialError, match=says(message)):
        clean_client_secret(pasted)


@pytest.mark.parametrize('secret', [f'x{TENANT}', TENANT, 'a b', '<a>', '~._-'])
def test_a_client_secret_is_taken_as_it_is(secret: str) -> None:
    assert clean_client_secret(f' {secret}\n') == secret


@pytest.mark.parametrize(
    'mangle',
    [
        lambda text: f'\u202a{text}\u202c',
        lambda text: text.replace('-', '\u2011'),
        lambda text: text.replace('-', '\u2013'),
        lambda text: text.replace('-', '\u2212'),
        lambda text: text.replace('-', ''),
        lambda text: '{' + text + '}',
        lambda text: f'<{text}>',
        lambda text: f'("{text}")',
        lambda text: f'\u201e{text}\u201c',
        lambda text: text.translate({ord(digit): 0xFF10 + int(digit) for digit in '0123456789'}),
        lambda text: '\u00ad'.join(text),
    ],
)
def test_an_id_is_corrected_where_that_is_unambiguous(mangle: Callable[[str], str]) -> None:
    assert clean_tenant(mangle(TENANT)) == TENANT
    assert clean_client_id(mangle(CLIENT)) == CLIENT
    assert clean_managed_identity_id(mangle(CLIENT)) == CLIENT


@pytest.mark.parametrize(
    'pasted, digits',
    [
        (SHA1, SHA1),
        (SHA1.lower(), SHA1),
        (' '.join([SHA1[:20], SHA1[20:]]), SHA1),
        (':'.join(['0f'] * 32), SHA256),
        ('AB-' * 19 + 'AB', SHA1),
        (f'\u200e{SHA1}', SHA1),
        ('\u2011'.join(['AB'] * 20), SHA1),
        (f'\u202a<{SHA1}>\u202c', SHA1),
    ],
)
def test_a_thumbprint_is_reduced_to_its_digits(pasted: str, digits: str) -> None:
    assert clean_thumbprint(pasted) == digits


@pytest.mark.parametrize('pasted', ['', SHA1[1:], SHA1 + 'A', SHA1[:-1] + 'G', 'thumbprint'])
def test_a_value_that_is_not_a_thumbprint_is_rejected(pasted: str) -> None:
    message = (
        'The certificate thumbprint is not 40 (SHA-1) or 64 (SHA-256) hexadecimal digits. '
        'Copy the thumbprint from Certificates & secrets of the app registration.'
    )
    with pytest.raises(CredentialError, match=says(message)):
        clean_thumbprint(pasted)


PASTED_KEY, PASTED_CERTIFICATE = (
    f'-----BEGIN {label}-----\n{"A" * 64}\n{content}\n-----END {label}-----\n'
    for label, content in (('PRIVATE KEY', 'BBBB'), ('CERTIFICATE', 'CC=='))
)


PASTED_PEM = PASTED_KEY + PASTED_CERTIFICATE


@pytest.mark.parametrize(
    'mangle',
    [
        lambda pem: pem,
        lambda pem: pem.replace('\n', '\\n'),
        lambda pem: pem.replace('\n', '\\r\\n'),
        lambda pem: pem.replace('\n', ' '),
        lambda pem: pem.replace('\n', '\r\n'),
        lambda pem: f'text {pem} text',
        lambda pem: pem.replace('-----', '\u2013' * 5),
        lambda pem: f'\u201c{pem}\u201d',
        lambda pem: pem.replace(' CERTIFICATE', ' X509 CERTIFICATE'),
    ],
)
def test_pem_blocks_are_found_whatever_the_line_breaks_have_become(mangle: Callable[[str], str]) -> None:
    assert clean_pem(mangle(PASTED_PEM)) == [('PRIVATE KEY', PASTED_KEY), ('CERTIFICATE', PASTED_CERTIFICATE)]


def test_all_pem_blocks_are_found_in_their_order() -> None:
    other = PASTED_CERTIFICATE.replace('CC==', 'DD==')
    assert clean_pem(other + PASTED_PEM + PASTED_KEY) == [
        ('CERTIFICATE', other),
        ('PRIVATE KEY', PASTED_KEY),
        ('CERTIFICATE', PASTED_CERTIFICATE),
        ('PRIVATE KEY', PASTED_KEY),
    ]


@pytest.mark.parametrize('label', ['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY'])
def test_a_private_key_of_any_kind_is_selected(label: str) -> None:
    assert clean_private_keys([('CERTIFICATE', 'c'), (label, 'key'), ('ENCRYPTED PRIVATE KEY', 'k')]) == ['key']


TRADITIONAL_KEY = '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----'


def test_an_encrypted_key_of_the_traditional_format_is_labelled_as_encrypted() -> None:
    [(label, block)] = clean_pem(TRADITIONAL_KEY)
    assert label == 'ENCRYPTED PRIVATE KEY'
    assert (block.splitlines()[0], block.splitlines()[-1]) == (f'-----BEGIN {label}-----', f'-----END {label}-----')


NO_PRIVATE_KEY = (
    'The private key is missing, or is not in PEM format. '
    "Paste the whole key, from '-----BEGIN PRIVATE KEY-----' to '-----END PRIVATE KEY-----'."
)


ENCRYPTED_KEY = 'The private key is encrypted. Decrypt it with openssl pkey -in key.pem -out plain.pem, and paste the result.'


@pytest.mark.parametrize(
    'blocks, message',
    [
        ([], NO_PRIVATE_KEY),
        ([('CERTIFICATE', 'c')], NO_PRIVATE_KEY),
        ([('ENCRYPTED PRIVATE KEY', 'k')], ENCRYPTED_KEY),
        (clean_pem(TRADITIONAL_KEY), ENCRYPTED_KEY),
    ],
)
def test_a_missing_or_encrypted_private_key_is_rejected(blocks: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(CredentialError, match=says(message)):
        clean_private_keys(blocks)


# endregion
