"""Provide what an integration on MicrosoftClient needs: parameters, arguments, auth commands, and the run of a command.

An integration describes itself by an `IntegrationSpec` and adds its own commands; `run_integration` does the rest.
"""

import json
import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from datetime import date, datetime, timezone
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import demistomock as demisto
import requests

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from CommonServerPython import (
        CommandResults,
        DemistoException,
        LOG,
        ScheduledCommand,
        argToBoolean,
        argToList,
        arg_to_datetime,
        get_x_content_info_headers,
        pascalToSpace,
        return_error,
        return_results,
        tableToMarkdown,
    )
    from MicrosoftCoreApiModule import (
        AZURE_CLOUDS,
        AZURE_CLOUD_NAME_CUSTOM,
        AZURE_CLOUD_NAME_MAPPING,
        AZURE_WORLDWIDE_CLOUD,
        AzureCloud,
        CredentialError,
        JsonObject,
        MicrosoftSignInError,
        SystemClock,
        clean_guid,
        clean_id,
        clean_value,
        is_guid,
        outside_text,
    )
    from MicrosoftHttpApiModule import connection_problem, is_same_host, json_or_none, require_https
    from MicrosoftTokenRequestApiModule import AccessToken, OIDC_SCOPES, SignInPendingError
    from MicrosoftCredentialsApiModule import (
        AuthenticationMethod,
        AuthorizationCodeCredential,
        CortexAppCredential,
        Credential,
        DeviceCodeCredential,
        ManagedIdentityCredential,
        create_credential,
    )
    from MicrosoftApiModule import (
        API_RETRIES,
        CommandThrottled,
        MicrosoftClient,
        NotFoundError,
        complete_browser_sign_in,
        complete_device_sign_in,
        device_code_instructions,
        generate_login_url,
        get_azure_cloud,
        login_url_instructions,
        mask_secret,
        reschedule,
        reset_auth,
        start_browser_sign_in,
        start_device_sign_in,
        supports_scheduling,
    )

# region arguments

Arguments = dict[str, Any]  # of a command, by name


def required_argument(args: Arguments, name: str) -> str:
    """Return an argument without surrounding whitespace. Raise DemistoException, naming it, when it is empty."""
    text = clean_value(args.get(name))
    if not text:
        raise DemistoException(f'The argument {name} is empty. Enter a value for it.')
    return text


def text_argument(args: Arguments, name: str) -> str:
    """Return a text that others see, as it was written. Raise DemistoException, naming the argument, when it is empty."""
    required_argument(args, name)
    return text_of(args[name]).strip()


def id_list(args: Arguments, name: str) -> list[str]:
    """Return the IDs of an argument without duplicates: of a list, or of a text that commas separate.

    A comma within ``<...>`` separates nothing: it is part of a ``Message-ID``, which the sender of an email chose.

    Raises:
        DemistoException: there are none, or it is not clear where one ends. It names the argument.
    """
    given = _from_json(args.get(name))
    if isinstance(given, str):
        given = [text for text in re.findall(r'(?:<[^<>]*>|[^,])+', given) if clean_value(text)]
        unclear = [text for text in given if re.search('[@<>]', text) and not re.fullmatch('<[^<>]+>', clean_value(text))]
        if given[1:] and unclear:
            shown = unclear[0].strip()[:100]
            raise DemistoException(f"'{shown}' is not in angle brackets. Write each Message-ID in {name} as <...>.")
    values = given if isinstance(given, list) else [given]
    ids = list(dict.fromkeys(id_of(value, name).strip() for value in values if clean_value(value)))
    if not ids:
        raise DemistoException(f'The argument {name} contains no ID. Enter one ID, or several separated by commas.')
    return ids


def _from_json(value: Any) -> Any:
    """Return the list or the object that a text is in JSON, anything else as it is."""
    try:
        return json.loads(value) if isinstance(value, str) and re.match(r'\s*[\[{]', value) else value
    except (ValueError, RecursionError):
        return value


def id_of(value: Any, name: str) -> str:
    """Return a text as it is, or the ID of an object of the context, which may be the one value of a list in JSON.

    Raises:
        DemistoException: it is something else; it names the argument.
    """
    found = _from_json(value)
    if isinstance(found, list) and all(isinstance(one, (str, dict)) for one in found):  # a folder may be named [2024]
        if len(found) != 1:
            raise DemistoException(f'The argument {name} has {len(found)} values. Enter one.')
        return id_of(found[0], name)
    if isinstance(found, dict):
        found = next((one for key, one in found.items() if key.lower() == 'id'), None)
        if not isinstance(found, str) or not found:
            raise DemistoException(f'The argument {name} contains an object without an ID. Enter its ID.')
        return found
    return str(value)


def text_list(args: Arguments, name: str) -> list[str]:
    return [text for text in (str(item).strip() for item in argToList(args.get(name))) if text]


