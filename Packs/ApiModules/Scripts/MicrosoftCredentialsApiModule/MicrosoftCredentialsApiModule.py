"""Request tokens from Microsoft: errors with advice, token requests and responses, and one class per authentication method."""

import base64
import copy
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, quote_plus, unquote, urlencode, urlsplit

import requests
from MicrosoftCoreApiModule import *

with suppress(ImportError):  # in a built pack these names are already in the same file
    from MicrosoftCoreApiModule import (
        NO_RETRIES,
        CredentialError,
        ErrorResponse,
        MicrosoftSignInError,
        RetryPolicy,
        SystemClock,
        _GUID,
        _NOT_IN_AN_ID,
        _seconds,
        clean_client_id,
        clean_client_secret,
        clean_pem,
        clean_private_key,
        clean_tenant,
        clean_thumbprint,
        clean_value,
        skip_netrc,
        require_https,
        retry_after_seconds,
        run_with_retries,
    )

# region errors


class SignInRefusedError(MicrosoftSignInError):
    """The service understood, and said no. Asking again unchanged is of no use."""


class SignInRequiredError(SignInRefusedError):
    """A person has to sign in, for the first time or again."""


class SignInPendingError(MicrosoftSignInError):
    """The person has not finished signing in yet; ask again after `interval` seconds."""

    def __init__(self, interval: float):
        self.interval = interval
        super().__init__('The sign-in is not finished yet.', 'Finish it in the browser, then run the command again.')


class SignInUnavailableError(MicrosoftSignInError):
    """The service could not be reached, or gave no usable answer. Asking again later may work.

    Args:
        retry_after: seconds that the service asked to wait, 0 if it did not say.
    """

    def __init__(self, what: str, advice: str = '', code: str = '', correlation_id: str = '', retry_after: float = 0):
        self.retry_after = retry_after
        super().__init__(what, advice, code, correlation_id)


# Numbers may change at any time, says Microsoft: they choose the advice, never the behaviour.
# Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_ADVICE_BY_NUMBER = (
    ((7000215,), "Paste the client secret's Value (not its Secret ID) into Key."),
    ((7000222,), 'The client secret has expired: make a new one in the app registration and paste its Value into Key.'),
    (
        (700016,),
        (
            'Check ID (client ID), Token (tenant ID) and the cloud; the application must be registered in, '
            'or consented to by, this tenant.'
        ),
    ),
    ((90002, 900023), 'Check Token (tenant ID) and the cloud setting.'),
    ((65001, 650056, 650057, 90094), 'Add the API permission to the app registration, grant admin consent, then sign in again.'),
    ((500011,), 'Check the scope and the cloud setting, and that the tenant is licensed for the product.'),
    (
        (50076, 50079, 50074, 50078),
        ('Multi-factor authentication is required: sign in again in a browser, or use application permissions.'),
    ),
    ((53003, 53000, 530032, 530003), 'Conditional Access blocked the sign-in: the sign-in log of the tenant names the policy.'),
    ((54005,), 'The authorization code was already used: start the sign-in again.'),
    (
        (70008, 700082, 70043, 50173, 70000, 50089, 50132, 50133),
        ('The sign-in has expired or was revoked: reset the authentication and sign in again.'),
    ),
    ((700084,), 'Register the redirect URI on the platform Web, not Single-page application, then sign in again.'),
    ((501481,), 'The code belongs to another sign-in: start the sign-in again and use its own code.'),
    ((9002313, 900144), 'The code or the secret is cut short or still URL-encoded: paste it whole.'),
    ((50011, 500112, 900971), 'The redirect URI must equal the one in the app registration exactly.'),
    ((700027, 50012, 700030), 'Upload the certificate to the app registration; thumbprint and private key must belong to it.'),
    ((700024,), 'The clock of the engine is wrong: synchronise it.'),
    (
        (7000218,),
        (
            'Key is empty: enter the client secret or a certificate, or, for device code, '
            'allow public client flows in the app registration.'
        ),
    ),
    ((700025,), 'The application is a public client: register the redirect URI on the platform Web, or leave Key empty.'),
    ((7000112, 700011), 'The application is disabled: enable sign-in of the enterprise application.'),
    ((70011, 700022, 901002), 'The scope must be that of one resource, such as https://graph.microsoft.com/.default.'),
    ((50105, 50194, 50020), "Assign the user to the application, and use the tenant's own ID in Token."),
    ((50126, 50055, 50057, 50053, 50034), 'Check the user account: password, expiry, lock, and that it exists in this tenant.'),
    ((90038, 900382), 'The tenant lives in another national cloud: change the cloud setting.'),
    ((1002016,), 'A proxy or the host uses an old TLS version: it must speak TLS 1.2 or later.'),
    ((50196, 90055), 'Too many sign-ins in a short time: wait a few minutes.'),
    ((50033, 90006, 90012, 90033, 90090), 'This is a passing fault of the service: try again in a few minutes.'),
)


SIGN_IN_ADVICE = {number: advice for numbers, advice in _ADVICE_BY_NUMBER for number in numbers}


