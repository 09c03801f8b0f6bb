"""Reports from the field: what an error of a sign-in says, and what follows (S1, S6, S9, S10, S13, S14, S15, S19)."""

import html
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from conformance.field_reports.report import seen
from conformance.sign_in.methods import keywords
from conformance.sign_in.recording_proxy import RecordingProxy
from conformance.sign_in.rows import (
    ALWAYS,
    APP_SERVICE,
    ARC,
    AUTHORIZATION_CODE,
    CERTIFICATE_PS256,
    CLIENT_SECRET,
    CORTEX_APP,
    DEVICE_CODE,
    VM_SYSTEM_ASSIGNED,
    status,
)
from conformance.sign_in.workbench import Workbench
from MicrosoftApiModule import MicrosoftClient, complete_browser_sign_in
from MicrosoftCoreApiModule import CredentialError, MicrosoftSignInError
from MicrosoftCredentialsApiModule import parse_authorization_response
from MicrosoftTokenRequestApiModule import (
    AccessToken,
    SignInRefusedError,
    SignInRequiredError,
    SignInUnavailableError,
    parse_oauth_error,
)

Report = Callable[[str, str, str, str], None]
CONSENT_PAGE, AZURE_HOST = 'consent page', 'Azure host'
CHECK_ADDRESS = 'Check the address of the service, the cloud setting and the proxy.'


def error_of(workbench: Workbench, method: str, service: str, answer: dict[str, Any]) -> MicrosoftSignInError:
    """Return the error of a token request to which the service always gives this answer."""
    client = workbench.client(keywords(method, workbench))
    workbench.fail(service, 'token', {**answer, **ALWAYS})
    workbench.reset_counts()
    outcome = workbench.ask(client)
    workbench.cloud.faults.clear()
    assert isinstance(outcome, MicrosoftSignInError), outcome
    workbench.assert_no_secret_in(outcome)
    return outcome


# region S1

REVOKED = {
    'error': 'invalid_grant',
    'error_description': 'AADSTS700082: The refresh token has expired due to inactivity. Trace ID: 1 Correlation ID: 2',
    'error_codes': [700082],
}
TEMPORARY = {'error': 'temporarily_unavailable', 'error_description': 'AADSTS90033: A transient error has occurred.'}
IN_TEXT = f'Error: failed to get access token with err: {json.dumps(REVOKED)}'
PAGE = '<html><head><title>Sign in</title></head><body><p>AADSTS700082: The refresh token has expired.</p></body></html>'


@pytest.mark.parametrize(
    'code, body',
    [
        (401, IN_TEXT),
        (500, IN_TEXT),
        (403, json.dumps(IN_TEXT)),
        (502, json.dumps(json.dumps(REVOKED))),
        (401, PAGE),
        (500, PAGE),
        (401, html.escape(IN_TEXT)),
        (400, f'oauth2: cannot fetch token: {REVOKED!r}'),
        (500, {'error': IN_TEXT}),
        (500, {'message': {'error': 'x'}, 'detail': IN_TEXT}),
        (400, 'AADSTS700082 The refresh token has expired'),
        (401, f'<html>{"<p>x</p>" * 5_000}<script>{{"sErrTxt":"AADSTS700082: Expired."}}</script></html>'),
        (500, 'a line of a log\n' * 3_000 + IN_TEXT),
        (401, 'oauth2: "invalid_grant" "AADSTS700082: expired"'),
        (503, {'title': 'Internal', 'detail': json.dumps({'message': json.dumps(REVOKED)})}),
    ],
)
def test_an_error_of_entra_is_found_in_any_text(workbench: Workbench, field_report: Report, code: int, body: Any) -> None:
    error = error_of(workbench, CORTEX_APP, 'token-service', status(code, body=body))
    assert type(error) is SignInRequiredError, error
    assert error.code == 'AADSTS700082'
    assert CONSENT_PAGE in error.advice
    assert 'Trace ID' not in str(error)
    requests = workbench.requests_to('token-service', 1)
    assert requests == 1, 'the same request would be refused again'
    before = f'The sign-in service responded with HTTP status {code}. Check the address of the service'
    field_report('S1', f'{code}, {str(body)[:60]}', before, f'{error.code}, {requests} request, {error.advice}')


