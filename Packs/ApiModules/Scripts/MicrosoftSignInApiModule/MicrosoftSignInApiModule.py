"""How Microsoft's sign-in services are spoken to: clouds, errors with advice, tokens, and the requests that fetch tokens.

Knows HTTP. Knows neither credentials (see MicrosoftIdentityApiModule) nor the platform.
"""

import base64
import copy
import hashlib
import json
import random
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlsplit

import requests

# region time


class SystemClock:
    """The one place where time comes from, in seconds since the epoch, and where waiting is done."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # pylint: disable=sleep-exists  # shorter than the command; what is longer is rescheduled


# endregion
# region clouds


class AzureCloudEndpoints(NamedTuple):
    """Base addresses of one cloud. The trailing slashes are part of the values that integrations rely on."""

    active_directory: str
    microsoft_graph_resource_id: str
    resource_manager: str


class AzureCloud(NamedTuple):
    """A cloud that Microsoft, or one of its partners, runs.

    Source: https://learn.microsoft.com/graph/deployments
    """

    name: str
    abbreviation: str
    endpoints: AzureCloudEndpoints
    origin: str = 'Embedded'


def _cloud(name: str, abbreviation: str, login: str, graph: str, management: str) -> AzureCloud:
    return AzureCloud(name, abbreviation, AzureCloudEndpoints(login, graph, management))


AZURE_WORLDWIDE_CLOUD = _cloud(
    'AzureCloud', 'com', 'https://login.microsoftonline.com', 'https://graph.microsoft.com/', 'https://management.azure.com/'
)
# US GCC lives in the worldwide cloud: same login host, same Graph.
AZURE_US_GCC_CLOUD = _cloud(
    'AzureUSGovernmentCommunity',
    'gcc',
    'https://login.microsoftonline.com',
    'https://graph.microsoft.com/',
    'https://management.azure.com/',
)
AZURE_US_GCC_HIGH_CLOUD = _cloud(
    'AzureUSGovernment',
    'gcc-high',
    'https://login.microsoftonline.us',
    'https://graph.microsoft.us/',
    'https://management.usgovcloudapi.net/',
)
AZURE_US_DOD_CLOUD = _cloud(
    'AzureUSGovernmentDoD',
    'dod',
    'https://login.microsoftonline.us',
    'https://dod-graph.microsoft.us/',
    'https://management.usgovcloudapi.net/',
)
# Closed on 2021-10-29. Named so that old settings meet a sentence, not a KeyError.
AZURE_GERMAN_CLOUD = _cloud(
    'AzureGermanCloud',
    'de',
    'https://login.microsoftonline.de',
    'https://graph.microsoft.de/',
    'https://management.microsoftazure.de/',
)
AZURE_CHINA_CLOUD = _cloud(
    'AzureChinaCloud',
    'cn',
    'https://login.partner.microsoftonline.cn',
    'https://microsoftgraph.chinacloudapi.cn/',
    'https://management.chinacloudapi.cn/',
)
# The three sovereign clouds: addresses second-hand, not confirmed by Microsoft's own list of deployments.
AZURE_BLEU_CLOUD = _cloud('AzureBleuCloud', 'fr', 'https://login.sovcloud-identity.fr', 'https://graph.svc.sovcloud.fr/', '')
AZURE_DELOS_CLOUD = _cloud('AzureDelosCloud', 'delos', 'https://login.sovcloud-identity.de', 'https://graph.svc.sovcloud.de/', '')
AZURE_GOVSG_CLOUD = _cloud('AzureGovSGCloud', 'sg', 'https://login.sovcloud-identity.sg', 'https://graph.svc.sovcloud.sg/', '')

AZURE_CLOUDS = {
    cloud.abbreviation: cloud
    for cloud in (
        AZURE_WORLDWIDE_CLOUD,
        AZURE_US_GCC_CLOUD,
        AZURE_US_GCC_HIGH_CLOUD,
        AZURE_US_DOD_CLOUD,
        AZURE_GERMAN_CLOUD,
        AZURE_CHINA_CLOUD,
        AZURE_BLEU_CLOUD,
        AZURE_DELOS_CLOUD,
        AZURE_GOVSG_CLOUD,
    )
}

AZURE_CLOUD_NAME_CUSTOM = 'Custom'
AZURE_CLOUD_NAME_MAPPING = {
    'Worldwide': 'com',
    'US GCC': 'gcc',
    'US GCC-High': 'gcc-high',
    'DoD': 'dod',
    'Germany': 'de',
    'China': 'cn',
    'Bleu (France)': 'fr',
    'Delos (Germany)': 'delos',
    'GovSG (Singapore)': 'sg',
}


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


def require_https(url: str, field_name: str) -> str:
    """Gives `url` back without blanks and without trailing slash. Secrets go nowhere but to https, loopback excepted.

    Raises:
        CredentialError: naming `field_name`, when `url` is no such address.
    """
    cleaned = str(url or '').strip().rstrip('/')
    try:
        parts = urlsplit(cleaned)
        host = parts.hostname or ''
    except ValueError:  # brackets that hold no IPv6 address
        host = ''
    if host and '@' not in parts.netloc and (parts.scheme == 'https' or (parts.scheme == 'http' and is_loopback(host))):
        return cleaned
    raise CredentialError(f'{field_name} is not an https address.', f'Enter the whole address of {field_name}, with https://.')


# endregion
# region errors


class MicrosoftSignInError(Exception):
    """Signing in to Microsoft did not work.

    Args:
        what: one sentence that says what happened.
        advice: one sentence that says what to do.
        code: the service's own name of the error, such as ``AADSTS7000215`` or ``invalid_client``.
        correlation_id: what Microsoft's support and the tenant's sign-in log find the attempt by.
    """

    def __init__(self, what: str, advice: str = '', code: str = '', correlation_id: str = ''):
        self.what = what
        self.advice = advice
        self.code = code
        self.correlation_id = correlation_id
        super().__init__(str(self))

    def __str__(self) -> str:
        correlation = f'Correlation ID: {self.correlation_id}' if self.correlation_id else ''
        return ' '.join(part for part in (self.what, self.advice, correlation) if part)


class CredentialError(MicrosoftSignInError):
    """The settings cannot be right, seen before anything was sent."""


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
_NEEDS_A_PERSON = {
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
_DECIDED = {*_ADVICE_BY_ERROR, *_NEEDS_A_PERSON, *_PENDING}


def refusal_from_body(body: dict[str, Any], status: int, default_advice: str = _DEFAULT_ADVICE) -> MicrosoftSignInError:
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
    kind = SignInRequiredError if error in _NEEDS_A_PERSON else SignInRefusedError
    return kind(
        f'Microsoft refused the sign-in: {sentence}',
        advice,
        f'AADSTS{numbers[0]}' if numbers else error,
        str(body.get('correlation_id') or ''),
    )


# endregion
# region tokens

REFRESH_MARGIN = 300  # seconds before its end from which a token counts as expired
LONG_LIFE = 2 * 3600  # seconds; tokens that live longer are renewed at half their life
_DEFAULT_LIFE = 3599  # seconds; what Entra gives when it says nothing
_LONGEST_LIFE = 28 * 3600  # seconds; the longest that Entra gives (continuous access evaluation)


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

    def is_aging(self, now: float) -> bool:
        return now >= self.refresh_on

    def claims(self) -> dict[str, Any]:
        """What the token says of itself, unverified, for showing only. Empty where it cannot be read."""
        try:
            payload = self.value.split('.')[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + '=' * (-len(payload) % 4)))
        except (IndexError, ValueError):
            return {}
        return claims if isinstance(claims, dict) else {}


class TokenAnswer:
    """What a token request brought: an access token, and a refresh token if the service gave one."""

    def __init__(self, token: AccessToken, refresh_token: str = ''):
        self.token = token
        self.refresh_token = refresh_token


def _seconds(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _expiry(body: dict[str, Any], now: float) -> float:
    """Seconds since the epoch. Hosts send ``expires_in`` or ``expires_on``, as numbers, strings or dates."""
    life = _seconds(body.get('expires_in'))
    if life is None:
        expires_on = _seconds(body.get('expires_on'))
        if expires_on is None:
            expires_on = _date_seconds(str(body.get('expires_on') or ''))
        life = _DEFAULT_LIFE if expires_on is None else expires_on - now
    return now + max(0.0, min(life, _LONGEST_LIFE))


def _date_seconds(text: str) -> float | None:
    # App Service and Automation have sent both forms.
    for form in ('%m/%d/%Y %H:%M:%S %z', '%m/%d/%Y %I:%M:%S %p %z'):
        try:
            return datetime.strptime(text, form).timestamp()  # noqa: DTZ007 - the forms hold the zone
        except ValueError:
            continue
    return None


def answer_from_body(body: dict[str, Any], now: float) -> TokenAnswer:
    """Reads the JSON of a successful token answer. `now` is when it was asked for, in seconds since the epoch."""
    expires_on = _expiry(body, now)
    life = expires_on - now
    refresh_in = _seconds(body.get('refresh_in'))
    if refresh_in is None or not 0 < refresh_in < life:
        refresh_in = life / 2 if life >= LONG_LIFE else life
    token = AccessToken(str(body['access_token']), expires_on, now + refresh_in, str(body.get('scope') or ''))
    return TokenAnswer(token, str(body.get('refresh_token') or ''))


# endregion
# region requests


class RetryPolicy(NamedTuple):
    """When a request is sent again.

    Args:
        retries: how often at most, by HTTP status; a status that is not named is not tried again.
        connection_retries: how often at most when no answer came.
        first_wait: seconds before the first retry when the service does not say; doubled each time.
        budget: seconds that all tries and waits may take; a service that asks for more is not waited for.
    """

    retries: Mapping[int, int]
    connection_retries: int
    first_wait: float
    budget: float


TOKEN_ENDPOINT_RETRIES = RetryPolicy(dict.fromkeys((408, 429, 500, 502, 503, 504), 3), 3, 0.5, 30)
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
        again: makes the request anew for another try, where the same one must not be sent twice.
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
        again: 'Callable[[], TokenRequest] | None' = None,
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
        self.again = again

    def secrets(self) -> list[str]:
        """What this request carries and nobody may see."""
        sent = {**self.form, **self.json_body, **self.headers}
        return [secret for secret in (*self.hidden, *(str(sent.get(name) or '') for name in _SECRET_FIELDS)) if len(secret) > 3]

    def hide_secrets(self, text: str) -> str:
        """Blanks in `text` whatever secret this request carries: services and proxies sometimes echo what they got."""
        for secret in self.secrets():
            text = text.replace(secret, '***')
        return re.sub(_JWT, '***', text)


def no_netrc_login(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An ``auth`` that changes nothing. Where there is none, requests lets what a netrc file has for the host, or for every
    host, take the place of the header ``Authorization``."""
    return request


