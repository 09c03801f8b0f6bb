"""Provide what all Microsoft modules share: errors, clock, clouds, external text, and pasted text."""

import copy
import json
import math
import re
import sys
import time
import unicodedata
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus, unquote

if sys.version_info < (3, 10):  # noqa: UP036 - an integration for the public module may name an older image
    raise RuntimeError('The Microsoft modules need Python 3.10. Select a newer Docker image for the integration.')

JsonObject = dict[str, Any]

# region errors


class MicrosoftSignInError(Exception):
    """The sign-in to Microsoft failed.

    Args:
        what: one sentence that says what happened.
        advice: one sentence that says what to do.
        code: the service's name of the error, such as ``AADSTS7000215`` or ``invalid_client``.
        correlation_id: identifies the attempt in the sign-in log of the tenant, and for Microsoft's support.
    """

    def __init__(self, what: str, advice: str = '', code: str = '', correlation_id: str = ''):
        self.what = what
        self.advice = advice
        self.code = code
        self.correlation_id = correlation_id
        super().__init__(str(self))

    def with_advice(self, text: str) -> 'MicrosoftSignInError':
        """Return a copy with `text` in place of its advice."""
        return self.replace(advice=text)

    def replace(self, **attributes: Any) -> 'MicrosoftSignInError':
        """Return a copy with other values of its attributes."""
        error = copy.copy(self)
        vars(error).update(attributes)
        error.args = (str(error),)
        return error

    def __str__(self) -> str:
        parts = (part for part in (self.what, self.advice) if part)
        text = ' '.join(part if part.rstrip(')]\'"').endswith(('.', '!', '?')) else f'{part}.' for part in parts)
        return f'{text} Correlation ID: {self.correlation_id}' if self.correlation_id else text


class CredentialError(MicrosoftSignInError):
    """The settings are invalid. Nothing was sent."""


# endregion
# region clock


class SystemClock:
    """Tell the time and wait, and know by when a command has to end. Tests replace it.

    Attributes:
        end: what `elapsed` returns at the end; infinite unless `limit` was called.
    """

    end = math.inf

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def elapsed(self) -> float:
        """Return monotonic seconds, unaffected by changes of the system clock."""
        return time.monotonic()

    def limit(self, seconds: float) -> None:
        """Let the command end in `seconds`: all its requests and waits share them."""
        self.end = self.elapsed() + seconds

    def remaining(self) -> float:
        """Return the seconds until the command has to end, infinite unless `limit` was called."""
        return self.end - self.elapsed()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # pylint: disable=sleep-exists  # shorter than the command; longer waits are rescheduled


# endregion
# region clouds


class CloudEndpointNotSetException(AttributeError):
    """The cloud does not have this endpoint."""


class CloudSuffixNotSetException(AttributeError):
    """The cloud does not have this DNS suffix."""


def _columns(table: str) -> list[dict[str, str]]:
    """Return one dict per cloud (worldwide, US government, China, Germany, others), with addresses by name.

    Args:
        table: one address per line: its name, its pattern, and what replaces {} in each of these clouds. Those at the end of a
            line may be missing. The other clouds have none.
    """
    columns: list[dict[str, str]] = [{}, {}, {}, {}, {}]
    for line in table.strip().splitlines():
        name, pattern, *domains = line.split()
        for column, domain in zip(columns, domains, strict=False):
            column[name] = pattern.format(domain)
    return columns