_ADVICE_BY_ERROR = {
    'invalid_client': 'Check ID, Token and Key against the app registration.',
    'unauthorized_client': 'Check that the app registration allows this way of signing in.',
    'invalid_grant': 'Reset the authentication and sign in again.',
    'interaction_required': 'Sign in again in a browser.',
    'consent_required': 'Grant consent to the application, then sign in again.',
    'access_denied': 'The sign-in was declined: start it again and accept.',
    'authorization_declined': 'The sign-in was declined: start it again and accept.',
    'expired_token': 'The code was not entered in time: start the sign-in again.',
    'bad_verification_code': 'The device code is not known: start the sign-in again.',
    'invalid_scope': 'The scope must be that of one resource, such as https://graph.microsoft.com/.default.',
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


# These mean what they say, even where a service in between sends them with a status of 500.
_DECIDED = {*_ADVICE_BY_ERROR, *_NEEDS_USER, *_PENDING}


def parse_oauth_error(body: dict[str, Any], status: int, default_advice: str = _DEFAULT_ADVICE) -> MicrosoftSignInError:
    """Reads an OAuth error object into an error with advice.

    Args:
        body: ``error``, ``error_description``, ``error_codes``, ``correlation_id`` as Microsoft Entra ID sends them.
        status: the HTTP status that came with it.
        default_advice: what to say where neither the number nor the name of the error is known.
    """
    error = str(body.get('error') or '')
    if error in _PENDING:
        return SignInPendingError(_PENDING[error])
    description = re.split(r'\s*(?:Trace ID|Correlation ID|Timestamp):', str(body.get('error_description') or ''))[0].strip()
    sentence = re.split(r'(?<=[^\d\s][.!?])\s', description, maxsplit=1)[0]
    sentence = sentence or f'HTTP status {status}, {error or "no reason given"}.'
    numbers = [int(number) for number in re.findall(r'AADSTS(\d+)', description)]
    codes = body.get('error_codes')
    numbers += [int(code) for code in (codes if isinstance(codes, list) else []) if str(code).isdigit()]
    advice = next(
        (SIGN_IN_ADVICE[number] for number in numbers if number in SIGN_IN_ADVICE), _ADVICE_BY_ERROR.get(error, default_advice)
    )
    kind = SignInRequiredError if error in _NEEDS_USER else SignInRefusedError
    return kind(
        f'Microsoft refused the sign-in: {sentence}',
        advice,
        f'AADSTS{numbers[0]}' if numbers else error,
        str(body.get('correlation_id') or ''),
    )


# endregion

# region tokens

REFRESH_MARGIN = 300  # seconds before its end from which a token counts as expired


LONG_LIFETIME = 2 * 3600  # seconds; tokens that live longer are renewed at half their life


_DEFAULT_LIFETIME = 3599  # seconds; what Entra gives when it says nothing


_MAX_LIFETIME = 28 * 3600  # seconds; the longest that Entra gives (continuous access evaluation)


class TokenTarget(NamedTuple):
    """What a token is asked for: a resource, by `scope` (v2 endpoint) or by `resource` (v1 endpoint, managed identity).

    Args:
        scope: scopes parted by blanks, e.g. ``https://graph.microsoft.com/.default``.
        resource: URI of the resource, e.g. ``https://graph.microsoft.com``.
        claims: JSON of a claims challenge that the resource demanded, else empty. Not part of what names the token.
        audience: the API that the token is sent to, where the request for it names none.
    """

    scope: str = ''
    resource: str = ''
    claims: str = ''
    audience: str = ''

    @property
    def name(self) -> str:
        """A short name: the same for what one token is good for."""
        return hashlib.sha256(json.dumps([self.scope, self.resource, self.audience]).encode()).hexdigest()[:16]

    @property
    def as_scope(self) -> str:
        """The v2 form. A trailing slash of the resource is kept: the audience of the token has it as well."""
        return self.scope or (f'{self.resource}/.default' if self.resource else '')

    @property
    def as_resource(self) -> str:
        """The v1 form."""
        if self.resource:
            return self.resource
        named = next((word for word in self.scope.split() if '/' in word), self.scope)
        return named.rpartition('/')[0] or named


class AccessToken(NamedTuple):
    """An access token and how long it is good.

    Args:
        value: the token itself; never shown.
        expires_on: seconds since the epoch at which the resource stops taking it.
        refresh_on: seconds since the epoch from which a new one should be asked for.
        scope: the permissions that the answer named, parted by blanks; empty if it named none.
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
        """What the token says of itself, unverified, for showing only. Empty where it cannot be read."""
        try:
            payload = self.value.split('.')[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + '=' * (-len(payload) % 4)))
        except (IndexError, ValueError):
            return {}
        return claims if isinstance(claims, dict) else {}


class TokenResponse:
    """What a token request brought: an access token, and a refresh token if the service gave one."""

    def __init__(self, token: AccessToken, refresh_token: str = ''):
        self.token = token
        self.refresh_token = refresh_token


def _expiry(body: dict[str, Any], now: float) -> float:
    """Seconds since the epoch. Hosts send ``expires_in`` or ``expires_on``, as numbers, strings or dates."""
    life = _seconds(body.get('expires_in'))
    if life is None:
        expires_on = _seconds(body.get('expires_on'))
        if expires_on is None:
            expires_on = _date_seconds(str(body.get('expires_on') or ''))
        life = _DEFAULT_LIFETIME if expires_on is None else expires_on - now
    return now + max(0.0, min(life, _MAX_LIFETIME))


def _date_seconds(text: str) -> float | None:
    # App Service and Automation have sent both forms.
    for form in ('%m/%d/%Y %H:%M:%S %z', '%m/%d/%Y %I:%M:%S %p %z'):
        try:
            return datetime.strptime(text, form).timestamp()  # noqa: DTZ007 - the forms hold the zone
        except ValueError:
            continue
    return None


def parse_token_response(body: dict[str, Any], now: float) -> TokenResponse:
    """Reads the JSON of a successful token answer. `now` is when it was asked for, in seconds since the epoch."""
    expires_on = _expiry(body, now)
    life = expires_on - now
    refresh_in = _seconds(body.get('refresh_in'))
    if refresh_in is None or not 0 < refresh_in < life:
        refresh_in = life / 2 if life >= LONG_LIFETIME else life
    token = AccessToken(str(body['access_token']), expires_on, now + refresh_in, str(body.get('scope') or ''))
    return TokenResponse(token, str(body.get('refresh_token') or ''))


# endregion

# region token requests

TOKEN_ENDPOINT_RETRIES = RetryPolicy(dict.fromkeys((408, 429, 500, 502, 503, 504), 3), 3, 0.5, deadline=30)


_CONNECT_TIMEOUT = 10.0  # seconds


_READ_TIMEOUT = 20.0  # seconds


_UNREACHABLE_ADVICE = 'Check the address, the proxy settings and that the engine may reach it.'


_UNTRUSTED_CERTIFICATE = 'untrusted_certificate'


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


_JWT = r'\beyJ[\w-]+\.[\w-]+\.[\w-]*'


class TokenRequest:
    """A request for a token, ready to be sent.

    Args:
        hidden: secrets that the service learns from the request although they do not stand in it.
        read_timeout: seconds that the service may take to answer, 0 for the usual time.
        renew: makes a new request for another try, where the same one must not be sent twice.
        unreachable_advice, refusal_advice: what to do if no answer comes, or one whose error says nothing known.
    """

    def __init__(
        self,
        method: str,
        url: str,
        params: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
        json_body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        retry: RetryPolicy = TOKEN_ENDPOINT_RETRIES,
        hidden: tuple[str, ...] = (),
        connect_timeout: float = _CONNECT_TIMEOUT,
        read_timeout: float = 0,
        through_proxy: bool = True,
        unreachable_advice: str = _UNREACHABLE_ADVICE,
        refusal_advice: str = _DEFAULT_ADVICE,
        renew: 'Callable[[], TokenRequest] | None' = None,
    ):
        self.method = method
        self.url = url
        self.params = params or {}
        self.form = form or {}
        self.json_body = json_body or {}
        self.headers = headers or {}
        self.retry = retry
        self.hidden = hidden
        self.connect_timeout = connect_timeout
        self.read_timeout = read_timeout
        self.through_proxy = through_proxy
        self.unreachable_advice = unreachable_advice
        self.refusal_advice = refusal_advice
        self.renew = renew or (lambda: self)

    def secrets(self) -> list[str]:
        """What this request carries and nobody may see."""
        sent = {**self.form, **self.json_body, **self.headers}
        return [secret for secret in (*self.hidden, *(str(sent.get(name) or '') for name in _SECRET_FIELDS)) if len(secret) > 3]

    def redact(self, text: str) -> str:
        """Blanks in `text` whatever secret this request carries: services and proxies sometimes echo what they got."""
        for secret in self.secrets():
            text = text.replace(secret, '***')
        return re.sub(_JWT, '***', text)


class TokenClient:
    """Sends token requests: with time limits, with retries, without following redirects; and reads the answers.

    Args:
        verify: True, False, or the path of a CA bundle, as in requests.
        clock: where time comes from.
        read_timeout: seconds that a service may take to answer.
        on_secret: is told each secret before it is sent, and as it comes, so that a log of the traffic can be kept clean.
    """

    def __init__(
        self,
        verify: bool | str = True,
        clock: SystemClock | None = None,
        read_timeout: float = _READ_TIMEOUT,
        on_secret: Callable[[str], Any] = lambda _secret: None,
    ):
        self.verify = verify
        self.clock = clock or SystemClock()
        self.read_timeout = read_timeout
        self._on_secret = on_secret
        self._told: set[str] = set()
        self._retries = True

    def without_retry(self) -> 'TokenClient':
        """The same, giving up after the first try: for what can as well be asked for later."""
        once = copy.copy(self)
        once._retries = False
        return once

    def ask(self, request: TokenRequest) -> TokenResponse:
        """Sends `request` and reads a token out of the answer.

        Raises:
            SignInRefusedError, SignInRequiredError, SignInPendingError: the service said no, or not yet.
            SignInUnavailableError: no answer, or not one of a token service.
        """
        asked_on = self.clock.now()
        body = self.request_json(request)
        token = body.get('access_token')
        if not (isinstance(token, str) and re.fullmatch(r'[!-~]+', token)):  # what a header can carry
            raise unusable_response(request, 'JSON without an access token')
        return parse_token_response(body, asked_on)

    def request_json(self, request: TokenRequest) -> dict[str, Any]:
        """Sends `request` and gives the JSON object of a successful answer. Raises as `ask` does."""
        return self.read(request, self.send(request))

    def read(self, request: TokenRequest, response: requests.Response) -> dict[str, Any]:
        """Gives the JSON object of a successful answer to `request`. Raises as `ask` does."""
        try:
            body = response.json()
        except ValueError:
            body = None
        if not response.ok:
            raise self._error(request, response, body)
        if response.status_code != 200:
            raise unusable_response(request, f'HTTP status {response.status_code}')
        if not isinstance(body, dict):
            raise unusable_response(request, 'something that is not a JSON object')
        if body.get('error'):  # some proxies and hosts send errors with 200
            raise self._error(request, response, body)
        for name in ('access_token', 'refresh_token', 'device_code'):
            self.mask(str(body.get(name) or ''))
        return body

    def mask(self, secret: str) -> None:
        """Tells `on_secret` a secret, as it is and as a form carries it; each text once, however often it is sent."""
        for text in (secret, quote_plus(secret)):
            if text and text not in self._told:
                self._told.add(text)
                self._on_secret(text)

    def send(self, request: TokenRequest) -> requests.Response:
        """Send `request`, retry as its policy says, and return the last response, whatever its status.

        Raises:
            SignInUnavailableError: no response came.
        """
        policy = request.retry if self._retries else NO_RETRIES
        next_request: TokenRequest | None = request

        def send_once() -> requests.Response:
            nonlocal next_request
            sent, next_request = next_request or request.renew(), None
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

    def _send_once(self, request: TokenRequest) -> requests.Response:
        for secret in request.secrets():
            self.mask(secret)
        session = requests.Session()
        # The metadata address must never be asked through a proxy, whatever the environment says.
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
            except OSError as error:  # all errors of requests are OSErrors; a missing CA bundle is a plain one
                raise self._unreachable(request, error) from None
        if not response.ok:
            raise ErrorResponse(response)
        return response

    @staticmethod
    def _unreachable(request: TokenRequest, error: OSError) -> SignInUnavailableError:
        host = urlsplit(request.url).netloc
        if isinstance(error, requests.exceptions.SSLError) and 'CERTIFICATE_VERIFY_FAILED' in str(error):
            return SignInUnavailableError(
                f'The TLS certificate of {host} could not be verified.',
                "Add the CA to the engine's trusted certificates, or select 'Trust any certificate'.",
                _UNTRUSTED_CERTIFICATE,
            )
        if isinstance(error, requests.exceptions.SSLError) or not isinstance(error, requests.exceptions.RequestException):
            return SignInUnavailableError(
                f'No TLS connection to {host} could be made.',
                "Check the engine's file of trusted certificates, and that host and proxy speak TLS 1.2 or later.",
                'no_tls',
            )
        if isinstance(error, requests.exceptions.ProxyError):
            return SignInUnavailableError(
                f'The proxy did not let the sign-in through to {host}.', 'Check the proxy settings.', 'no_proxy'
            )
        if isinstance(error, requests.exceptions.Timeout):
            return SignInUnavailableError(f'{host} did not answer in time.', request.unreachable_advice, 'no_answer')
        return SignInUnavailableError(f'{host} could not be reached.', request.unreachable_advice, 'unreachable')

    def _error(self, request: TokenRequest, response: requests.Response, body: Any) -> MicrosoftSignInError:
        status, host = response.status_code, urlsplit(request.url).netloc
        error = {
            name: request.redact(value) if isinstance(value, str) else value for name, value in find_oauth_error(body).items()
        }
        may_pass = status in request.retry.retries or status >= 500 or error.get('error') == 'temporarily_unavailable'
        if may_pass and error.get('error') not in _DECIDED:
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
    return SignInUnavailableError(
        f'The sign-in service at {urlsplit(request.url).netloc} answered with {what}.',
        'A proxy or a wrong address may stand between: check both.',
        'unusable_response',
    )


def find_oauth_error(body: Any) -> dict[str, Any]:
    """The OAuth error object in an error answer, wherever the service put it; empty if there is none.

    Entra sends it as the answer. The Cortex app's token service sends ``message``, or ``title`` and ``detail``,
    sometimes with Entra's JSON inside the text. Managed identity hosts send Entra's form, or ``error`` with
    ``code`` and ``message``.
    """
    if not isinstance(body, dict):
        return {}
    if isinstance(body.get('error'), dict):
        inner = body['error']
        return {'error': str(inner.get('code') or ''), 'error_description': str(inner.get('message') or '')}
    if body.get('error'):
        return body
    text = ': '.join(str(body[name]) for name in ('message', 'title', 'detail') if body.get(name))
    embedded = re.search(r'\{.*\}', text, re.DOTALL)
    if embedded:
        try:
            found = json.loads(embedded.group())
        except ValueError:
            found = None
        if isinstance(found, dict) and found.get('error'):
            return found
    return {'error': 'refused', 'error_description': text} if text else {}


# endregion

# region authorization response


class AuthorizationResponse(NamedTuple):
    """What the browser brought back from the sign-in page: the code, and the state that it was asked with (may be empty)."""

    code: str
    state: str = ''

    def __repr__(self) -> str:
        return '<AuthorizationResponse>'


def clean_authorization_code(value: str) -> AuthorizationResponse:
    """Reads a code in any form in which it is pasted: bare, URL-encoded, with ``&session_state=...``, or the whole redirect URL.

    Raises:
        CredentialError: no code is in it.
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
                'The pasted URL holds no code.', "Copy the whole address of the page after the sign-in; it holds 'code='."
            )
        return AuthorizationResponse(fields['code'], fields.get('state', ''))
    code = text.split('&')[0]
    if not code:
        raise CredentialError('The authorization code is missing.', 'Paste the whole address of the page after the sign-in.')
    return AuthorizationResponse(unquote(code) if '%' in code else code)


