"""Provide what the other Microsoft modules share: clock, clouds, checks of addresses, retries, cleaning of pasted text."""

import math
import random
import re
import time
from collections.abc import Callable, Mapping
from datetime import timezone
from ipaddress import ip_address
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import requests

# region clock


class SystemClock:
    """The one place where time comes from, in seconds since the epoch, and where waiting is done."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


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

# endregion

# region addresses


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


def skip_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An ``auth`` that changes nothing. Where there is none, requests lets what a netrc file has for the host, or for every
    host, take the place of the header ``Authorization``."""
    return request


# endregion

# region retries


_Result = TypeVar('_Result')


class RetryPolicy(NamedTuple):
    """When a failed request is sent again.

    Args:
        retries: the number of retries by HTTP status; a status that is not named is not retried.
        connection_retries: the number of retries when no response came.
        first_wait: seconds before the first retry when the service does not say; doubled for each further one.
        budget: seconds that all waits together may take; a service that asks for more is not waited for.
        deadline: seconds after the first try from which on nothing is sent again.
    """

    retries: Mapping[int, int] = {}
    connection_retries: int = 0
    first_wait: float = 1.0
    budget: float = 30.0
    deadline: float = math.inf

    def delay(self, attempt: int, response: requests.Response | None, now: float) -> float | None:
        """Return the seconds to wait before a request is sent again, None if it must not be.

        Args:
            attempt: the number of retries so far.
            response: the last response, None if none came.
            now: seconds since the epoch.
        """
        if attempt >= (self.connection_retries if response is None else self.retries.get(response.status_code, 0)):
            return None
        asked = None if response is None else retry_after_seconds(response, now)
        return backoff_seconds(self.first_wait, attempt) if asked is None else asked


NO_RETRIES = RetryPolicy()


class ErrorResponse(Exception):
    """A response with an error status, raised by a step that may be retried."""

    def __init__(self, response: requests.Response):
        self.response = response
        super().__init__(response.status_code)


def run_with_retries(
    step: Callable[[], _Result], delay_after: Callable[[Exception, int], float | None], policy: RetryPolicy, clock: SystemClock
) -> _Result:
    """Run `step` until it succeeds, and return its result. This is the only retry loop: a step must not retry by itself.

    Args:
        delay_after: returns the seconds to wait after an error of the step and a number of retries, None to raise the error.
        policy: its budget and deadline limit the waits.
    """
    end = clock.now() + policy.deadline
    waited, attempt = 0.0, 0
    while True:
        try:
            return step()
        except Exception as error:
            delay = delay_after(error, attempt)
            if delay is None or waited + delay > policy.budget or clock.now() + delay > end:
                raise
        clock.sleep(delay)
        waited += delay
        attempt += 1