@pytest.mark.parametrize('body', ['hash verification failed', 'invalid registration', {'message': 'hash verification failed'}])
@pytest.mark.parametrize('code', [400, 403, 500])
def test_a_short_text_is_the_reason_and_the_consent_page_is_named(
    workbench: Workbench, field_report: Report, code: int, body: Any
) -> None:
    error = error_of(workbench, CORTEX_APP, 'token-service', status(code, body=body))
    reason = body if isinstance(body, str) else body['message']
    assert f'HTTP status {code}: {reason}' in str(error)
    assert CONSENT_PAGE in error.advice
    field_report('S1', f'{code}, {body}', 'Check the address of the service, the cloud setting and the proxy.', str(error))


@pytest.mark.parametrize('code', [400, 401, 403])
@pytest.mark.parametrize('body', [f'failed: {json.dumps(TEMPORARY)}', 'AADSTS90033: A transient error has occurred.'])
def test_a_temporary_error_of_entra_is_retried_whatever_the_status(
    workbench: Workbench, field_report: Report, code: int, body: str
) -> None:
    error = error_of(workbench, CORTEX_APP, 'token-service', status(code, body=body))
    assert (type(error), workbench.requests_to('token-service', 4)) == (SignInUnavailableError, 4)
    assert 'AADSTS90033' in error.what
    field_report('S1', f'{code}, {body}', 'given up at once', f'4 requests, {error}')


@pytest.mark.parametrize('code', [400, 401, 403])
def test_an_azure_host_is_named_whatever_its_service_answers(workbench: Workbench, field_report: Report, code: int) -> None:
    error = error_of(workbench, APP_SERVICE, 'app-service', status(code, body={'statusCode': code, 'message': 'No.'}))
    assert AZURE_HOST in error.advice
    field_report('S1', f'App Service, {code}', 'Check the address of the service', str(error))


@pytest.mark.parametrize('text', ['{"a":' * 100_000, '{' * 1_000_000, '[{"error":' * 50_000, '<' * 1_000_000, 'AADSTS' * 100_000])
def test_a_hostile_text_is_read_at_once(workbench: Workbench, text: str) -> None:
    error = error_of(workbench, CORTEX_APP, 'token-service', status(401, body=text))
    assert len(str(error)) < 1_000


# endregion
# region S6

EXPIRED_KEY = (
    'AADSTS700027: Client assertion contains an invalid signature. [Reason - The key used is expired., '
    "Thumbprint of key used by client: 'ABCD', Found key 'Start=01/01/2024 00:00:00, End=01/01/2025 00:00:00'] Trace ID: 1"
)


