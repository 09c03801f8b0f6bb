"""Request tokens from Microsoft: errors with advice, token requests and responses, and one class per authentication method."""

import base64
import copy
import math
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import requests
from MicrosoftCoreApiModule import *

with suppress(ImportError):  # in a built pack these names are already in the same file
    from MicrosoftCoreApiModule import (
        NO_RETRIES,
        SHARED_TENANTS,
        CredentialError,
        ErrorResponse,
        LimitedSession,
        MicrosoftSignInError,
        RetryPolicy,
        SystemClock,
        clean_client_id,
        clean_client_secret,
        clean_managed_identity_id,
        clean_pem,
        clean_private_key,
        clean_tenant,
        clean_thumbprint,
        clean_value,
        connection_problem,
        float_or_none,
        is_guid,
        json_or_none,
        outside_text,
        require_https,
        retry_after_seconds,
        run_with_retries,
        secret_forms,
        skip_netrc,
    )

# region errors


class SignInRefusedError(MicrosoftSignInError):
    """The service refused the request. The same request will be refused again."""


class SignInRequiredError(SignInRefusedError):
    """A user has to sign in, for the first time or again."""


class SignInPendingError(MicrosoftSignInError):
    """The user has not finished the sign-in. Try again after `interval` seconds."""

    def __init__(self, interval: float):
        self.interval = interval
        super().__init__('The sign-in is not finished yet.', 'Finish it in the browser, then run the command again.')


class SignInUnavailableError(MicrosoftSignInError):
    """The service could not be reached, or its response cannot be used. A later request may succeed.

    `retry_after` is in seconds, 0 if the service did not say.
    """

    def __init__(self, what: str, advice: str = '', code: str = '', correlation_id: str = '', retry_after: float = 0):
        self.retry_after = retry_after
        super().__init__(what, advice, code, correlation_id)


# Microsoft may change the numbers at any time: they select the advice, never the behavior.
# Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_ADVICE_BY_NUMBER = (
    ((7000215,), "Paste the client secret's Value (not its Secret ID) into Key."),
    ((7000222,), 'The client secret has expired. Create a new one in the app registration and paste its Value into Key.'),
    (
        (700016,),
        (
            'Check ID (client ID), Token (tenant ID) and the cloud. The application must be registered in this tenant, '
            'or have the consent of its administrator.'
        ),
    ),
    ((90002, 900023), 'Check Token (tenant ID) and the cloud setting.'),
    ((65001, 650056, 650057, 90094), 'Add the API permission to the app registration, grant admin consent, then sign in again.'),
    ((500011,), 'Check the scope and the cloud setting, and that the tenant is licensed for the product.'),
    (
        (50076, 50079, 50074, 50078),
        'Multi-factor authentication is required. Sign in again in a browser, or use application permissions.',
    ),
    (
        (53003, 53000, 530032, 530003),
        'Conditional Access blocked the sign-in. Look up the policy in the sign-in log of the tenant.',
    ),
    ((54005,), 'The authorization code was already used. Start the sign-in again.'),
    (
        (70008, 700082, 70043, 50173, 70000, 50089, 50132, 50133),
        'The sign-in has expired or was revoked. Reset the authentication and sign in again.',
    ),
    ((700084,), 'Register the redirect URI on the platform Web, not Single-page application, then sign in again.'),
    ((501481,), 'The code belongs to another sign-in. Start the sign-in again and use its own code.'),
    ((9002313, 900144), 'The code or the secret is incomplete or URL-encoded. Paste all of it.'),
    ((50011, 500112, 900971), 'Enter the redirect URI exactly as in the app registration.'),
    ((700027, 50012, 700030), 'Upload the certificate to the app registration. Thumbprint and private key must belong to it.'),
    ((700024,), 'The clock of the engine is wrong. Synchronize it.'),
    (
        (7000218,),
        (
            'Key is empty. Enter the client secret or a certificate. '
            'For device code, allow public client flows in the app registration.'
        ),
    ),
    ((700025,), 'The application is a public client. Register the redirect URI on the platform Web, or leave Key empty.'),
    ((7000112, 700011), 'The application is disabled. Enable sign-in of the enterprise application.'),
    ((70011, 700022, 901002), 'Enter the scope of one resource, such as https://graph.microsoft.com/.default.'),
    ((50105, 50194, 50020), "Assign the user to the application, and use the tenant's own ID in Token."),
    ((50126, 50055, 50057, 50053, 50034), 'Check the user account: password, expiry, lock, and that it exists in this tenant.'),
    ((90038, 900382), 'The tenant is in another national cloud. Change the cloud setting.'),
    ((1002016,), 'A proxy or the host uses an old TLS version. Enable TLS 1.2 or later.'),
    ((50196, 90055), 'There were too many sign-ins in a short time. Wait a few minutes.'),
    ((50033, 90006, 90012, 90033, 90090), 'This is a temporary fault of the service. Try again in a few minutes.'),
)
SIGN_IN_ADVICE = {number: advice for numbers, advice in _ADVICE_BY_NUMBER for number in numbers}
_ADVICE_BY_ERROR = {
    'invalid_client': 'Check ID, Token and Key against the app registration.',
    'unauthorized_client': 'Check that the app registration allows this authentication method.',
    'invalid_grant': 'Reset the authentication and sign in again.',
    'interaction_required': 'Sign in again in a browser.',
    'consent_required': 'Grant consent to the application, then sign in again.',
    'access_denied': 'The sign-in was declined. Start it again and accept.',
    'authorization_declined': 'The sign-in was declined. Start it again and accept.',
    'expired_token': 'The code was not entered in time. Start the sign-in again.',
    'bad_verification_code': 'The device code is unknown. Start the sign-in again.',
    'invalid_scope': SIGN_IN_ADVICE[70011],
}
_DEFAULT_ADVICE = 'Check the settings of the instance.'
_NEEDS_USER = {
    'invalid_grant',
    'interaction_required',
    'consent_required',
    'login_required',
    'access_denied',
    'authorization_declined',
    'expired_token',
    'bad_verification_code',
}
_PENDING = {'authorization_pending': 0, 'slow_down': 5}
# These are final, even if a service in between sends them with status 500.
_FINAL = {*_ADVICE_BY_ERROR, *_NEEDS_USER, *_PENDING}