def retry_after_seconds(response: requests.Response, now: float) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, as a number or as a date; None if it cannot be read."""
    text = response.headers.get('Retry-After', '')
    seconds = _seconds(text)
    if seconds is None and text:
        from email.utils import parsedate_to_datetime  # slow to import, and rarely needed

        try:
            date = parsedate_to_datetime(text)
        except (TypeError, ValueError):
            return None
        seconds = (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp() - now
    return None if seconds is None else max(0.0, seconds)


def backoff_seconds(first_wait: float, attempt: int) -> float:
    """Return an exponential delay with jitter, so that engines which failed together do not return together."""
    return first_wait * 2**attempt * random.uniform(0.75, 1.25)  # noqa: S311 - no secret


def _seconds(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


# endregion

# region pasted text

_GUID = re.compile(r'[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}', re.IGNORECASE)


_INVISIBLE = dict.fromkeys(map(ord, '\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\xa0'))


_PEM_BLOCK = r'(?s)-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----'


_NOT_IN_AN_ID = re.compile(r'[\s/@?#]')


_SHARED_TENANTS = ('common', 'organizations', 'consumers')


def clean_value(value: Any) -> str:
    """Takes away what copying adds: blanks and newlines around, invisible characters, surrounding quotes."""
    text = str(value or '').translate(_INVISIBLE).strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] and text[0] in '"\'' else text


def clean_tenant(value: str, own_tenant_needed: bool = False) -> str:
    """Gives the tenant's ID or domain name; takes a URL that holds it as well.

    Args:
        own_tenant_needed: refuse ``common`` and its like, which stand for no tenant in particular.
    Raises:
        CredentialError: nothing that could be a tenant is there.
    """
    text = clean_value(value)
    if not text:
        raise CredentialError(
            'Token (tenant ID) is missing.', 'Copy the Directory (tenant) ID from the app registration into Token.'
        )
    if '://' in text:
        path = text.split('://', 1)[1].partition('/')[2]
        guid = _GUID.search(path)
        text = guid.group() if guid else re.split(r'[/?#]', path)[0]
    text = text.strip('/').lower()
    if not re.fullmatch(r'[a-z0-9][a-z0-9._-]*', text):
        raise CredentialError('Token is not a tenant ID.', 'Enter the Directory (tenant) ID, or a domain name of the tenant.')
    if own_tenant_needed and text in _SHARED_TENANTS:
        raise CredentialError(
            f"Token is '{text}', which stands for no tenant in particular.",
            "Enter the tenant's own Directory (tenant) ID in Token.",
        )
    return text


def clean_client_id(value: str) -> str:
    """Gives the client ID. Raises CredentialError when it is missing, or plainly something else."""
    text = clean_value(value)
    if not text:
        raise CredentialError('ID (client ID) is missing.', 'Copy the Application (client) ID from the app registration into ID.')
    if '@' in text:
        raise CredentialError(
            'ID is that of the Cortex XSOAR app, not a client ID.',
            "Enter the Application (client) ID, or clear 'Use a self-deployed Azure application'.",
        )
    if _NOT_IN_AN_ID.search(text):
        raise CredentialError('ID is not a client ID.', 'Enter the Application (client) ID of the app registration in ID.')
    return text


def clean_client_secret(value: str) -> str:
    """Gives the client secret. Raises CredentialError when it is missing, or is the secret's ID."""
    text = clean_value(value)
    if not text:
        raise CredentialError('Key (client secret) is missing.', 'Enter the client secret, or a certificate and its private key.')
    if _GUID.fullmatch(text):
        raise CredentialError(
            'Key holds the ID of the client secret, not its value.',
            "Paste the secret's Value; if it is no longer shown, make a new secret.",
        )
    return text


def clean_thumbprint(value: str) -> str:
    """Gives the hexadecimal digits of a thumbprint: 40 (SHA-1) or 64 (SHA-256), upper case.

    Raises:
        CredentialError: it has another length or other characters.
    """
    digits = re.sub(r'[\s:-]', '', clean_value(value)).upper()
    if not re.fullmatch(r'[0-9A-F]{40}|[0-9A-F]{64}', digits):
        raise CredentialError(
            'The certificate thumbprint is not 40 (SHA-1) or 64 (SHA-256) hexadecimal digits.',
            'Copy the thumbprint from Certificates & secrets of the app registration.',
        )
    return digits


def clean_pem(value: str) -> dict[str, str]:
    """Gives the PEM blocks in `value` by their label, e.g. ``PRIVATE KEY``; the first of each label.

    Line ends may have become blanks or ``\\n`` in letters, as text boxes and vaults do.
    """
    text = str(value or '').replace('\\r', '').replace('\\n', '\n')
    blocks: dict[str, str] = {}
    for label, body in re.findall(_PEM_BLOCK, text):
        if 'ENCRYPTED' in body:  # the header lines of an encrypted key in the traditional form
            label = 'ENCRYPTED PRIVATE KEY'
        packed = re.sub(r'\s', '', body)
        lines = '\n'.join(packed[start : start + 64] for start in range(0, len(packed), 64))
        blocks.setdefault(label, f'-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n')
    return blocks


def clean_private_key(blocks: dict[str, str]) -> str:
    """Picks the private key out of PEM blocks. Raises CredentialError when there is none, or it is encrypted."""
    if 'ENCRYPTED PRIVATE KEY' in blocks:
        raise CredentialError(
            'The private key is encrypted.', 'Decrypt it first (openssl pkey -in key.pem -out plain.pem) and paste the result.'
        )
    for label, block in blocks.items():
        if label.endswith('PRIVATE KEY'):
            return block
    raise CredentialError(
        'The private key is missing, or is not in PEM form.',
        "Paste the whole key, from '-----BEGIN PRIVATE KEY-----' to '-----END PRIVATE KEY-----'.",
    )


# endregion
