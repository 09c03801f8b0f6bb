"""Who signs in, and what admins paste. What whole sign-ins come to stands in Tests/conformance/sign_in."""

import base64
import hashlib
import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from conformance.common_server.scripted_server import ScriptedServer
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from MicrosoftIdentityApiModule import (
    MANAGED_IDENTITY_RETRIES,
    AppService,
    AuthorizationCodeCredential,
    AzureArc,
    CertificateCredential,
    ClientSecretCredential,
    CortexAppCredential,
    Credential,
    CredentialError,
    DeviceCodeCredential,
    EntraCredential,
    KeptSignIn,
    ManagedIdentityCredential,
    SignInRefusedError,
    SignInRequiredError,
    SignInUnavailableError,
    TokenRequest,
    TokenTarget,
    TokenTransport,
    VirtualMachine,
    clean_authorization_code,
    clean_client_id,
    clean_client_secret,
    clean_pem,
    clean_private_key,
    clean_tenant,
    clean_thumbprint,
    clean_value,
    encrypt_for_token_service,
    with_offline_access,
)

from sandbox.microsoft.certificates import certificate

LOGIN, TENANT, CLIENT = 'https://login.example', '7d9a4b0e-52c1-4f3a-9a67-0c5d1e8f2b34', '1b2c3d4e-0001-4a5b-8c7d-9e0f1a2b3c4d'
V1_URL = f'{LOGIN}/{TENANT}/oauth2/token'
REDIRECT_URI = 'https://localhost/myapp'
TARGET = TokenTarget(scope='https://graph.microsoft.com/.default')
NOTHING = KeptSignIn()
OWN = certificate('unit-test')
PEM = OWN.private_key_pem + OWN.certificate_pem
AES_KEY = base64.b64encode(bytes(range(32))).decode()
SECRET = 'Very~secret'


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


# region cleaning


@pytest.mark.parametrize(
    'pasted, cleaned',
    [
        (None, ''),
        ('', ''),
        (5, '5'),
        ('  a b \r\n', 'a b'),
        ('\ufeffa\u200b', 'a'),
        ('\xa0a', 'a'),
        ('"a"', 'a'),
        ("' a '", 'a'),
        ('"', '"'),
        ('"a', '"a'),
        ('"a\'', '"a\''),
        ('""', ''),
    ],
)
def test_what_copying_adds_is_taken_away(pasted: object, cleaned: str) -> None:
    assert clean_value(pasted) == cleaned


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
def test_a_tenant_is_found_in_what_was_pasted(pasted: str, tenant: str) -> None:
    assert clean_tenant(pasted) == tenant


@pytest.mark.parametrize(
    'pasted, says',
    [
        ('', 'is missing'),
        (' \n', 'is missing'),
        ('two words', 'is not a tenant ID'),
        (LOGIN, 'is not a tenant ID'),
        ('a/b', 'is not a'),
        ('tenant?', 'is not a'),
        ('-x', 'is not a'),
    ],
)
def test_what_is_no_tenant_is_refused(pasted: str, says: str) -> None:
    with pytest.raises(CredentialError, match=f'^Token.* {says}'):
        clean_tenant(pasted)


@pytest.mark.parametrize('tenant', ['common', 'Organizations', f'{LOGIN}/consumers/'])
def test_a_shared_tenant_is_refused_only_where_an_own_one_is_needed(tenant: str) -> None:
    assert clean_tenant(tenant) in ('common', 'organizations', 'consumers')
    with pytest.raises(CredentialError, match='stands for no tenant in particular'):
        clean_tenant(tenant, own_tenant_needed=True)


@pytest.mark.parametrize(
    'pasted, says',
    [
        ('', 'ID .* is missing'),
        ('a b', 'is not a client ID'),
        ('https://x', 'is not a client ID'),
        (f'{CLIENT}?', 'is not a client ID'),
        (f'{CLIENT}@https://tokens.example', 'is that of the Cortex XSOAR app'),
    ],
)
def test_what_is_no_client_id_is_refused(pasted: str, says: str) -> None:
    with pytest.raises(CredentialError, match=says):
        clean_client_id(pasted)


@pytest.mark.parametrize(
    'pasted, says',
    [('', 'is missing'), (str(uuid.uuid4()), 'ID of the client secret'), (str(uuid.uuid4()).upper(), 'ID of the client secret')],
    ids=['empty', 'ID', 'ID in upper case'],
)
def test_what_is_no_secret_is_refused(pasted: str, says: str) -> None:
    with pytest.raises(CredentialError, match=f'Key.* {says}'):
        clean_client_secret(pasted)