def parse_oauth_error(body: dict[str, Any], status: int, default_advice: str = _DEFAULT_ADVICE) -> MicrosoftSignInError:
    """Return the exception for an OAuth error object, with advice, or `default_advice` for an unknown error."""
    error = outside_text(body.get('error'))
    if error in _PENDING:
        return SignInPendingError(_PENDING[error])
    description = re.split(r'(?:Trace ID|Correlation ID|Timestamp):', outside_text(body.get('error_description')))[0].strip()
    sentence = re.split(r'(?<=[^\d\s][.!?])\s', description, maxsplit=1)[0]
    sentence = sentence or f'HTTP status {status}, {error or "no reason given"}.'
    numbers = [int(number) for number in re.findall(r'AADSTS([0-9]{1,9})', description)]
    codes = body.get('error_codes')
    numbers += [int(code) for code in map(str, codes if isinstance(codes, list) else ()) if re.fullmatch(r'[0-9]{1,9}', code)]
    advice = next(
        (SIGN_IN_ADVICE[number] for number in numbers if number in SIGN_IN_ADVICE), _ADVICE_BY_ERROR.get(error, default_advice)
    )
    kind = SignInRequiredError if error in _NEEDS_USER else SignInRefusedError
    return kind(
        f'Microsoft refused the sign-in: {sentence}',
        advice,
        f'AADSTS{numbers[0]}' if numbers else error,
        outside_text(body.get('correlation_id'))[:50],
    )


def find_oauth_error(body: Any) -> dict[str, Any]:
    """Return the OAuth error object of an error response, empty if there is none.

    Entra sends it as the body. The token service of the Cortex XSOAR app sends ``message``, or ``title`` and ``detail``,
    sometimes with Entra's JSON in the text. Managed identity hosts send Entra's format, or ``error`` with ``code`` and
    ``message``.
    """
    if not isinstance(body, dict):
        return {}
    if isinstance(body.get('error'), dict):
        inner = body['error']
        return {'error': str(inner.get('code') or ''), 'error_description': str(inner.get('message') or '')}
    if body.get('error'):
        return {**body, 'error': str(body['error'])}
    text = ': '.join(str(body[name]) for name in ('message', 'title', 'detail') if body.get(name))
    start, end = text.find('{'), text.rfind('}') + 1
    if 0 <= start < end:
        try:
            found = json.loads(text[start:end])
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and found.get('error'):
            return found
    return {'error': 'refused', 'error_description': text} if text else {}


# endregion
# region tokens

REFRESH_MARGIN = 300  # seconds before a token expires from which it is not used
LONG_LIFETIME = 2 * 3600  # seconds; tokens that live at least as long are refreshed at half of their lifetime
_DEFAULT_LIFETIME = 3599  # seconds; that of Entra, if the response does not say
OIDC_SCOPES = {'openid', 'profile', 'email', 'offline_access'}  # they belong to no resource
_MAX_LIFETIME = 28 * 3600  # seconds; the longest of Entra (continuous access evaluation)


class TokenTarget(NamedTuple):
    """What a token is requested for: a resource, by `scope` (v2 endpoint) or by `resource` (v1 endpoint, managed identity).

    Args:
        scope: scopes separated by spaces, e.g. ``https://graph.microsoft.com/.default``.
        resource: URI of the resource, e.g. ``https://graph.microsoft.com``.
        claims: JSON of a claims challenge of the resource, else empty. Cached tokens are not named by it.
        audience: the API that the token is sent to, if the token request does not name one.
    """

    scope: str = ''
    resource: str = ''
    claims: str = ''
    audience: str = ''

    @property
    def as_scope(self) -> str:
        """The scope for a v2 endpoint. A trailing slash of the resource is kept, since the audience of the token has it too."""
        return self.scope or (f'{self.resource}/.default' if self.resource else '')

    @property
    def as_resource(self) -> str:
        """The resource for a v1 endpoint."""
        if self.resource:
            return self.resource
        named = next((word for word in self.scope.split() if '/' in word), self.scope)
        return named.rpartition('/')[0] or named


class AccessToken(NamedTuple):
    """An access token and its lifetime.

    Args:
        value: the token. It is never shown.
        expires_on: seconds since the epoch from which on the resource rejects it.
        refresh_on: seconds since the epoch from which on a new one should be requested.
        scope: the permissions that the token response named, separated by spaces; empty if it named none.
    """

    value: str
    expires_on: float
    refresh_on: float
    scope: str = ''

    def __repr__(self) -> str:
        return f'<AccessToken until {self.expires_on:.0f}>'

    def is_usable(self, now: float) -> bool:
        return bool(self.value) and now < self.expires_on - REFRESH_MARGIN

    def should_refresh(self, now: float) -> bool:
        return now >= self.refresh_on

    def claims(self) -> dict[str, Any]:
        """Return the claims of the token, unverified, for display only. Empty if they cannot be read."""
        try:
            payload = self.value.split('.')[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + '=' * (-len(payload) % 4)))
        except (IndexError, ValueError, RecursionError):
            return {}
        return claims if isinstance(claims, dict) else {}


class TokenResponse(NamedTuple):
    """The tokens of a token response; `refresh_token` is empty if it has none."""

    token: AccessToken
    refresh_token: str = ''

    def __repr__(self) -> str:
        return '<TokenResponse>'


def parse_token_response(body: dict[str, Any], now: float) -> TokenResponse:
    """Return the tokens of a successful token response, which was requested at `now` (seconds since the epoch)."""
    expires_on = _expiry(body, now)
    lifetime = expires_on - now
    refresh_in = float_or_none(body.get('refresh_in'))
    if refresh_in is None or not 0 < refresh_in < lifetime:
        refresh_in = lifetime / 2 if lifetime >= LONG_LIFETIME else lifetime
    token = AccessToken(str(body['access_token']), expires_on, now + refresh_in, str(body.get('scope') or ''))
    return TokenResponse(token, str(body.get('refresh_token') or ''))