@pytest.mark.parametrize(
    'description, error, shows, advises, never',
    [
        (
            EXPIRED_KEY,
            'invalid_client',
            'The key used is expired.',
            'Create a new certificate',
            'Thumbprint and private key must',
        ),
        (
            EXPIRED_KEY.replace('used is expired', 'was not found'),
            'invalid_client',
            'was not found',
            'Upload the certificate',
            '',
        ),
        (
            EXPIRED_KEY.replace('used is expired', 'was revoked'),
            'invalid_client',
            'was revoked',
            'Create a new certificate',
            'Thumbprint and private key must',
        ),
        (
            'AADSTS70002: Error validating credentials. AADSTS50012: Client assertion is not within its valid time range.',
            'invalid_client',
            'valid time range',
            'Synchronize the clock',
            'Upload the certificate',
        ),
        ('AADSTS50012: Client assertion contains an invalid signature.', 'invalid_client', '', 'Upload the certificate', ''),
        ('AADSTS50012: The audience is not that of the realm.', 'invalid_client', '', 'the cloud setting', 'Upload'),
        ('AADSTS700023: The audience is not that of the realm.', 'invalid_client', '', 'the cloud setting', 'Upload'),
        ('AADSTS700023: The value for the input parameter scope is not valid.', 'invalid_scope', '', '/.default', 'Upload'),
        (
            'AADSTS70000: User account is found to be in service abuse mode. Trace ID: 1',
            'invalid_grant',
            'abuse mode',
            'Contact Microsoft support',
            'Sign in again',
        ),
        (
            'AADSTS70000: The request was denied because one or more scopes requested are unauthorized or expired. '
            'The user must first sign in and grant the client application access to the requested scope.',
            'invalid_grant',
            'scopes requested are unauthorized',
            'Add the API permission',
            '',
        ),
        ('AADSTS70000: The user could not be authenticated as the grant is expired.', 'invalid_grant', '', 'Sign in again', ''),
        (
            'AADSTS9002346: x is for Microsoft Account users only. Please use the /consumers endpoint.',
            '',
            '',
            'consumers',
            'Check the set',
        ),
        ('AADSTS9002332: x is for Azure AD users only. Do not use /consumers.', '', '', 'Directory (tenant) ID', 'Check the set'),
        ('AADSTS9002327: Tokens issued for the SPA client-type.', 'invalid_request', '', 'platform Web', 'Check the settings'),
        ('AADSTS9002326: Cross-origin token redemption.', 'invalid_request', '', 'platform Web', 'Check the settings'),
        ('AADSTS135011: Device used during the authentication is disabled.', 'invalid_grant', '', 'another device', 'eset'),
        ('AADSTS700003: Device object was not found.', 'invalid_grant', '', 'another device', 'eset'),
        ('AADSTS500341: The user account has been deleted.', 'invalid_grant', '', 'Add the account', 'eset'),
        ('AADSTS530084: Blocked by token protection policy.', 'invalid_grant', '', 'token protection', 'eset'),
        ('AADSTS7000112: Application x is disabled.', 'unauthorized_client', '', 'enterprise application', 'Check the settings'),
        ('AADSTS50057: The user account is disabled.', 'invalid_grant', '', 'Check that the user account exists', 'eset'),
        (
            'AADSTS1234567: First. Second part. Third! Trace ID: 1',
            'invalid_grant',
            'Second part. Third!',
            'AADSTS1234567',
            'Sign in again',
        ),
        (
            'AADSTS1234567: First. [Reason - second.] Correlation ID: 1',
            'invalid_request',
            'second.',
            'AADSTS1234567',
            'Check the',
        ),
    ],
)
def test_the_part_that_tells_the_cause_is_shown_and_advised_on(
    field_report: Report, description: str, error: str, shows: str, advises: str, never: str
) -> None:
    refusal = parse_oauth_error({'error': error or 'invalid_request', 'error_description': description}, 400)
    assert shows in refusal.what
    assert advises in refusal.advice
    assert not never or never not in str(refusal)
    assert ' ID: ' not in str(refusal)
    field_report('S6', description, 'the first sentence, and the advice of another cause', str(refusal))


@pytest.mark.parametrize(
    'suberror, advises',
    [
        ('basic_action', 'in a browser'),
        ('message_only', 'names the policy'),
        ('token_expired', 'Sign in again'),
        ('x', 'Look up AADSTS'),
    ],
)
def test_the_suberror_tells_whether_a_new_sign_in_helps(field_report: Report, suberror: str, advises: str) -> None:
    body = {'error': 'invalid_grant', 'suberror': suberror, 'error_description': 'AADSTS1234567: An unknown cause.'}
    refusal = parse_oauth_error(body, 400)
    assert advises in refusal.advice
    field_report(
        'S6', f'an unknown number with suberror {suberror}', 'Reset the authentication and sign in again.', refusal.advice
    )


# endregion
# region S9

GUEST = {'status': 404, 'body': '<html><title>404 Not Found</title></html>'}