def test_a_secret_that_holds_an_id_is_taken() -> None:
    assert clean_client_secret(f' x{TENANT}\n') == f'x{TENANT}'


SHA1, SHA256 = 'AB' * 20, '0F' * 32


@pytest.mark.parametrize(
    'pasted, digits',
    [
        (SHA1, SHA1),
        (SHA1.lower(), SHA1),
        (' '.join([SHA1[:20], SHA1[20:]]), SHA1),
        (':'.join(['0f'] * 32), SHA256),
        ('AB-' * 19 + 'AB', SHA1),
        (f'\u200e{SHA1}', SHA1),
    ],
)
def test_a_thumbprint_is_its_digits(pasted: str, digits: str) -> None:
    assert clean_thumbprint(pasted) == digits


@pytest.mark.parametrize('pasted', ['', SHA1[1:], SHA1 + 'A', SHA1[:-1] + 'G', 'thumbprint'])
def test_what_is_no_thumbprint_is_refused(pasted: str) -> None:
    with pytest.raises(CredentialError, match=r'40 .* or 64'):
        clean_thumbprint(pasted)


@pytest.mark.parametrize(
    'mangle',
    [
        lambda pem: pem,
        lambda pem: pem.replace('\n', '\\n'),
        lambda pem: pem.replace('\n', '\\r\\n'),
        lambda pem: pem.replace('\n', ' '),
        lambda pem: pem.replace('\n', '\r\n'),
        lambda pem: f'text {pem} text',
        lambda pem: pem + certificate('another').certificate_pem,
    ],
)
def test_the_blocks_of_a_pem_are_found_however_its_lines_were_mangled(mangle: Callable[[str], str]) -> None:
    blocks = clean_pem(mangle(PEM))
    assert blocks == {'PRIVATE KEY': OWN.private_key_pem, 'CERTIFICATE': OWN.certificate_pem}


@pytest.mark.parametrize('label', ['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY'])
def test_any_private_key_is_picked(label: str) -> None:
    assert clean_private_key({'CERTIFICATE': 'c', label: 'key'}) == 'key'


@pytest.mark.parametrize(
    'blocks, says',
    [
        ({}, 'is missing'),
        ({'CERTIFICATE': 'c'}, 'is missing'),
        ({'ENCRYPTED PRIVATE KEY': 'k'}, 'is encrypted'),
        (
            clean_pem('-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----'),
            'is encrypted',
        ),
    ],
)
def test_what_is_no_readable_private_key_is_refused(blocks: dict[str, str], says: str) -> None:
    with pytest.raises(CredentialError, match=f'The private key {says}'):
        clean_private_key(blocks)


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
    ],
)
def test_a_code_is_found_in_what_was_pasted(pasted: str, code: str, state: str) -> None:
    response = clean_authorization_code(pasted)
    assert (response.code, response.state) == (code, state)
    assert code not in repr(response)


def test_what_a_sign_in_left_behind_does_not_show() -> None:
    assert SECRET not in repr(KeptSignIn(SECRET, SECRET, SECRET, state=SECRET))


@pytest.mark.parametrize(
    'pasted, says',
    [
        ('', 'code is missing'),
        ('&state=x', 'code is missing'),
        (REDIRECT_URI, 'holds no code'),
        (f'{REDIRECT_URI}?state=s', 'holds no code'),
        ('code=', 'holds no code'),
    ],
)
def test_what_holds_no_code_is_refused(pasted: str, says: str) -> None:
    with pytest.raises(CredentialError, match=says):
        clean_authorization_code(pasted)


def test_a_redirect_url_of_a_failure_says_what_failed() -> None:
    with pytest.raises(SignInRequiredError, match=r'AADSTS65004: Declined\. The sign-in was declined') as refused:
        clean_authorization_code(f'{REDIRECT_URI}?error=access_denied&error_description=AADSTS65004%3a+Declined.+Trace+ID%3a+1')
    assert refused.value.code == 'AADSTS65004'


# endregion
# region identity