# endregion

# region credentials


class CachedSession(NamedTuple):
    """What earlier sign-ins of a credential left behind. All of it is secret.

    Args:
        refresh_token: the newest one, empty if there is none.
        code_verifier, state: of a sign-in that was started with PKCE and waits for its code.
        device_code: of a sign-in with a device code that was started.
        is_code_redeemed: the code in the settings was used up.
    """

    refresh_token: str = ''
    code_verifier: str = ''
    device_code: str = ''
    is_code_redeemed: bool = False
    state: str = ''

    def __repr__(self) -> str:
        return '<CachedSession>'


class Credential:
    """One way to sign in. The constructor refuses what cannot be right with a CredentialError.

    Attributes:
        kind: the name of the way.
        identity: digest over everything that makes this credential what it is. Tokens are kept under it,
            so a changed setting never meets an old token.
        application: the same without what one person pasted (code, Token): what a started sign-in is kept under.
        max_request_seconds: seconds that asking for a token may take, with all tries.
    """

    kind = ''
    description = ''
    needs_user = False
    max_request_seconds = 60.0

    def __init__(self, *application: str, seed: str = ''):
        self.application = _digest(self.kind, *application)
        self.identity = _digest(self.application, seed)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} {self.identity[:8]}>'

    def token_request(self, target: TokenTarget, kept: CachedSession) -> TokenRequest:
        """The request that brings a token for `target`.

        Raises:
            SignInRequiredError: a person has to sign in first.
        """
        raise NotImplementedError

    def ask(self, transport: TokenClient, target: TokenTarget, kept: CachedSession) -> TokenResponse:
        return transport.ask(self.token_request(target, kept))

    def matches_claims(self, claims: dict[str, Any]) -> bool:
        """False where the claims of an access token show that another client, or another tenant, asked for it."""
        return True


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