@pytest.mark.parametrize(
    'method, service, answer',
    [
        (VM_SYSTEM_ASSIGNED, 'imds', GUEST),
        (VM_SYSTEM_ASSIGNED, 'imds', {'status': 405}),
        (VM_SYSTEM_ASSIGNED, 'imds', {'status': 405, 'body': '<h1>Method Not Allowed</h1>'}),
        (VM_SYSTEM_ASSIGNED, 'imds', {'status': 403, 'body': 'Missing Metadata-Flavor:Google header.'}),
        (VM_SYSTEM_ASSIGNED, 'imds', {'status': 401, 'body': '<?xml version="1.0"?><title>401 - Unauthorized</title>'}),
        (VM_SYSTEM_ASSIGNED, 'imds', {'status': 400, 'body': 'bad request'}),
        (VM_SYSTEM_ASSIGNED, 'imds', {'status': 200, 'body': '<html>latest\nmeta-data</html>'}),
        (VM_SYSTEM_ASSIGNED, 'imds', {'status': 404, 'body': [1]}),
        (APP_SERVICE, 'app-service', GUEST),
        (ARC, 'arc', GUEST),
    ],
)
def test_the_metadata_service_of_somebody_else_is_not_an_azure_host(
    workbench: Workbench, field_report: Report, method: str, service: str, answer: dict[str, Any]
) -> None:
    error = error_of(workbench, method, service, answer)
    assert ('Choose an engine' if method == VM_SYSTEM_ASSIGNED else 'the network of the host') in error.advice
    assert 'Try again' not in str(error)
    requests = workbench.requests_to(service, 1)
    # with 404 an endpoint that is updated answers too, whatever its body
    assert requests == (5 if answer['status'] == 404 else 1)
    before = 'Try again in a few minutes.' if answer['status'] == 404 else 'Check the address, the cloud setting and the proxy.'
    field_report('S9', f'{method}, {answer}', before, f'{requests} requests: {error}')


@pytest.mark.parametrize('code', [403, 421])
def test_a_host_that_restricts_its_metadata_service_is_still_an_azure_host(
    workbench: Workbench, field_report: Report, code: int
) -> None:
    error = error_of(workbench, VM_SYSTEM_ASSIGNED, 'imds', status(code))
    assert 'allow the containers of the engine' in error.advice
    field_report('S9', f'{code} without a body', 'Turn on the managed identity of this Azure host', str(error))


@pytest.mark.parametrize('body', [None, {}, {'message': 'Not Found'}, {'error': {'code': 404, 'message': 'no'}}])
def test_a_metadata_service_that_always_answers_404_may_be_that_of_somebody_else(
    workbench: Workbench, field_report: Report, body: Any
) -> None:
    error = error_of(workbench, VM_SYSTEM_ASSIGNED, 'imds', status(404, body=body))
    assert 'Choose an engine on an Azure host' in error.advice
    field_report('S9', f'404 {body}', 'Try again in a few minutes.', str(error))


# endregion
# region S10


@pytest.mark.parametrize(
    'secret',
    [
        '0f0e0d0c-0b0a-4908-8706-050403020100',
        '0F0E0D0C-0B0A-4908-8706-050403020100',
        '00000000-0000-0000-0000-000000000000',
        'ffffffff-ffff-4fff-bfff-ffffffffffff',
        '1b2c3d4e-0001-4a5b-8c7d-9e0f1a2b3c4d',
    ],
)
def test_a_secret_that_is_a_guid_works_and_a_refused_one_is_called_what_it_looks_like(
    workbench: Workbench, field_report: Report, secret: str
) -> None:
    settings = {**keywords(CLIENT_SECRET, workbench), 'enc_key': secret}
    refused = workbench.ask(workbench.client(settings))
    assert isinstance(refused, SignInRefusedError)
    assert refused.code == 'AADSTS7000215'
    assert 'Key looks like the ID of the client secret.' in refused.advice
    application = workbench.cloud.directory.application('daemon')
    application.secrets.append(type(application.secrets[0])(value=secret))
    token = workbench.ask(workbench.client(settings))
    assert isinstance(token, AccessToken)
    field_report(
        'S10', f'the secret {secret}', 'Key is the ID of the client secret, not its value.', f'a token; refused: {refused.advice}'
    )


# endregion
# region S13


@pytest.mark.parametrize(
    'number, says, advises',
    [
        (407, '407', 'user name and password'),
        (403, '403', 'allow this address'),
        (502, '502', 'can reach this address'),
        (503, '503', 'can reach this address'),
        (400, '400', 'Check the proxy settings'),
    ],
)
def test_the_status_of_a_proxy_is_named(
    workbench: Workbench,
    proxy: RecordingProxy,
    field_report: Report,
    number: int,
    says: str,
    advises: str,
) -> None:
    client = workbench.client({**keywords(CLIENT_SECRET, workbench), 'proxy': True})
    workbench.set_environment({'HTTPS_PROXY': '{proxy}'})
    proxy.refuses = number
    try:
        error = workbench.ask(client)
    finally:
        proxy.refuses = 0
    assert isinstance(error, SignInUnavailableError)
    assert says in error.what
    assert advises in error.advice
    field_report('S13', f'a proxy answers {number}', 'The proxy blocked the sign-in. Check the proxy settings.', str(error))


