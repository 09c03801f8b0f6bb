"""Request tokens from Microsoft: errors with advice, token requests and responses, and one class per authentication method."""

import base64
import copy
import math
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import requests
from MicrosoftCoreApiModule import *

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from MicrosoftCoreApiModule import (
        SHARED_TENANTS,
        CredentialError,
        ErrorResponse,
        LimitedSession,
        MicrosoftSignInError,
        RetryPolicy,
        SystemClock,
        clean_client_id,
        clean_id,
        clean_text,
        clean_client_secret,
        clean_managed_identity_id,
        clean_pem,
        clean_private_keys,
        clean_tenant,
        clean_thumbprint,
        clean_value,
        connection_problem,
        float_or_none,
        is_guid,
        json_or_none,
        MAX_OUTSIDE_TEXT,
        outside_text,
        require_https,
        retry_after_seconds,
        run_with_retries,
        secret_forms,
        skip_netrc,
        JsonObject,
    )

StrMapping = Mapping[str, str]

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


_TRY_LATER = 'Try again in a few minutes.'
_SIGN_IN_AGAIN = 'Sign in again.'
_SIGN_IN_LOG = 'Look up the sign-in in the sign-in log of the tenant, which names the policy.'
_DEVICE = 'Sign in again on another device, or have an administrator enable and register this one.'
_ACCOUNT = 'Check the user account: password, expiry, lock, and that it exists in this tenant.'
_PLATFORM_WEB = 'Register the redirect URI on the platform Web, not Single-page application, then sign in again.'
_ADD_PERMISSION = 'Add the API permission to the app registration, grant admin consent, then sign in again.'
_INCOMPLETE = 'The code or the secret is incomplete or URL-encoded. Paste all of it.'
_ONE_RESOURCE = 'Enter the scope of one resource, such as https://graph.microsoft.com/.default.'
_OWN_TENANT = "Assign the user to the application, and use the tenant's own ID in Token."
_IN_BROWSER = 'Sign in again in a browser.'
_CONSENT = 'Grant consent to the application, then sign in again.'
_ACCEPT = 'The sign-in was declined. Start it again and accept.'
# By OAuth error: what the numbers stand for. Microsoft may change the numbers at any time: they select the advice, and the
# behavior only where a service in between has dropped the name of the error.
# Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_ADVICE_BY_NUMBERS = {
    'invalid_client': {
        '7000215': "Paste the client secret's Value (not its Secret ID) into Key.",
        '7000222': 'Create a new client secret in the app registration and paste its Value into Key.',
        '700016 7000229': (
            'Check ID (client ID), Token (tenant ID) and the cloud. The application must be registered in this tenant, '
            'or have the consent of its administrator.'
        ),
        '90002 900023 50059': 'Check Token (tenant ID) and the cloud setting.',
        '650056 650057 650053': _ADD_PERMISSION,
        '500011 650052 500014': 'Check the scope and the cloud setting, and that the tenant is licensed for the product.',
        '9002326 9002327': _PLATFORM_WEB,
        '9002346 9002331 500207': (
            'Register an application for accounts of an organization, or enter consumers in Token for a personal account.'
        ),
        '9002332': 'Enter the Directory (tenant) ID in Token, and sign in with an account of the organization.',
        '900144': _INCOMPLETE,
        '50011 500112 900971': 'Enter the redirect URI exactly as in the app registration.',
        '700027 50012 700030 700021 700023 7000213': (
            'Upload the certificate to the app registration. Thumbprint and private key must belong to it.'
        ),
        '700024 500133': 'Synchronize the clock of the engine.',
        '7000218': (
            'Enter the client secret in Key, or a certificate. '
            'For device code, allow public client flows in the app registration.'
        ),
        '700025': 'Register the redirect URI on the platform Web, or leave Key empty.',
        '7000112 700011': 'Enable sign-in of the enterprise application.',
        '70011 700022 901002': _ONE_RESOURCE,
        '50194': _OWN_TENANT,
        '90038 900382 900432 900439': 'The tenant is in another national cloud. Change the cloud setting.',
        '1002016': 'A proxy or the host uses an old TLS version. Enable TLS 1.2 or later.',
        '70021 700211 700212 700213': (
            'Compare issuer, subject and audience of the federated credential with the token of this pod.'
        ),
    },
    'consent_required': {
        '65001 90094 90095': _ADD_PERMISSION,
        '700084': _PLATFORM_WEB,
        '9002313': _INCOMPLETE,
    },
    'invalid_grant': {
        '50076 50079 50074 50078 50072 50158': 'Sign in again in a browser, or use application permissions.',
        '53003 53000 530032 530003 53001 53002 53004 53009 53011 530034 530035 500021': _SIGN_IN_LOG,
        '530084': 'An administrator has to exclude the application from the policy for token protection, then sign in again.',
        '135011 700003 50097 50129 50187 530002': _DEVICE,
        '54005 50148': 'Start the sign-in again.',
        '501481': 'Start the sign-in again and use its own code, which belongs to no other sign-in.',
        '70008 700082 700081 70043 70044 50173 70000 50089 50132 50133 50085 700005': _SIGN_IN_AGAIN,
        '50105 501051 50020 500200': _OWN_TENANT,
        '500341 51004 500571 50014 90072': (
            'Add the account to the directory of this tenant, or sign in again with another account.'
        ),
        '50126 50055 50057 50053 50034 50056 50144': _ACCOUNT,
    },
    'temporarily_unavailable': {
        '50196 90055': 'There were too many sign-ins in a short time. Wait a few minutes.',
        '50033 90006 90012 90033 90090': f'This is a temporary fault of the service. {_TRY_LATER}',
    },
}
SIGN_IN_ADVICE = {
    int(number): advice for rows in _ADVICE_BY_NUMBERS.values() for numbers, advice in rows.items() for number in numbers.split()
}
_ERROR_OF_CODE = {f'AADSTS{number}': error for error, rows in _ADVICE_BY_NUMBERS.items() for number in ' '.join(rows).split()}
# Numbers that stand for several causes: the whole description is shown.
_SEVERAL_CAUSES = (700027, 50012, 7000213, 500011, 50105, 9002313)
# Entra says by it what a client can do about an invalid_grant.
_ADVICE_BY_SUBERROR = {
    'basic_action': _IN_BROWSER,
    'additional_action': _IN_BROWSER,
    'message_only': _SIGN_IN_LOG,
    'consent_required': _CONSENT,
    'user_password_expired': _ACCOUNT,
    'bad_token': _SIGN_IN_AGAIN,
    'token_expired': _SIGN_IN_AGAIN,
    'protection_policy_required': _SIGN_IN_LOG,
    'device_authentication_failed': _DEVICE,
}
_ADVICE_BY_ERROR = {
    'consent_required': _CONSENT,
    'access_denied': _ACCEPT,
    'authorization_declined': _ACCEPT,
    'expired_token': 'The code was not entered in time. Start the sign-in again.',
    'bad_verification_code': 'The device code is unknown. Start the sign-in again.',
    'invalid_scope': _ONE_RESOURCE,
}
# These errors have many causes, which only a number tells.
_ADVICE_WITHOUT_NUMBER = {
    'invalid_client': 'Check ID, Token and Key against the app registration.',
    'unauthorized_client': 'Check that the app registration allows this authentication method.',
    'invalid_grant': _SIGN_IN_AGAIN,
    'interaction_required': _IN_BROWSER,
}
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
_TEMPORARY = 'temporarily_unavailable'
# These are final, even if a service in between sends them with status 500.
_FINAL = {*_ADVICE_BY_ERROR, *_ADVICE_WITHOUT_NUMBER, *_NEEDS_USER, *_PENDING}
_NAMED = rf'\b(?:{"|".join((*_FINAL, _TEMPORARY))})\b'
# Advice that a service replaces by its own: none, and what concerns an app registration, which the Cortex app and hosts lack.
_OF_AN_APP = r'^$|^Sign in again\.$|\b(?:Key|Token|app registration|redirect URI|consent)\b'