class EntraCredential(Credential):
    """A client of Microsoft Entra ID that has nothing to prove itself by: a public client.

    Args:
        authority: login host of the cloud, e.g. ``https://login.microsoftonline.com``.
        tenant_id: ID or domain name of the tenant.
        client_id: of the app registration.
        token_url: token endpoint; by default the v2 endpoint of authority and tenant.
    """

    kind = 'public-client'

    def __init__(self, authority: str, tenant_id: str, client_id: str, token_url: str = '', proof: str = ''):
        self.authority = require_https(authority, 'the Azure AD endpoint')
        self.tenant_id = clean_tenant(tenant_id)
        self.client_id = clean_client_id(client_id)
        self.token_url = require_https(token_url or self.endpoint('token'), 'the token URL')
        super().__init__(self.authority, self.tenant_id, self.client_id, self.token_url, proof)

    def endpoint(self, name: str) -> str:
        return f'{self.authority}/{quote(self.tenant_id)}/oauth2/v2.0/{name}'

    @property
    def is_v1(self) -> bool:
        return '/v2.0/' not in self.token_url

    def matches_claims(self, claims: dict[str, Any]) -> bool:
        tenant = self.tenant_id if _GUID.fullmatch(self.tenant_id) else claims.get('tid')
        return claims.get('appid', self.client_id) == self.client_id and claims.get('tid', tenant) == tenant

    def client_authentication(self) -> dict[str, str]:
        """The form fields by which the client proves who it is."""
        return {}

    def post(self, target: TokenTarget, offline: bool = False, **fields: str) -> TokenRequest:
        """A form for the token endpoint: client, proof, what is wanted, and the `fields` of the flow.

        Args:
            offline: ask for a refresh token as well.
        """
        wanted = {'resource': target.as_resource} if self.is_v1 else {'scope': with_offline_access(target.as_scope, offline)}
        form = {**fields, 'client_id': self.client_id, **self.client_authentication(), **wanted, 'claims': target.claims}
        return TokenRequest('POST', self.token_url, form={name: value for name, value in form.items() if value})