def test_equal_settings_are_the_same_credential_however_they_were_pasted() -> None:
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
    code_of(redirect_uri='https://x'),
    code_of(client=EntraCredential(LOGIN, TENANT, CLIENT)),
    cortex(),
    cortex(token='other'),
    cortex(key=base64.b64encode(b'k' * 16).decode()),
    cortex(app_name='other'),
    cortex(registration_id='other@https://tokens.example/obtain'),
    cortex(registration_id='id@https://tokens.example/other'),
    cortex(registration_id='id'),
    ManagedIdentityCredential(environment={}),
    ManagedIdentityCredential(CLIENT, {}),
    ManagedIdentityCredential(environment={'AZURE_POD_IDENTITY_AUTHORITY_HOST': 'http://10.0.0.1/'}),
    ManagedIdentityCredential(environment={'IDENTITY_ENDPOINT': 'http://x', 'IDENTITY_HEADER': 'h'}),
    ManagedIdentityCredential(environment={'IDENTITY_ENDPOINT': 'http://x', 'IMDS_ENDPOINT': 'http://y'}),
]


def test_any_other_setting_is_another_credential() -> None:
    assert len({credential.identity for credential in DIFFERENT}) == len(DIFFERENT)


def test_what_one_person_pasted_does_not_change_the_application() -> None:
    assert code_of('one').application == code_of('two').application
    assert cortex(token='one').application == cortex(token='two').application
    assert code_of().application != secret_of().application


@pytest.mark.parametrize('credential', DIFFERENT)
def test_no_credential_shows_its_secrets(credential: Credential) -> None:
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
def test_a_token_may_be_own_unless_its_claims_say_otherwise(
    credential: Credential, claims: dict[str, Any], expected: bool
) -> None:
    assert credential.may_own(claims) == expected


# endregion
# region requests to Entra


@pytest.mark.parametrize(
    'scope, offline, expected',
    [
        ('a', True, 'a offline_access'),
        ('a', False, 'a'),
        ('offline_access a', True, 'offline_access a'),
        ('', True, 'offline_access'),
    ],
)
def test_a_refresh_token_is_asked_for_by_its_scope(scope: str, offline: bool, expected: str) -> None:
    assert with_offline_access(scope, offline) == expected


def test_a_client_secret_is_sent_in_one_form() -> None:
    request = secret_of().token_request(TARGET, NOTHING)
    assert (request.method, request.url) == ('POST', f'{LOGIN}/{TENANT}/oauth2/v2.0/token')
    assert request.form == {
        'grant_type': 'client_credentials',
        'client_id': CLIENT,
        'client_secret': SECRET,
        'scope': TARGET.scope,
    }
    assert request.through_proxy


def test_version_1_of_the_endpoint_takes_a_resource_in_place_of_a_scope() -> None:
    form = secret_of(url=V1_URL).token_request(TARGET, NOTHING).form
    assert form['resource'] == 'https://graph.microsoft.com'
    assert 'scope' not in form


def test_a_claims_challenge_is_passed_on() -> None:
    assert secret_of().token_request(TokenTarget(scope='s', claims='{"x":1}'), NOTHING).form['claims'] == '{"x":1}'


@pytest.mark.parametrize('credential', [secret_of(tenant='common'), CertificateCredential(LOGIN, 'common', CLIENT, PEM)])
def test_an_application_signs_in_to_a_tenant_of_its_own_only(credential: Credential) -> None:
    with pytest.raises(CredentialError, match="Token is 'common'"):
        credential.token_request(TARGET, NOTHING)


@pytest.mark.parametrize('url', ['http://login.example', 'login.example', ''])
def test_a_login_host_without_tls_is_refused(url: str) -> None:
    with pytest.raises(CredentialError, match='the Azure AD endpoint is not an https address'):
        secret_of(login=url)


def test_a_token_url_without_tls_is_refused() -> None:
    with pytest.raises(CredentialError, match='the token URL is not an https address'):
        secret_of(url='http://login.example/token')


PASTED_CODE = f'{REDIRECT_URI}?code=0.c%24'