def _expiry(body: dict[str, Any], now: float) -> float:
    """Return when a token expires. Hosts send ``expires_in`` or ``expires_on``, as a number, a string or a date."""
    lifetime = float_or_none(body.get('expires_in'))
    if lifetime is None:
        expires_on = float_or_none(body.get('expires_on'))
        if expires_on is None:
            expires_on = _date_seconds(str(body.get('expires_on') or ''))
        lifetime = _DEFAULT_LIFETIME if expires_on is None else expires_on - now
    return now + max(0.0, min(lifetime, _MAX_LIFETIME))


def _date_seconds(text: str) -> float | None:
    # App Service and Automation have sent both formats.
    for date_format in ('%m/%d/%Y %H:%M:%S %z', '%m/%d/%Y %I:%M:%S %p %z'):
        try:
            return datetime.strptime(text, date_format).timestamp()  # noqa: DTZ007 - the formats contain the zone
        except ValueError:
            continue
    return None


# endregion
# region token requests

TOKEN_ENDPOINT_RETRIES = RetryPolicy(dict.fromkeys((408, 429, 500, 502, 503, 504), 3), 3, 0.5, deadline=30)
_CONNECT_TIMEOUT = 10.0  # seconds
_READ_TIMEOUT = 20.0  # seconds
_UNREACHABLE_ADVICE = 'Check the address, the proxy settings and that the engine may reach it.'
_UNTRUSTED_CERTIFICATE = 'untrusted_certificate'
_MAX_TOKEN_RESPONSE = 2**20  # bytes
_SECRET_FIELDS = (
    'client_secret',
    'client_assertion',
    'refresh_token',
    'code',
    'code_verifier',
    'device_code',
    'encrypted_token',
    'X-IDENTITY-HEADER',
    'Authorization',
)
_JWT = r'(?<![\w-])eyJ[\w-]+(?:\.[\w-]*){0,2}'


class TokenRequest(NamedTuple):
    """A request to a token service.

    Args:
        hidden: secrets that the request proves the knowledge of without containing them.
        read_timeout: seconds that the service may take to respond, 0 for the default.
        unreachable_advice, refusal_advice: what to do if no response comes, or one with an unknown error.
        renew: returns the request for a retry, if the same one must not be sent twice.
    """

    method: str
    url: str
    params: Mapping[str, str] = {}
    form: Mapping[str, str] = {}
    json_body: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}
    retry_policy: RetryPolicy = TOKEN_ENDPOINT_RETRIES
    hidden: tuple[str, ...] = ()
    connect_timeout: float = _CONNECT_TIMEOUT
    read_timeout: float = 0
    through_proxy: bool = True
    unreachable_advice: str = _UNREACHABLE_ADVICE
    refusal_advice: str = _DEFAULT_ADVICE
    renew: Callable[[], Any] | None = None

    def __repr__(self) -> str:
        return f'<TokenRequest {self.method} {self.url}>'

    def secrets(self) -> list[str]:
        """Return the secrets of this request."""
        sent = {**self.form, **self.json_body, **self.headers}
        return [secret for secret in (*self.hidden, *(str(sent.get(name) or '') for name in _SECRET_FIELDS)) if len(secret) > 3]

    def redact(self, text: str) -> str:
        """Return `text` without the secrets of this request, which services and proxies sometimes echo."""
        for secret in self.secrets():
            for form in secret_forms(secret):
                text = text.replace(form, '***')
        return re.sub(_JWT, '***', text)


class TokenClient:
    """Send token requests with timeouts and retries, without following redirects, and read the responses.

    Args:
        verify: True, False, or the path of a CA bundle, as in requests.
        read_timeout: seconds that a service may take to respond.
        on_secret: is called with each secret before it is sent and when it is received, so that logs can mask it.
        redact: replaces the secrets in a text that comes from a service.
    """

    def __init__(
        self,
        verify: bool | str = True,
        clock: SystemClock | None = None,
        read_timeout: float = _READ_TIMEOUT,
        on_secret: Callable[[str], Any] = lambda _secret: None,
        redact: Callable[[str], str] = str,
    ):
        self.verify = verify
        self.clock = clock or SystemClock()
        self.read_timeout = read_timeout
        self._on_secret = on_secret
        self._redact = redact
        self._masked: set[str] = set()
        self._retries = True
        self._end = math.inf

    def without_retries(self, seconds: float) -> 'TokenClient':
        """Return a copy that sends each request once, and has `seconds` for all of them."""
        once = copy.copy(self)
        once._retries, once._end = False, self.clock.elapsed() + seconds
        return once

    def request_token(self, request: TokenRequest) -> TokenResponse:
        """Send `request`, and return the tokens of the response.

        Raises:
            SignInRefusedError, SignInRequiredError, SignInPendingError: the service refused it.
            SignInUnavailableError: no response came, or one that is not from a token service.
        """
        requested_on = self.clock.now()
        body = self.request_json(request)
        token = body.get('access_token')
        if not (isinstance(token, str) and re.fullmatch(r'[!-~]+', token)):  # only these characters fit into a header
            raise unusable_response(request, 'JSON without an access token')
        return parse_token_response(body, requested_on)

    def request_json(self, request: TokenRequest) -> dict[str, Any]:
        """Send `request`, and return the JSON object of a successful response. Raise as `request_token` does."""
        return self.read_json(request, self.send(request))

    def send(self, request: TokenRequest) -> requests.Response:
        """Send `request`, retry as its policy says, and return the last response. Raise SignInUnavailableError without one."""
        policy = request.retry_policy if self._retries else NO_RETRIES
        next_request: TokenRequest | None = request

        def send_once() -> requests.Response:
            nonlocal next_request
            sent, next_request = next_request or (request.renew() if request.renew else request), None
            return self._send_once(sent)

        def delay_after(error: Exception, attempt: int) -> float | None:
            if isinstance(error, ErrorResponse):
                return policy.delay(attempt, error.response, self.clock.now())
            can_retry = isinstance(error, SignInUnavailableError) and error.code != _UNTRUSTED_CERTIFICATE
            return policy.delay(attempt, None, 0) if can_retry else None

        try:
            return run_with_retries(send_once, delay_after, policy, self.clock)
        except ErrorResponse as error:
            return error.response

    def read_json(self, request: TokenRequest, response: requests.Response) -> dict[str, Any]:
        """Return the JSON object of a successful response to `request`. Raise as `request_token` does."""
        body = json_or_none(response)
        if not response.ok:
            raise self._error(request, response, body)
        if response.status_code != 200:
            raise unusable_response(request, f'HTTP status {response.status_code}')
        if not isinstance(body, dict):
            raise unusable_response(request, 'something that is not a JSON object')
        if body.get('error'):  # some proxies and hosts send errors with status 200
            raise self._error(request, response, body)
        self.mask(*(str(body.get(name) or '') for name in ('access_token', 'refresh_token', 'device_code')))
        return body

    def mask(self, *secrets: str) -> None:
        """Call `on_secret` once with each form of each new secret."""
        for secret in secrets:
            if secret not in self._masked:
                self._masked.add(secret)
                for form in secret_forms(secret):
                    self._on_secret(form)

    def _send_once(self, request: TokenRequest) -> requests.Response:
        self.mask(*request.secrets())
        session = LimitedSession(lambda: min(self._end - self.clock.elapsed(), self.clock.remaining()), _MAX_TOKEN_RESPONSE)
        # Tokens of a host must not be requested through a proxy, whatever the environment says.
        session.trust_env = request.through_proxy
        with session:
            try:
                response = session.request(
                    request.method,
                    request.url,
                    params=request.params or None,
                    data=request.form or None,
                    json=request.json_body or None,
                    headers={'Accept': 'application/json', **request.headers},
                    timeout=(request.connect_timeout, request.read_timeout or self.read_timeout),
                    verify=self.verify,
                    allow_redirects=False,
                    auth=skip_netrc,
                )
            except OSError as error:  # includes all errors of requests, and that of a missing CA bundle
                raise _unreachable(request, error) from None
        if not response.ok:
            raise ErrorResponse(response)
        return response

    def _error(self, request: TokenRequest, response: requests.Response, body: Any) -> MicrosoftSignInError:
        status, host = response.status_code, urlsplit(request.url).netloc
        error = {
            name: outside_text(self._redact(value), request.redact) if isinstance(value, str) else value
            for name, value in find_oauth_error(body).items()
        }
        is_transient = status in request.retry_policy.retries or status >= 500 or error.get('error') == 'temporarily_unavailable'
        if is_transient and error.get('error') not in _FINAL:
            wait = retry_after_seconds(response, self.clock.now()) or 0
            refusal = parse_oauth_error(error, status, 'Try again in a few minutes.')
            reason = f' ({refusal.code})' if refusal.code else ''
            return SignInUnavailableError(
                f'The sign-in service at {host} answered with HTTP status {status}{reason}.',
                f'Try again in {wait:.0f} seconds.' if wait else refusal.advice,
                str(status),
                refusal.correlation_id,
                wait,
            )
        if error:
            return parse_oauth_error(error, status, request.refusal_advice)
        return SignInRefusedError(
            f'The sign-in service at {host} answered with HTTP status {status}.',
            'Check the address of the service, the cloud setting and the proxy.',
            str(status),
        )