def retry_after_seconds(response: requests.Response, now: float) -> float | None:
    """Seconds that ``Retry-After`` asks for, in its number or its date form; None where it says nothing readable."""
    text = response.headers.get('Retry-After', '')
    seconds = _seconds(text)
    if seconds is None and text:
        from email.utils import parsedate_to_datetime  # costs, and is rarely needed

        try:
            date = parsedate_to_datetime(text)
        except (TypeError, ValueError):
            return None
        seconds = (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp() - now
    return None if seconds is None else max(0.0, seconds)


def backoff_seconds(first_wait: float, attempt: int) -> float:
    """Exponential back-off with jitter, so that engines which failed together do not come back together."""
    return first_wait * 2**attempt * random.uniform(0.75, 1.25)  # noqa: S311 - no secret


class TokenTransport:
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

    def without_retries(self) -> 'TokenTransport':
        """The same, giving up after the first try: for what can as well be asked for later."""
        once = copy.copy(self)
        once._retries = False
        return once

    def ask(self, request: TokenRequest) -> TokenAnswer:
        """Sends `request` and reads a token out of the answer.

        Raises:
            SignInRefusedError, SignInRequiredError, SignInPendingError: the service said no, or not yet.
            SignInUnavailableError: no answer, or not one of a token service.
        """
        asked_on = self.clock.now()
        body = self.ask_json(request)
        token = body.get('access_token')
        if not (isinstance(token, str) and re.fullmatch(r'[!-~]+', token)):  # what a header can carry
            raise unusable_answer(request, 'JSON without an access token')
        return answer_from_body(body, asked_on)

    def ask_json(self, request: TokenRequest) -> dict[str, Any]:
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
            raise unusable_answer(request, f'HTTP status {response.status_code}')
        if not isinstance(body, dict):
            raise unusable_answer(request, 'something that is not a JSON object')
        if body.get('error'):  # some proxies and hosts send errors with 200
            raise self._error(request, response, body)
        for name in ('access_token', 'refresh_token', 'device_code'):
            self.tell_secret(str(body.get(name) or ''))
        return body

    def tell_secret(self, secret: str) -> None:
        """Tells `on_secret` a secret, as it is and as a form carries it; each text once, however often it is sent."""
        for text in (secret, quote_plus(secret)):
            if text and text not in self._told:
                self._told.add(text)
                self._on_secret(text)

    def send(self, request: TokenRequest) -> requests.Response:
        """Sends `request`, again where that helps, and gives the last response, whatever its status.

        Raises:
            SignInUnavailableError: no response came.
        """
        give_up_on = self.clock.now() + request.retry.budget
        attempt = 0
        while True:
            for secret in request.secrets():
                self.tell_secret(secret)
            outcome = self._send_once(request)
            wait = self._wait_before_retry(request.retry, outcome, attempt) if self._retries else None
            if wait is None or self.clock.now() + wait > give_up_on:
                if isinstance(outcome, SignInUnavailableError):
                    raise outcome
                return outcome
            self.clock.sleep(wait)
            request = request.again() if request.again else request
            attempt += 1

    def _wait_before_retry(
        self, policy: RetryPolicy, outcome: requests.Response | SignInUnavailableError, attempt: int
    ) -> float | None:
        """Seconds to wait before the next try, None if there is to be none."""
        asked = None
        if isinstance(outcome, requests.Response):
            retries, asked = policy.retries.get(outcome.status_code, 0), retry_after_seconds(outcome, self.clock.now())
        else:
            retries = 0 if outcome.code == _UNTRUSTED_CERTIFICATE else policy.connection_retries
        if attempt >= retries:
            return None
        return backoff_seconds(policy.first_wait, attempt) if asked is None else asked

    def _send_once(self, request: TokenRequest) -> requests.Response | SignInUnavailableError:
        session = requests.Session()
        # The metadata address must never be asked through a proxy, whatever the environment says.
        session.trust_env = request.through_proxy
        with session:
            try:
                return session.request(
                    request.method,
                    request.url,
                    params=request.params or None,
                    data=request.form or None,
                    json=request.json_body or None,
                    headers={'Accept': 'application/json', **request.headers},
                    timeout=(request.connect_timeout, request.read_timeout or self.read_timeout),
                    verify=self.verify,
                    allow_redirects=False,
                    auth=no_netrc_login,
                )
            except OSError as error:  # all errors of requests are OSErrors; a missing CA bundle is a plain one
                return self._unreachable(request, error)

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
            name: request.hide_secrets(value) if isinstance(value, str) else value for name, value in oauth_error_in(body).items()
        }
        may_pass = status in request.retry.retries or status >= 500 or error.get('error') == 'temporarily_unavailable'
        if may_pass and error.get('error') not in _DECIDED:
            wait = retry_after_seconds(response, self.clock.now()) or 0
            refusal = refusal_from_body(error, status, 'Try again in a few minutes.')
            reason = f' ({refusal.code})' if refusal.code else ''
            return SignInUnavailableError(
                f'The sign-in service at {host} answered with HTTP status {status}{reason}.',
                f'Try again in {wait:.0f} seconds.' if wait else refusal.advice,
                str(status),
                refusal.correlation_id,
                wait,
            )
        if error:
            return refusal_from_body(error, status, request.refusal_advice)
        return SignInRefusedError(
            f'The sign-in service at {host} answered with HTTP status {status}.',
            'Check the address of the service, the cloud setting and the proxy.',
            str(status),
        )


def unusable_answer(request: TokenRequest, what: str) -> SignInUnavailableError:
    return SignInUnavailableError(
        f'The sign-in service at {urlsplit(request.url).netloc} answered with {what}.',
        'A proxy or a wrong address may stand between: check both.',
        'unusable_answer',
    )


def oauth_error_in(body: Any) -> dict[str, Any]:
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