def with_offline_access(scope: str, offline: bool = True) -> str:
    if not offline or 'offline_access' in scope.split():
        return scope
    return f'{scope} offline_access'.strip()


class ClientSecretCredential(EntraCredential):
    """Signs in as an application with a client secret.

    Args:
        authority, tenant_id, client_id, token_url: as in EntraCredential.
        client_secret: the secret's value.
    Raises:
        CredentialError: a value is missing, or is plainly something else (the secret's ID, a URL, ...).
    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """

    kind = 'client-secret'
    description = 'Self-deployed application, client secret'

    def __init__(self, authority: str, tenant_id: str, client_id: str, client_secret: str, token_url: str = ''):
        self._client_secret = clean_client_secret(client_secret)
        super().__init__(authority, tenant_id, client_id, token_url, proof=self._client_secret)

    def client_authentication(self) -> dict[str, str]:
        return {'client_secret': self._client_secret}

    def token_request(self, target: TokenTarget, kept: CachedSession) -> TokenRequest:
        clean_tenant(self.tenant_id, own_tenant_needed=True)
        return self.post(target, grant_type='client_credentials')


class CertificateCredential(EntraCredential):
    """Signs in as an application with a certificate.

    With the certificate itself, assertions are signed with PS256 and name it by ``x5t#S256``, as they are with its SHA-256
    thumbprint. With its SHA-1 thumbprint they are signed with RS256 and name it by ``x5t``.

    Args:
        authority, tenant_id, client_id, token_url: as in EntraCredential.
        private_key: PEM, PKCS#8 or PKCS#1, not encrypted; the certificate may stand in it as well.
        thumbprint: hexadecimal SHA-1 or SHA-256, or the certificate in PEM.
    Raises:
        CredentialError: a value is missing, unreadable or encrypted.
    Source: https://learn.microsoft.com/entra/identity-platform/certificate-credentials
    """

    kind = 'certificate'
    description = 'Self-deployed application, certificate'
    LIFE = 600  # seconds that an assertion is good

    def __init__(
        self, authority: str, tenant_id: str, client_id: str, private_key: str, thumbprint: str = '', token_url: str = ''
    ):
        blocks = clean_pem(private_key)
        certificates = {**clean_pem(thumbprint), **blocks}
        self._private_key = clean_private_key(blocks)
        self.certificate = certificates.get('CERTIFICATE', '')
        if not self.certificate and not clean_value(thumbprint):
            raise CredentialError(
                'The certificate thumbprint is missing.', 'Enter the thumbprint, or the certificate itself in PEM form.'
            )
        is_digits = clean_value(thumbprint) and 'CERTIFICATE' not in clean_pem(thumbprint)
        self.thumbprint = clean_thumbprint(thumbprint) if is_digits else ''
        super().__init__(authority, tenant_id, client_id, token_url, proof=self._private_key + self.certificate + self.thumbprint)

    def client_authentication(self) -> dict[str, str]:
        return {
            'client_assertion_type': 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
            'client_assertion': self.assertion(SystemClock().now()),
        }

    def token_request(self, target: TokenTarget, kept: CachedSession) -> TokenRequest:
        clean_tenant(self.tenant_id, own_tenant_needed=True)
        return self.post(target, grant_type='client_credentials')

    def post(self, target: TokenTarget, offline: bool = False, **fields: str) -> TokenRequest:
        request = super().post(target, offline, **fields)
        request.renew = lambda: self.post(target, offline, **fields)
        return request

    def assertion(self, now: float) -> str:
        """A new signed assertion; each has an ID of its own, since the service may refuse one that it has seen."""
        import uuid  # these cost, and a warm command needs none

        import jwt

        key = self._loaded_key()
        algorithm, header = self._algorithm_and_header()
        claims = {
            'aud': self.token_url,
            'iss': self.client_id,
            'sub': self.client_id,
            'jti': str(uuid.uuid4()),
            'iat': int(now),
            'nbf': int(now),
            'exp': int(now) + self.LIFE,
        }
        return jwt.encode(claims, key, algorithm=algorithm, headers=header)

    def _algorithm_and_header(self) -> tuple[str, dict[str, str]]:
        if self.certificate:
            return 'PS256', {'x5t#S256': _base64url(self._certificate_digest())}
        digest = bytes.fromhex(self.thumbprint)
        return ('PS256', {'x5t#S256': _base64url(digest)}) if len(digest) == 32 else ('RS256', {'x5t': _base64url(digest)})

    def _certificate_digest(self, algorithm: str = 'sha256') -> bytes:
        der = base64.b64decode(''.join(self.certificate.splitlines()[1:-1]))
        return hashlib.new(algorithm, der).digest()

    def _loaded_key(self) -> Any:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            # Checking the primes takes 35 of 36 ms, and a key that is wrong is refused by the service all the same.
            key = load_pem_private_key(self._private_key.encode(), None, unsafe_skip_rsa_key_validation=True)
        except (ValueError, UnsupportedAlgorithm):
            raise CredentialError(
                'The private key cannot be read.', 'Paste the whole key in PEM form, as it was created.'
            ) from None
        if not isinstance(key, RSAPrivateKey):
            raise CredentialError(
                'The private key is not an RSA key.', 'Microsoft takes RSA certificates only: make one and upload it.'
            )
        self._require_match(key)
        return key

    def _require_match(self, key: Any) -> None:
        if not self.certificate:
            return
        from cryptography.x509 import load_pem_x509_certificate

        try:
            certificate_key = load_pem_x509_certificate(self.certificate.encode()).public_key()
        except ValueError:
            raise CredentialError('The certificate cannot be read.', 'Paste the whole certificate in PEM form.') from None
        if certificate_key != key.public_key():
            raise CredentialError(
                'The private key does not belong to the certificate.', 'Paste the key and the certificate of one pair.'
            )
        if self.thumbprint and bytes.fromhex(self.thumbprint) not in map(self._certificate_digest, ('sha1', 'sha256')):
            raise CredentialError(
                'The certificate thumbprint is not that of the certificate.', 'Clear it, or paste the one of this certificate.'
            )


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip('=')