def unusable_response(request: TokenRequest, what: str) -> SignInUnavailableError:
    """Return the error for a response with `what`, which a token service does not send."""
    return SignInUnavailableError(
        f'The sign-in service at {urlsplit(request.url).netloc} answered with {what}.',
        'Check the address and the proxy settings.',
        'unusable_response',
    )


def _unreachable(request: TokenRequest, error: OSError) -> SignInUnavailableError:
    return SignInUnavailableError(*connection_problem(error, urlsplit(request.url).netloc, request.unreachable_advice))


# endregion
# region authorization response


class AuthorizationResponse(NamedTuple):
    """The authorization code, and the state of its sign-in, which may be empty."""

    code: str
    state: str = ''

    def __repr__(self) -> str:
        return '<AuthorizationResponse>'


def parse_authorization_response(value: str) -> AuthorizationResponse:
    """Return the code from what was pasted: the code, URL-encoded or with ``&session_state=...``, or the whole redirect URL.

    Raises:
        CredentialError: it contains no code.
        SignInRequiredError: the redirect URL says that the sign-in failed.
    """
    text = re.sub(r'\s', '', clean_value(value))
    if '://' in text or re.search(r'(?:^|[?#&])(?:code|error)=', text):
        query = re.split(r'[?#]', text, maxsplit=1)[1] if re.search(r'[?#]', text) else text
        fields = {name: values[0] for name, values in parse_qs(query.replace('#', '&')).items()}
        if fields.get('error'):
            refusal = parse_oauth_error(fields, 400)
            raise SignInRequiredError(refusal.what, refusal.advice, refusal.code, refusal.correlation_id)
        if not fields.get('code'):
            raise CredentialError(
                'The pasted URL contains no code.', "Copy the full address of the page after the sign-in. It contains 'code='."
            )
        return AuthorizationResponse(fields['code'], fields.get('state', ''))
    code = text.split('&')[0]
    if not code:
        raise CredentialError('The authorization code is missing.', 'Paste the full address of the page after the sign-in.')
    return AuthorizationResponse(unquote(code) if '%' in code else code)


# endregion
# region credentials


class AuthenticationMethod:
    """The authentication methods that settings can name."""

    MANAGED_IDENTITY = 'managed_identity'
    CORTEX_APP = 'cortex_app'
    CLIENT_CREDENTIALS = 'client_credentials'
    AUTHORIZATION_CODE = 'authorization_code'
    DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'


class PendingSignIn(NamedTuple):
    """A sign-in that a user has to finish: by an authorization code (`state`, `code_verifier`) or a device code.

    Args:
        interval: seconds between two requests with the device code.
    """

    state: str = ''
    code_verifier: str = ''
    device_code: str = ''
    interval: float = 5.0

    def __repr__(self) -> str:
        return '<PendingSignIn>'


class CachedSession(NamedTuple):
    """What a credential of a user requests tokens with.

    Args:
        refresh_token: the latest one, empty if there is none.
        pending: the sign-in that was started.
        is_code_redeemed: the code in the settings was used.
    """

    refresh_token: str = ''
    pending: PendingSignIn = PendingSignIn()
    is_code_redeemed: bool = False

    def secrets(self) -> tuple[str, ...]:
        return self.refresh_token, self.pending.code_verifier, self.pending.device_code

    def __repr__(self) -> str:
        return '<CachedSession>'