BLOCKED = '<!DOCTYPE html><html><body>access_denied: Your organization blocks this site.</body></html>'


@pytest.mark.parametrize('code', [401, 403, 404, 451, 511])
@pytest.mark.parametrize('method, service', [(CORTEX_APP, 'token-service'), (CLIENT_SECRET, 'entra')])
def test_the_page_of_a_proxy_is_not_taken_for_the_answer_of_the_service(
    workbench: Workbench, field_report: Report, method: str, service: str, code: int
) -> None:
    error = error_of(workbench, method, service, status(code, body=BLOCKED))
    assert f'responded with HTTP status {code}.' in error.what
    assert not isinstance(error, SignInRequiredError)
    assert CONSENT_PAGE not in error.advice
    assert error.advice == ('Try again in a few minutes.' if code == 511 else CHECK_ADDRESS)
    field_report('S13', f'{method}: page with {code}', 'Check that ID, Token and Key are of the same consent.', str(error))


@pytest.mark.parametrize('number, needs_consent', [(53003, False), (50057, False), (500021, False), (50076, True), (50173, True)])
def test_the_consent_page_is_named_only_if_it_helps(
    workbench: Workbench, field_report: Report, number: int, needs_consent: bool
) -> None:
    body = {'message': json.dumps({'error': 'invalid_grant', 'error_description': f'AADSTS{number}: No.'})}
    error = error_of(workbench, CORTEX_APP, 'token-service', status(401, body=body))
    assert isinstance(error, SignInRequiredError)
    assert error.needs_new_sign_in is needs_consent
    assert (CONSENT_PAGE in error.advice) is needs_consent
    field_report('S13', f'Cortex XSOAR application, AADSTS{number}', 'the consent page', str(error))


@pytest.mark.parametrize(
    'address, says, advises',
    [
        ('http://127.0.0.1:9', 'the connection was refused', 'address and port'),
        ('http://proxy.invalid:8080', 'cannot be resolved', 'Check the host name'),
        (r'http://CONTOSO\ada:secret@127.0.0.1:9', 'cannot be resolved', '%5C for a backslash'),
        ('http://u:p@', 'not valid', 'proxy settings'),
        ('http://[::1', 'not valid', 'proxy settings'),
        ('http://proxy.invalid:99999', 'not valid', 'proxy settings'),
    ],
)
def test_a_proxy_that_cannot_be_reached_is_told_from_one_that_is_wrong(
    workbench: Workbench, field_report: Report, address: str, says: str, advises: str
) -> None:
    client = workbench.client({**keywords(CLIENT_SECRET, workbench), 'proxy': True})
    workbench.set_environment({'HTTPS_PROXY': address.replace('{', '{{')})
    error = workbench.ask(client)
    assert isinstance(error, SignInUnavailableError)
    assert says in error.what
    assert advises in error.advice
    field_report('S13', address, 'The proxy blocked the sign-in. Check the proxy settings.', str(error))


# endregion
# region S14

WRAPPED: dict[str, Callable[[str], str]] = {
    'in angle brackets': lambda url: f'<{url}>',
    'encoded twice': lambda url: quote(url, safe=''),
    'encoded twice more': lambda url: quote(quote(url, safe=''), safe=''),
    'in angle brackets and encoded': lambda url: f'<{quote(url, safe="")}>',
    'in quotes and brackets': lambda url: f'"<{url}>"',
    'in typographic quotes': lambda url: f'\u201c{url}\u201d',
    'in round brackets': lambda url: f'({url})',
    'a Markdown link': lambda url: f'[the address]({url})',
    'as HTML writes it': lambda url: html.escape(url),
    'as JSON writes it': lambda url: url.replace('&', '\\u0026'),
    'from a link checker': lambda url: f'https://safelinks.example/?url={quote(url, safe="")}&data=05',
    'only the query, encoded': lambda url: quote(url.partition('?')[2], safe=''),
    'with an invisible character': lambda url: f'\u202a{url}\u202c',
}


