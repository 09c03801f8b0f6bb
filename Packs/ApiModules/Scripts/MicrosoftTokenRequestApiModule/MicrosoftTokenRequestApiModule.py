"""Send token requests: the requests and their responses, and errors with advice."""

import base64
import copy
import math
import json
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from MicrosoftHttpApiModule import *

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from MicrosoftCoreApiModule import (
        JsonObject,
        MAX_OUTSIDE_TEXT,
        MicrosoftSignInError,
        SystemClock,
        float_or_none,
        outside_text,
        secret_forms,
    )
    from MicrosoftHttpApiModule import (
        ErrorResponse,
        LimitedSession,
        RetryPolicy,
        connection_problem,
        json_or_none,
        retry_after_seconds,
        run_with_retries,
        skip_netrc,
    )

StrMapping = Mapping[str, str]

# region errors


class SignInRefusedError(MicrosoftSignInError):
    """The service refused the request. The same request will be refused again.

    Attributes:
        may_be_used_up: what was sent works only once, and the response to an earlier attempt was lost.
    """

    may_be_used_up = False


class SignInRequiredError(SignInRefusedError):
    """A user has to sign in, for the first time or again.

    Args:
        needs_new_sign_in: a new sign-in solves the problem, or is the last step to its solution. False if it would be refused
            for the same reason, such as a policy.
    """

    def __init__(self, what: str, advice: str = '', code: str = '', correlation_id: str = '', needs_new_sign_in: bool = True):
        self.needs_new_sign_in = needs_new_sign_in
        super().__init__(what, advice, code, correlation_id)


class SignInPendingError(MicrosoftSignInError):
    """The user has not finished the sign-in.

    Args:
        extra_seconds: what the service adds to the interval between two polls.
        interval: seconds until the next poll. The service does not name them: TokenProvider.after_poll adds them up.
    """

    def __init__(self, extra_seconds: float = 0, interval: float = 0):
        self.extra_seconds = extra_seconds
        self.interval = interval
        super().__init__('The sign-in is not finished yet.', 'Finish it in the browser, then run the command again.')


class SignInUnavailableError(MicrosoftSignInError):
    """The service could not be reached, or its response cannot be used. A later request may succeed.

    Args:
        retry_after: seconds until the next request, 0 if the service did not say.
    """

    def __init__(self, what: str, advice: str = '', code: str = '', correlation_id: str = '', retry_after: float = 0):
        self.retry_after = retry_after
        super().__init__(what, advice, code, correlation_id)


class SignInAdvice(NamedTuple):
    """What to do about an error of Entra.

    Args:
        is_for_registration: it only helps those who sign in with an app registration. The Cortex XSOAR application and
            hosts have none, and advice of their own.
        needs_new_sign_in: as in SignInRequiredError.
    """

    text: str = ''
    is_for_registration: bool = False
    needs_new_sign_in: bool = False


def _for_registration(text: str, needs_new_sign_in: bool = False) -> SignInAdvice:
    return SignInAdvice(text, is_for_registration=True, needs_new_sign_in=needs_new_sign_in)


def _for_new_sign_in(text: str) -> SignInAdvice:
    return SignInAdvice(text, needs_new_sign_in=True)