class Credential:
    """An authentication method with its values. The constructor raises CredentialError for values that cannot be right.

    Attributes:
        kind: name of the method.
        description: name of the method for users.
        needs_user: a user has to sign in.
        identity: digest of all values. Tokens are cached under it, so that a changed setting never meets an old token.
        application: the same without what one user pasted (code, Token). A pending sign-in is cached under it.
        max_request_seconds: seconds that a token request may take, with all retries.
        refreshes_early: a token may be requested while the cached one is valid, and the request given up after some seconds.
    """

    kind = ''
    description = ''
    needs_user = False
    max_request_seconds = 60.0
    refreshes_early = True

    def __init__(self, *application: str, seed: str = ''):
        self.application = _digest(self.kind, *application)
        self.identity = _digest(self.application, seed)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} {self.identity[:8]}>'

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        """Return the request for a token. Raise SignInRequiredError if a user has to sign in first."""
        raise NotImplementedError

    def request_token(self, token_client: TokenClient, target: TokenTarget, session: CachedSession) -> TokenResponse:
        return token_client.request_token(self.token_request(target, session))

    def matches_claims(self, claims: dict[str, Any]) -> bool:
        """Return False if the claims of an access token name another client or another tenant."""
        return True


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


class EntraCredential(Credential):
    """A public client of Microsoft Entra ID, which does not authenticate. Base class of confidential clients.

    Args:
        authority: login host of the cloud, e.g. ``https://login.microsoftonline.com``.
        tenant_id: ID or domain name of the tenant.
        token_url: token endpoint, by default the v2 endpoint of authority and tenant.
        secret: what the client authenticates with.
    """

    kind = 'public-client'

    def __init__(self, authority: str, tenant_id: str, client_id: str, token_url: str = '', secret: str = ''):
        self.authority = require_https(authority, 'The Azure AD endpoint')
        self.tenant_id = clean_tenant(tenant_id)
        self.client_id = clean_client_id(client_id)
        self.token_url = require_https(token_url or self.endpoint('token'), 'The token URL')
        self.is_v1 = '/v2.0/' not in self.token_url
        super().__init__(self.authority, self.tenant_id, self.client_id, self.token_url, secret)

    def endpoint(self, name: str) -> str:
        return f'{self.authority}/{quote(self.tenant_id)}/oauth2/v2.0/{name}'

    def client_authentication(self) -> dict[str, str]:
        """Return the form fields that authenticate the client."""
        return {}

    def post(self, target: TokenTarget, offline: bool = False, **fields: str) -> TokenRequest:
        """Return a request to the token endpoint.

        Args:
            offline: request a refresh token as well.
            fields: the form fields of the grant.
        """
        scope = with_offline_access(target.as_scope) if offline else target.as_scope
        requested = {'resource': target.as_resource} if self.is_v1 else {'scope': scope}
        form = {**fields, 'client_id': self.client_id, **self.client_authentication(), **requested, 'claims': target.claims}
        return TokenRequest('POST', self.token_url, form={name: value for name, value in form.items() if value})

    def matches_claims(self, claims: dict[str, Any]) -> bool:
        tenant = self.tenant_id if is_guid(self.tenant_id) else claims.get('tid')
        return claims.get('appid', self.client_id) == self.client_id and claims.get('tid', tenant) == tenant


def with_offline_access(scope: str) -> str:
    return scope if 'offline_access' in scope.split() else f'{scope} offline_access'.strip()


class ConfidentialClientCredential(EntraCredential):
    """An application that authenticates and requests tokens for itself. Base class."""

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        if self.tenant_id in SHARED_TENANTS:
            raise CredentialError(
                f"Token is '{self.tenant_id}', which is not a particular tenant.",
                'Enter the Directory (tenant) ID of your tenant in Token.',
            )
        return self.post(target, grant_type=AuthenticationMethod.CLIENT_CREDENTIALS)


class ClientSecretCredential(ConfidentialClientCredential):
    """An application that authenticates with a client secret.

    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """

    kind = 'client-secret'
    description = 'Self-deployed application, client secret'

    def __init__(self, authority: str, tenant_id: str, client_id: str, client_secret: str, token_url: str = ''):
        self._client_secret = clean_client_secret(client_secret)
        super().__init__(authority, tenant_id, client_id, token_url, self._client_secret)

    def client_authentication(self) -> dict[str, str]:
        return {'client_secret': self._client_secret}