@pytest.mark.parametrize('form', WRAPPED)
def test_a_redirect_url_is_read_in_every_form(workbench: Workbench, field_report: Report, form: str) -> None:
    settings = keywords(AUTHORIZATION_CODE, workbench)
    url = settings.pop('auth_code')
    expected = parse_authorization_response(url)
    assert parse_authorization_response(WRAPPED[form](url)) == expected
    assert expected.state
    token = complete_browser_sign_in(workbench.client(settings), WRAPPED[form](url))
    field_report('S14', form, 'AADSTS9002313 or a code of another sign-in', f'signed in as {workbench.user_of(token.value)}')


# endregion
# region S15


@pytest.mark.parametrize(
    'brand', ['\u041f\u043e\u0447\u0442\u0430', 'Mail\nX-Other: 1', '\u90f5\u4ef6', 'M\xe4il', '\U0001f4e7', '', None]
)
def test_a_header_never_breaks_a_sign_in(
    workbench: Workbench, field_report: Report, monkeypatch: pytest.MonkeyPatch, brand: str | None
) -> None:
    monkeypatch.setattr(MicrosoftClient, '_add_info_headers', staticmethod(lambda: {'X-Content-Name': brand}))
    token = workbench.ask(workbench.client(keywords(CORTEX_APP, workbench)))
    assert isinstance(token, AccessToken)
    field_report('S15', f'the brand {brand!r}', "'latin-1' codec can't encode", seen(token))


@pytest.mark.parametrize(
    'address',
    [
        'https://login..example',
        'https://.login.example',
        'https://login.example:port',
        'https://login.example:99999',
        f'https://{"a" * 64}.example',
        'https://login example',
        'https://login.example\\x',
        'https://[::1',
    ],
)
def test_an_address_that_cannot_be_one_is_refused_by_name(workbench: Workbench, field_report: Report, address: str) -> None:
    settings = keywords(CLIENT_SECRET, workbench)
    with pytest.raises(CredentialError, match='not an https address') as refused:
        workbench.client({**settings, 'azure_ad_endpoint': address}).credential  # noqa: B018
    field_report('S15', address, 'LocationParseError', str(refused.value))


# endregion
# region S19


@pytest.mark.parametrize(
    'method, service, body',
    [
        (
            CLIENT_SECRET,
            'entra',
            {'error': 'invalid_client', 'error_description': 'AADSTS7000222: The client secret has expired. x'},
        ),
        (VM_SYSTEM_ASSIGNED, 'imds', {'error': 'invalid_request', 'error_description': 'Identity not found'}),
        (CLIENT_SECRET, 'entra', {'error': 'invalid_client', 'error_description': 'AADSTS7000112: The application is disabled'}),
        (
            CERTIFICATE_PS256,
            'entra',
            {'error': 'invalid_client', 'error_description': 'AADSTS700024: The clock of the engine is wrong.'},
        ),
        (DEVICE_CODE, 'entra', {'error': 'expired_token', 'error_description': 'The code was not entered in time.'}),
        (DEVICE_CODE, 'entra', {'error': 'access_denied', 'error_description': 'The sign-in was declined'}),
        (CORTEX_APP, 'token-service', {'message': 'Go through the consent page again'}),
    ],
)
def test_nothing_is_said_twice_and_sentences_do_not_run_together(
    workbench: Workbench, field_report: Report, method: str, service: str, body: dict[str, str]
) -> None:
    text = str(error_of(workbench, method, service, status(400, body=body)))
    sentences = [each.strip().casefold() for each in text.replace('AADSTS', '. AADSTS').replace(': ', '. ').split('.')]
    said = [each for each in sentences if each]
    assert len(said) == len(set(said)), text
    reason = next(iter(reversed(body.values()))).split('. ')[0].rstrip('.')
    assert f'{reason}. ' in text
    field_report('S19', str(body), 'said twice, or without a full stop', text)


# endregion