class AuthorizationCodeCredential(Credential):
    """Signs in for a person, who does it once in a browser; from then on with the refresh token.

    Args:
        client: the app registration, with its secret, its certificate, or neither.
        redirect_uri: as registered.
        code: what the browser brought back, as pasted into the settings; may be empty.
    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
    """

    kind = 'authorization-code'
    description = 'Self-deployed application, authorization code'
    needs_user = True
    REFRESH_TOKEN_PREFIX = 'refresh_token:'  # noqa: S105 - integrations let a refresh token be pasted as code, so marked

    def __init__(self, client: EntraCredential, redirect_uri: str, code: str = ''):
        self.client = client
        self.redirect_uri = clean_value(redirect_uri)
        self._pasted = clean_value(code)
        if not self.redirect_uri:
            raise CredentialError('The application redirect URI is missing.', 'Enter the redirect URI of the app registration.')
        super().__init__(client.application, self.redirect_uri, seed=self._pasted)

    def matches_claims(self, claims: dict[str, Any]) -> bool:
        return self.client.matches_claims(claims)

    def token_request(self, target: TokenTarget, kept: CachedSession) -> TokenRequest:
        if kept.refresh_token:
            return self.refresh_request(target, kept.refresh_token)
        if self._pasted.startswith(self.REFRESH_TOKEN_PREFIX):
            return self.refresh_request(target, self._pasted[len(self.REFRESH_TOKEN_PREFIX) :])
        if not self._pasted or kept.is_code_redeemed:
            raise SignInRequiredError('Nobody has signed in with these settings yet.', 'Start the sign-in, then complete it.')
        return self.redeem_request(target, self._pasted, kept)

    def redeem_request(self, target: TokenTarget, pasted: str, kept: CachedSession) -> TokenRequest:
        """The request that turns what the browser brought back into tokens.

        Args:
            pasted: the whole redirect URL, or the code alone.
            kept: the state and the verifier of the sign-in that was started; empty where it was started elsewhere, without PKCE.
        Raises:
            SignInRequiredError: `pasted` belongs to another sign-in, maybe somebody else's.
        """
        response = clean_authorization_code(pasted)
        if kept.state and response.state not in ('', kept.state):
            raise SignInRequiredError(
                'The pasted URL belongs to another sign-in than the one started last.',
                'Start the sign-in again, and paste the URL that it ends on.',
            )
        return self.client.post(
            target,
            offline=True,
            grant_type='authorization_code',
            code=response.code,
            redirect_uri=self.redirect_uri,
            code_verifier=kept.code_verifier,
        )

    def refresh_request(self, target: TokenTarget, refresh_token: str) -> TokenRequest:
        return self.client.post(
            target,
            offline=True,
            grant_type='refresh_token',
            refresh_token=refresh_token,
            redirect_uri=self.redirect_uri if self.client.is_v1 else '',
        )

    def authorize_url(self, target: TokenTarget, state: str, code_verifier: str) -> str:
        """The address at which the person signs in."""
        challenge = _base64url(hashlib.sha256(code_verifier.encode()).digest())
        return f'{self.client.endpoint("authorize")}?' + urlencode(
            {
                'client_id': self.client.client_id,
                'response_type': 'code',
                'redirect_uri': self.redirect_uri,
                'scope': with_offline_access(target.as_scope),
                'state': state,
                'code_challenge': challenge,
                'code_challenge_method': 'S256',
            },
            quote_via=quote,
        )