TRY_LATER = 'Try again in a few minutes.'
_NEW = 'A new secret or application can take a minute to become active.'
# The browser alone shows it, and the code waits until it expires.
IF_BLOCKED = (
    'If the browser says that access is blocked, choose Authorization Code, because the tenant does not allow device codes.'
)
_SIGN_IN_AGAIN = _for_registration('Sign in again.', needs_new_sign_in=True)  # the refresh token or the code is of no more use
_SIGN_IN_LOG = SignInAdvice('Look up the sign-in in the sign-in log of the tenant, which names the policy.')
_DEVICE = _for_new_sign_in('Sign in again on another device, or have an administrator enable and register this one.')
_ACCOUNT = SignInAdvice(
    'Check that the user account exists in this tenant, is neither disabled nor locked, and has a valid password.'
)
_PLATFORM_WEB = _for_registration(
    'Register the redirect URI on the platform Web, not Single-page application, then sign in again.', needs_new_sign_in=True
)
_ADD_PERMISSION = _for_registration(
    'Add the API permission to the app registration, grant admin consent, then sign in again.', needs_new_sign_in=True
)
_CONSENT = _for_registration('Grant consent to the application, then sign in again.', needs_new_sign_in=True)
_ASSERTION = _for_registration("Check ID, 'Azure AD endpoint' and the cloud setting, to which the signed request is addressed.")
_NEW_CERTIFICATE = _for_registration('Create a new certificate, upload it to the app registration, and enter it with its key.')
_INCOMPLETE = SignInAdvice('The code or the secret is incomplete or URL-encoded. Paste all of it.')
_ONE_RESOURCE = SignInAdvice('Enter the scope of one resource, such as https://graph.microsoft.com/.default.')
_TRANSIENT = SignInAdvice(f'This is a temporary fault of the service. {TRY_LATER}')
_IN_BROWSER = _for_new_sign_in('Sign in again in a browser.')
_NOT_ENTRA = SignInAdvice("This is the address of an API, not of a sign-in service. Check 'Azure AD endpoint'.")
_CLOCK = SignInAdvice('Synchronize the clock of the engine.')
_ACCEPT = _for_new_sign_in('The sign-in was declined. Start it again and accept.')
# By OAuth error, and by the numbers that Entra adds to it. Microsoft may change the numbers at any time: they select the advice,
# and the behavior only where a service in between has dropped the name of the error.
# Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_ADVICE_BY_NUMBERS = {
    'invalid_client': {
        '7000215': _for_registration(f"Paste the client secret's Value (not its Secret ID) into Key. {_NEW}"),
        '7000222 7005003': _for_registration('Create a new client secret in the app registration and paste its Value into Key.'),
        '700016 700011 7000229': _for_registration(
            'Check ID (client ID), Token (tenant ID) and the cloud. The application must be registered in this tenant, '
            f'or have the consent of its administrator. {_NEW}'
        ),
        '90002 900023 50059': _for_registration('Check Token (tenant ID) and the cloud setting.'),
        '650056 650057 650053': _ADD_PERMISSION,
        '9002326 9002327': _PLATFORM_WEB,
        '9002346 9002331 500207': _for_registration(
            'Register an application for accounts of an organization, or enter consumers in Token for a personal account.'
        ),
        '9002332': _for_registration(
            'Enter the Directory (tenant) ID in Token, and sign in with an account of the organization.'
        ),
        '50011 500112 900971': _for_registration('Enter the redirect URI exactly as in the app registration.'),
        '700027 50012 700030 7000213': _for_registration(
            'Upload the certificate to the app registration. Thumbprint and private key must belong to it.'
        ),
        '700021 700023': _ASSERTION,
        '7000232': _for_registration(
            "ID is that of a managed identity. Select 'Use Azure Managed Identities', or enter the ID of an app registration."
        ),
        '1000502 7000214 7000274 7000277 7005004': _NEW_CERTIFICATE,
        '7000218': _for_registration(
            'Enter the client secret in Key, or a certificate. '
            'For device code, allow public client flows in the app registration.'
        ),
        '700025': _for_registration('Register the redirect URI on the platform Web, or leave Key empty.'),
        '50194': _for_registration("Enter the tenant's own ID in Token."),
        '500011 650052 500014': SignInAdvice(
            'Check the scope and the cloud setting, and that the tenant is licensed for the product.'
        ),
        '900144': _INCOMPLETE,
        '700024 500133': _CLOCK,
        '7000112': SignInAdvice("Set 'Enabled for users to sign-in' of the enterprise application to Yes."),
        '70011 1002012 700022 901002': _ONE_RESOURCE,
        '90038 900382 900432 900439': SignInAdvice('The tenant is in another national cloud. Change the cloud setting.'),
        '1002016': SignInAdvice('A proxy or the host uses an old TLS version. Enable TLS 1.2 or later.'),
        '70021 700211 700212 700213': SignInAdvice(
            'Compare issuer, subject and audience of the federated credential with the token of this pod.'
        ),
        '70023': SignInAdvice(
            'The lifetime of the federated token is too long. Use the token that the AKS webhook mounts into the pod.'
        ),
    },
    'invalid_grant': {
        '65001 90094 90095': _ADD_PERMISSION,
        '700084': _PLATFORM_WEB,
        '70008 700082 700081 70043 70044 50173 70000 50089 50132 50133 50085 700005': _SIGN_IN_AGAIN,
        '50105 501051': _for_registration('Assign the user to the application.'),
        '9002313': _INCOMPLETE,
        '50076 50079 50074 50078 50072 50158': _for_new_sign_in('Sign in again in a browser, or use application permissions.'),
        '53003 53000 530032 530003 53001 53002 53004 53009 53011 530034 530035': _SIGN_IN_LOG,
        # The log of this tenant does not contain it.
        '50002 500021 500022 5000211': SignInAdvice(
            'A proxy of the network restricts the tenants. Ask the administrator of the network to allow this tenant.'
        ),
        '530033': SignInAdvice('Choose Authorization Code, or have an administrator exclude the application from the policy.'),
        '530084': _for_new_sign_in(
            'An administrator has to exclude the application from the policy for token protection, then sign in again.'
        ),
        '135011 700003 50097 50129 50187 530002': _DEVICE,
        '54005 50148': _for_new_sign_in('Start the sign-in again.'),
        '501481': _for_new_sign_in('Start the sign-in again and use its own code, which belongs to no other sign-in.'),
        '500341 51004 500571 50014 90072 50020 500200': _for_new_sign_in(
            'Add the account to the directory of this tenant, or sign in again with another account.'
        ),
        '50126 50055 50057 50053 50034 50056 50144': _ACCOUNT,
    },
    'temporarily_unavailable': {
        '50196 90055': SignInAdvice('There were too many sign-ins in a short time. Wait a few minutes.'),
        '50033 50087 90006 90012 90024 90033 90090': _TRANSIENT,
    },
}
_NUMBERED = [
    (error, int(number), advice)
    for error, rows in _ADVICE_BY_NUMBERS.items()
    for numbers, advice in rows.items()
    for number in numbers.split()
]
SIGN_IN_ADVICE = {number: advice for _, number, advice in _NUMBERED}
_ERROR_OF_CODE = {f'AADSTS{number}': error for error, number, _ in _NUMBERED}
DEAD_TOKEN_CODES = {'invalid_grant', *(f'AADSTS{number}' for _, number, advice in _NUMBERED if advice is _SIGN_IN_AGAIN)}
# Numbers that stand for several causes: the whole description is shown.
_SEVERAL_CAUSES = (700027, 50012, 7000213, 500011, 50105, 9002313, 700024, 500133)
# Of several causes, the description tells which it is.
_ADVICE_BY_DESCRIPTION = {
    r'AADSTS(?:700027|50012)\b.*(?:expired|revoked)': _NEW_CERTIFICATE,
    r'AADSTS50012\b.*time range': _CLOCK,
    r'AADSTS50012\b.*audience': _ASSERTION,
    r'AADSTS700023\b.*scope': _ONE_RESOURCE,
    r'AADSTS70000\b.*abuse mode': SignInAdvice('Microsoft has blocked this account. Contact Microsoft support.'),
    r'AADSTS70000\b.*scopes.*unauthorized': _ADD_PERMISSION,
}
# Suberrors of invalid_grant.
# Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes#suberror-codes
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
    'interaction_required': _IN_BROWSER,
    'login_required': _IN_BROWSER,
    'access_denied': _ACCEPT,
    'authorization_declined': _ACCEPT,
    'expired_token': _for_new_sign_in(f'Start the sign-in again. {IF_BLOCKED}'),
    'bad_verification_code': _for_new_sign_in('The device code is unknown. Start the sign-in again.'),
    'invalid_scope': _ONE_RESOURCE,
    'InvalidAuthenticationToken': _NOT_ENTRA,  # of Microsoft Graph, which wants a token
}
# These errors have many causes, which only a number tells.
_ADVICE_WITHOUT_NUMBER = {
    'invalid_client': SignInAdvice('Check ID, Token and Key against the app registration.'),
    'unauthorized_client': SignInAdvice('Check that the app registration allows this authentication method.'),
    'invalid_grant': _SIGN_IN_AGAIN,
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
_CHECK_SETTINGS = SignInAdvice('Check the settings of the instance.')
_PENDING = {'authorization_pending': 0, 'slow_down': 5}  # seconds that are added to the interval of the polls
_TEMPORARY = 'temporarily_unavailable'
# These are final, even if a service in between sends them with status 500.
_FINAL = {*_ADVICE_BY_ERROR, *_ADVICE_WITHOUT_NUMBER, *_NEEDS_USER, *_PENDING}
_ERROR_NAME = rf'\b(?:{"|".join((*_FINAL, _TEMPORARY))})\b'


def parse_oauth_error(
    body: JsonObject, status: int = 0, own_advice: str = '', redact: Callable[[str], str] = str
) -> MicrosoftSignInError:
    """Return the exception for an OAuth error object, with advice.

    Args:
        status: of the response; 0 if a redirect URL brought the error.
        own_advice: what to do if the request is refused. It replaces what concerns an app registration, and says how to sign in
            again. Nothing is added about a refusal that would come again, such as that of a policy.
        redact: replaces the secrets in a text.
    """
    error, text = outside_text(body.get('error'), redact), outside_text(body.get('error_description'), redact)
    if error in _PENDING:
        return SignInPendingError(_PENDING[error])
    description = re.split(r'(?:Trace ID|Correlation ID|Timestamp):', text)[0].strip()
    numbers = _error_numbers(description, body.get('error_codes'))
    code = f'AADSTS{numbers[0]}' if numbers else error
    known = next((number for number in numbers if number in SIGN_IN_ADVICE), 0)
    advice = _find_advice(known, description, str(body.get('suberror') or ''))
    if not own_advice:
        advice = advice or _advice_by_name(error, numbers)
    elif not advice or advice.is_for_registration:
        advice = _for_new_sign_in(own_advice)
    elif advice.needs_new_sign_in:
        advice = _for_new_sign_in(f'{advice.text} {own_advice}')
    if known and known not in _SEVERAL_CAUSES:
        description = re.split(r'(?<=[^\d\s][.!?])\s', description)[0]
    answered = f'HTTP status {status}, ' if status else ''
    reason = description or f'{answered}{error or "no reason given"}.'
    what = f'Microsoft refused the sign-in: {reason}'
    refusal = what, without_repetition(advice.text, what), code, outside_text(body.get('correlation_id'), redact)
    return SignInRequiredError(*refusal, advice.needs_new_sign_in) if error in _NEEDS_USER else SignInRefusedError(*refusal)


def _error_numbers(description: str, error_codes: Any) -> list[int]:
    """Return the numbers of an error: those in its description, and then those in the list of codes."""
    listed = re.findall(r'\b[1-9]\d{0,8}\b', str(error_codes)) if isinstance(error_codes, list) else []
    return [int(number) for number in re.findall(r'AADSTS(\d{4,9})\b', description) + listed]


def _find_advice(number: int, description: str, suberror: str) -> SignInAdvice | None:
    """Return the advice for what a response adds to the name of an error, None if there is none."""
    for pattern, advice in _ADVICE_BY_DESCRIPTION.items():
        if re.search(pattern, description):
            return advice
    return SIGN_IN_ADVICE.get(number) or _ADVICE_BY_SUBERROR.get(suberror)


def _advice_by_name(error: str, numbers: list[int]) -> SignInAdvice:
    if error in _ADVICE_BY_ERROR:
        return _ADVICE_BY_ERROR[error]
    if numbers:
        url = 'https://login.microsoftonline.com/error'
        return SignInAdvice(f'Look up AADSTS{numbers[0]} at {url} and in the sign-in log of the tenant.')
    return _ADVICE_WITHOUT_NUMBER.get(error, _CHECK_SETTINGS)


def without_repetition(advice: str, what: str) -> str:
    """Return `advice` without the sentences that `what` contains."""
    text = what.casefold()
    sentences = re.split(r'(?<=\.)\s', advice)
    return ' '.join(sentence for sentence in sentences if sentence.rstrip('.').casefold() not in text) or advice


_MAX_SEARCHED, _MAX_EMBEDDED = 500_000, 10_000  # characters of an error response, and of the JSON in it
_TEXT_FIELDS = ('message', 'exceptionmessage', 'title', 'detail', 'error', 'error_description')


def find_oauth_error(body: Any) -> JsonObject:
    """Return the OAuth error object of an error response, which is JSON or text. Empty if there is none.

    Entra sends it as the body. The token service of the Cortex XSOAR application sends ``message``, or ``title`` and ``detail``,
    or text, sometimes with Entra's JSON or page in it. Managed identity hosts send Entra's format, or ``error`` with ``code`` and
    ``message``; they write the names in different ways.
    """
    if isinstance(body, dict):
        body = _with_lowercase_names(body)
        error = body.get('error')
        if isinstance(error, dict):
            inner = _with_lowercase_names(error)
            return {'error': str(inner.get('code') or ''), 'error_description': str(inner.get('message') or '')}
        if error and not re.search('{|AADSTS', str(error)):
            return {**body, 'error': str(error)}
        body = ': '.join(dict.fromkeys(str(body[name]) for name in _TEXT_FIELDS if body.get(name)))
    if not isinstance(body, str):
        return {}
    import html  # slow to import, and only errors need it

    text = html.unescape(body[:_MAX_SEARCHED]).strip()
    return _embedded_error(text) or _embedded_error(text.replace('\\"', '"')) or _error_in_text(text)


def _with_lowercase_names(body: JsonObject) -> JsonObject:
    return {str(name).lower(): value for name, value in body.items()}


def _embedded_error(text: str) -> JsonObject:
    """Return the first JSON object with an ``error`` in a text. Empty if there is none."""
    start = text.find('"error')
    text = text[max(0, start - _MAX_EMBEDDED // 2) : start + _MAX_EMBEDDED] if start >= 0 else ''
    for match in re.finditer(r'\{\s*"', text):
        with suppress(ValueError, RecursionError):
            error = find_oauth_error(json.JSONDecoder().raw_decode(text, match.start())[0])
            if error:
                return error
    return {}


def _error_in_text(text: str) -> JsonObject:
    """Return the error that a text names, or the text itself if it is short and not a page."""
    name, numbered = re.search(_ERROR_NAME, text), re.search(r'(AADSTS\d{4,9})[^<>{}"]*', text)
    error, description = 'refused', ''
    if numbered:
        error, description = _ERROR_OF_CODE.get(numbered[1], error), numbered[0].strip()
    elif len(text) <= MAX_OUTSIDE_TEXT and '<' not in text:
        description = text
    if name and (numbered or '<' not in text):  # a page that a proxy sends may contain such a name
        error = name[0]
    return {'error': error, 'error_description': description} if error != 'refused' or description else {}


# endregion

# region tokens

REFRESH_MARGIN = 300  # seconds before a token expires from which a new one is requested
MIN_REMAINING_LIFETIME = 30  # seconds before a token expires from which it is not used
LONG_LIFETIME = 2 * 3600  # seconds; tokens that live at least as long are refreshed at half of their lifetime
_DEFAULT_LIFETIME = 3599  # seconds; that of Entra, if the response does not say
OIDC_SCOPES = {'openid', 'profile', 'email', 'offline_access'}  # they belong to no resource
_MAX_LIFETIME = 28 * 3600  # seconds; the longest of Entra (continuous access evaluation)


class TokenTarget(NamedTuple):
    """What a token is requested for: a resource, by `scope` (v2 endpoint) or by `resource` (v1 endpoint, managed identity).

    Args:
        scope: scopes separated by spaces, e.g. ``https://graph.microsoft.com/.default``.
        resource: URI of the resource, e.g. ``https://graph.microsoft.com``.
        claims: JSON of a claims challenge of the resource, else empty. It is not part of the cache key.
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

    def is_usable(self, now: float, min_remaining: float = MIN_REMAINING_LIFETIME) -> bool:
        return bool(self.value) and now < self.expires_on - min_remaining

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
    """The tokens of a token response, and the client ID that it names; empty if it has none."""

    token: AccessToken
    refresh_token: str = ''
    client_id: str = ''

    def __repr__(self) -> str:
        return '<TokenResponse>'


def parse_token_response(body: JsonObject, now: float, is_host_service: bool = False) -> TokenResponse:
    """Return the tokens of a successful token response, which was requested at `now` (seconds since the epoch).

    Args:
        is_host_service: as in TokenRequest.
    """
    lifetime = min(max(0.0, _lifetime(body, now, is_host_service)), _MAX_LIFETIME)
    refresh_in = float_or_none(body.get('refresh_in')) or 0
    if not 0 < refresh_in < lifetime:
        refresh_in = lifetime / 2 if lifetime >= LONG_LIFETIME else lifetime
    token = AccessToken(str(body['access_token']), now + lifetime, now + refresh_in, str(body.get('scope') or ''))
    refresh_token = body.get('refresh_token')
    return TokenResponse(token, refresh_token if isinstance(refresh_token, str) else '', str(body.get('client_id') or ''))


def _lifetime(body: JsonObject, now: float, is_host_service: bool) -> float:
    """Return the seconds until a token expires. Hosts send ``expires_in`` or ``expires_on``, as a number, a string or a date.

    A host may return a token from its own cache: then ``expires_in`` is too long. If neither can be read, the claims of the
    token say it.
    """
    lifetime, end = float_or_none(body.get('expires_in')), body.get('expires_on')
    if lifetime is not None and not is_host_service:
        return lifetime
    expires_on = float_or_none(end) or _date_seconds(str(end))
    expires_on = expires_on or float_or_none(AccessToken(str(body['access_token']), 0, 0).claims().get('exp')) or 0
    if lifetime is None:
        return expires_on - now if expires_on else _DEFAULT_LIFETIME
    return expires_on - now if 0 < expires_on - now < lifetime else lifetime


def _date_seconds(text: str) -> float:
    """Return the seconds since the epoch of a date, 0 if it cannot be read."""
    # App Service and Automation have sent all these formats, with fractions of a second, and 19 PM.
    for date_format in ('%Y-%m-%dT%H:%M:%S%z', *(f'%m/%d/%Y {hours} %z' for hours in ('%H:%M:%S', '%I:%M:%S %p', '%H:%M:%S %p'))):
        with suppress(ValueError):
            return datetime.strptime(re.sub(r'\.\d+', '', text), date_format).timestamp()  # noqa: DTZ007 - the formats contain the zone
    return 0


# endregion

# region token requests

TOKEN_ENDPOINT_RETRIES = RetryPolicy(
    dict.fromkeys((408, 429, 500, 502, 503, 504), 3), connection_retries=3, first_wait=0.5, deadline=30
)
_CONNECT_TIMEOUT = 10.0  # seconds
HEARTBEAT_SECONDS = 3.0  # between two heartbeats of the process that holds the lease
TOKEN_THREAD = 'token request'  # noqa: S105 - a name
_TOKEN_LIMITS = 2**20, True
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
        extra_secrets: secrets that are not in the request itself but may be echoed.
        read_timeout: seconds that the service may take to respond, 0 for the default.
        is_host_service: the service is that of the Azure host itself. It is reached without a proxy, does not exist on other
            machines, and may respond with a token from its own cache.
        refusal_advice: what to do if the request is refused.
        no_response_advice: what to do if no response comes, or one that is not from such a service.
        advice_by_code: what to do about these errors, in place of the usual advice.
        rebuild: returns the request for a retry, if the same one must not be sent twice.
        transient_numbers: how numbers of errors begin that may be gone some seconds later.
        adapter: sends the request, and verifies the certificate of the service by itself.
    """

    method: str
    url: str
    params: StrMapping = {}
    form: StrMapping = {}
    json_body: Mapping[str, Any] = {}
    headers: StrMapping = {}
    retry_policy: RetryPolicy = TOKEN_ENDPOINT_RETRIES
    extra_secrets: tuple[str, ...] = ()
    connect_timeout: float = _CONNECT_TIMEOUT
    read_timeout: float = 0
    is_host_service: bool = False
    refusal_advice: str = ''
    no_response_advice: str = ''
    advice_by_code: StrMapping = {}
    rebuild: Callable[[], Any] | None = None
    transient_numbers: tuple[str, ...] = ()
    adapter: requests.adapters.BaseAdapter | None = None

    def __repr__(self) -> str:
        return f'<TokenRequest {self.method} {self.url}>'

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def works_once(self) -> bool:
        """Whether what is sent works only once: a code, or the Token of the Cortex XSOAR application. A lost response is lost."""
        return bool({'code', 'device_code', 'encrypted_token'}.intersection([*self.form, *self.json_body]))

    def secrets(self) -> list[str]:
        sent = {**self.form, **self.json_body, **self.headers}
        secrets = *self.extra_secrets, *(str(value) for name, value in sent.items() if name in _SECRET_FIELDS)
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
        read_timeout: seconds that a service may take to respond.
    """

    read_timeout = 20.0
    _end = math.inf
    _heartbeat: Callable[[], Any] | None = None

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
        client = copy.copy(self)
        client._end, client._heartbeat = self.clock.elapsed() + seconds, None
        return client

    def with_heartbeat(self, heartbeat: Callable[[], Any]) -> 'TokenClient':
        """Return a copy that calls `heartbeat` every HEARTBEAT_SECONDS, in the thread that called it, while it waits.

        It waits for a retry, and if what is sent works only once, also for the response, since nobody else may send the same.
        """
        client = copy.copy(self)
        client._heartbeat = heartbeat
        return client

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
        return parse_token_response(body, requested_on, request.is_host_service)

    def request_json(self, request: TokenRequest) -> JsonObject:
        """Send `request`, and return the JSON object of the response. Raise as `request_token` does."""
        lost: list[str] = []
        response = self.send(request, lost)
        try:
            return self.read_json(request, response)
        except SignInRefusedError as error:
            if not (lost and request.works_once):
                raise
            name = 'Token' if request.json_body else 'code'
            sentence = f'An earlier attempt of this command failed ({lost[0]}), and the {name} works only once.'
            raise error.replace(what=f'{error.what} {sentence}', may_be_used_up=True) from None

    def send(self, request: TokenRequest, lost: list[str] | None = None) -> requests.Response:
        """Send `request`, retry as its policy says, and return the last response. Raise SignInUnavailableError without one.

        Args:
            lost: is filled with the reasons of attempts that the service may have processed although its response did not come.
        """
        tries = 0

        def send_once() -> requests.Response:
            nonlocal tries
            tries += 1
            return self._send_once(request.rebuild() if request.rebuild and tries > 1 else request)

        def delay_after(error: Exception, attempt: int) -> float | None:
            delay = self._delay_after(request, error, attempt)
            # The command may end before the next response.
            is_late = request.works_once and self.clock.remaining() - (delay or 0) < self._timeout_of(request)
            if delay is None or is_late:
                return None
            status = error.response.status_code if isinstance(error, ErrorResponse) else 0
            if lost is not None and status != 429:
                lost.append(f'HTTP status {status}' if status else getattr(error, 'what', '').rstrip('.'))
            return delay

        try:
            return run_with_retries(send_once, delay_after, request.retry_policy, self.clock, self._sleep)
        except ErrorResponse as error:
            return error.response

    def _delay_after(self, request: TokenRequest, error: Exception, attempt: int) -> float | None:
        """Return the seconds until a request that failed is sent again, None if it is not."""
        if self._end < math.inf:
            return None
        policy = request.retry_policy
        if isinstance(error, ErrorResponse):
            allowed = {error.response.status_code: _allowed_retries(request, error.response)}
            return policy._replace(retries=allowed).delay(attempt, error.response, self.clock.now())
        # A host that accepts connections and is silent has started: each attempt would take the whole timeout.
        is_silent_host = request.is_host_service and isinstance(error.__context__, requests.exceptions.ReadTimeout)
        if not isinstance(error, SignInUnavailableError) or (is_silent_host and attempt > 0):
            return None
        return None if error.code in ('untrusted_certificate', 'invalid_address') else policy.delay(attempt, None)

    def read_json(self, request: TokenRequest, response: requests.Response) -> JsonObject:
        """Return the JSON object of a successful response to `request`. Raise as `request_token` does."""
        if not response.ok:
            raise self._error_for(request, response)
        if response.status_code >= 300:
            raise unusable_response(request, f'HTTP status {response.status_code}')
        body = json_or_none(response)  # the token service has sent 201 as well as 200
        if not isinstance(body, dict):
            raise unusable_response(request, 'something that is not a JSON object')
        if body.get('error'):  # some proxies and hosts send errors with status 200
            raise self._error_for(request, response)
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
        if not self._heartbeat:
            self.clock.sleep(seconds)
            return
        while seconds > 0:
            self.clock.sleep(min(seconds, HEARTBEAT_SECONDS))
            self._heartbeat()
            seconds -= HEARTBEAT_SECONDS

    def _wait(self, call: Callable[[], requests.Response], works_once: bool) -> requests.Response:
        """Return what `call` returns. What works only once is sent in a second thread, while this thread sends heartbeats: only
        the main thread may call functions of the platform.
        """
        if not (self._heartbeat and works_once):
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
        thread.join(HEARTBEAT_SECONDS)
        while thread.is_alive():
            self._heartbeat()
            thread.join(HEARTBEAT_SECONDS)
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    def _timeout_of(self, request: TokenRequest) -> float:
        return request.read_timeout or self.read_timeout

    def _send_once(self, request: TokenRequest) -> requests.Response:
        self.mask(*request.secrets())
        session = LimitedSession(lambda: min(self._end - self.clock.elapsed(), self.clock.remaining()), _TOKEN_LIMITS)
        # Tokens of a host must not be requested through a proxy, whatever the environment says.
        session.trust_env = not request.is_host_service
        adapter = request.adapter or self._adapter
        if adapter:
            session.mount('https://', adapter)
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
                        timeout=(request.connect_timeout, self._timeout_of(request)),
                        verify=request.adapter is not None or self.verify,
                        allow_redirects=False,
                        auth=skip_netrc,
                    ),
                    request.works_once,
                )
            except OSError as error:  # all of requests, and that of a missing CA bundle
                advice = request.no_response_advice or 'Check the address, the proxy settings and that the engine may reach it.'
                what, advice, code = connection_problem(error, request.host, advice)
                raise SignInUnavailableError(what, request.advice_by_code.get(code, advice), code) from None
        if not response.ok:
            raise ErrorResponse(response)
        return response

    def _error_for(self, request: TokenRequest, response: requests.Response) -> MicrosoftSignInError:
        """Return the exception for an error response."""
        status = response.status_code
        if _is_not_token_service(request, response):
            what = f'The service at {request.host} is not an Azure identity endpoint (HTTP status {status}).'
            return SignInRefusedError(what, request.no_response_advice, str(status))

        def redact(text: str) -> str:
            return request.redact(self._redact(text))

        error = _error_of(response)
        name = error.get('error')
        is_transient = status in request.retry_policy.retries or status >= 500 or name == _TEMPORARY
        is_temporary = is_transient and name not in _FINAL
        refusal = parse_oauth_error(error, status, '' if is_temporary else request.refusal_advice, redact)
        answered = f'The sign-in service at {request.host} responded with HTTP status {status}'
        text = outside_text(error.get('error_description'), redact)
        what = f'{answered}: {text}' if text else f'{answered}.'
        if is_temporary or refusal.code == _LOOP:
            what = f'{answered} ({refusal.code})' if refusal.code.startswith('AADSTS') else what
            return _temporary_error(request, response, what, refusal, self.clock.now())
        if error and refusal.code != 'refused':
            return refusal.with_advice(request.advice_by_code.get(refusal.code, refusal.advice))
        advice = _refusal_advice(request, response, text) or 'Check the address of the service, the cloud setting and the proxy.'
        advice = request.advice_by_code.get(str(status), advice)
        return SignInRefusedError(what, without_repetition(advice, what), 'refused' if text else str(status))


_BUSY = (408, 429, 502, 503, 504)
_LOOP = 'AADSTS50196'  # too many equal requests: a limit, whatever its status and its name
_LOOP_SECONDS = 60


def _temporary_error(
    request: TokenRequest, response: requests.Response, what: str, refusal: MicrosoftSignInError, now: float
) -> SignInUnavailableError:
    """Return the exception for an error that may be gone later. `refusal` is how the response would be read otherwise."""
    status = response.status_code
    retry_after = retry_after_seconds(response, now) or _LOOP_SECONDS * (refusal.code == _LOOP)
    if retry_after:
        advice = f'Try again in {retry_after:.0f} seconds.'
    elif _ERROR_OF_CODE.get(refusal.code) == _TEMPORARY:
        advice = refusal.advice
    elif status in _BUSY:
        advice = TRY_LATER
    else:
        own_advice = request.no_response_advice if status == 404 else _refusal_advice(request, response)
        advice = f'{TRY_LATER} {own_advice}'.strip()
    return SignInUnavailableError(what, advice, str(status), refusal.correlation_id, retry_after)


def _refusal_advice(request: TokenRequest, response: requests.Response, text: str = '') -> str:
    """Return what to do about a refusal without an OAuth error, empty if something else may have responded, such as a proxy.

    Args:
        text: what the response says.
    """
    is_of_service = text or not (response.status_code == 404 or '<' in response.text)
    return request.refusal_advice if is_of_service else ''


def _error_of(response: requests.Response) -> JsonObject:
    """Return the OAuth error of a response, empty if there is none. One whose number is transient is temporary in any case."""
    body = json_or_none(response)
    error = find_oauth_error(response.text if body is None else body)
    numbers = _error_numbers(str(error.get('error_description')), error.get('error_codes'))
    is_transient = bool(numbers) and SIGN_IN_ADVICE.get(numbers[0]) is _TRANSIENT
    return {**error, 'error': _TEMPORARY} if is_transient else error


def _allowed_retries(request: TokenRequest, response: requests.Response) -> int:
    """Return how often a request that led to an error response may be sent again."""
    error = _error_of(response)
    name, status = error.get('error'), response.status_code
    description = str(error.get('error_description'))
    if any(f'AADSTS{number}' in description for number in request.transient_numbers):
        return 3
    if name in _FINAL:
        return 0
    # A service in between may send the temporary error of another one with a status of its own.
    return request.retry_policy.retries.get(503 if name == _TEMPORARY else status, 0)


def _is_not_token_service(request: TokenRequest, response: requests.Response) -> bool:
    """Return whether something else responded at the address of a host's service: not with JSON, or with an error it lacks."""
    status = response.status_code
    if not request.is_host_service or status >= 500 or status in (408, 410, 429):
        return False
    return status == 405 or (bool(response.content) and not isinstance(json_or_none(response), dict))


def unusable_response(request: TokenRequest, what: str) -> SignInUnavailableError:
    """Return the error for a response with `what`, which a token service does not send."""
    return SignInUnavailableError(
        f'The sign-in service at {request.host} responded with {what}.',
        request.no_response_advice or 'Check the address and the proxy settings.',
        'unusable_response',
    )


# endregion