# Source: `az cloud show` of the Azure CLI; https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure
_ENDPOINTS = _columns("""
management https://management.core.{}/ windows.net usgovcloudapi.net chinacloudapi.cn cloudapi.de
active_directory_resource_id https://management.core.{}/ windows.net usgovcloudapi.net chinacloudapi.cn cloudapi.de
sql_management https://management.core.{}:8443/ windows.net usgovcloudapi.net chinacloudapi.cn cloudapi.de
ossrdbms_resource_id https://ossrdbms-aad.database.{} windows.net usgovcloudapi.net chinacloudapi.cn cloudapi.de
batch_resource_id https://batch.{}/ core.windows.net core.usgovcloudapi.net chinacloudapi.cn cloudapi.de
gallery https://gallery.{}/ azure.com usgovcloudapi.net chinacloudapi.cn cloudapi.de
active_directory_graph_resource_id https://graph.{}/ windows.net windows.net chinacloudapi.cn cloudapi.de
active_directory_data_lake_resource_id https://datalake.{}/ azure.net
vm_image_alias_doc https://raw.githubusercontent.com/Azure/azure-rest-api-specs/main/arm-compute/quickstart-templates/\
aliases.json - - - -
media_resource_id https://rest.media.{} azure.net usgovcloudapi.net chinacloudapi.cn cloudapi.de
app_insights_resource_id https://api.applicationinsights.{} io us azure.cn
log_analytics_resource_id https://api.loganalytics.{} io us azure.cn
app_insights_telemetry_channel_resource_id https://dc.applicationinsights.{}/v2/track azure.com us azure.cn
synapse_analytics_resource_id https://dev.azuresynapse.{} net usgovcloudapi.net azure.cn
attestation_resource_id https://attest.{} azure.net
portal https://portal.{} azure.com azure.us azure.cn microsoftazure.de
keyvault https://vault.{} azure.net usgovcloudapi.net azure.cn microsoftazure.de
""")
_SUFFIXES = _columns("""
storage_endpoint core.{} windows.net usgovcloudapi.net chinacloudapi.cn cloudapi.de
storage_sync_endpoint afs.azure.{} net us cn
keyvault_dns .vault.{} azure.net usgovcloudapi.net azure.cn microsoftazure.de
mhsm_dns .managedhsm.{} azure.net usgovcloudapi.net azure.cn microsoftazure.de
sql_server_hostname .database.{} windows.net usgovcloudapi.net chinacloudapi.cn cloudapi.de
mysql_server_endpoint .mysql.database.{} azure.com usgovcloudapi.net chinacloudapi.cn cloudapi.de
postgresql_server_endpoint .postgres.database.{} azure.com usgovcloudapi.net chinacloudapi.cn cloudapi.de
mariadb_server_endpoint .mariadb.database.{} azure.com usgovcloudapi.net chinacloudapi.cn cloudapi.de
azure_datalake_store_file_system_endpoint azuredatalakestore.{} net
azure_datalake_analytics_catalog_and_job_endpoint azuredatalakeanalytics.{} net
acr_login_server_endpoint .azurecr.{} io us cn
synapse_analytics_endpoint .dev.azuresynapse.{} net usgovcloudapi.net azure.cn
attestation_endpoint .attest.{} azure.net
""")


_OWN_ENDPOINTS = ('active_directory', 'microsoft_graph_resource_id', 'resource_manager', 'exchange_online')


class _Addresses(SimpleNamespace):
    """Addresses in a cloud by name. One that the cloud does not have raises an error when it is read."""

    _known: Collection[str]
    _kind: str
    _error: type[AttributeError]

    def __init__(self, **addresses: str | None):
        unknown = addresses.keys() - self._known
        if unknown:
            raise TypeError(f'{min(unknown)} is not an address of a cloud.')
        super().__init__(**{name: value for name, value in addresses.items() if value is not None})

    def __getattr__(self, name: str) -> Any:
        raise self._error(f"This cloud does not have the {self._kind} '{name}'. Select another cloud.")


class AzureCloudEndpoints(_Addresses):
    """Base URLs of a cloud. Integrations rely on the trailing slashes."""

    _known = {*_ENDPOINTS[0], *_OWN_ENDPOINTS}
    _kind, _error = 'endpoint', CloudEndpointNotSetException

    def has_endpoint_set(self, endpoint_name: str) -> bool:
        return hasattr(self, endpoint_name)


class AzureCloudSuffixes(_Addresses):
    """Ends of host names in a cloud, such as ``.vault.azure.net``."""

    _known, _kind, _error = _SUFFIXES[0], 'suffix', CloudSuffixNotSetException


class AzureCloud(NamedTuple):
    """A national cloud of Microsoft or of a partner.

    Source: https://learn.microsoft.com/graph/deployments
    """

    origin: str
    name: str
    abbreviation: str
    endpoints: AzureCloudEndpoints = AzureCloudEndpoints()
    suffixes: AzureCloudSuffixes = AzureCloudSuffixes()


class AzureCloudNames:
    WORLDWIDE = 'com'
    US_GCC = 'gcc'
    US_GCC_HIGH = 'gcc-high'
    DOD = 'dod'
    GERMANY = 'de'
    CHINA = 'cn'
    CUSTOM = 'custom'


def create_custom_azure_cloud(
    origin: str,
    name: str | None = None,
    abbreviation: str | None = None,
    defaults: AzureCloud | None = None,
    endpoints: dict[str, str] | None = None,
    suffixes: dict[str, str] | None = None,
) -> AzureCloud:
    """Return a cloud with the given endpoints and suffixes, and the others of `defaults`."""
    base = defaults or AzureCloud(origin, name or '', abbreviation or '')
    return AzureCloud(
        origin,
        name or base.name,
        abbreviation or base.abbreviation,
        AzureCloudEndpoints(**{**vars(base.endpoints), **(endpoints or {})}),
        AzureCloudSuffixes(**{**vars(base.suffixes), **(suffixes or {})}),
    )