class DeviceCodeCredential(EntraCredential):
    """Signs in for a person, who enters a code in a browser on any device; from then on with the refresh token.

    The app registration must allow public client flows; there is no secret.

    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
    """

    kind = 'device-code'
    description = 'Self-deployed application, device code'
    needs_user = True
    GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

    def start_request(self, target: TokenTarget) -> TokenRequest:
        """The request that starts a sign-in; answered with ``device_code``, ``user_code``, ``verification_uri``, ``interval``."""
        return TokenRequest(
            'POST', self.endpoint('devicecode'), form={'client_id': self.client_id, 'scope': with_offline_access(target.as_scope)}
        )

    def token_request(self, target: TokenTarget, kept: CachedSession) -> TokenRequest:
        if kept.refresh_token:
            return self.post(target, offline=True, grant_type='refresh_token', refresh_token=kept.refresh_token)
        if not kept.device_code:
            raise SignInRequiredError('Nobody has signed in with these settings yet.', 'Start the sign-in, then complete it.')
        return self.post(target, grant_type=self.GRANT, device_code=kept.device_code)


_CONSENT_AGAIN = 'Paste ID, Token and Key of one consent; if that does not help, go through the consent page again.'


class CortexAppCredential(Credential):
    """Signs in through the Cortex XSOAR app, with the ID, Token and Key that its consent page hands out.

    The token service answers each request with a new refresh token, which takes the place of the Token.

    Args:
        app_name: name by which the token service knows the integration.
        registration_id: the ID; ``<id>@<https url>`` names another token service than the public one.
        token: the Token.
        key: the Key, base64 of an AES key.
        encrypt: how the token is made unreadable, by default `encrypt_for_token_service`.
        info_headers: gives headers that tell the token service who asks.
    Raises:
        CredentialError: a value is missing, or the token service is not an https address.
    """

    kind = 'cortex-app'
    description = 'Cortex XSOAR application'
    max_request_seconds = 140.0
    READ_TIMEOUT = 90.0  # seconds; whoever hangs up on an answer loses the Token that is in it
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
        self.token_service = require_https(service or self.TOKEN_SERVICE, 'the token service in ID')
        self._token, self._key = clean_value(token), clean_value(key)
        for name, value in (('ID', self.registration_id), ('Token', self._token), ('Key', self._key)):
            if not value:
                raise CredentialError(
                    f'{name} is missing.', f'Paste the {name} that the consent page of the Cortex XSOAR app shows.'
                )
        self._encrypt = encrypt or encrypt_for_token_service
        self._info_headers = info_headers
        super().__init__(app_name, self.registration_id, self.token_service, self._key, seed=self._token)

    def token_request(self, target: TokenTarget, kept: CachedSession) -> TokenRequest:
        token = kept.refresh_token or self._token
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
            refusal_advice=_CONSENT_AGAIN,
        )

    def check_without_token_use(self, transport: TokenClient) -> None:
        """Checks all that can be checked while the Token stays unused: the Key, and that the token service answers.

        Raises:
            MicrosoftSignInError: what is wrong.
        """
        self._encrypt(self._token, self._key)
        request = TokenRequest('GET', self.token_service)
        status = transport.send(request).status_code
        if status == 404 or status >= 500:
            raise unusable_response(request, f'HTTP status {status}')