@pytest.mark.parametrize(
    'pasted, kept, fields',
    [
        (PASTED_CODE, NOTHING, {'grant_type': 'authorization_code', 'code': '0.c$', 'redirect_uri': REDIRECT_URI}),
        (
            PASTED_CODE,
            KeptSignIn(code_verifier='v'),
            {'grant_type': 'authorization_code', 'code': '0.c$', 'redirect_uri': REDIRECT_URI, 'code_verifier': 'v'},
        ),
        (PASTED_CODE, KeptSignIn(refresh_token='r', code_verifier='v'), {'grant_type': 'refresh_token', 'refresh_token': 'r'}),
        ('', KeptSignIn(refresh_token='r'), {'grant_type': 'refresh_token', 'refresh_token': 'r'}),
        ('refresh_token:p', NOTHING, {'grant_type': 'refresh_token', 'refresh_token': 'p'}),
        ('refresh_token:p', KeptSignIn(refresh_token='r'), {'grant_type': 'refresh_token', 'refresh_token': 'r'}),
    ],
)
def test_a_code_is_redeemed_once_and_then_refreshed(pasted: str, kept: KeptSignIn, fields: dict[str, str]) -> None:
    request = code_of(pasted).token_request(TARGET, kept)
    assert request.form == {**fields, 'client_id': CLIENT, 'client_secret': SECRET, 'scope': f'{TARGET.scope} offline_access'}


@pytest.mark.parametrize(
    'credential, kept',
    [
        (code_of(), NOTHING),
        (code_of(PASTED_CODE), KeptSignIn(code_redeemed=True)),
        (DeviceCodeCredential(LOGIN, TENANT, CLIENT), NOTHING),
    ],
)
def test_without_a_sign_in_a_person_is_asked_for(credential: Credential, kept: KeptSignIn) -> None:
    with pytest.raises(SignInRequiredError, match='Nobody has signed in'):
        credential.token_request(TARGET, kept)


def test_version_1_of_the_endpoint_wants_the_redirect_uri_with_a_refresh_token() -> None:
    request = code_of(client=secret_of(url=V1_URL)).token_request(TARGET, KeptSignIn('r'))
    assert request.form['redirect_uri'] == REDIRECT_URI
    assert request.form['resource'] == 'https://graph.microsoft.com'


def test_a_redirect_uri_is_needed() -> None:
    with pytest.raises(CredentialError, match='The application redirect URI is missing'):
        code_of(redirect_uri=' ')


def test_the_login_url_holds_the_challenge_and_not_the_verifier() -> None:
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
    }
    assert '+' not in url.query


def test_a_device_code_is_started_asked_for_and_refreshed_without_a_secret() -> None:
    credential = DeviceCodeCredential(LOGIN, TENANT, CLIENT)
    started = credential.start_request(TARGET)
    assert started.url == f'{LOGIN}/{TENANT}/oauth2/v2.0/devicecode'
    assert started.form == {'client_id': CLIENT, 'scope': f'{TARGET.scope} offline_access'}
    polled = credential.token_request(TARGET, KeptSignIn(device_code='d')).form
    assert polled == {
        'grant_type': 'urn:ietf:params:oauth:grant-type:device_code',
        'device_code': 'd',
        'client_id': CLIENT,
        'scope': TARGET.scope,
    }
    refreshed = credential.token_request(TARGET, KeptSignIn('r', device_code='d')).form
    assert refreshed == {
        'grant_type': 'refresh_token',
        'refresh_token': 'r',
        'client_id': CLIENT,
        'scope': f'{TARGET.scope} offline_access',
    }


# endregion
# region certificates