class CertificateCredential(ConfidentialClientCredential):
    """An application that authenticates with a certificate.

    With the certificate, or its SHA-256 thumbprint, assertions are signed with PS256 and name it by ``x5t#S256``. With its
    SHA-1 thumbprint they are signed with RS256 and name it by ``x5t``.

    Args:
        private_key: PEM, PKCS#8 or PKCS#1, not encrypted; may contain the certificate as well.
        thumbprint: hexadecimal SHA-1 or SHA-256, or the certificate in PEM.
    Source: https://learn.microsoft.com/entra/identity-platform/certificate-credentials
    """

    kind = 'certificate'
    description = 'Self-deployed application, certificate'
    ASSERTION_LIFETIME = 600  # seconds

    def __init__(
        self, authority: str, tenant_id: str, client_id: str, private_key: str, thumbprint: str = '', token_url: str = ''
    ):
        blocks, other_blocks = clean_pem(private_key), clean_pem(thumbprint)
        self._private_key = clean_private_key(blocks)
        self.certificate = {**other_blocks, **blocks}.get('CERTIFICATE', '')
        given = clean_value(thumbprint)
        if not self.certificate and not given:
            raise CredentialError(
                'The certificate thumbprint is missing.', 'Enter the thumbprint, or the certificate in PEM format.'
            )
        self.thumbprint = clean_thumbprint(thumbprint) if given and 'CERTIFICATE' not in other_blocks else ''
        super().__init__(authority, tenant_id, client_id, token_url, self._private_key + self.certificate + self.thumbprint)

    def client_authentication(self) -> dict[str, str]:
        return {
            'client_assertion_type': 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
            'client_assertion': self.assertion(SystemClock().now()),
        }

    def post(self, target: TokenTarget, offline: bool = False, **fields: str) -> TokenRequest:
        return super().post(target, offline, **fields)._replace(renew=lambda: self.post(target, offline, **fields))

    def assertion(self, now: float) -> str:
        """Return a signed assertion with an ID of its own, since the service may reject one that it has seen."""
        import uuid  # these are slow to import, and a warm command does not need them

        import jwt

        key = self._load_private_key()
        algorithm, header = self._algorithm_and_header()
        claims = {
            'aud': self.token_url,
            'iss': self.client_id,
            'sub': self.client_id,
            'jti': str(uuid.uuid4()),
            'iat': int(now),
            'nbf': int(now),
            'exp': int(now) + self.ASSERTION_LIFETIME,
        }
        return jwt.encode(claims, key, algorithm=algorithm, headers=header)

    def _algorithm_and_header(self) -> tuple[str, dict[str, str]]:
        digest = self._certificate_digest() if self.certificate else bytes.fromhex(self.thumbprint)
        return ('PS256', {'x5t#S256': _base64url(digest)}) if len(digest) == 32 else ('RS256', {'x5t': _base64url(digest)})

    def _certificate_digest(self, algorithm: str = 'sha256') -> bytes:
        der = base64.b64decode(''.join(self.certificate.splitlines()[1:-1]))
        return hashlib.new(algorithm, der).digest()

    def _load_private_key(self) -> Any:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            # Checking the primes takes 35 of 36 ms, and the service rejects a wrong key anyway.
            key = load_pem_private_key(self._private_key.encode(), None, unsafe_skip_rsa_key_validation=True)
        except (ValueError, UnsupportedAlgorithm):
            raise CredentialError('The private key cannot be read.', 'Paste the whole key in PEM format.') from None
        if not isinstance(key, RSAPrivateKey):
            raise CredentialError('The private key is not an RSA key.', 'Create an RSA certificate and upload it to the app.')
        self._check_certificate(key)
        return key

    def _check_certificate(self, key: Any) -> None:
        if not self.certificate:
            return
        from cryptography.x509 import load_pem_x509_certificate

        try:
            certificate_key = load_pem_x509_certificate(self.certificate.encode()).public_key()
        except ValueError:
            raise CredentialError('The certificate cannot be read.', 'Paste the whole certificate in PEM format.') from None
        if certificate_key != key.public_key():
            raise CredentialError(
                'The private key does not belong to the certificate.', 'Paste a key and a certificate that belong together.'
            )
        if self.thumbprint and bytes.fromhex(self.thumbprint) not in map(self._certificate_digest, ('sha1', 'sha256')):
            raise CredentialError(
                'The thumbprint does not belong to the certificate.', 'Clear it, or paste the thumbprint of this certificate.'
            )


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip('=')


class AuthorizationCodeCredential(Credential):
    """A user who signs in once in a browser. Tokens are then requested with the refresh token.

    Args:
        client: the app registration, with a client secret, a certificate, or neither.
        redirect_uri: as registered.
        code: the authorization code or the redirect URL in the settings, as pasted; may be empty.
    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
    """

    kind = 'authorization-code'
    description = 'Self-deployed application, authorization code'
    needs_user = True
    REFRESH_TOKEN_PREFIX = 'refresh_token:'  # noqa: S105 - integrations accept a refresh token with this prefix as code

    def __init__(self, client: EntraCredential, redirect_uri: str, code: str = ''):
        self.client = client
        self.redirect_uri = clean_value(redirect_uri)
        self._pasted = clean_value(code)
        if not self.redirect_uri:
            raise CredentialError('The application redirect URI is missing.', 'Enter the redirect URI of the app registration.')
        super().__init__(client.application, self.redirect_uri, seed=self._pasted)

    def authorize_url(self, target: TokenTarget, state: str, code_verifier: str) -> str:
        """Return the address at which the user signs in."""
        return f'{self.client.endpoint("authorize")}?' + urlencode(
            {
                'client_id': self.client.client_id,
                'response_type': 'code',
                'redirect_uri': self.redirect_uri,
                'scope': with_offline_access(target.as_scope),
                'state': state,
                'code_challenge': _base64url(hashlib.sha256(code_verifier.encode()).digest()),
                'code_challenge_method': 'S256',
            },
            quote_via=quote,
        )

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        if session.refresh_token:
            return self.refresh_request(target, session.refresh_token)
        if self._pasted.startswith(self.REFRESH_TOKEN_PREFIX):
            return self.refresh_request(target, self._pasted[len(self.REFRESH_TOKEN_PREFIX) :])
        if not self._pasted or session.is_code_redeemed:
            raise _no_session()
        return self.redeem_request(target, self._pasted, session.pending)

    def redeem_request(self, target: TokenTarget, pasted: str, pending: PendingSignIn) -> TokenRequest:
        """Return the request that exchanges an authorization code for tokens.

        Args:
            pasted: the redirect URL, or the code alone.
            pending: the sign-in that was started; empty if it was started elsewhere, without PKCE.
        Raises:
            SignInRequiredError: `pasted` belongs to another sign-in, possibly of another user.
        """
        response = parse_authorization_response(pasted)
        if pending.state and response.state not in ('', pending.state):
            raise SignInRequiredError(
                'The pasted URL belongs to another sign-in than the one started last.',
                'Start the sign-in again, and paste the URL that it ends on.',
            )
        return self.client.post(
            target,
            offline=True,
            grant_type=AuthenticationMethod.AUTHORIZATION_CODE,
            code=response.code,
            redirect_uri=self.redirect_uri,
            code_verifier=pending.code_verifier,
        )

    def refresh_request(self, target: TokenTarget, refresh_token: str) -> TokenRequest:
        return self.client.post(
            target,
            offline=True,
            grant_type='refresh_token',
            refresh_token=refresh_token,
            redirect_uri=self.redirect_uri if self.client.is_v1 else '',
        )

    def matches_claims(self, claims: dict[str, Any]) -> bool:
        return self.client.matches_claims(claims)