def encrypt_for_token_service(token: str, key: str) -> str:
    """Base64 of nonce and AES-256-GCM of ``<epoch seconds>:<token>``, as the token service of the Cortex app reads it.

    Raises:
        CredentialError: `key` is not the base64 of an AES key.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # costs, and a warm command needs none

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

_CONNECT_TIMEOUT_IMDS = 2.0


_NOT_ON_AZURE = 'Managed identities work only where the integration runs on an Azure host: choose such an engine.'


_NO_IDENTITY = 'Turn on the managed identity of this Azure host, and check Azure Managed Identities Client ID.'


# The host's own service is restarted for up to 70 s (410) when identities change: seven waits take 76 to 127 s.
MANAGED_IDENTITY_RETRIES = RetryPolicy(
    {404: 4, 408: 4, 410: 7, 429: 4, **dict.fromkeys(range(500, 600), 4)}, 1, 0.8, 130, deadline=130
)


class ManagedIdentityCredential(Credential):
    """Signs in as the managed identity of the Azure host on which the integration runs.

    Args:
        client_id: of a user-assigned identity; empty for the system-assigned one.
        environment: environment variables of the host; they tell which kind of host it is.
    Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
    """

    kind = 'managed-identity'
    description = 'Azure managed identity'
    max_request_seconds = 160.0

    def __init__(self, client_id: str = '', environment: Mapping[str, str] = os.environ):
        self.client_id = clean_value(client_id)
        if _NOT_IN_AN_ID.search(self.client_id):
            raise CredentialError(
                'Azure Managed Identities Client ID is not a client ID.',
                'Enter the client ID of the user-assigned identity, not its resource ID or name.',
            )
        self._host = _managed_identity_host(environment)
        super().__init__(type(self._host).__name__, self._host.endpoint, self.client_id)

    def token_request(self, target: TokenTarget, kept: CachedSession) -> TokenRequest:
        return self._host.request(target.as_resource, self.client_id)

    def ask(self, transport: TokenClient, target: TokenTarget, kept: CachedSession) -> TokenResponse:
        return transport.ask(self._host.answer_challenge(self.token_request(target, kept), transport))


class ManagedIdentityHost:
    """A kind of Azure host, and how its own service is asked for tokens."""

    endpoint = ''

    def request(self, resource: str, client_id: str) -> TokenRequest:
        raise NotImplementedError

    def answer_challenge(self, request: TokenRequest, _transport: TokenClient) -> TokenRequest:
        """The request with the proof that the host asks for; most ask for none."""
        return request


class VirtualMachine(ManagedIdentityHost):
    """A virtual machine or scale set: the instance metadata service."""

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
    """A machine connected by Azure Arc. It proves that it may read a file which only root and its agent's group can read."""

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

    def answer_challenge(self, request: TokenRequest, transport: TokenClient) -> TokenRequest:
        response = transport.send(request)
        challenge = re.match(r'Basic realm="?([^"]+)', response.headers.get('WWW-Authenticate', ''))
        if response.status_code != 401 or not challenge:
            transport.read(request, response)
            raise unusable_response(request, 'a token in place of a challenge')
        with_proof = copy.copy(request)
        with_proof.headers = {**request.headers, 'Authorization': f'Basic {self._key(challenge.group(1))}'}
        return with_proof

    def _key(self, path: str) -> str:
        # The path comes over plain http: whoever answers there must not make the integration read any other file.
        if os.path.dirname(os.path.realpath(path)) != os.path.realpath(self.KEY_FOLDER) or not path.endswith('.key'):
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
        retry=MANAGED_IDENTITY_RETRIES,
        connect_timeout=_CONNECT_TIMEOUT_IMDS,
        through_proxy=False,
        unreachable_advice=_NOT_ON_AZURE,
        refusal_advice=_NO_IDENTITY,
    )


# endregion

# region factory


class AuthenticationMethod:
    """The authentication methods that settings can name."""

    MANAGED_IDENTITY = 'managed_identity'
    CORTEX_APP = 'cortex_app'
    CLIENT_CREDENTIALS = 'client_credentials'
    AUTHORIZATION_CODE = 'authorization_code'
    DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'


class CredentialSettings(NamedTuple):
    """What an instance is configured with, whatever its authentication method. Values may be as pasted.

    Args:
        method: one of AuthenticationMethod.
        authority, tenant_id, token_url: as in EntraCredential.
        client_id: of the app registration or of a user-assigned managed identity; the ID of the Cortex XSOAR app.
        client_secret, private_key, thumbprint: what an app registration proves its identity with.
        redirect_uri, authorization_code: as in AuthorizationCodeCredential.
        app_name, token, key, encrypt, info_headers: as in CortexAppCredential.
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
    app_name: str = ''
    token: str = ''
    key: str = ''
    encrypt: Callable[[str, str], str] | None = None
    info_headers: Callable[[], dict[str, str]] = dict

    def __repr__(self) -> str:
        return f'<CredentialSettings {self.method}>'


def create_credential(settings: CredentialSettings) -> Credential:
    """Return the credential for the authentication method of `settings`.

    Raises:
        CredentialError: a value is missing or cannot be right.
    """
    one = settings
    if one.method == AuthenticationMethod.MANAGED_IDENTITY:
        return ManagedIdentityCredential(one.client_id)
    if one.method == AuthenticationMethod.CORTEX_APP:
        return CortexAppCredential(one.app_name, one.client_id, one.token, one.key, one.encrypt, one.info_headers)
    registration = one.authority, one.tenant_id, one.client_id
    if one.method == AuthenticationMethod.DEVICE_CODE:
        return DeviceCodeCredential(*registration, token_url=one.token_url)
    client: EntraCredential
    if one.private_key:
        client = CertificateCredential(*registration, one.private_key, one.thumbprint, one.token_url)
    elif one.client_secret or one.method == AuthenticationMethod.CLIENT_CREDENTIALS:
        client = ClientSecretCredential(*registration, one.client_secret, one.token_url)
    else:
        client = EntraCredential(*registration, one.token_url)
    if one.method == AuthenticationMethod.CLIENT_CREDENTIALS:
        return client
    return AuthorizationCodeCredential(client, one.redirect_uri, one.authorization_code)


# endregion