def _cloud(
    name: str, abbreviation: str, column: int, login: str, graph: str, resource_manager: str = '', exchange: str = ''
) -> AzureCloud:
    """Return a cloud with the endpoints and suffixes of a column of the tables above, and hosts of its own."""
    endpoints = AzureCloudEndpoints(
        active_directory=f'https://login.{login}',
        microsoft_graph_resource_id=f'https://{graph}/',
        resource_manager=f'https://{resource_manager}/' if resource_manager else None,
        exchange_online=f'https://{exchange}' if exchange else None,
        **_ENDPOINTS[column],
    )
    return AzureCloud('Embedded', name, abbreviation, endpoints, AzureCloudSuffixes(**_SUFFIXES[column]))


# Name, abbreviation, column of the tables above, and the hosts of Entra (after login.), Graph, Resource Manager, Exchange Online.
# The German cloud was closed on 2021-10-29, and is listed so that old settings lead to an error message. The hosts of the three
# sovereign clouds (fr, delos, sg) are not confirmed by Microsoft's list of deployments.
_CLOUDS = """
AzureCloud com 0 microsoftonline.com graph.microsoft.com management.azure.com outlook.office365.com
AzureUSGovernment gcc-high 1 microsoftonline.us graph.microsoft.us management.usgovcloudapi.net outlook.office365.us
AzureUSGovernmentDoD dod 1 microsoftonline.us dod-graph.microsoft.us management.usgovcloudapi.net outlook-dod.office365.us
AzureGermanCloud de 3 microsoftonline.de graph.microsoft.de management.microsoftazure.de
AzureChinaCloud cn 2 partner.microsoftonline.cn microsoftgraph.chinacloudapi.cn management.chinacloudapi.cn partner.outlook.cn
AzureBleuCloud fr 4 sovcloud-identity.fr graph.svc.sovcloud.fr
AzureDelosCloud delos 4 sovcloud-identity.de graph.svc.sovcloud.de
AzureGovSGCloud sg 4 sovcloud-identity.sg graph.svc.sovcloud.sg
"""
AZURE_CLOUDS = {
    abbreviation: _cloud(name, abbreviation, int(column), *hosts)
    for name, abbreviation, column, *hosts in map(str.split, _CLOUDS.strip().splitlines())
}
AZURE_WORLDWIDE_CLOUD = AZURE_CLOUDS['com']
# US GCC tenants are in the worldwide cloud.
AZURE_US_GCC_CLOUD = AZURE_WORLDWIDE_CLOUD._replace(name='AzureUSGovernmentCommunity', abbreviation='gcc')
AZURE_CLOUDS['gcc'] = AZURE_US_GCC_CLOUD
AZURE_US_GCC_HIGH_CLOUD, AZURE_US_DOD_CLOUD = AZURE_CLOUDS['gcc-high'], AZURE_CLOUDS['dod']
AZURE_GERMAN_CLOUD, AZURE_CHINA_CLOUD = AZURE_CLOUDS['de'], AZURE_CLOUDS['cn']
AZURE_BLEU_CLOUD, AZURE_DELOS_CLOUD, AZURE_GOVSG_CLOUD = (AZURE_CLOUDS[name] for name in ('fr', 'delos', 'sg'))
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
# region external text

MAX_OUTSIDE_TEXT = 500  # characters
_MARKDOWN_TRIGGERS = r'\](?=[(\[])|<(?=[A-Za-z/!?])|%(?=%)|\{(?=\{)'


def outside_text(value: Any, redact: Callable[[str], str] = str) -> str:
    """Return external text (of a service, a proxy or a user) in a form that can be shown: printable, short, without secrets.

    A space keeps the platform from making a link, an image, an HTML element, a button or a color of it.

    Args:
        redact: replaces secrets. It gets far more than is shown, so that no secret is cut before it is recognized.
    """
    shown = redact(str(value or '')[:1_000_000])[: 4 * MAX_OUTSIDE_TEXT]
    text = ' '.join(''.join(character if character.isprintable() else ' ' for character in shown).split())
    text = re.sub(_MARKDOWN_TRIGGERS, r'\g<0> ', text)
    return text if len(text) <= MAX_OUTSIDE_TEXT else f'{text[: MAX_OUTSIDE_TEXT - 3]}...'


def without_empty(fields: Mapping[str, Any]) -> JsonObject:
    return {name: value for name, value in fields.items() if value}