class DeviceCodeCredential(EntraCredential):
    """A user who enters a code in a browser on any device. Tokens are then requested with the refresh token.

    The app registration must allow public client flows; there is no secret.

    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
    """

    kind = 'device-code'
    description = 'Self-deployed application, device code'
    needs_user = True

    def start_request(self, target: TokenTarget) -> TokenRequest:
        """Return the request that starts a sign-in."""
        return TokenRequest(
            'POST', self.endpoint('devicecode'), form={'client_id': self.client_id, 'scope': with_offline_access(target.as_scope)}
        )

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        if session.refresh_token:
            return self.post(target, offline=True, grant_type='refresh_token', refresh_token=session.refresh_token)
        if not session.pending.device_code:
            raise _no_session()
        return self.post(target, grant_type=AuthenticationMethod.DEVICE_CODE, device_code=session.pending.device_code)


def _no_session() -> SignInRequiredError:
    return SignInRequiredError('No user has signed in with these settings.', 'Start the sign-in, then complete it.')


class CortexAppCredential(Credential):
    """The Cortex XSOAR app, with the ID, Token and Key of its consent page.

    The token service responds to each request with a new refresh token, which replaces the Token.

    Args:
        app_name: name of the integration at the token service.
        registration_id: the ID; ``<id>@<https url>`` names another token service than the public one.
        token: the Token.
        key: the Key, base64 of an AES key.
        encrypt: encrypts the Token with the Key, by default `encrypt_for_token_service`.
        info_headers: returns headers that describe the content pack and the server.
    """

    kind = 'cortex-app'
    description = 'Cortex XSOAR application'
    max_request_seconds = 140.0
    refreshes_early = False  # the next Token is in the response
    READ_TIMEOUT = 90.0  # seconds; a response that is not read is lost, with the next Token in it
    TOKEN_SERVICE = 'https://oproxy.demisto.ninja/obtain-token'  # noqa: S105 - an address

    def __init__(
        self,
        app_name: str,
        registration_id: str,
        token: str,
        key: str,
        encrypt: Callable[[str, str], str] | None = None,
        info_headers: Callable[[], dict[str, str]] = dict,
    ):
        self.app_name = app_name
        self.registration_id, _, service = clean_value(registration_id).partition('@')
        self.token_service = require_https(service or self.TOKEN_SERVICE, 'The token service in ID')
        self._token, self._key = clean_value(token), clean_value(key)
        for name, value in (('ID', self.registration_id), ('Token', self._token), ('Key', self._key)):
            if not value:
                raise CredentialError(
                    f'{name} is missing.', f'Paste the {name} that the consent page of the Cortex XSOAR app shows.'
                )
        self._encrypt = encrypt or encrypt_for_token_service
        self._info_headers = info_headers
        super().__init__(app_name, self.registration_id, self.token_service, self._key, seed=self._token)

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        token = session.refresh_token or self._token
        return TokenRequest(
            'POST',
            self.token_service,
            headers=self._info_headers(),
            json_body={
                'app_name': self.app_name,
                'registration_id': self.registration_id,
                'encrypted_token': self._encrypt(token, self._key),
                'scope': target.scope or None,
                'resource': target.resource,
            },
            hidden=(token, self._key),
            read_timeout=self.READ_TIMEOUT,
            refusal_advice=(
                'Paste ID, Token and Key of the same consent. If that does not help, go through the consent page again.'
            ),
        )

    def check_without_token_use(self, token_client: TokenClient) -> None:
        """Check the Key, and that the token service responds, without using the Token. Raise MicrosoftSignInError."""
        self._encrypt(self._token, self._key)
        request = TokenRequest('GET', self.token_service)
        status = token_client.send(request).status_code
        if status == 404 or status >= 500:
            raise unusable_response(request, f'HTTP status {status}')