@pytest.mark.parametrize(
    'private_key, thumbprint, algorithm, header',
    [
        (PEM, '', 'PS256', {'x5t#S256': OWN.x5t_s256}),
        (OWN.private_key_pem, OWN.certificate_pem, 'PS256', {'x5t#S256': OWN.x5t_s256}),
        (OWN.private_key_pem, OWN.sha256_thumbprint, 'PS256', {'x5t#S256': OWN.x5t_s256}),
        (OWN.private_key_pem, OWN.sha1_thumbprint, 'RS256', {'x5t': OWN.x5t}),
        (PEM, OWN.sha1_thumbprint, 'PS256', {'x5t#S256': OWN.x5t_s256}),
    ],
    ids=['both in one', 'certificate', 'SHA-256', 'SHA-1', 'both and SHA-1'],
)
def test_an_assertion_names_its_certificate_as_its_algorithm_wants(
    private_key: str, thumbprint: str, algorithm: str, header: dict[str, str]
) -> None:
    credential = CertificateCredential(LOGIN, TENANT, CLIENT, private_key, thumbprint)
    assertion = credential.assertion(1_900_000_000.7)
    assert jwt.get_unverified_header(assertion) == {'alg': algorithm, 'typ': 'JWT', **header}
    claims = jwt.decode(
        assertion, OWN.public_key, [algorithm], audience=credential.token_url, options={'verify_nbf': False, 'verify_iat': False}
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


def test_each_request_and_each_try_has_an_assertion_of_its_own() -> None:
    credential = CertificateCredential(LOGIN, TENANT, CLIENT, PEM)
    first = credential.token_request(TARGET, NOTHING)
    assert first.again is not None
    second = first.again()
    assert second.again is not None
    requests = [first, second, second.again(), credential.token_request(TARGET, NOTHING)]
    assert len({request.form['client_assertion'] for request in requests}) == 4
    assert {request.form['grant_type'] for request in requests} == {'client_credentials'}
    assert vars(first) == vars(TokenRequest(first.method, first.url, form=first.form, again=first.again))


def test_a_certificate_proves_the_client_of_an_authorization_code_too() -> None:
    form = code_of('code', CertificateCredential(LOGIN, TENANT, CLIENT, PEM)).token_request(TARGET, NOTHING).form
    assert form['client_assertion_type'] == 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
    assert 'client_secret' not in form


def certificate_of_edwards() -> str:
    """A certificate whose key is none of RSA."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, 'edwards')])
    now = datetime.now(timezone.utc)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    built = built.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return built.sign(key, None).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize('thumbprint', [OWN.sha1_thumbprint, OWN.sha256_thumbprint], ids=['SHA-1', 'SHA-256'])
def test_the_thumbprint_of_the_pasted_certificate_does_no_harm(thumbprint: str) -> None:
    assert CertificateCredential(LOGIN, TENANT, CLIENT, PEM, thumbprint).assertion(1.9e9)


def test_a_thumbprint_of_another_certificate_than_the_pasted_one_is_refused() -> None:
    with pytest.raises(CredentialError, match='is not that of the certificate'):
        CertificateCredential(LOGIN, TENANT, CLIENT, PEM, certificate('another').sha1_thumbprint).assertion(1.9e9)


NO_CERTIFICATE = '-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----'
NO_KEY = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----'


@pytest.mark.parametrize(
    'private_key, says',
    [
        (OWN.private_key_pem + certificate('another').certificate_pem, 'does not belong to the certificate'),
        (OWN.private_key_pem + certificate_of_edwards(), 'does not belong to the certificate'),
        (OWN.private_key_pem + NO_CERTIFICATE, 'The certificate cannot be read'),
        (NO_KEY + OWN.certificate_pem, 'The private key cannot be read'),
    ],
)
def test_a_pair_that_is_none_is_refused_when_it_is_to_sign(private_key: str, says: str) -> None:
    credential = CertificateCredential(LOGIN, TENANT, CLIENT, private_key)
    with pytest.raises(CredentialError, match=says):
        credential.token_request(TARGET, NOTHING)


@pytest.mark.parametrize(
    'private_key, thumbprint, says',
    [
        ('', SHA1, 'The private key is missing'),
        (OWN.private_key_pem, '', 'The certificate thumbprint is missing'),
        (OWN.private_key_pem, 'x', 'is not 40'),
    ],
)
def test_half_a_pair_is_refused_at_once(private_key: str, thumbprint: str, says: str) -> None:
    with pytest.raises(CredentialError, match=says):
        CertificateCredential(LOGIN, TENANT, CLIENT, private_key, thumbprint)


# endregion
# region Cortex app


def decrypted(encrypted: str) -> tuple[int, str]:
    """Time and token out of what the token service gets."""
    raw = base64.b64decode(encrypted)
    plain = AESGCM(base64.b64decode(AES_KEY)).decrypt(raw[:12], raw[12:], None).decode()
    seconds, _, token = plain.partition(':')
    return int(seconds), token


def test_the_token_service_can_decrypt_the_token_and_sees_its_age() -> None:
    seconds, token = decrypted(encrypt_for_token_service('a:token', AES_KEY))
    assert token == 'a:token'
    assert seconds == pytest.approx(datetime.now(timezone.utc).timestamp(), abs=2)
    assert encrypt_for_token_service('x', AES_KEY) != encrypt_for_token_service('x', AES_KEY)


@pytest.mark.parametrize('key', ['short', 'a-b_', base64.b64encode(b'k' * 31).decode(), 'kéy', AES_KEY + '\n', ''])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(CredentialError, match='Key is not the Key of the Cortex XSOAR app'):
        encrypt_for_token_service('token', key)


@pytest.mark.parametrize('kept, token', [(NOTHING, 'a-token'), (KeptSignIn('newer'), 'newer')])
def test_the_newest_token_is_sent_to_the_service_that_the_id_names(kept: KeptSignIn, token: str) -> None:
    credential = cortex(info_headers=lambda: {'X-Content-Name': 'x'})
    request = credential.token_request(TokenTarget('scope', 'resource'), kept)
    assert (request.method, request.url, request.headers) == ('POST', 'https://tokens.example/obtain', {'X-Content-Name': 'x'})
    assert decrypted(request.json_body.pop('encrypted_token'))[1] == token
    assert request.json_body == {'app_name': 'app', 'registration_id': 'id', 'scope': 'scope', 'resource': 'resource'}


def test_an_id_without_a_service_means_the_public_one() -> None:
    assert cortex(registration_id='id').token_request(TokenTarget(), NOTHING).url == 'https://oproxy.demisto.ninja/obtain-token'


def test_the_encryption_can_be_given() -> None:
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
    with pytest.raises(CredentialError, match=rf'{name} is missing\. Paste the {name} that the consent page'):
        cortex(**changes)


@pytest.mark.parametrize('status', [200, 400, 405])
def test_a_check_asks_the_service_and_leaves_the_token_unused(status: int) -> None:
    with ScriptedServer([(status, {'Retry-After': '0'}, '')]) as server:
        cortex(registration_id=f'id@{server.url}').check_without_using_the_token(TokenTransport())
    assert {(seen['method'], seen['body']) for seen in server.seen} == {('GET', '')}


@pytest.mark.parametrize('status', [404, 500, 503])
def test_a_check_finds_an_address_at_which_no_token_service_is(status: int) -> None:
    with (
        ScriptedServer([(status, {'Retry-After': '0'}, '')]) as server,
        pytest.raises(SignInUnavailableError, match=rf'answered with HTTP status {status}\. A proxy or a wrong address'),
    ):
        cortex(registration_id=f'id@{server.url}').check_without_using_the_token(TokenTransport())


def test_the_token_service_may_not_show_the_token_that_it_decrypts() -> None:
    echo = json.dumps({'title': 'Refused', 'detail': 'The refresh token the-plain-Token is not known.'})
    with ScriptedServer([(400, {}, echo)]) as server, pytest.raises(SignInRefusedError) as refused:
        TokenTransport().ask(
            cortex(registration_id=f'id@{server.url}', token='the-plain-Token').token_request(TokenTarget(), KeptSignIn())
        )
    assert 'The refresh token *** is not known.' in str(refused.value)


def test_the_token_service_gets_time_to_answer_since_its_answer_holds_the_next_token() -> None:
    request = cortex().token_request(TokenTarget(), KeptSignIn())
    assert 60 < request.read_timeout < CortexAppCredential.longest_ask


@pytest.mark.parametrize(
    'pasted, state, is_taken',
    [
        ('https://localhost/myapp?code=c&state=mine', 'mine', True),
        ('c', 'mine', True),
        ('https://localhost/myapp?code=c&state=x', '', True),
        ('https://localhost/myapp?code=c&state=of-somebody-else', 'mine', False),
    ],
)
def test_a_pasted_url_of_another_sign_in_than_the_one_started_last_is_refused(pasted: str, state: str, is_taken: bool) -> None:
    client = EntraCredential('https://login.example', 'contoso.example', 'id')
    credential = AuthorizationCodeCredential(client, 'https://localhost/myapp', pasted)
    kept = KeptSignIn(state=state, code_verifier='verifier')
    if is_taken:
        assert credential.token_request(TokenTarget('s'), kept).form['code'] == 'c'
    else:
        with pytest.raises(SignInRequiredError, match='belongs to another sign-in than the one started last'):
            credential.token_request(TokenTarget('s'), kept)


def test_a_redirect_url_that_says_to_wait_does_not_start_any_waiting() -> None:
    with pytest.raises(SignInRequiredError):
        clean_authorization_code('https://localhost/myapp?error=authorization_pending')


def test_a_check_finds_a_wrong_key_and_sends_nothing() -> None:
    with ScriptedServer([(200, {}, '')]) as server, pytest.raises(CredentialError, match='Key is not the Key'):
        cortex(registration_id=f'id@{server.url}', key='wrong').check_without_using_the_token(TokenTransport())
    assert server.seen == []


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
def test_the_environment_tells_which_host_it_is(
    environment: dict[str, str], client_id: str, url: str, version: str, header: dict[str, str]
) -> None:
    request = ManagedIdentityCredential(client_id, environment).token_request(RESOURCE, NOTHING)
    named = {'client_id': client_id} if client_id else {}
    assert (request.method, request.url, request.headers) == ('GET', url, header)
    assert request.params == {'api-version': version, 'resource': 'https://graph.microsoft.com', **named}
    assert not request.through_proxy
    assert request.retry is MANAGED_IDENTITY_RETRIES
    assert request.connect_timeout == 2
    assert SECRET not in repr(request)


def test_the_environment_is_that_of_the_process_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('AZURE_POD_IDENTITY_AUTHORITY_HOST', 'http://10.0.0.7')
    monkeypatch.delenv('IDENTITY_ENDPOINT', raising=False)
    assert ManagedIdentityCredential().token_request(RESOURCE, NOTHING).url.startswith('http://10.0.0.7/')


@pytest.mark.parametrize('client_id', ['/subscriptions/1/x', 'my identity', f'{CLIENT}@x'])
def test_what_is_no_client_id_of_an_identity_is_refused_by_the_name_of_its_field(client_id: str) -> None:
    with pytest.raises(CredentialError, match=r'^Azure Managed Identities Client ID is not a client ID'):
        ManagedIdentityCredential(client_id, {})


def test_a_machine_of_arc_has_only_its_own_identity() -> None:
    with pytest.raises(CredentialError, match='Leave Azure Managed Identities Client ID empty'):
        ManagedIdentityCredential(CLIENT, ARC_HOST).token_request(RESOURCE, NOTHING)


@pytest.mark.parametrize('kind', [VirtualMachine, AppService])
def test_other_hosts_challenge_nobody(kind: type[VirtualMachine]) -> None:
    request = TokenRequest('GET', 'http://127.0.0.1:1')
    assert kind(APP_SERVICE_HOST).answer_challenge(request, TokenTransport()) is request


@pytest.fixture
def key_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for the folder of Arc's keys, which only root can make."""
    folder = tmp_path / 'tokens'
    folder.mkdir()
    (folder / 'good.key').write_text('the key\n')
    (tmp_path / 'outside.key').write_text('another secret')
    (folder / 'link.key').symlink_to(tmp_path / 'outside.key')
    (folder / 'good.txt').write_text('no key')
    (folder / 'folder.key').mkdir()
    (folder / 'just-right.key').write_text('k' * AzureArc.LARGEST_KEY)
    (folder / 'large.key').write_text('k' * (AzureArc.LARGEST_KEY + 1))
    monkeypatch.setattr(AzureArc, 'KEY_FOLDER', str(folder))
    return folder


def ask_arc(challenge: str, status: int = 401) -> str:
    """What Arc is sent once it has answered with `challenge`."""
    with ScriptedServer([(status, {'WWW-Authenticate': challenge} if challenge else {}, '{}')]) as server:
        host = AzureArc({'IDENTITY_ENDPOINT': server.url})
        return host.answer_challenge(host.request('r', ''), TokenTransport()).headers['Authorization']


@pytest.mark.parametrize('name, key', [('good.key', 'the key'), ('just-right.key', 'k' * 4096)])
@pytest.mark.parametrize('form', ['Basic realm={}', 'Basic realm="{}"'])
def test_the_key_of_arc_is_read_and_sent(key_folder: Path, name: str, key: str, form: str) -> None:
    assert ask_arc(form.format(key_folder / name)) == f'Basic {key}'


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
def test_any_other_file_is_not_read(key_folder: Path, path: str, says: str) -> None:
    with pytest.raises(SignInRefusedError, match=says) as refused:
        ask_arc(f'Basic realm={path.format(folder=key_folder)}')
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
def test_an_answer_without_a_challenge_is_an_error(challenge: str, status: int, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        ask_arc(challenge, status)


# endregion


def test_the_modules_load_neither_cryptography_nor_jwt() -> None:
    program = "import sys, MicrosoftIdentityApiModule; print(sorted({'cryptography', 'jwt'} & set(sys.modules)))"
    loaded = subprocess.run(
        [sys.executable, '-c', f'import sys; sys.path[:] = {sys.path!r}; {program}'], capture_output=True, text=True, check=True
    )
    assert json.loads(loaded.stdout) == []