def text_of(value: Any) -> str:
    """Return a value of the context as text: a text unchanged, None as an empty text, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value or ''
    return json.dumps(value, ensure_ascii=False)


def int_argument(args: Arguments, name: str, default: int, maximum: int, label: str = '') -> int:
    """Return an argument as a number from 1 to `maximum`.

    Args:
        label: name of the argument in errors, by default `name`.
    Raises:
        DemistoException: the argument is anything else.
    """
    given = args.get(name)
    text = str(default if given in (None, '') else given).strip()
    number = int(text) if text.isdecimal() and len(text) < 10 else 0
    if not 1 <= number <= maximum:
        raise DemistoException(f"'{text}' is not a whole number from 1 to {maximum}. Change {label or name}.")
    return number


def bool_argument(args: Arguments, name: str, default: bool = False) -> bool:
    """Return an argument as a boolean. Raise DemistoException, naming it, when it is neither true nor false."""
    text = clean_value(args.get(name))
    try:
        return argToBoolean(text) if text else default
    except ValueError:
        raise DemistoException(f"'{text}' is neither true nor false. Change {name}.") from None


def choice_argument(args: Arguments, name: str, choices: Iterable[str], default: str = '') -> str:
    """Return an argument as it is spelled in `choices`. Raise DemistoException, naming it, when it is not one of them."""
    text = clean_value(args.get(name)) or default
    chosen = next((choice for choice in choices if choice.lower() == text.lower()), None)
    if chosen is None:
        raise DemistoException(f"'{text}' is not one of {', '.join(filter(None, choices))}. Change {name}.")
    return chosen


def json_argument(args: Arguments, name: str) -> JsonObject:
    """Return an argument that is a JSON object; an empty argument is an empty object. Raise DemistoException otherwise."""
    value = _from_json(args.get(name) or {})
    if not isinstance(value, dict):
        raise DemistoException(f'The argument {name} is not a JSON object. Write it as {{"name": value}}.')
    return value


# 2030-01-31 and 2030年1月31日, or 31.1.2030 and 1/31/2030
_NUMERIC_DATE = (
    r'(?<!\d)(?:(\d{4})\s?[-./年년]\s?(\d{1,2})\s?[-./月월]\s?(\d{1,2})|(\d{1,2})([-./])\s?(\d{1,2})\5\s?(\d{4}))(?!\d)[T日일.]?'
)
_CLOCK_TIME = r'(?:\d{1,2}(?::\d\d){1,2}(?:[.,]\d+)?(?:\s*[ap]m)?|\d{1,2}\s*[ap]m|noon|midnight)'  # 13:30 and 8am
_OFFSET = r'(?:\s*(?:utc|gmt)?[+-]\d\d?:?(?:\d\d)?\b)'
_TIME_UNIT = r'(?:years?|months?|weeks?|days?|hours?|minutes?|mins?|seconds?|secs?|[ymwdhs])'
DURATION = rf'(?i)now|(?:in\s+|-)?(?:(?:\d+(?:\.\d+)?|an?\b)\s*{_TIME_UNIT}\b[\s,]*(?:and\s+)?)+(?:ago|from now)?'
_DAY_WORD = r'(?:today|yesterday|tomorrow|(?:mon|tues|wednes|thurs|fri|satur|sun)day)'
_DAY_FROM_NOW = rf'(?i){_DAY_WORD}(?:,?\s+(?:at\s+)?{_CLOCK_TIME})?|{_CLOCK_TIME}(?:\s*UTC)?'


def plain_date(text: str, name: str) -> str:
    """Return a text in which a date in numbers is written as 2030-01-31, and without a remark such as (CET) behind an offset.

    With dots, the day comes first.

    Raises:
        DemistoException: day and month may be either way round; it names `name`.
        ValueError: the day does not exist.
    """

    def iso_date(found: re.Match[str]) -> str:
        year, month, day, first, separator, second, last_year = found.groups()
        readings = [(month, day)] if year else [(second, first)] if separator == '.' else [(first, second), (second, first)]
        days = {date(int(year or last_year), int(m), int(d)) for m, d in readings if int(m) <= 12 or len(readings) == 1}
        if len(days) > 1:
            words = ' or '.join(f'{one:%B} {one.day}' for one in sorted(days))
            raise DemistoException(f"'{found[0]}' may be {words}: write {name} as {' or '.join(map(str, sorted(days)))}.")
        [only] = days
        return f'{only} '

    return re.sub(_NUMERIC_DATE, iso_date, re.sub(rf'(?i)(:\d\d(?:{_OFFSET}|Z))\s*\([^()]*\)\Z', r'\1', text)).strip()


def read_datetime(text: str, name: str) -> datetime | None:
    """Return a date and time, with a time zone if the text names one. None if it cannot be read without guessing.

    It is a duration such as ``3 days ago``, a day such as ``tomorrow 8am``, a number of seconds since the epoch, or a date, whose
    month is a word or which `plain_date` can read. dateparser also guesses: ``Nov 28 2026 13h`` would be November 13.

    Raises:
        DemistoException: as `plain_date`.
    """
    if len(text) > 100:
        return None
    try:
        text = plain_date(text, name)
        if text.isdecimal() or re.fullmatch(DURATION, text) or re.fullmatch(_DAY_FROM_NOW, text):
            return arg_to_datetime(text)
        rest = re.sub(rf'(?i){_CLOCK_TIME}{_OFFSET}?', ' ', text)
        numbers = list(map(int, re.findall(r'\d+', rest)))
        is_iso, has_year = re.search(r'\d{4}-\d\d-\d\d', rest), any(number > 999 for number in numbers)
        if len(numbers) != (3 if is_iso else 1 + has_year) or not (is_iso or re.search(r'[^\W\d_]{3}', rest)):
            return None
        parts = ['day', 'month', *(['year'] if has_year else [])]
        order = {'DATE_ORDER': 'YMD'} if has_year else {}
        moment = arg_to_datetime(text, settings={'PARSERS': ['absolute-time'], 'REQUIRE_PARTS': parts, **order})
    except (ValueError, OverflowError, OSError):
        return None
    is_read = moment and moment.day in numbers and {moment.year, moment.month, moment.day}.issuperset(numbers)
    return moment if is_read else None


def parse_datetime(text: str, name: str) -> datetime | None:
    """Return the time of `read_datetime` in UTC, which is also the time zone of a text that names none."""
    moment = read_datetime(text, name)
    return moment and (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)


def future_datetime(text: str, name: str, grace: float = 0) -> datetime:
    """Return a date and time that is not in the past, in UTC.

    Args:
        grace: seconds by which it may be in the past.
    Raises:
        DemistoException: it cannot be read, or is in the past, as ``08:00`` and ``2 days`` are.
    """
    how = f"Write {name} as 2030-01-31T08:00:00Z, or as 'in 2 hours'."
    moment = parse_datetime(text, name)
    if not moment:
        raise DemistoException(f"'{text}' is not a valid date and time. {how}")
    if moment.timestamp() < SystemClock().now() - grace:
        raise DemistoException(f"'{text}' is read as {moment:%Y-%m-%dT%H:%M:%SZ}, which is in the past. {how}")
    return moment


def clean_mailbox(value: Any, label: str) -> str:
    """Return the address or ID of a mailbox, which may be empty. Raise CredentialError, naming `label`, for something else."""
    text = clean_id(re.sub(r'(?i)^mailto:', '', clean_value(value).rpartition('<')[2].rstrip('> ')))
    if text and not (is_guid(text) or re.fullmatch(r'[!-~]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+', text)):
        raise CredentialError(f"'{label}' is not an email address.", 'Enter one address, such as ada@contoso.example.')
    return text


# endregion
# region parameters

METHOD_AUTHORIZATION_CODE = 'Authorization Code'
METHOD_CLIENT_CREDENTIALS = 'Client Credentials'
METHOD_DEVICE_CODE = 'Device Code'
_METHODS = {
    METHOD_AUTHORIZATION_CODE: AuthenticationMethod.AUTHORIZATION_CODE,
    METHOD_CLIENT_CREDENTIALS: AuthenticationMethod.CLIENT_CREDENTIALS,
    METHOD_DEVICE_CODE: AuthenticationMethod.DEVICE_CODE,
}
AUTH_METHODS = tuple(_METHODS)
# The German cloud was closed, so no instance can choose it.
CLOUD_OPTIONS = {option: abbreviation for option, abbreviation in AZURE_CLOUD_NAME_MAPPING.items() if abbreviation != 'de'}


class ParameterLabel:
    """The labels of the parameters, without the part in parentheses. Errors use them to name a field.

    Where InstanceSettings has an attribute for a parameter, the name is the same.
    """

    ID = 'ID'
    TOKEN = 'Token'  # the tenant ID, or the Token of the Cortex XSOAR application  # noqa: S105
    KEY = 'Key'
    SELF_DEPLOYED = 'Use a self-deployed Azure application'
    METHOD = 'Authentication method of the self-deployed application'
    REDIRECT_URI = 'Application redirect URI'
    AUTHORIZATION_CODE = 'Authorization code'
    THUMBPRINT = 'Certificate thumbprint'
    PRIVATE_KEY = 'Private key of the certificate'
    MANAGED_IDENTITIES = 'Use Azure Managed Identities'
    MANAGED_IDENTITIES_CLIENT_ID = 'Azure Managed Identities Client ID'
    CLOUD = 'Azure cloud'
    AZURE_AD_ENDPOINT = 'Azure AD endpoint'
    TIMEOUT = 'HTTP timeout'
    RETRY_BUDGET = 'Retry budget'


class IntegrationSpec(NamedTuple):
    """The properties of an integration that the shared code needs.

    Args:
        api: name of the API in messages.
        command_prefix: beginning of the names of the commands.
        outputs_prefix: context path of the auth-test command.
        check: calls the API once, with the client.
        permissions: names of the permissions that the integration needs; none if the API has only roles.
        access_advice: what to do when the permissions are granted and the API still returns 403.
        app_name: name of the integration at the token service of the Cortex XSOAR application; empty if it has none.
        methods: options of the parameter auth_method, the default first.
        endpoint_parameter, endpoint_label: the parameter with the address of the API, for the cloud Custom.
        cloud_parameter, cloud_label: the parameter with the cloud.
        clouds: its options, and the abbreviations of the clouds.
        details: returns further properties for auth-test, from the client.
        account: returns the user or mailbox in the settings, from the client; empty if there is none.
    """

    api: str
    command_prefix: str
    outputs_prefix: str
    check: Callable[[Any], Any]
    permissions: tuple[str, ...] = ()
    access_advice: str = 'Check the access rights of this account.'
    app_name: str = ''
    methods: tuple[str, ...] = AUTH_METHODS
    endpoint_parameter: str = 'graph_endpoint'
    endpoint_label: str = 'Microsoft Graph endpoint'
    cloud_parameter: str = 'azure_cloud'
    cloud_label: str = ParameterLabel.CLOUD
    clouds: Mapping[str, str] = CLOUD_OPTIONS
    details: Callable[[Any], dict[str, str]] = lambda _client: {}
    account: Callable[[Any], str] = lambda _client: ''

    def instruction(self, command: str) -> str:
        return f'Run !{self.command_prefix}-{command}.'

    @property
    def consent_page(self) -> str:
        return f'https://oproxy.demisto.ninja/{self.app_name}'


_UNUSED_SETTINGS: dict[str, tuple[str, ...]] = {
    METHOD_AUTHORIZATION_CODE: (),
    METHOD_CLIENT_CREDENTIALS: ('redirect_uri', 'authorization_code'),
    METHOD_DEVICE_CODE: ('redirect_uri', 'authorization_code', 'key', 'private_key'),
}
_APPLICATION_SETTINGS = ('method', 'redirect_uri', 'authorization_code', 'thumbprint', 'private_key')


def _password(params: JsonObject, name: str, *path: str) -> str:
    """Return the password of a credentials parameter, or what `path` leads to in it; empty if there is none."""
    value = params.get(name)
    for part in path or ('password',):
        value = value.get(part) if isinstance(value, dict) else ''
    return clean_value(value)


def _client_id(params: JsonObject, name: str) -> str:
    """Return the user name of a credentials parameter if it is a client ID: credentials of the vault can contain it there."""
    text = clean_guid(_password(params, name, 'identifier'))
    return text if is_guid(text) else ''


class InstanceSettings:
    """The parameters of an instance, cleaned and free of contradictions.

    The credential checks each single value.

    Args:
        params: parameters of the platform: texts, check boxes as booleans or texts, credentials or None.
        spec: the integration. Parameters that are not in its yml are empty.
    Raises:
        CredentialError: two fields contradict each other. The error names both.
        DemistoException: a field is not a number, or not true or false. The error names the field.
    """

    def __init__(self, params: JsonObject, spec: IntegrationSpec):
        password, client_id = partial(_password, params), partial(_client_id, params)
        selected = partial(bool_argument, params)
        self.spec = spec
        self.id = client_id('creds_auth_id') or password('creds_auth_id')
        self.id = self.id or client_id('creds_certificate') or client_id('creds_enc_key')
        self.token = password('creds_refresh_token')
        self.key = password('creds_enc_key')
        self.thumbprint = '' if client_id('creds_certificate') else password('creds_certificate', 'identifier')
        self.private_key = password('creds_certificate')
        in_vault = password('creds_certificate', 'credentials', 'sshkey')
        if in_vault and '-----BEGIN' not in self.private_key:
            self.private_key = in_vault
        self.passphrase = password('creds_certificate', 'credentials', 'sshkeyPass')
        self.authorization_code = password('creds_auth_code')
        self.redirect_uri = clean_value(params.get('redirect_uri'))
        self.managed_identities = selected('use_managed_identities')
        self.managed_identities_client_id = password('managed_identities_client_id')
        self.self_deployed = selected('self_deployed') or not (spec.app_name or self.managed_identities)
        self.method = clean_value(params.get('auth_method')) or spec.methods[0]
        self.cloud_name = clean_value(params.get(spec.cloud_parameter)) or 'Worldwide'
        self.azure_ad_endpoint = clean_value(params.get('azure_ad_endpoint'))
        self.api_endpoint = clean_value(params.get(spec.endpoint_parameter))
        self.verify = not selected('insecure')
        self.proxy = selected('proxy')
        self.timeout = self._seconds(params, 'timeout', ParameterLabel.TIMEOUT)
        self.retry_budget = self._seconds(params, 'retry_budget', ParameterLabel.RETRY_BUDGET)
        self._check()

    @staticmethod
    def _seconds(params: JsonObject, name: str, label: str) -> int | None:
        """Return a parameter in seconds, None if it is empty."""
        return int_argument(params, name, 0, _MAX_WAIT_SECONDS, f"'{label}'") if clean_value(params.get(name)) else None

    def _check(self) -> None:
        """Raise CredentialError if a setting has no use beside the others, or one of them is missing or unknown."""
        if self.managed_identities:
            reason = f"cannot be combined with '{ParameterLabel.MANAGED_IDENTITIES}'"
            names = ('self_deployed', 'id', 'token', 'key', *_APPLICATION_SETTINGS)
            self._reject(names, reason, f"clear '{ParameterLabel.MANAGED_IDENTITIES}'")
        else:
            self._reject_without(ParameterLabel.MANAGED_IDENTITIES, 'managed_identities_client_id')
        if self.self_deployed:
            self._check_application()
        else:
            self._reject_without(ParameterLabel.SELF_DEPLOYED, *_APPLICATION_SETTINGS)
        if self.cloud_name == AZURE_CLOUD_NAME_CUSTOM:
            return
        label = self.spec.cloud_label
        if self.cloud_name not in self.spec.clouds:
            raise CredentialError(f"'{self.cloud_name}' is not one of the clouds.", f"Choose one in '{label}'.")
        reason = f'is only used with the cloud {AZURE_CLOUD_NAME_CUSTOM}'
        self._reject(('azure_ad_endpoint', 'api_endpoint'), reason, f"choose {AZURE_CLOUD_NAME_CUSTOM} in '{label}'")
        is_cortex_app = not (self.self_deployed or self.managed_identities)
        if is_cortex_app and self.cloud.endpoints is not AZURE_WORLDWIDE_CLOUD.endpoints:
            raise CredentialError(
                f"The Cortex XSOAR application does not exist in the cloud '{self.cloud_name}'.",
                f"Select '{ParameterLabel.SELF_DEPLOYED}', or '{ParameterLabel.MANAGED_IDENTITIES}'.",
            )

    def _check_application(self) -> None:
        if self.method not in self.spec.methods:
            raise CredentialError(
                f"'{self.method}' is not an authentication method.", f"Choose one in '{ParameterLabel.METHOD}'."
            )
        private_key = ParameterLabel.PRIVATE_KEY
        if self.private_key:
            self._reject(('key',), f"cannot be combined with '{private_key}'", f"clear '{private_key}'")
        elif self.thumbprint:
            raise CredentialError(f"'{private_key}' is missing.", f"Paste it, or clear '{ParameterLabel.THUMBPRINT}'.")
        reason = f'is not used by the authentication method {self.method}'
        self._reject(_UNUSED_SETTINGS[self.method], reason, 'choose another authentication method')

    def _reject_without(self, label: str, *names: str) -> None:
        self._reject(names, f"is only used with '{label}'", f"select '{label}'")

    def _reject(self, names: Iterable[str], reason: str, otherwise: str) -> None:
        """Raise CredentialError for the first of the settings with these names that was entered."""
        for name in names:
            value = getattr(self, name)
            if value and (name != 'method' or value != self.spec.methods[0]):
                label = getattr(ParameterLabel, name.upper(), self.spec.endpoint_label)
                raise CredentialError(f"'{label}' {reason}.", f"Clear '{label}', or {otherwise}.")

    @property
    def acts_as_application(self) -> bool:
        return self.managed_identities or (self.self_deployed and self.method == METHOD_CLIENT_CREDENTIALS)

    @property
    def cloud(self) -> AzureCloud:
        """The cloud of the tenant. Raise CredentialError when an endpoint of Custom is not the address of a host."""
        if self.cloud_name != AZURE_CLOUD_NAME_CUSTOM:
            return AZURE_CLOUDS.get(self.spec.clouds[self.cloud_name], AZURE_WORLDWIDE_CLOUD)
        return get_azure_cloud(
            {
                'azure_ad_endpoint': require_https(
                    self.azure_ad_endpoint, f"'{ParameterLabel.AZURE_AD_ENDPOINT}'", host_only=True
                ),
                self.spec.endpoint_parameter: require_https(self.api_endpoint, f"'{self.spec.endpoint_label}'", host_only=True),
            },
            self.spec.api,
        )

    def credential(self) -> Credential:
        """Return the credential of the chosen authentication method. Raise CredentialError when a value is missing or wrong."""
        method = AuthenticationMethod.MANAGED_IDENTITY if self.managed_identities else AuthenticationMethod.CORTEX_APP
        return create_credential(
            _METHODS[self.method] if self.self_deployed else method,
            authority=self.cloud.endpoints.active_directory,
            tenant_id=self.token,
            client_id=self.id,
            client_secret=self.key,
            private_key=self.private_key,
            passphrase=self.passphrase,
            thumbprint=self.thumbprint,
            redirect_uri=self.redirect_uri,
            authorization_code=self.authorization_code,
            managed_identity_id=self.managed_identities_client_id,
            app_name=self.spec.app_name,
            token=self.token,
            info_headers=get_x_content_info_headers,
        )

    def client_keywords(self) -> JsonObject:
        """Return the keywords of MicrosoftClient that follow from the parameters: all but the base URL and the scope."""
        return {
            'credential': self.credential(),
            'azure_cloud': self.cloud,
            'verify': self.verify,
            'proxy': self.proxy,
            'timeout': self.timeout,
            'retry_policy': API_RETRIES._replace(budget=self.retry_budget) if self.retry_budget else API_RETRIES,
            'command_prefix': self.spec.command_prefix,
            'permissions': self.spec.permissions,
        }

    def secrets(self) -> list[str]:
        token = '' if self.self_deployed else self.token
        secrets = token, self.key, self.private_key, self.passphrase, self.authorization_code
        return [secret for secret in secrets if secret]


# endregion
# region auth commands

# Takes the client and the arguments; returns what return_results takes, or None.
CommandFunction = Callable[[Any, Arguments], Any]
_DEVICE_CODE_LIFETIME = 900  # seconds
_UNKNOWN = 'unknown'
_TOKEN_ROWS = ('TenantID', 'ClientID', 'GrantedPermissions', 'MissingPermissions', 'ExpiresOn')
# Source: https://learn.microsoft.com/exchange/permissions-exo/application-rbac
_EXCHANGE_ROLES = (
    ' Permissions granted by RBAC for Applications in Exchange Online do not appear in the token and need no consent.'
)


def auth_commands(spec: IntegrationSpec) -> dict[str, CommandFunction]:
    """Return the auth commands of an integration by name, and the Test button."""
    functions: dict[str, Callable[..., Any]] = {
        'auth-start': auth_start_command,
        'auth-complete': auth_complete_command,
        'auth-test': auth_test_command,
        'auth-reset': auth_reset_command,
        'generate-login-url': generate_login_url_command,
    }
    commands = {f'{spec.command_prefix}-{name}': partial(function, spec) for name, function in functions.items()}
    return {**commands, 'test-module': lambda client, _args: check_instance(spec, client)}


def no_sign_in(spec: IntegrationSpec, client: MicrosoftClient) -> str:
    """Return a sentence that says why no user has to sign in."""
    if isinstance(client.credential, CortexAppCredential):
        return f'This instance signs in with ID, Token and Key from {spec.consent_page}.'
    return 'No user has to sign in for this instance.'


def auth_start_command(spec: IntegrationSpec, client: MicrosoftClient, args: Arguments) -> CommandResults:
    permissions = text_list(args, 'permissions')
    if isinstance(client.credential, DeviceCodeCredential):
        started = start_device_sign_in(client, permissions)
        page, user_code = started['verification_uri'], started['user_code']
        instructions = device_code_instructions(page, user_code, f'!{spec.command_prefix}-auth-complete')
        return CommandResults(readable_output=instructions)
    if not isinstance(client.credential, AuthorizationCodeCredential):
        return CommandResults(readable_output=f'{no_sign_in(spec, client)} {spec.instruction("auth-test")}')
    login_url = start_browser_sign_in(client, permissions, spec.account(client))
    last_step = f'run `!{spec.command_prefix}-auth-complete code="<the full URL>"`'
    return CommandResults(readable_output=login_url_instructions(login_url, last_step))


def auth_complete_command(spec: IntegrationSpec, client: MicrosoftClient, args: Arguments) -> CommandResults:
    """Complete a sign-in that was started: redeem a code, or wait until the user has entered the device code."""
    code = clean_value(args.get('code'))
    if not client.credential.needs_user:
        raise CredentialError(no_sign_in(spec, client), spec.instruction('auth-test'))
    if not code and isinstance(client.credential, AuthorizationCodeCredential):
        raise CredentialError('The argument code is missing.', f'To get a code, run !{spec.command_prefix}-auth-start.')
    try:
        if code:
            mask_secret(code)
            token = complete_browser_sign_in(client, code)
        else:
            token = complete_device_sign_in(client)
    except SignInPendingError as pending:
        if not supports_scheduling():
            raise
        return CommandResults(
            readable_output=None if args.get('hide_polling_output') else 'Waiting for the user to enter the device code.',
            scheduled_command=ScheduledCommand(
                demisto.command(), int(pending.interval), {**args, 'hide_polling_output': True}, _DEVICE_CODE_LIFETIME
            ),
        )
    return CommandResults(
        readable_output=f'The sign-in is complete. {signed_in_account(spec, client, token)}{spec.instruction("auth-test")}'
    )


def signed_in_account(spec: IntegrationSpec, client: MicrosoftClient, token: AccessToken) -> str:
    """Return who has signed in, with a warning if that is not the mailbox of the instance and cannot open it."""
    claims, account, expected = token.claims(), outside_text(token_outputs(token)['Account']), spec.account(client)
    if account == _UNKNOWN:
        return ''
    if expected and expected.lower() not in (account.lower(), str(claims.get('oid')).lower()):
        try:
            spec.check(client)
        except Exception:  # whatever it is, the sign-in is complete
            return (
                f'**Warning**: {account} is signed in, not {expected}, and could not open the mailbox of {expected}. '
                'Give this account access to it, or sign in again and select the other account. '
            )
    return f'{account} is signed in. '


def auth_test_command(spec: IntegrationSpec, client: MicrosoftClient, _args: Arguments) -> CommandResults:
    """Call the API, and show the authentication method, the account, its permissions and when the token expires."""
    denied: Any = None
    try:
        spec.check(client)
    except DemistoException as error:
        if not is_permission_error(error):
            raise
        denied = error
    token = client.token_provider.get_token(client.token_target())  # after the call, which replaces a token that the API rejects
    granted = granted_permissions(token)
    missing = [name for name in spec.permissions if name not in (granted or ())]
    advice = permission_advice(spec, client.credential, granted, missing)
    if denied:
        if hasattr(denied, 'with_advice'):
            raise denied.with_advice(advice)
        raise DemistoException(f'{denied} {advice}', res=denied.res)
    outputs = {
        'AuthenticationMethod': client.credential.description,
        **token_outputs(token),
        **(details := spec.details(client)),
        'GrantedPermissions': _UNKNOWN if granted is None else granted,
        'MissingPermissions': _UNKNOWN if granted is None else missing,
    }
    names = ('AuthenticationMethod', 'Account', *details, *_TOKEN_ROWS)
    rows = [{'Property': pascalToSpace(name), 'Value': _inert_value(outputs[name])} for name in names]
    readable = tableToMarkdown(f'Signed in to {spec.api}', rows, headers=['Property', 'Value'])
    return CommandResults(
        outputs_prefix=spec.outputs_prefix,
        outputs_key_field=['Account', 'TenantID', 'ClientID', *details],  # a later run replaces this one
        outputs=outputs,
        raw_response=outputs,
        readable_output=f'{readable}\n{advice}' if missing else readable,
    )


def _inert_value(value: Any) -> Any:
    """Return text from a token or its response without active Markdown, such as links and images."""
    return [outside_text(item) for item in value] if value and isinstance(value, list) else outside_text(value) or 'none'


def is_permission_error(error: DemistoException) -> bool:
    """Return whether the API accepted the token, but not for this request."""
    return getattr(error.res, 'status_code', 0) == 403 or 'NoPermissionsInAccessToken' in str(error)


def token_outputs(token: AccessToken) -> JsonObject:
    """Return what a token says about itself, for the context; ``unknown`` in place of claims that it does not have."""
    claims = token.claims()
    account = next(filter(None, map(claims.get, ('upn', 'preferred_username', 'unique_name', 'app_displayname'))), _UNKNOWN)
    return {
        'Account': account,
        'TenantID': claims.get('tid') or _UNKNOWN,
        'ClientID': claims.get('appid') or claims.get('azp') or _UNKNOWN,
        'ExpiresOn': datetime.fromtimestamp(token.expires_on, timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ'),
    }


def granted_permissions(token: AccessToken) -> list[str] | None:
    """Return the permissions of a token, from the token response or else from its claims; None if it cannot be read."""
    claims = token.claims()
    delegated, roles = claims.get('scp'), claims.get('roles')
    in_token = delegated.split() if isinstance(delegated, str) else [], roles if isinstance(roles, list) else []
    for scopes in (token.scope.split(), *in_token):
        names = {scope.rpartition('/')[2] for scope in scopes if isinstance(scope, str)} - {*OIDC_SCOPES, '.default'}
        if names:
            return sorted(names)
    return [] if claims else None


def permission_advice(spec: IntegrationSpec, credential: Credential, granted: list[str] | None, missing: list[str]) -> str:
    """Return what to do about permissions that are missing or cannot be read."""
    if granted is None:
        return f'The permissions of the token cannot be read. Check that these are granted: {", ".join(spec.permissions)}.'
    if not missing:
        return spec.access_advice
    again = sign_in_instruction(spec, credential) or f'{spec.instruction("auth-reset")} This requests a new token.'
    if isinstance(credential, ManagedIdentityCredential):
        again += ' The host caches tokens for up to 24 hours.'
    may_be_role = not credential.needs_user and any(name.startswith(('Mail', 'Calendars')) for name in missing)
    return f'Grant the missing permissions: {", ".join(missing)}. {again}{_EXCHANGE_ROLES if may_be_role else ""}'


def sign_in_instruction(spec: IntegrationSpec, credential: Credential) -> str:
    """Return a sentence that says how to sign in again, empty if the next command does so without a user."""
    if credential.needs_user:
        return spec.instruction('auth-start')
    if isinstance(credential, CortexAppCredential):
        return f'Get a new ID, Token and Key from {spec.consent_page}.'
    return ''


def auth_reset_command(spec: IntegrationSpec, client: MicrosoftClient, args: Arguments) -> CommandResults:
    """Delete all cached tokens of the instance, the Token of the Cortex XSOAR application only with discard_token=true."""
    discard_token = bool_argument(args, 'discard_token')
    if not discard_token and isinstance(client.credential, CortexAppCredential):
        raise CredentialError(
            'Nothing was deleted, because a reset would delete the only working Token.',
            f'To replace ID, Token and Key, get new ones from {spec.consent_page}. '
            'To delete the Token anyway, add discard_token=true.',
        )
    return reset_auth(discard_token, sign_in_instruction(spec, client.credential) or 'The next command requests a new token.')


def generate_login_url_command(spec: IntegrationSpec, client: MicrosoftClient, args: Arguments) -> CommandResults:
    return generate_login_url(client, permissions=text_list(args, 'permissions'), login_hint=spec.account(client))


def check_instance(spec: IntegrationSpec, client: MicrosoftClient, check: Callable[[Any], Any] | None = None) -> str:
    """Return ``ok`` if the instance works. Use neither the authorization code nor the Token of the Cortex XSOAR application.

    Args:
        check: calls the API with the client, by default the check of the integration.
    Raises:
        DemistoException: also if the Test button cannot check the sign-in. The error says what was checked, and names the next
            command.
    """
    credential = client.credential
    if isinstance(credential, AuthorizationCodeCredential):
        credential.client.client_authentication()  # raises CredentialError if the private key cannot be used
    if credential.needs_user:
        raise DemistoException(
            'The parameters are valid, but the Test button cannot check the sign-in of a user. Save the instance, '
            f'run !{spec.command_prefix}-auth-start to sign in, then run !{spec.command_prefix}-auth-test.'
        )
    if isinstance(credential, CortexAppCredential):
        # Each Token works once, and the Test button has no integration context for the next one.
        credential.check_without_token_use(client.token_provider.token_client)
        raise DemistoException(
            'The parameters are valid and the token service answers, but the Test button does not sign in, because a Token '
            f'works only once. Save the instance, then run !{spec.command_prefix}-auth-test.'
        )
    (check or spec.check)(client)
    return 'ok'


# endregion
# region lists


def list_items(client: MicrosoftClient, path: str, limit: int, params: JsonObject | None = None) -> list[JsonObject]:
    """Return up to `limit` items of a collection, from as many pages as necessary.

    Args:
        path: appended to the base URL of the client.
        params: query of the first page; next-page links contain their own.
    Raises:
        CommandThrottled: the API throttles for long.
        NotFoundError: the API returned 404.
        DemistoException: a response is not a page, or its link leads to another host or to a page that was read before.
    """
    items: list[JsonObject] = []
    response, links = client.send_request('GET', path, params=params), set()
    while True:
        page = json_or_none(response)
        if response.status_code == 404:
            raise NotFoundError(page)
        if not (isinstance(page, dict) and isinstance(page.get('value'), list)):
            raise DemistoException('The response is not a list. Check the cloud and the proxy settings.')
        items += page['value']
        link = page.get('@odata.nextLink') or page.get('nextLink')
        if not link or len(items) >= limit:
            return items[:limit]
        if not is_same_host(link, client._base_url) or link in links:  # another host would get the token
            raise DemistoException('The next-page link points to another host or to a page already read. Try a smaller limit.')
        links.add(link)
        response = client.send_request('GET', full_url=link)


# endregion
# region run

# The platform ends a command or a fetch after three minutes by default. What a fetch has read is then lost, and a draft is left.
# 30 seconds are for the start of the command, for removing a draft (20 seconds) and for ending the last request. Source:
# https://docs-cortex.paloaltonetworks.com/r/Cortex-XSOAR/6.13/Cortex-XSOAR-Administrator-Guide/Integration-Server-Configurations
COMMAND_SECONDS = 150.0
_MAX_WAIT_SECONDS = int(COMMAND_SECONDS) - 10  # for one response, or for all retries: a command has to do more than to wait


def _valid_args() -> JsonObject:
    """Return the arguments of the command. Raise DemistoException for one that is not text, such as half of an emoji."""
    args = demisto.args()
    for name, value in args.items():
        text = ''.join(map(str, value)) if isinstance(value, list) else str(value)
        if re.search('[\0\ud800-\udfff]', text):
            raise DemistoException(f'The argument {name} contains invalid characters. Remove them.')
    return args


def error_text(error: Exception) -> str:
    """Return the text of an error if it was written for users, or else a text with its type."""
    if isinstance(error, requests.exceptions.RequestException):
        host = urlsplit(getattr(error.request, 'url', None) or '').netloc or 'the service'
        what, advice, _ = connection_problem(error, host, 'Try again, and check the network of the engine and the proxy.')
        return f'{what} {advice}'
    if (
        isinstance(error, (DemistoException, MicrosoftSignInError, NotImplementedError, NotFoundError))
        or type(error) is Exception
    ):
        return str(error)
    return (
        f'An unexpected error occurred ({type(error).__name__}). '
        'Run the command again with debug-mode=true, and report the error with the log.'
    )


def run_command(
    spec: IntegrationSpec, commands: Mapping[str, CommandFunction], make_client: Callable[[InstanceSettings], MicrosoftClient]
) -> Any:
    """Run the command that the platform asks for, and return its results.

    Args:
        commands: functions by name, including test-module and, if the integration fetches, fetch-incidents.
        make_client: returns the client that is passed to them.
    Raises:
        Exception: any error of the command. That of a sign-in names the command to sign in again.
    """
    command = demisto.command()
    settings = InstanceSettings(demisto.params(), spec)
    for secret in settings.secrets():
        mask_secret(secret)
    client = make_client(settings)
    client.clock.limit(COMMAND_SECONDS)
    if command not in commands:
        raise NotImplementedError(f'The command {command} does not exist in this integration.')
    is_counted = not command.startswith(('fetch-', 'test-'))
    try:
        with client.reporting_metrics() if is_counted else nullcontext():
            return commands[command](client, _valid_args())
    except CommandThrottled as throttled:
        if not client.can_reschedule():
            raise
        return reschedule(throttled.arguments or demisto.args(), throttled.seconds)
    except MicrosoftSignInError as error:
        if not getattr(error, 'needs_new_sign_in', False):
            raise
        raise error.with_advice(f'{error.advice} {sign_in_instruction(spec, client.credential)}'.strip()) from error


def run_integration(
    spec: IntegrationSpec, commands: Mapping[str, CommandFunction], make_client: Callable[[InstanceSettings], MicrosoftClient]
) -> None:
    """Run a command, and pass its results or its error to the platform. Only this function ends a command with an error."""
    try:
        results = run_command(spec, commands, make_client)
        if results is not None:
            return_results(results)
        return
    except Exception as error:
        text = error_text(error)
        demisto.debug(LOG.encode(traceback.format_exc()))  # in debug mode, return_error would show the traceback unmasked
    return_error(text)


# endregion