def encrypt_for_token_service(token: str, key: str) -> str:
    """Return base64 of the nonce and the AES-256-GCM of ``<epoch seconds>:<token>``. Raise CredentialError for an invalid key."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # slow to import, and a warm command does not need it

    try:
        cipher = AESGCM(base64.b64decode(key, validate=True))
    except ValueError:
        raise CredentialError(
            'Key is not the Key of the Cortex XSOAR app.',
            "Paste the Key that the consent page shows, or select 'Use a self-deployed Azure application'.",
        ) from None
    nonce = os.urandom(12)
    return base64.b64encode(nonce + cipher.encrypt(nonce, f'{int(SystemClock().now())}:{token}'.encode(), None)).decode()


# endregion
# region managed identity

# The service of the host restarts for up to 70 s (410) when identities change: seven waits take 76 to 127 s.
MANAGED_IDENTITY_RETRIES = RetryPolicy({404: 4, 408: 4, 410: 7, 429: 4, **dict.fromkeys(range(500, 600), 4)}, 1, 0.8, 130, 130)
_METADATA_CONNECT_TIMEOUT = 2.0  # seconds


class ManagedIdentityCredential(Credential):
    """The managed identity of the Azure host on which the integration runs.

    Args:
        client_id: of a user-assigned identity; empty for the system-assigned one.
        environment: environment variables, which identify the kind of host.
    Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
    """

    kind = 'managed-identity'
    description = 'Azure managed identity'
    max_request_seconds = 160.0

    def __init__(self, client_id: str = '', environment: Mapping[str, str] = os.environ):
        self.client_id = clean_managed_identity_id(client_id)
        self._host = _managed_identity_host(environment)
        super().__init__(type(self._host).__name__, self._host.endpoint, self.client_id)

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        return self._host.request(target.as_resource, self.client_id)

    def request_token(self, token_client: TokenClient, target: TokenTarget, session: CachedSession) -> TokenResponse:
        return token_client.request_token(self._host.authenticate(self.token_request(target, session), token_client))


class ManagedIdentityHost:
    """A kind of Azure host, and how tokens are requested from its own service."""

    endpoint = ''

    def request(self, resource: str, client_id: str) -> TokenRequest:
        raise NotImplementedError

    def authenticate(self, request: TokenRequest, _token_client: TokenClient) -> TokenRequest:
        """Return the request with what the host asks for as authentication. Most hosts ask for nothing."""
        return request


class VirtualMachine(ManagedIdentityHost):
    """A virtual machine or scale set, with the instance metadata service (IMDS)."""

    PATH = '/metadata/identity/oauth2/token'

    def __init__(self, environment: Mapping[str, str]):
        host = environment.get('AZURE_POD_IDENTITY_AUTHORITY_HOST') or 'http://169.254.169.254'
        self.endpoint = host.rstrip('/') + self.PATH

    def request(self, resource: str, client_id: str) -> TokenRequest:
        return _metadata_request(self.endpoint, '2018-02-01', resource, client_id, {'Metadata': 'true'})


class AppService(ManagedIdentityHost):
    """App Service, Functions and Automation."""

    def __init__(self, environment: Mapping[str, str]):
        self.endpoint = environment['IDENTITY_ENDPOINT']
        self._header = environment['IDENTITY_HEADER']

    def request(self, resource: str, client_id: str) -> TokenRequest:
        return _metadata_request(self.endpoint, '2019-08-01', resource, client_id, {'X-IDENTITY-HEADER': self._header})


class AzureArc(ManagedIdentityHost):
    """A machine connected by Azure Arc. It authenticates with a key file that only root and the agent's group can read."""

    KEY_FOLDER = '/var/opt/azcmagent/tokens'
    MAX_KEY_SIZE = 4096  # bytes

    def __init__(self, environment: Mapping[str, str]):
        self.endpoint = environment['IDENTITY_ENDPOINT']

    def request(self, resource: str, client_id: str) -> TokenRequest:
        if client_id:
            raise CredentialError(
                'An Azure Arc machine has no user-assigned managed identity.', 'Leave Azure Managed Identities Client ID empty.'
            )
        return _metadata_request(self.endpoint, '2020-06-01', resource, '', {'Metadata': 'true'})

    def authenticate(self, request: TokenRequest, token_client: TokenClient) -> TokenRequest:
        response = token_client.send(request)
        challenge = re.match(r'Basic realm="?([^"]+)', response.headers.get('WWW-Authenticate', ''))
        if response.status_code != 401 or not challenge:
            token_client.read_json(request, response)
            raise unusable_response(request, 'a token in place of a challenge')
        return request._replace(headers={**request.headers, 'Authorization': f'Basic {self._read_key(challenge.group(1))}'})

    def _read_key(self, path: str) -> str:
        # The path comes over plain http: another service at this address must not make the integration read other files.
        if (
            '\0' in path
            or os.path.dirname(os.path.realpath(path)) != os.path.realpath(self.KEY_FOLDER)
            or not path.endswith('.key')
        ):
            raise SignInRefusedError(
                'The Azure Arc agent named a key file outside of its own folder.', 'Check the agent of this machine.'
            )
        try:
            with open(path, 'rb') as file:
                key = file.read(self.MAX_KEY_SIZE + 1)
        except OSError:
            raise SignInRefusedError(
                'The key file of the Azure Arc agent cannot be read.',
                "Add the integration's user to the group himds on this machine.",
            ) from None
        if len(key) > self.MAX_KEY_SIZE:
            raise SignInRefusedError('The key file of the Azure Arc agent is too large.', 'Check the agent of this machine.')
        return key.decode('ascii', 'replace').strip()


def _managed_identity_host(environment: Mapping[str, str]) -> ManagedIdentityHost:
    if environment.get('IDENTITY_ENDPOINT') and environment.get('IDENTITY_HEADER'):
        return AppService(environment)
    if environment.get('IDENTITY_ENDPOINT') and environment.get('IMDS_ENDPOINT'):
        return AzureArc(environment)
    return VirtualMachine(environment)


def _metadata_request(endpoint: str, version: str, resource: str, client_id: str, headers: dict[str, str]) -> TokenRequest:
    params = {'api-version': version, 'resource': resource, 'client_id': client_id}
    return TokenRequest(
        'GET',
        endpoint,
        {name: value for name, value in params.items() if value},
        headers=headers,
        retry_policy=MANAGED_IDENTITY_RETRIES,
        connect_timeout=_METADATA_CONNECT_TIMEOUT,
        through_proxy=False,
        unreachable_advice='Managed identities work only on an Azure host. Choose an engine that runs on one.',
        refusal_advice='Turn on the managed identity of this Azure host, and check Azure Managed Identities Client ID.',
    )


# endregion
# region factory


class CredentialSettings(NamedTuple):
    """The values that an instance is configured with, as pasted. Those that the method does not use are ignored.

    Args:
        method: one of AuthenticationMethod.
        client_id, client_secret: of the app registration, or ID and Key of the Cortex XSOAR app.
        managed_identity_id: client ID of a user-assigned managed identity, else empty.
        token: the Token of the Cortex XSOAR app.
    """

    method: str
    authority: str = ''
    tenant_id: str = ''
    client_id: str = ''
    client_secret: str = ''
    private_key: str = ''
    thumbprint: str = ''
    token_url: str = ''
    redirect_uri: str = ''
    authorization_code: str = ''
    managed_identity_id: str = ''
    app_name: str = ''
    token: str = ''
    encrypt: Callable[[str, str], str] | None = None
    info_headers: Callable[[], dict[str, str]] = dict

    def __repr__(self) -> str:
        return f'<CredentialSettings {self.method}>'


def create_credential(settings: CredentialSettings) -> Credential:
    """Return the credential for the authentication method of `settings`. Raise CredentialError for invalid values."""
    method = settings.method
    if method == AuthenticationMethod.MANAGED_IDENTITY:
        return ManagedIdentityCredential(settings.managed_identity_id)
    if method == AuthenticationMethod.CORTEX_APP:
        return CortexAppCredential(
            settings.app_name,
            settings.client_id,
            settings.token,
            settings.client_secret,
            settings.encrypt,
            settings.info_headers,
        )
    registration = settings.authority, settings.tenant_id, settings.client_id
    if method == AuthenticationMethod.DEVICE_CODE:
        return DeviceCodeCredential(*registration, token_url=settings.token_url)
    client: EntraCredential
    if settings.private_key:
        client = CertificateCredential(*registration, settings.private_key, settings.thumbprint, settings.token_url)
    elif settings.client_secret or method == AuthenticationMethod.CLIENT_CREDENTIALS:
        client = ClientSecretCredential(*registration, settings.client_secret, settings.token_url)
    else:
        client = EntraCredential(*registration, settings.token_url)
    if method == AuthenticationMethod.CLIENT_CREDENTIALS:
        return client
    return AuthorizationCodeCredential(client, settings.redirect_uri, settings.authorization_code)


# endregion