def parse_oauth_error(
    body: JsonObject, status: int, own_advice: str = '', redact: Callable[[str], str] = str
) -> MicrosoftSignInError:
    """Return the exception for an OAuth error object, with advice.

    Args:
        own_advice: what to do if the request is refused. It is added to what the user or the service has to do, and replaces
            what concerns an app registration.
        redact: replaces the secrets in a text.
    """
    error, text = outside_text(body.get('error'), redact), outside_text(body.get('error_description'), redact)
    if error in _PENDING:
        return SignInPendingError(_PENDING[error])
    description = re.split(r'(?:Trace ID|Correlation ID|Timestamp):', text)[0].strip()
    codes = body.get('error_codes')
    listed = re.findall(r'\b[1-9]\d{0,8}\b', str(codes)) if isinstance(codes, list) else []
    numbers = [int(number) for number in re.findall(r'AADSTS(\d{4,9})\b', description) + listed]
    code = f'AADSTS{numbers[0]}' if numbers else error
    known = next((number for number in numbers if number in SIGN_IN_ADVICE), 0)
    advice = _advice(known, str(body.get('suberror')), description)
    if own_advice:
        advice = own_advice if re.search(_OF_AN_APP, advice) else f'{advice} {own_advice}'
    elif not advice and numbers and error not in _ADVICE_BY_ERROR:
        advice = f'Look up {code} at https://login.microsoftonline.com/error and in the sign-in log of the tenant.'
    if known and known not in _SEVERAL_CAUSES:
        description = re.split(r'(?<=[^\d\s][.!?])\s', description, maxsplit=1)[0]
    reason = description or f'HTTP status {status}, {error or "no reason given"}.'
    what = f'Microsoft refused the sign-in: {reason}'
    advice = advice or {**_ADVICE_BY_ERROR, **_ADVICE_WITHOUT_NUMBER}.get(error, 'Check the settings of the instance.')
    kind = SignInRequiredError if error in _NEEDS_USER else SignInRefusedError
    return kind(what, without_repetition(advice, what), code, outside_text(body.get('correlation_id'), redact))


def _advice(number: int, suberror: str, description: str) -> str:
    if number in (700027, 50012) and 'expired' in description:
        return 'Create a new certificate, upload it to the app registration, and enter it with its key.'
    return SIGN_IN_ADVICE.get(number, _ADVICE_BY_SUBERROR.get(suberror, ''))


def without_repetition(advice: str, what: str) -> str:
    """Return `advice` without the sentences that `what` contains."""
    said = what.casefold()
    sentences = re.split(r'(?<=\.)\s', advice)
    return ' '.join(each for each in sentences if each.rstrip('.').casefold() not in said) or advice


_MAX_SEARCHED, _MAX_EMBEDDED = 500_000, 10_000  # characters of an error response, and of the JSON in it
_TEXT_FIELDS = ('message', 'exceptionmessage', 'title', 'detail', 'error', 'error_description')


def find_oauth_error(body: Any) -> JsonObject:
    """Return the OAuth error object of an error response, which is JSON or text. Empty if there is none.

    Entra sends it as the body. The token service of the Cortex XSOAR app sends ``message``, or ``title`` and ``detail``, or text,
    sometimes with Entra's JSON or page in it. Managed identity hosts send Entra's format, or ``error`` with ``code`` and
    ``message``; they write the names in different ways.
    """
    if isinstance(body, dict):
        body = _in_small_letters(body)
        error = body.get('error')
        if isinstance(error, dict):
            inner = _in_small_letters(error)
            return {'error': str(inner.get('code') or ''), 'error_description': str(inner.get('message') or '')}
        if error and not re.search('{|AADSTS', str(error)):
            return {**body, 'error': str(error)}
        body = ': '.join(dict.fromkeys(str(body[name]) for name in _TEXT_FIELDS if body.get(name)))
    if not isinstance(body, str):
        return {}
    import html  # slow to import, and only errors need it

    text = html.unescape(body[:_MAX_SEARCHED]).strip()
    return _embedded_error(text) or _embedded_error(text.replace('\\"', '"')) or _error_in_text(text)


def _in_small_letters(body: JsonObject) -> JsonObject:
    return {str(name).lower(): value for name, value in body.items()}