def float_or_none(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def secret_forms(secret: str) -> list[str]:
    """Return the encodings of a secret to mask, longest first: plain, URL, JSON, base64, and each long line of a key."""
    raw = secret.encode(errors='replace')
    secret = raw.decode()
    forms = {secret}
    if not re.fullmatch(r'[\w.~-]*', secret, re.ASCII):  # an access token is the same in all of these
        lines = [line for line in secret.split() if 30 < len(line) < len(secret)]
        escaped = json.dumps(secret, ensure_ascii=False)[1:-1].replace('/', '\\/')
        forms |= {quote(secret), json.dumps(secret)[1:-1], escaped, *lines, *(quote(line, safe='') for line in lines)}
        for quoted in (quote(secret, safe=''), quote_plus(secret)):
            forms |= {quoted, re.sub('%[0-9A-F]{2}', lambda code: code[0].lower(), quoted)}
    if len(raw) >= 8:  # the middle of the base64 of anything that contains it, for each of the three positions
        for start in range(3):
            encoded = b64encode(raw[start : start + (len(raw) - start) // 3 * 3]).decode()
            forms |= {encoded, encoded.replace('+', '-').replace('/', '_')}
    return sorted((form for form in forms if len(form) > 3), key=len, reverse=True)


def proxy_passwords(environment: Mapping[str, str]) -> list[str]:
    """Return the passwords of the proxies of an environment, as they are written there and decoded."""
    passwords: list[str] = []
    for name in environment:
        if name.lower().endswith('_proxy'):
            password = environment[name].rpartition('@')[0].rpartition('//')[2].partition(':')[2]
            passwords += filter(None, dict.fromkeys((password, unquote(password))))
    return passwords


# endregion
# region pasted text

GUID_PATTERN = r'(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}'
_GUID_DIGITS = r'(?i)\A([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})\Z'
ASCII_HYPHENS = dict.fromkeys(map(ord, '\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63\uff0d'), '-')
_QUOTES = ('""', "''", '\u201c\u201d', '\u201e\u201c', '\u201d\u201d', '\u2018\u2019', '\u2019\u2019', '\xab\xbb', '``')
_BRACKETS = ('<>', '{}', '()', '[]')
SHARED_TENANTS = ('common', 'organizations', 'consumers')
_DOMAIN_NAME = r'(?:[a-z0-9-]{1,63}\.)+[a-z][a-z0-9-]{1,62}'


def is_guid(text: str) -> bool:
    return bool(re.fullmatch(GUID_PATTERN, text))


def is_public_id(text: str) -> bool:
    """Return whether a text is an ID, a domain name or a shared tenant. What else is pasted into such a field may be a secret."""
    return is_guid(text) or text.lower() in SHARED_TENANTS or bool(re.fullmatch(_DOMAIN_NAME, text, re.IGNORECASE))


def _unwrapped(text: str, pairs: Collection[str]) -> str:
    return text[1:-1].strip() if len(text) > 1 and text[0] + text[-1] in pairs else text


def clean_value(value: Any, kept: str = '') -> str:
    """Return a value without what copying adds: whitespace and quotes around it, and invisible characters that are not `kept`."""
    text = str(value or '').strip()
    if not text.isascii():
        text = ''.join(one for one in text if one in kept or (one != '\xa0' and unicodedata.category(one) != 'Cf'))
        text = text.strip(kept).strip()
    return _unwrapped(text, _QUOTES)


def visible_text(text: str) -> str:
    """Return a text without its invisible characters."""
    return ''.join(character for character in text if unicodedata.category(character) != 'Cf')


def comparable(text: Any) -> str:
    """Return a text in the form in which it equals others that look the same: without case, invisible characters, line ends."""
    folded = unicodedata.normalize('NFKC', unicodedata.normalize('NFKC', str(text or '')).casefold())
    return ' '.join(visible_text(folded).split())


def clean_id(value: Any) -> str:
    """Return an ID as `clean_value` does, without brackets, and with ASCII characters for their typographic forms."""
    text = unicodedata.normalize('NFKC', clean_value(value)).translate(ASCII_HYPHENS).strip()
    return _unwrapped(_unwrapped(text, _BRACKETS), _QUOTES)


def clean_guid(value: Any) -> str:
    """Return an ID as `clean_id` does, a GUID with the hyphens that are missing, in lower case, as Entra returns it."""
    text = re.sub(_GUID_DIGITS, r'\1-\2-\3-\4-\5', clean_id(value))
    return text.lower() if is_guid(text) else text


def clean_text(value: Any, field: str) -> str:
    """Return a secret as `clean_value` does, with ASCII hyphens. Raise CredentialError for characters that no secret has."""
    text = clean_value(value).translate(ASCII_HYPHENS)
    wrong = re.search(r'[^ -~]', text)
    if wrong:
        what = f'{field} contains the character U+{ord(wrong.group()):04X}, which is not allowed in this field.'
        raise CredentialError(what, 'Copy the value again, and paste only it.')
    return text


# endregion
