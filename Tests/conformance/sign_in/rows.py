"""The rows of the tables in this folder: one authentication method in one situation, with the expected outcome."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import formatdate
from typing import Any

import authentication_methods
from authentication_methods import METHODS
from MicrosoftCoreApiModule import MicrosoftSignInError

# region methods, by the names of the registry

ALL_METHODS = tuple(method.name for method in METHODS)
CLIENT_SECRET = authentication_methods.CLIENT_SECRET.name
CERTIFICATE_PS256 = authentication_methods.CERTIFICATE_PS256.name
CERTIFICATE_RS256 = authentication_methods.CERTIFICATE_RS256.name
AUTHORIZATION_CODE = authentication_methods.AUTHORIZATION_CODE.name
DEVICE_CODE = authentication_methods.DEVICE_CODE.name
CORTEX_APP = authentication_methods.CORTEX_APP.name
VM_SYSTEM_ASSIGNED = authentication_methods.VM_SYSTEM_ASSIGNED.name
VM_USER_ASSIGNED = authentication_methods.VM_USER_ASSIGNED.name
APP_SERVICE = authentication_methods.APP_SERVICE.name
ARC = authentication_methods.ARC.name

USER_METHODS = tuple(method.name for method in METHODS if method.sign_in)
HOSTS = tuple(method.name for method in METHODS if method.engine)
VMS = tuple(method.name for method in METHODS if method.token_service == 'imds')
ENTRA = tuple(method.name for method in METHODS if method.token_service == 'entra')
CLIENTS = tuple(name for name in ENTRA if name not in USER_METHODS)

# endregion
# region cases, under the names of the specification

CASES = (
    'cold',
    'warm',
    'due',
    'expired',
    '429 with seconds',
    '429 with a date',
    '429 without',
    '400',
    '401',
    '403',
    '404',
    '408',
    '410',
    '5xx',
    'connection refused',
    'reset mid-body',
    'slow',
    'TLS failure',
    'HTML with 200',
    'empty 200',
    'JSON without access_token',
    'a list instead of an object',
    'expires_in missing',
    'expires_in string',
    'expires_in 0',
    'expires_in negative',
    'expires_in huge',
    'refresh token rotated',
    'refresh token missing in the answer',
    'refresh token revoked',
    'secret changed',
    'tenant changed',
    'client ID changed',
    'cloud changed',
    'code changed',
    'two instances with the same app',
    'two users',
    'several resources at once',
    '20 processes at once',
    'context write refused once',
    'context write refused always',
    'context unavailable',
    'proxy set in the environment',
    'insecure on',
    'insecure off',
)
PASTED_CASES = (
    'whitespace around IDs and secrets',
    'tenant as a URL',
    'tenant as a domain name',
    'tenant common',
    'thumbprint with colons',
    'thumbprint with spaces',
    'thumbprint in lower case',
    'thumbprint of 64 digits',
    'private key on one line with \\n',
    'private key on one line with spaces',
    'encrypted key',
    'PKCS#8 key',
    'PKCS#1 key',
    'key that does not match the certificate',
    'whole redirect URL',
    'code with session_state',
    'URL-encoded code',
    "the secret's ID",
    'ID with @https://',
    'both check boxes',
    'Key without a Token',
)

# endregion
# region responses of services


@dataclass(frozen=True)
class Moment:
    """A time relative to the run of the row: `seconds` later, in the given format.

    Args:
        form: ``http`` for a header, ``epoch`` for seconds, else a format of `datetime.strftime`.
    """

    seconds: float
    form: str = 'http'

    def text(self, now: float) -> str:
        then = now + self.seconds
        if self.form == 'http':
            return formatdate(then, usegmt=True)
        if self.form == 'epoch':
            return str(int(then))
        return datetime.fromtimestamp(then, timezone.utc).strftime(self.form)


Answer = dict[str, Any]  # the keywords of `cloud.faults.add`, without service and path
ALWAYS: Answer = {'times': None}
RESET: Answer = {'reset': True}
RESET_MID_BODY: Answer = {'reset_mid_body': True}
HTML_PAGE: Answer = {'garbage': True}


def status(code: int, retry_after: str | Moment = '', body: Any = None) -> Answer:
    """Return a response with that HTTP status."""
    return {'status': code, 'headers': {'Retry-After': retry_after} if retry_after else {}, 'body': body}


def answer(body: Any) -> Answer:
    """Return a response 200 with that body: text or JSON."""
    return {'status': 200, 'body': body}


def aadsts(number: int, retry_after: str = '') -> Answer:
    """Return Entra's error response with that number."""
    return {'aadsts': number, 'headers': {'Retry-After': retry_after} if retry_after else {}}


# endregion
# region expected outcomes

NEW_TOKEN = 'a new token'
SAME_TOKEN = 'the same token as before'


@dataclass(frozen=True)
class Refusal:
    """An error.

    Args:
        kind: its class.
        says: part of its message.
        advice: part of its advice.
        code: the service's name of it; empty is not checked.
    """

    kind: type[MicrosoftSignInError]
    says: str
    advice: str = ''
    code: str = ''


@dataclass(frozen=True)
class Call:
    """One request for a token, by its own process.

    Args:
        answers: what the service answers first, in this order; then it answers normally.
        outcome: NEW_TOKEN, SAME_TOKEN or a Refusal. A token must be cached afterwards; after a Refusal, what was cached before.
        requests: how many reach the service, without Arc's challenges.
        waits: minimum and maximum of the seconds waited in total.
        later: seconds that pass before the request.
        refresh_token: the cached one afterwards: ``new`` or ``same``; empty is not checked.
        is_cached: False for a token that expires at once.
        through_proxy: requests that the proxy forwarded.
        environment: variables of the engine from then on; ``{proxy}`` is the address of the recording proxy, ``{other_ca}`` a
            CA bundle without the CA of the sandbox.
    """

    outcome: str | Refusal = NEW_TOKEN
    requests: int = 1
    answers: tuple[Answer, ...] = ()
    waits: tuple[float, float] = (0, 0)
    later: float = 0
    refresh_token: str = ''
    is_cached: bool = True
    through_proxy: int = 0
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MessageRow:
    """One authentication method in one situation.

    Args:
        situation: details of the case.
        directory: attributes of the sandbox's directory, such as `access_token_seconds`.
        settings: more keywords of the client, such as `proxy` and `verify`.
        environment: as in Call, from the start.
        address: a wrong address of the service in the settings, see `Workbench.move_service`.
        read_timeout: seconds that the service may take to answer; 0 for the default.
    """

    case: str
    method: str
    calls: tuple[Call, ...] = ()
    situation: str = ''
    directory: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    address: str = ''
    read_timeout: float = 0

    def __str__(self) -> str:
        return ' - '.join(part for part in (self.method, self.case, self.situation) if part)


def each(methods: Iterable[str], case: str, *calls: Call, **more: Any) -> list[MessageRow]:
    """Return the same row for several methods."""
    return [MessageRow(case, method, calls, **more) for method in methods]


# endregion