def _embedded_error(text: str) -> JsonObject:
    """Return the first JSON object with an ``error`` in a text. Empty if there is none."""
    place = text.find('"error')
    text = text[max(0, place - _MAX_EMBEDDED // 2) : place + _MAX_EMBEDDED] if place >= 0 else ''
    for match in re.finditer(r'\{\s*"', text):
        with suppress(ValueError, RecursionError):
            found = find_oauth_error(json.JSONDecoder().raw_decode(text, match.start())[0])
            if found:
                return found
    return {}


def _error_in_text(text: str) -> JsonObject:
    """Return the error that a text names, or the text itself if it is short and not a page."""
    named, about = re.search(_NAMED, text), re.search(r'(AADSTS\d{4,9})[^<>{}"]*', text)
    error, described = 'refused', ''
    if about:
        error, described = _ERROR_OF_CODE.get(about[1], error), about[0].strip()
    elif len(text) <= MAX_OUTSIDE_TEXT and '<' not in text:
        described = text
    if named:
        error = named[0]
    return {'error': error, 'error_description': described} if named or described else {}


# endregion
# region tokens

REFRESH_MARGIN = 300  # seconds before a token expires from which a new one is requested
LEAST_LIFE = 30  # seconds before a token expires from which it is not used
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
        if self.resource:
            return self.resource
        named = next((word for word in self.scope.split() if '/' in word), self.scope)
        return named.rpartition('/')[0] or named


class AccessToken(NamedTuple):
    """An access token and its lifetime.

    Args:
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

    def is_usable(self, now: float, least_life: float = LEAST_LIFE) -> bool:
        return bool(self.value) and now < self.expires_on - least_life

    def should_refresh(self, now: float) -> bool:
        return now >= min(self.refresh_on, self.expires_on - REFRESH_MARGIN)

    def claims(self) -> JsonObject:
        """Return the claims of the token, unverified, for display only. Empty if they cannot be read."""
        try:
            claims = json.loads(base64.urlsafe_b64decode(self.value.split('.')[1] + '=='))
        except (IndexError, ValueError, RecursionError):
            return {}
        return claims if isinstance(claims, dict) else {}


class TokenResponse(NamedTuple):
    """The tokens of a token response; `refresh_token` is empty if it has none."""

    token: AccessToken
    refresh_token: str = ''

    def __repr__(self) -> str:
        return '<TokenResponse>'


def parse_token_response(body: JsonObject, now: float, is_of_host: bool = False) -> TokenResponse:
    """Return the tokens of a successful token response, which was requested at `now` (seconds since the epoch)."""
    lifetime = min(max(0.0, _lifetime(body, now, is_of_host)), _MAX_LIFETIME)
    refresh_in = float_or_none(body.get('refresh_in')) or 0
    if not 0 < refresh_in < lifetime:
        refresh_in = lifetime / 2 if lifetime >= LONG_LIFETIME else lifetime
    token = AccessToken(str(body['access_token']), now + lifetime, now + refresh_in, str(body.get('scope') or ''))
    refresh_token = body.get('refresh_token')
    return TokenResponse(token, refresh_token if isinstance(refresh_token, str) else '')


def _lifetime(body: JsonObject, now: float, is_of_host: bool) -> float:
    """Return the seconds until a token expires. Hosts send ``expires_in`` or ``expires_on``, as a number, a string or a date.

    A host may answer with a token that it has kept: then ``expires_in`` is too long.
    """
    lifetime, end = float_or_none(body.get('expires_in')), body.get('expires_on')
    expires_on = float_or_none(end) or _date_seconds(str(end))
    if lifetime is None:
        return expires_on - now if expires_on else _DEFAULT_LIFETIME
    return expires_on - now if is_of_host and 0 < expires_on - now < lifetime else lifetime


def _date_seconds(text: str) -> float:
    """Return the seconds since the epoch of a date, 0 if it cannot be read."""
    # App Service and Automation have sent both formats.
    for date_format in ('%m/%d/%Y %H:%M:%S %z', '%m/%d/%Y %I:%M:%S %p %z'):
        with suppress(ValueError):
            return datetime.strptime(text, date_format).timestamp()  # noqa: DTZ007 - the formats contain the zone
    return 0


# endregion
# region token requests

TOKEN_ENDPOINT_RETRIES = RetryPolicy(dict.fromkeys((408, 429, 500, 502, 503, 504), 3), 3, 0.5, deadline=30)
_CONNECT_TIMEOUT = 10.0  # seconds
BEAT_SECONDS = 3.0  # between two signs of life of the process that holds the lease
TOKEN_THREAD = 'token request'  # noqa: S105 - a name
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
        refusal_advice: what to do if the request is refused.
        absence_advice: what to do if there is no such service: no response comes, or one of something else.
        advice_by_code: what to do after these errors, in place of the usual advice.
        unsettled: regular expression for the start of the numbers of errors that may be gone some seconds later.
        renew: returns the request for a retry, if the same one must not be sent twice.
    """

    method: str
    url: str
    params: StrMapping = {}
    form: StrMapping = {}
    json_body: Mapping[str, Any] = {}
    headers: StrMapping = {}
    retry_policy: RetryPolicy = TOKEN_ENDPOINT_RETRIES
    hidden: tuple[str, ...] = ()
    connect_timeout: float = _CONNECT_TIMEOUT
    read_timeout: float = 0
    through_proxy: bool = True
    refusal_advice: str = ''
    absence_advice: str = ''
    advice_by_code: StrMapping = {}
    renew: Callable[[], Any] | None = None
    unsettled: str = ''

    def __repr__(self) -> str:
        return f'<TokenRequest {self.method} {self.url}>'

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def secrets(self) -> list[str]:
        sent = {**self.form, **self.json_body, **self.headers}
        secrets = *self.hidden, *(str(value) for name, value in sent.items() if name in _SECRET_FIELDS)
        return [secret for secret in secrets if len(secret) > 3]

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
        on_secret: is called with each secret before it is sent and when it is received, so that logs can mask it.
        redact: replaces the secrets in a text that comes from a service.
        adapter: sends requests to https addresses; that of the platform has its TLS settings.
    Attributes:
        on_wait: is called in this thread every BEAT_SECONDS during the wait for a retry, and a request that works once.
        works_once: what is sent works only once.
        read_timeout: seconds that a service may take to respond.
    """

    on_wait: Callable[[], Any] | None = None
    works_once = False
    read_timeout = 20.0
    _end = math.inf

    def __init__(
        self,
        verify: bool | str = True,
        clock: SystemClock | None = None,
        on_secret: Callable[[str], Any] = lambda _secret: None,
        redact: Callable[[str], str] = str,
        adapter: requests.adapters.BaseAdapter | None = None,
    ):
        self.verify = verify
        self.clock = clock or SystemClock()
        self._on_secret = on_secret
        self._redact = redact
        self._adapter = adapter
        self._masked: set[str] = set()

    def without_retries(self, seconds: float) -> 'TokenClient':
        """Return a copy that sends each request once, and has `seconds` for all of them."""
        once = copy.copy(self)
        once._end, once.on_wait = self.clock.elapsed() + seconds, None
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
        return parse_token_response(body, requested_on, not request.through_proxy)

    def request_json(self, request: TokenRequest) -> JsonObject:
        return self.read_json(request, self.send(request))

    def send(self, request: TokenRequest) -> requests.Response:
        """Send `request`, retry as its policy says, and return the last response. Raise SignInUnavailableError without one."""
        policy, tries = request.retry_policy, 0

        def send_once() -> requests.Response:
            nonlocal tries
            tries += 1
            return self._send_once(request.renew() if request.renew and tries > 1 else request)

        def delay_after(error: Exception, attempt: int) -> float | None:
            if self._end < math.inf:
                return None
            if isinstance(error, ErrorResponse):
                allowed = {error.response.status_code: _allowed_retries(request, error.response)}
                return policy._replace(retries=allowed).delay(attempt, error.response, self.clock.now())
            if isinstance(error, SignInUnavailableError) and error.code not in ('untrusted_certificate', 'invalid_address'):
                return policy.delay(attempt, None, 0)
            return None

        try:
            return run_with_retries(send_once, delay_after, policy, self.clock, self._sleep)
        except ErrorResponse as error:
            return error.response

    def read_json(self, request: TokenRequest, response: requests.Response) -> JsonObject:
        """Return the JSON object of a successful response to `request`. Raise as `request_token` does."""
        if not response.ok:
            raise self._error(request, response)
        if response.status_code >= 300:
            raise unusable_response(request, f'HTTP status {response.status_code}')
        body = json_or_none(response)  # the token service has answered 201 as well as 200
        if not isinstance(body, dict):
            raise unusable_response(request, 'something that is not a JSON object')
        if body.get('error'):  # some proxies and hosts send errors with status 200
            raise self._error(request, response)
        self.mask(*(str(body.get(name) or '') for name in ('access_token', 'refresh_token', 'device_code')))
        return body

    def mask(self, *secrets: str) -> None:
        """Call `on_secret` once with each form of each new secret."""
        for secret in secrets:
            if secret and secret not in self._masked:
                self._masked.add(secret)
                for form in secret_forms(secret):
                    self._on_secret(form)

    def _sleep(self, seconds: float) -> None:
        if not self.on_wait:
            self.clock.sleep(seconds)
            return
        while seconds > 0:
            self.clock.sleep(min(seconds, BEAT_SECONDS))
            self.on_wait()
            seconds -= BEAT_SECONDS

    def _wait(self, call: Callable[[], requests.Response]) -> requests.Response:
        """Return what `call` returns. What works once is sent in another thread, where no function of the platform may run."""
        if not (self.on_wait and self.works_once):
            return call()
        outcome: list[Any] = []

        def run() -> None:
            try:
                outcome.append(call())
            except BaseException as error:
                outcome.append(error)

        thread = threading.Thread(target=run, name=TOKEN_THREAD, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the container allows no more threads
            return call()
        thread.join(BEAT_SECONDS)
        while thread.is_alive():
            self.on_wait()
            thread.join(BEAT_SECONDS)
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    def _send_once(self, request: TokenRequest) -> requests.Response:
        self.mask(*request.secrets())
        session = LimitedSession(lambda: min(self._end - self.clock.elapsed(), self.clock.remaining()), _MAX_TOKEN_RESPONSE)
        # Tokens of a host must not be requested through a proxy, whatever the environment says.
        session.trust_env = request.through_proxy
        if self._adapter:
            session.mount('https://', self._adapter)
        with session:
            try:
                response = self._wait(
                    lambda: session.request(
                        request.method,
                        request.url,
                        params=request.params,
                        data=request.form,
                        json=request.json_body or None,
                        headers={'Accept': 'application/json', **request.headers},
                        timeout=(request.connect_timeout, request.read_timeout or self.read_timeout),
                        verify=self.verify,
                        allow_redirects=False,
                        auth=skip_netrc,
                    )
                )
            except OSError as error:  # all of requests, and that of a missing CA bundle
                advice = request.absence_advice or 'Check the address, the proxy settings and that the engine may reach it.'
                raise SignInUnavailableError(*connection_problem(error, request.host, advice)) from None
        if not response.ok:
            raise ErrorResponse(response)
        return response

    def _error(self, request: TokenRequest, response: requests.Response) -> MicrosoftSignInError:
        status = response.status_code
        answered = f'The sign-in service at {request.host} answered with HTTP status {status}'
        if _is_foreign(request, response):
            return SignInRefusedError(f'{answered}, which is not that of an Azure host.', request.absence_advice, str(status))

        def redact(text: str) -> str:
            return request.redact(self._redact(text))

        found = _error_of(response)
        name, text = found.get('error'), outside_text(found.get('error_description'), redact)
        what = f'{answered}: {text}' if text else f'{answered}.'
        is_transient = status in request.retry_policy.retries or status >= 500 or name == _TEMPORARY
        is_temporary = is_transient and name not in _FINAL
        refusal = parse_oauth_error(found, status, '' if is_temporary else request.refusal_advice, redact)
        is_loop = refusal.code == 'AADSTS50196'  # it is a limit, whatever its status and its name
        if is_temporary or is_loop:
            wait = retry_after_seconds(response, self.clock.now()) or _LOOP_SECONDS * is_loop
            advice = f'{_TRY_LATER} {request.absence_advice if status == 404 else request.refusal_advice}'.strip()
            if wait:
                advice = f'Try again in {wait:.0f} seconds.'
            elif _ERROR_OF_CODE.get(refusal.code) == _TEMPORARY:
                advice = refusal.advice
            elif status in _BUSY:
                advice = _TRY_LATER
            if refusal.code.startswith('AADSTS'):
                what = f'{answered} ({refusal.code})'
            return SignInUnavailableError(what, advice, str(status), refusal.correlation_id, wait)
        if found and refusal.code != 'refused':
            refusal.advice = request.advice_by_code.get(refusal.code, refusal.advice)
            return refusal
        advice = request.refusal_advice or 'Check the address of the service, the cloud setting and the proxy.'
        advice = request.advice_by_code.get(str(status), advice)
        return SignInRefusedError(what, without_repetition(advice, what), 'refused' if text else str(status))


_BUSY = (408, 429, 502, 503, 504)
_LOOP_SECONDS = 60


def _error_of(response: requests.Response) -> JsonObject:
    body = json_or_none(response)
    return find_oauth_error(response.text if body is None else body)


def _allowed_retries(request: TokenRequest, response: requests.Response) -> int:
    """Return how often a request that led to an error response may be sent again."""
    found = _error_of(response)
    name, status = found.get('error'), response.status_code
    if request.unsettled and re.search(f'AADSTS(?:{request.unsettled})', str(found.get('error_description'))):
        return 3
    if name in _FINAL:
        return 0
    # A service in between may send the temporary error of another one with a status of its own.
    return request.retry_policy.retries.get(503 if name == _TEMPORARY else status, 0)


def _is_foreign(request: TokenRequest, response: requests.Response) -> bool:
    """Return whether an error response is not from such a service: text in place of JSON, or an error that it does not have."""
    status = response.status_code
    if not request.absence_advice or status >= 500 or status in (408, 410, 429):
        return False
    return status == 405 or (bool(response.content) and not isinstance(json_or_none(response), dict))


def unusable_response(request: TokenRequest, what: str) -> SignInUnavailableError:
    """Return the error for a response with `what`, which a token service does not send."""
    return SignInUnavailableError(
        f'The sign-in service at {request.host} answered with {what}.',
        request.absence_advice or 'Check the address and the proxy settings.',
        'unusable_response',
    )


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

    The URL may be in brackets or in a Markdown link, and encoded for HTML, for JSON or for another URL.

    Raises:
        CredentialError: it contains no code.
        SignInRequiredError: the redirect URL says that the sign-in failed.
    """
    text = re.sub(r'\s', '', clean_value(value)).replace('&amp;', '&').replace('\\u0026', '&')
    for _ in range(3):
        if re.match(r'(?i)\W*(?:https?|code|error|state|session_state)%(?:25)*3[ad]', text):
            text = unquote(text)
    enclosed = re.findall(r'[<({\[]["\']?(https?:[^>\])}"\']*)', text)
    text = clean_text(enclosed[-1] if enclosed else text, 'The authorization code')
    is_code = '://' not in text and not re.search(r'(?:^|[?#&])(?:code|error)=', text)
    query = f'code={text}' if is_code else re.split(r'[?#]', text, maxsplit=1)[-1]
    fields = dict(reversed(parse_qsl(query.replace('#', '&'))))
    code = clean_text(clean_id(fields.get('code', '').replace(' ', '+')), 'The authorization code')
    if not code and fields.get('url', '').startswith('http'):  # a link that a mail filter has wrapped
        return parse_authorization_response(fields['url'])
    if fields.get('error'):
        refusal = parse_oauth_error(fields, 400)
        raise SignInRequiredError(refusal.what, refusal.advice, refusal.code, refusal.correlation_id)
    if not code and is_code:
        raise CredentialError('The authorization code is missing.', 'Paste the full address of the page after the sign-in.')
    if not code:
        raise CredentialError(
            'The pasted URL contains no code.', "Copy the full address of the page after the sign-in. It contains 'code='."
        )
    return AuthorizationResponse(code, fields.get('state', ''))


# endregion
# region credentials


class AuthenticationMethod:
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
        is_code_redeemed: the code in the settings was used.
        tenants: ID and names of the tenant, if the settings name another one that may be the same.
        is_foreign: the public module has left the refresh token.
    """

    refresh_token: str = ''
    pending: PendingSignIn = PendingSignIn()
    is_code_redeemed: bool = False
    tenants: tuple[str, ...] = ()
    is_foreign: bool = False

    def secrets(self) -> tuple[str, ...]:
        return self.refresh_token, self.pending.code_verifier, self.pending.device_code

    def __repr__(self) -> str:
        return '<CachedSession>'


class Credential:
    """An authentication method with its values. The constructor raises CredentialError for values that cannot be right.

    Attributes:
        kind, description: names of the method, for code and for users.
        needs_user: a user has to sign in.
        application: digest of the values. For a user they are cloud and client, and not what the client proves itself by, since
            a new client secret is no new user. A pending sign-in is cached under it.
        identity: digest that includes what one user pasted (code, Token). Tokens are cached under it.
        tenant_id: ID or name of the tenant of a user, empty if there is none.
        uses_up_token: each request uses up a Token, and the response contains the next one. No token is then requested while the
            cached one is valid, since such a request is given up after some seconds.
        max_request_seconds: seconds that a token request may take, with all retries.
    """

    kind = ''
    description = ''
    needs_user = False
    max_request_seconds = 60.0
    tenant_id = ''
    uses_up_token = False

    def __init__(self, *application: str, seed: str = ''):
        self.has_seed = bool(seed)
        self.application = _digest(self.kind, *application)
        self.identity = _digest(self.application, seed)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} {self.identity[:8]}>'

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        """Return the request for a token. Raise SignInRequiredError if a user has to sign in first."""
        raise NotImplementedError

    def request_token(self, token_client: TokenClient, target: TokenTarget, session: CachedSession) -> TokenResponse:
        return token_client.request_token(self.token_request(target, session))

    def matches_claims(self, claims: JsonObject) -> bool:
        """Return False if the claims of an access token name another client or another tenant."""
        return True


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


class EntraCredential(Credential):
    """An app registration of Microsoft Entra ID. Those of this class do not authenticate; subclasses add what proves them.

    Args:
        authority: login host of the cloud, e.g. ``https://login.microsoftonline.com``.
        token_url: token endpoint, by default the v2 endpoint of authority and tenant.
        secret: what the client authenticates with.
    """

    kind = 'public-client'
    advice_by_code: StrMapping = {}

    def __init__(self, authority: str, tenant_id: str, client_id: str, token_url: str = '', secret: str = ''):
        self.authority = require_https(authority, 'The Azure AD endpoint')
        self.tenant_id = clean_tenant(tenant_id)
        self.client_id = clean_client_id(client_id)
        self.token_url = require_https(token_url or self.endpoint('token'), 'The token URL')
        self.is_v1 = '/v2.0/' not in self.token_url
        self.registration = (self.authority, urlsplit(self.token_url).netloc, self.client_id)
        own = () if self.needs_user else (self.tenant_id, self.token_url, secret)
        super().__init__(*self.registration, *own)

    def endpoint(self, name: str) -> str:
        return f'{self.authority}/{quote(self.tenant_id)}/oauth2/v2.0/{name}'

    def client_authentication(self) -> StrMapping:
        return {}

    def post(self, target: TokenTarget, grant_type: str, **fields: str) -> TokenRequest:
        """Return a request to the token endpoint with the fields of a grant. Those of users request a refresh token as well."""
        is_of_user = grant_type != AuthenticationMethod.CLIENT_CREDENTIALS
        scope = with_offline_access(target.as_scope) if is_of_user else target.as_scope
        form = {
            'grant_type': grant_type,
            **fields,
            'client_id': self.client_id,
            **self.client_authentication(),
            **({'resource': target.as_resource} if self.is_v1 else {'scope': scope}),
            'claims': target.claims,
        }
        return TokenRequest(
            'POST',
            self.token_url,
            form={name: value for name, value in form.items() if value},
            advice_by_code=self.advice_by_code,
            renew=lambda: self.post(target, grant_type, **fields),
        )

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        if self.tenant_id in SHARED_TENANTS:
            raise CredentialError(
                f"Token is '{self.tenant_id}', which is not a particular tenant.",
                'Enter the Directory (tenant) ID of your tenant in Token.',
            )
        return self.post(target, AuthenticationMethod.CLIENT_CREDENTIALS)

    def refresh_request(self, target: TokenTarget, refresh_token: str, **fields: str) -> TokenRequest:
        return self.post(target, 'refresh_token', refresh_token=refresh_token, **fields)

    def matches_claims(self, claims: JsonObject) -> bool:
        tenant = self.tenant_id if is_guid(self.tenant_id) else claims.get('tid')
        return claims.get('appid', self.client_id) == self.client_id and claims.get('tid', tenant) == tenant


def _without_empty(fields: StrMapping) -> StrMapping:
    return {name: value for name, value in fields.items() if value}


def _client_assertion(assertion: str) -> StrMapping:
    kind = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
    return {'client_assertion_type': kind, 'client_assertion': assertion}


def with_offline_access(scope: str) -> str:
    return scope if 'offline_access' in scope.split() else f'{scope} offline_access'.strip()


_LOOKS_LIKE_AN_ID = (
    "Key looks like the ID of the client secret. Paste the secret's Value. If it is no longer shown, create a new secret."
)


class ClientSecretCredential(EntraCredential):
    """An application that authenticates with a client secret.

    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """

    kind = 'client-secret'
    description = 'Self-deployed application, client secret'

    def __init__(self, authority: str, tenant_id: str, client_id: str, client_secret: str, token_url: str = ''):
        self._client_secret = clean_client_secret(client_secret)
        super().__init__(authority, tenant_id, client_id, token_url, self._client_secret)
        if is_guid(self._client_secret):
            self.advice_by_code = {'AADSTS7000215': _LOOKS_LIKE_AN_ID}

    def client_authentication(self) -> StrMapping:
        return {'client_secret': self._client_secret}


class CertificateCredential(EntraCredential):
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
        self._private_keys = clean_private_keys(blocks)
        self._certificates = [block for label, block in (*blocks, *other_blocks) if label == 'CERTIFICATE']
        self.thumbprint = '' if other_blocks or not clean_value(thumbprint) else clean_thumbprint(thumbprint)
        if not (self._certificates or self.thumbprint):
            raise CredentialError(
                'The certificate thumbprint is missing.', 'Enter the thumbprint, or the certificate in PEM format.'
            )
        proof = ''.join((*self._private_keys, *self._certificates, self.thumbprint))
        super().__init__(authority, tenant_id, client_id, token_url, proof)

    def client_authentication(self) -> StrMapping:
        return _client_assertion(self.assertion(SystemClock().now()))

    def assertion(self, now: float) -> str:
        """Return a signed assertion with an ID of its own, since the service may reject one that it has seen."""
        import uuid  # these are slow to import, and a warm command does not need them

        import jwt

        key, digest = self._key_and_digest()
        algorithm, name = ('PS256', 'x5t#S256') if len(digest) == 32 else ('RS256', 'x5t')
        claims = {
            'aud': self.token_url,
            'iss': self.client_id,
            'sub': self.client_id,
            'jti': str(uuid.uuid4()),
            'iat': int(now),
            'nbf': int(now),
            'exp': int(now) + self.ASSERTION_LIFETIME,
        }
        return jwt.encode(claims, key, algorithm=algorithm, headers={name: _base64url(digest)})

    def _key_and_digest(self) -> tuple[Any, bytes]:
        """Return the private key and the digest of its certificate. Raise CredentialError if none belong together."""
        keys = [_load_private_key(key) for key in self._private_keys]
        if not self._certificates:
            return keys[0], bytes.fromhex(self.thumbprint)
        from cryptography.hazmat.primitives.serialization import Encoding

        certificates = [certificate for certificate in map(_load_certificate, self._certificates) if certificate]
        pairs = [(key, each) for each in certificates for key in keys if each.public_key() == key.public_key()]
        for key, certificate in pairs:
            content = certificate.public_bytes(Encoding.DER)
            sha1, sha256 = hashlib.sha1(content, usedforsecurity=False), hashlib.sha256(content)
            if self.thumbprint.lower() in ('', sha1.hexdigest(), sha256.hexdigest()):
                return key, sha256.digest()
        if pairs:
            raise CredentialError(
                'The thumbprint does not belong to the certificate.', 'Clear it, or paste the thumbprint of this certificate.'
            )
        if len(certificates) < len(self._certificates):
            raise CredentialError('The certificate cannot be read.', 'Paste the whole certificate in PEM format.')
        raise CredentialError(
            'The private key does not belong to the certificate.', 'Paste a key and a certificate that belong together.'
        )


def _load_private_key(pem: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        # Checking the primes takes 35 of 36 ms, and the service rejects a wrong key anyway.
        key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, UnsupportedAlgorithm):
        raise CredentialError('The private key cannot be read.', 'Paste the whole key in PEM format.') from None
    if not isinstance(key, RSAPrivateKey):
        raise CredentialError('The private key is not an RSA key.', 'Create an RSA certificate and upload it to the app.')
    return key


def _load_certificate(pem: str) -> Any:
    """Return a certificate, None if it or its key cannot be read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.x509 import load_pem_x509_certificate

    with suppress(ValueError, UnsupportedAlgorithm):
        certificate = load_pem_x509_certificate(pem.encode())
        certificate.public_key()
        return certificate
    return None


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip('=')


class AuthorizationCodeCredential(Credential):
    """A user who signs in once in a browser. Tokens are then requested with the refresh token.

    Args:
        client: the app registration, with a client secret, a certificate, or neither.
        code: the authorization code or the redirect URL in the settings, as pasted; may be empty.
    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
    """

    kind = 'authorization-code'
    description = 'Self-deployed application, authorization code'
    needs_user = True
    REFRESH_TOKEN_PREFIX = 'refresh_token:'  # noqa: S105 - integrations accept a refresh token with this prefix as code

    def __init__(self, client: EntraCredential, redirect_uri: str, code: str = ''):
        self.client = client
        self.redirect_uri = clean_text(clean_id(redirect_uri), 'The application redirect URI')
        self._pasted = clean_value(code)
        if not self.redirect_uri:
            raise CredentialError('The application redirect URI is missing.', 'Enter the redirect URI of the app registration.')
        if not re.match(r'(?i)[a-z][a-z0-9+.-]*:', self.redirect_uri):
            raise CredentialError(
                'The application redirect URI is not a full address.', 'Enter it as in the app registration, with https://.'
            )
        super().__init__(*client.registration, seed=self._pasted)
        self.tenant_id = client.tenant_id

    def authorize_url(self, target: TokenTarget, state: str, code_verifier: str, login_hint: str = '') -> str:
        """Return the address at which the user signs in. The user selects the account, which `login_hint` suggests."""
        parameters = {
            'client_id': self.client.client_id,
            'response_type': 'code',
            'redirect_uri': self.redirect_uri,
            'scope': with_offline_access(target.as_scope),
            'state': state,
            'code_challenge': _base64url(hashlib.sha256(code_verifier.encode()).digest()),
            'code_challenge_method': 'S256',
            'prompt': 'select_account',
            'login_hint': login_hint,
        }
        return f'{self.client.endpoint("authorize")}?{urlencode(_without_empty(parameters), quote_via=quote)}'

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        refresh_token = session.refresh_token
        if not refresh_token and self._pasted.startswith(self.REFRESH_TOKEN_PREFIX):
            refresh_token = self._pasted.removeprefix(self.REFRESH_TOKEN_PREFIX)
        if refresh_token:
            redirect_uri = self.redirect_uri if self.client.is_v1 else ''
            return self.client.refresh_request(target, refresh_token, redirect_uri=redirect_uri)
        if not self._pasted or session.is_code_redeemed:
            raise no_session()
        return self.redeem_request(target, self._pasted, session.pending)

    def redeem_request(self, target: TokenTarget, pasted: str, pending: PendingSignIn) -> TokenRequest:
        """Return the request that exchanges an authorization code for tokens.

        Args:
            pasted: the redirect URL, or the code alone.
            pending: the sign-in that was started; empty if it was started elsewhere, without PKCE.
        Raises:
            CredentialError: `pasted` does not say to which sign-in it belongs.
            SignInRequiredError: `pasted` belongs to another sign-in, possibly of another user.
        """
        response = parse_authorization_response(pasted)
        if pending.state and not response.state:
            raise CredentialError(
                'The code was pasted without the address that contained it, so that it may be of another sign-in.',
                'Paste the full address of the page after the sign-in.',
            )
        if pending.state and response.state != pending.state:
            raise SignInRequiredError(
                'The pasted URL belongs to another sign-in than the one started last.',
                'Start the sign-in again, and paste the URL that it ends on.',
            )
        return self.client.post(
            target,
            AuthenticationMethod.AUTHORIZATION_CODE,
            code=response.code,
            redirect_uri=self.redirect_uri,
            code_verifier=pending.code_verifier,
        )

    def matches_claims(self, claims: JsonObject) -> bool:
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
        return TokenRequest(
            'POST', self.endpoint('devicecode'), form={'client_id': self.client_id, 'scope': with_offline_access(target.as_scope)}
        )

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        if session.refresh_token:
            return self.refresh_request(target, session.refresh_token)
        code = session.pending.device_code
        if not code:
            raise no_session()
        return self.post(target, AuthenticationMethod.DEVICE_CODE, device_code=code)


def no_session() -> SignInRequiredError:
    return SignInRequiredError('No user has signed in with these settings.', 'Start the sign-in, then complete it.')


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


_HEADER_CHARACTERS = ''.join(map(chr, range(32, 127)))


class CortexAppCredential(Credential):
    """The Cortex XSOAR app, with the ID, Token and Key of its consent page.

    The token service responds to each request with a new refresh token, which replaces the Token.

    Args:
        app_name: name of the integration at the token service.
        registration_id: the ID; ``<id>@<https url>`` names another token service than the public one.
        key: the Key, base64 of an AES key.
        encrypt: encrypts the Token with the Key.
        info_headers: returns headers that describe the content pack and the server.
    """

    kind = 'cortex-app'
    description = 'Cortex XSOAR application'
    max_request_seconds = 140.0
    uses_up_token = True
    READ_TIMEOUT = 90.0  # seconds; a response that is not read is lost, with the next Token in it
    TOKEN_SERVICE = 'https://oproxy.demisto.ninja/obtain-token'  # noqa: S105 - an address

    def __init__(
        self,
        app_name: str,
        registration_id: str,
        token: str,
        key: str,
        encrypt: Callable[[str, str], str] = encrypt_for_token_service,
        info_headers: Callable[[], StrMapping] = dict,
    ):
        self.app_name = app_name
        self.registration_id, _, service = clean_text(clean_id(registration_id), 'ID').partition('@')
        self.token_service = require_https(service or self.TOKEN_SERVICE, 'The token service in ID')
        self._token, self._key = clean_text(token, 'Token'), clean_text(key, 'Key')
        for name, value in {'ID': self.registration_id, 'Token': self._token, 'Key': self._key}.items():
            if not value:
                raise CredentialError(
                    f'{name} is missing.', f'Paste the {name} that the consent page of the Cortex XSOAR app shows.'
                )
        self._encrypt = encrypt
        self._info_headers = info_headers
        super().__init__(app_name, self.registration_id, self.token_service, self._key, seed=self._token)

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        token = session.refresh_token or self._token
        return TokenRequest(
            'POST',
            self.token_service,
            headers={name: quote(str(value), safe=_HEADER_CHARACTERS) for name, value in self._info_headers().items()},
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
                'Check that ID, Token and Key are of the same consent. If they are, go through the consent page again.'
            ),
        )

    def check_without_token_use(self, token_client: TokenClient) -> None:
        """Check the Key, and that the token service responds, without using the Token. Raise MicrosoftSignInError."""
        self._encrypt(self._token, self._key)
        request = TokenRequest('GET', self.token_service)
        status = token_client.send(request).status_code
        if status >= 500:  # the service may know only POST
            raise unusable_response(request, f'HTTP status {status}')


# endregion
# region managed identity

# The service of the host restarts for up to 70 s (410) when identities change: seven waits take 76 to 127 s.
MANAGED_IDENTITY_RETRIES = RetryPolicy({404: 4, 408: 4, 410: 7, 429: 4, **dict.fromkeys(range(500, 600), 4)}, 1, 0.8, 130, 130)
_METADATA_CONNECT_TIMEOUT = 2.0  # seconds
_CHALLENGE_SECONDS = 130.0  # for those of all retries
_IDENTITY_ADVICE = 'Turn on the managed identity of this Azure host, and check Azure Managed Identities Client ID.'


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

    def __init__(self, client_id: str = '', environment: StrMapping = os.environ):
        self.client_id = clean_managed_identity_id(client_id)
        kinds = AppService, AzureArc, WorkloadIdentity, VirtualMachine
        kind = next(kind for kind in kinds if all(map(environment.get, kind.variables)))
        self._host: ManagedIdentityHost = kind(environment)
        super().__init__(type(self._host).__name__, self._host.endpoint, self.client_id or self._host.client_id)

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        return self._host.request(target.as_resource, self.client_id)

    def request_token(self, token_client: TokenClient, target: TokenTarget, session: CachedSession) -> TokenResponse:
        return token_client.request_token(self._host.authenticate(self.token_request(target, session), token_client))


class ManagedIdentityHost:
    """A kind of Azure host, and how tokens are requested from its own service.

    Attributes:
        variables: the environment variables that such a host has.
        version: that of the service.
    """

    variables: tuple[str, ...] = ()
    version = ''
    headers: StrMapping = {'Metadata': 'true'}
    advice_by_code: StrMapping = {}
    client_id = ''

    def __init__(self, environment: StrMapping):
        self.endpoint = environment['IDENTITY_ENDPOINT']

    def request(self, resource: str, client_id: str) -> TokenRequest:
        return TokenRequest(
            'GET',
            self.endpoint,
            _without_empty({'api-version': self.version, 'resource': resource, 'client_id': client_id}),
            headers=self.headers,
            retry_policy=MANAGED_IDENTITY_RETRIES,
            connect_timeout=_METADATA_CONNECT_TIMEOUT,
            through_proxy=False,
            refusal_advice=_IDENTITY_ADVICE,
            absence_advice=_HOST_ADVICE,
            advice_by_code=self.advice_by_code,
        )

    def authenticate(self, request: TokenRequest, _token_client: TokenClient) -> TokenRequest:
        """Return the request with what the host asks for as authentication. Most hosts ask for nothing."""
        return request


class VirtualMachine(ManagedIdentityHost):
    """A virtual machine or scale set, with the instance metadata service (IMDS)."""

    version = '2018-02-01'
    advice_by_code = dict.fromkeys(
        ('403', '421'),  # without a body, from the agent that this protocol puts before the service
        f'{_IDENTITY_ADVICE} If its Metadata Security Protocol is on, allow the containers of the engine in the rules.',
    )

    def __init__(self, environment: StrMapping):
        host = environment.get('AZURE_POD_IDENTITY_AUTHORITY_HOST') or 'http://169.254.169.254'
        self.endpoint = f'{host.rstrip("/")}/metadata/identity/oauth2/token'


class AppService(ManagedIdentityHost):
    """App Service, Functions and Automation."""

    variables = 'IDENTITY_ENDPOINT', 'IDENTITY_HEADER'
    version = '2019-08-01'

    def __init__(self, environment: StrMapping):
        super().__init__(environment)
        self.headers = {'X-IDENTITY-HEADER': environment['IDENTITY_HEADER']}


class AzureArc(ManagedIdentityHost):
    """A machine connected by Azure Arc. It authenticates with a key file that only root and the agent's group can read."""

    variables = 'IDENTITY_ENDPOINT', 'IMDS_ENDPOINT'
    version = '2020-06-01'
    KEY_FOLDER = '/var/opt/azcmagent/tokens'
    MAX_KEY_SIZE = 4096  # bytes

    def request(self, resource: str, client_id: str) -> TokenRequest:
        if client_id:
            raise CredentialError(
                'An Azure Arc machine has no user-assigned managed identity.', 'Leave Azure Managed Identities Client ID empty.'
            )
        return super().request(resource, '')

    def authenticate(self, request: TokenRequest, token_client: TokenClient) -> TokenRequest:
        response = token_client.send(request)
        challenge = re.match(r'Basic realm="?([^"]+)', response.headers.get('WWW-Authenticate', ''))
        if response.status_code != 401 or not challenge:
            token_client.read_json(request, response)
            raise unusable_response(request, 'a token in place of a challenge')
        headers = {**request.headers, 'Authorization': f'Basic {self._read_key(challenge[1])}'}
        once = token_client.without_retries(_CHALLENGE_SECONDS)  # a challenge can be answered once
        return request._replace(headers=headers, renew=lambda: self.authenticate(request, once))

    def _read_key(self, path: str) -> str:
        # The path comes over plain http: another service at this address must not make the integration read other files.
        folder = '' if '\0' in path else os.path.dirname(os.path.realpath(path))
        if folder != os.path.realpath(self.KEY_FOLDER) or not path.endswith('.key'):
            raise SignInRefusedError(
                'The Azure Arc agent named a key file outside of its own folder.', 'Check the agent of this machine.'
            )
        key = _start_of_file(path, self.MAX_KEY_SIZE + 1)
        if not key:
            raise SignInRefusedError(
                'The key file of the Azure Arc agent cannot be read.',
                "Add the integration's user to the group himds on this machine.",
            )
        if len(key) > self.MAX_KEY_SIZE:
            raise SignInRefusedError('The key file of the Azure Arc agent is too large.', 'Check the agent of this machine.')
        return key.strip()


def _start_of_file(path: str, size: int) -> str:
    """Return the first characters of a file, none if it cannot be read."""
    with suppress(OSError), open(path, encoding='ascii', errors='replace') as file:
        return file.read(size)
    return ''


class WorkloadIdentity(ManagedIdentityHost):
    """A pod of a Kubernetes cluster (AKS). Its federated token, which the cluster replaces every hour, is the client assertion.

    Source: https://learn.microsoft.com/azure/aks/workload-identity-overview
    """

    variables = ('AZURE_FEDERATED_TOKEN_FILE',)

    def __init__(self, environment: StrMapping):
        authority = environment.get('AZURE_AUTHORITY_HOST') or 'https://login.microsoftonline.com'
        tenant = clean_tenant(environment.get('AZURE_TENANT_ID', ''))
        self.endpoint = f'{require_https(authority, "AZURE_AUTHORITY_HOST")}/{quote(tenant)}/oauth2/v2.0/token'
        self.client_id = clean_managed_identity_id(environment.get('AZURE_CLIENT_ID', ''))
        self._token_file = environment['AZURE_FEDERATED_TOKEN_FILE']

    def request(self, resource: str, client_id: str) -> TokenRequest:
        form = {
            'grant_type': AuthenticationMethod.CLIENT_CREDENTIALS,
            'client_id': client_id or self.client_id,
            **_client_assertion(self._read_token()),
            'scope': TokenTarget(resource=resource).as_scope,
        }
        return TokenRequest(
            'POST',
            self.endpoint,
            form=form,
            renew=lambda: self.request(resource, client_id),
            unsettled='70021|50166|90061',
            advice_by_code=dict.fromkeys(('AADSTS50166', 'AADSTS90061'), _ISSUER_ADVICE),
            refusal_advice='Check the federated credential of the managed identity or application, and its client ID.',
        )

    def _read_token(self) -> str:
        token = _start_of_file(self._token_file, _MAX_FEDERATED_TOKEN).strip()
        if not re.fullmatch(r'[\w-]+\.[\w-]+\.[\w-]+', token):
            raise SignInRefusedError(
                f'The federated token of this pod cannot be read from {self._token_file}.',
                'Use a service account with workload identity, and label the pod azure.workload.identity/use: "true".',
            )
        return token


_MAX_FEDERATED_TOKEN = 64 * 1024  # characters
_ISSUER_ADVICE = f'{_TRY_LATER} If it lasts, check that the issuer of the cluster is public, with its keys.'


_HOST_ADVICE = (
    'Managed identities work only on an Azure host that has one. Choose an engine that runs on one. On App Service and Azure '
    'Arc, the container of the integration needs the variables IDENTITY_ENDPOINT and IDENTITY_HEADER (Arc: IMDS_ENDPOINT) of '
    'the host, and on Arc its network and /var/opt/azcmagent/tokens.'
)


# endregion
# region factory


class CredentialSettings(NamedTuple):
    """The values that an instance is configured with, as pasted. Those that the method does not use are ignored.

    Args:
        client_id, client_secret: of the app registration, or ID and Key of the Cortex XSOAR app.
        managed_identity_id: client ID of a user-assigned managed identity, else empty.
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
    encrypt: Callable[[str, str], str] = encrypt_for_token_service
    info_headers: Callable[[], StrMapping] = dict

    def __repr__(self) -> str:
        return f'<CredentialSettings {self.method}>'


def create_credential(settings: CredentialSettings) -> Credential:
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
