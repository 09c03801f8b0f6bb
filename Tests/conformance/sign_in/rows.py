"""What the tables of this folder are made of: a row is one authentication method in one situation, with the expected outcome."""

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
    'aging',
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
    'blanks and newlines around IDs and secrets',
    'tenant as a URL',
    'tenant as a domain name',
    'tenant common',
    'thumbprint with colons',
    'thumbprint with blanks',
    'thumbprint in lower case',
    'thumbprint of 64 digits',
    'private key on one line with \\n',
    'private key on one line with blanks',
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
# region what happens


@dataclass(frozen=True)
class Moment:
    """A time that is only known when the row runs: `seconds` from then, written as `form` says.

    Args:
        form: ``http`` for the date of a header, ``epoch`` for seconds, else a form of `datetime.strftime`.
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
    """An answer with that HTTP status."""
    return {'status': code, 'headers': {'Retry-After': retry_after} if retry_after else {}, 'body': body}


def answer(body: Any) -> Answer:
    """An answer 200 with that body: text, or anything that JSON can hold."""
    return {'status': 200, 'body': body}


def aadsts(number: int, retry_after: str = '') -> Answer:
    """Entra's own error of that number."""
    return {'aadsts': number, 'headers': {'Retry-After': retry_after} if retry_after else {}}


# endregion
# region what must come of it

NEW_TOKEN = 'a new token'
SAME_TOKEN = 'the same token as before'


@dataclass(frozen=True)
class Refusal:
    """An error.

    Args:
        kind: its class.
        says: part of its sentence.
        advice: part of its advice.
        code: the service's own name of it; empty is not looked at.
    """

    kind: type[MicrosoftSignInError]
    says: str
    advice: str = ''
    code: str = ''


@dataclass(frozen=True)
class Call:
    """One call for a token, by a process of its own.

    Args:
        answers: what the service answers in place of its own, in this order; afterwards it answers as it should.
        gives: NEW_TOKEN, SAME_TOKEN or a Refusal. A token must stand in the store afterwards; after a Refusal, what stood before.
        requests: how many reach the service. Arc's challenge before each answer is not counted.
        waits: least and most seconds of waiting, in total.
        later: seconds that pass before.
        refresh_token: what the store holds afterwards: ``new`` or ``same``; empty is not looked at.
        is_kept: False for a token that is of no use to anybody later.
        through_proxy: requests that the proxy passed on.
        environment: variables of the engine from now on; ``{proxy}`` stands for the address of a proxy that passes everything
            on, ``{other_ca}`` for a file of certificate authorities that lacks the sandbox's.
    """

    gives: str | Refusal = NEW_TOKEN
    requests: int = 1
    answers: tuple[Answer, ...] = ()
    waits: tuple[float, float] = (0, 0)
    later: float = 0
    refresh_token: str = ''
    is_kept: bool = True
    through_proxy: int = 0
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MessageRow:
    """One authentication method in one situation.

    Args:
        situation: in words, where the name of the case does not say it all.
        directory: attributes of the sandbox's directory to set before, such as `access_token_seconds`.
        settings: keywords of the client besides those of the method, such as `proxy` and `verify`.
        environment: as in Call, from the beginning.
        address: where settings look for the service, if not where it is: see `World.move_service`.
        read_timeout: seconds that the service may take to answer; 0 for the usual ones.
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
