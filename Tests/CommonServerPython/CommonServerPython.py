"""Stands in for CommonServerPython, the library that Cortex XSOAR joins to every integration.

It offers what this repository uses, under the platform's names and parameters, and behaves as was recorded of the real one
(``Tests/conformance/common_server``), which can take its place. It is one file because the platform joins it to the
integration as text, in one namespace: the import of ``demistomock`` is the one line to leave out where ``demisto`` exists.
"""

# mypy: implicit-reexport
# region Imports, which integrations take from here as well
import base64
import collections.abc as _abc
import json
import logging
import os
import random
import re
import sys
import time
import traceback
import urllib.parse
from datetime import datetime, timedelta, timezone
from functools import wraps
from threading import Lock
from typing import Any, Dict, List, Optional, Set, Union, cast  # noqa: F401, UP035
from typing import NoReturn as _NoReturn

import demistomock as demisto

# isort: split
import requests
from requests.adapters import HTTPAdapter
from urllib3 import disable_warnings
from urllib3.util import Retry

disable_warnings()
# endregion

# region Constants
CONTENT_RELEASE_VERSION = '0.0.0'
CONTENT_BRANCH_NAME = 'master'
CONTEXT_UPDATE_RETRY_TIMES = 3
STRING_TYPES = (str, bytes)

_Dict = dict[str, Any]
_List = list[Any]
_Tuple = tuple[Any, ...]
_Sequence = _abc.Sequence[Any]
_Function = _abc.Callable[..., Any]

_STARTED = time.monotonic()
_EMPTY_VALUES: _Tuple = (None, '', [], {}, ())
_PROXY_VARIABLES = ('HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy')
_CERTIFICATE_VARIABLES = ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE')
_MASK = '<XX_REPLACED>'
_SENSITIVE_PARAMS = ('key', 'private', 'password', 'secret', 'token', 'credentials', 'service_account')
_FETCHING_COMMANDS = ('fetch-incidents', 'fetch-credentials', 'fetch-indicators', 'long-running-execution')
_AUTHORIZATION = re.compile(r'(Authorization: (?:Bearer |Basic )?)[^\\\r\n]+', re.IGNORECASE)
_LONGEST_ERROR = 50000


class EntryType:
    """Kinds of war room entries."""

    NOTE = 1
    DOWNLOAD_AGENT = 2
    FILE = 3
    ERROR = 4
    PINNED = 5
    USER_MANAGEMENT = 6
    IMAGE = 7
    PLAYGROUND_ERROR = 8
    ENTRY_INFO_FILE = 9
    VIDEO_FILE = 10
    WARNING = 11
    STATIC_VIDEO_FILE = 12
    MAP_ENTRY_TYPE = 15
    WIDGET = 17
    EXECUTION_METRICS = 19


class IncidentStatus:
    """States of an incident."""

    PENDING = 0
    ACTIVE = 1
    DONE = 2
    ARCHIVE = 3


class IncidentSeverity:
    """Severities of an incident."""

    UNKNOWN = 0
    INFO = 0.5
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class EntryFormat:
    """Formats of what an entry contains."""

    HTML = 'html'
    TABLE = 'table'
    JSON = 'json'
    TEXT = 'text'
    DBOT_RESPONSE = 'dbotCommandResponse'
    MARKDOWN = 'markdown'

    @classmethod
    def is_valid_type(cls, _type: str) -> bool:
        """Return whether the platform knows the format."""
        return _type in (cls.HTML, cls.TABLE, cls.JSON, cls.TEXT, cls.DBOT_RESPONSE, cls.MARKDOWN)


class FileAttachmentType:
    """Kinds of files of an incident."""

    ATTACHED = 'attached_file'


class ErrorTypes:
    """Outcomes of an API call, as execution metrics count them."""

    SUCCESS = 'Successful'
    QUOTA_ERROR = 'QuotaError'
    GENERAL_ERROR = 'GeneralError'
    AUTH_ERROR = 'AuthError'
    SERVICE_ERROR = 'ServiceError'
    CONNECTION_ERROR = 'ConnectionError'
    PROXY_ERROR = 'ProxyError'
    SSL_ERROR = 'SSLError'
    TIMEOUT_ERROR = 'TimeoutError'
    RETRY_ERROR = 'RetryError'


# endregion


# region Line numbers: which file of the repository a line of the joined script comes from
_module_lines: dict[str, dict[str, float]] = {
    'CommonServerPython': {'start': 0, 'first': 0, 'end': float('inf'), 'last': float('inf')}
}


def __line__() -> int:
    """Return the number of the line that calls."""
    return sys._getframe(1).f_lineno


def register_module_line(module_name: str, start_end: str, line: int, wrapper: int = 0) -> None:
    """Notes where a file begins or ends in the joined script.

    Args:
        module_name: name of the integration, script or API module.
        start_end: 'start' or 'end'.
        line: the line of this call.
        wrapper: lines that were generated around the call: before a start as a negative number, after an end as a positive one.
    """
    lines = _module_lines.setdefault(module_name, {'start': 0, 'first': 0, 'end': float('inf'), 'last': float('inf')})
    lines[start_end] = line
    lines['first' if start_end == 'start' else 'last'] = line + wrapper


def _source_line(line: int) -> _Tuple:
    """Return the file that a line of the joined script comes from, and its line there. An API module replaces one line."""
    name, lines = max(
        ((name, lines) for name, lines in _module_lines.items() if lines['start'] <= line <= lines['end']),
        key=lambda item: item[1]['start'],
        default=('', {'start': 0}),
    )
    pasted, reached = 0.0, lines['start']
    for other in sorted(_module_lines.values(), key=lambda other: other['first']):
        if other['first'] > reached and other['last'] < line:
            pasted += other['last'] - other['first']
            reached = other['last']
    return name, int(line - lines['start'] - pasted)


def fix_traceback_line_numbers(trace_str: str) -> str:
    """Return a traceback of the joined script, told in the files of the repository and their lines."""

    def in_repository(match: 're.Match[str]') -> str:
        name, line = _source_line(int(match.group(1)))
        return f'File "<{name or "string"}>", line {line}'

    return re.sub(r'File "<string>", line (\d+)', in_repository, trace_str)


# endregion


# region Errors
class DemistoException(Exception):
    """An error of an integration.

    Args:
        message: what is shown.
        exception: the error behind it.
        res: the HTTP response behind it.
        error_type: one of ErrorTypes.
    """

    def __init__(self, message: Any, exception: Any = None, res: Any = None, error_type: Any = None, *args: Any) -> None:
        self.message = message
        self.exception = exception
        self.res = res
        self.error_type = error_type
        super().__init__(message, exception, error_type, *args)

    def __str__(self) -> str:
        return str(self.message)


# endregion


# region Logs, without the secrets
def is_debug_mode() -> bool:
    """Return whether the command runs in debug mode: typed with debug-mode=true, or by the log level of its instance."""
    return bool(getattr(demisto, 'is_debug', False))


def stringEscape(st: str) -> str:
    """Return the text with its line ends and tabs written out."""
    return st.replace('\r', '\\r').replace('\n', '\\n').replace('\t', '\\t')


def stringUnEscape(st: str) -> str:
    """Return the text with its written-out line ends and tabs turned into real ones."""
    return st.replace('\\r', '\r').replace('\\n', '\n').replace('\\t', '\t')


class IntegrationLogger:
    """Collect what a command logs, and mask every secret of the instance's parameters in it.

    Args:
        debug_logging: pass each message on to ``demisto.debug`` at once.
    """

    def __init__(self, debug_logging: bool = False) -> None:
        self.messages: list[str] = []
        self.write_buf: list[str] = []
        self.replace_strs: list[str] = []
        self.buffering = True
        self.debug_logging = debug_logging
        params = demisto.params()
        if isinstance(params, dict):
            self._iter_sensistive_dict_obj(params, _SENSITIVE_PARAMS)

    def _iter_sensistive_dict_obj(self, dict_obj: _Dict, sensitive_params: _Tuple) -> None:
        for key, value in dict_obj.items():
            if isinstance(value, dict):
                self._iter_sensistive_dict_obj(value, sensitive_params)
                if value.get('identifier') and value.get('password'):
                    self.add_replace_strs(b64_encode(f'{value["identifier"]}:{value["password"]}'))
            elif isinstance(value, str) and any(name in key.lower() for name in sensitive_params):
                self.add_replace_strs(value, b64_encode(value))

    def add_replace_strs(self, *args: str) -> None:
        """Register secrets to mask, in the forms that they take in a URL, in JSON and with written-out line ends."""
        for secret in filter(None, args):
            text = self.encode(secret)
            self.replace_strs += [
                stringEscape(text),
                stringUnEscape(text),
                json.dumps(text)[1:-1],
                urllib.parse.quote_plus(text),
            ]

    def encode(self, message: Any) -> str:
        """Return the message as text, without the secrets. They are replaced in the order in which they were registered."""
        text = str(message)
        for secret in self.replace_strs:
            text = text.replace(secret, _MASK)
        return text

    def __call__(self, message: Any) -> str:
        """Log a message, and return it without the secrets."""
        text = self.encode(message)
        if not self.buffering:
            demisto.info(text)
            return text
        self.messages.append(text)
        if self.debug_logging:
            demisto.debug(text)
        return text

    def set_buffering(self, state: bool) -> None:
        """Collect messages until ``print_log``, or send each to the server's log at once."""
        self.buffering = state

    def write(self, msg: Any) -> None:
        """Take output as a file does, a line at a time."""
        text = self.encode(msg)
        self.write_buf.append(text.removesuffix('\n'))
        if '\n' not in text:
            return
        line, self.write_buf = ''.join(self.write_buf), []
        if self.buffering:
            self.messages.append(line)
        else:
            demisto.info(_AUTHORIZATION.sub(rf'\1{_MASK}', line) if line.startswith(('send:', 'header:')) else line)

    def print_override(self, *args: Any, **kwargs: Any) -> None:
        """Take the place of ``print``: what goes to a file of its own still goes there."""
        if kwargs.get('file') in (None, sys.stdout, sys.stderr):
            kwargs['file'] = self
        print(*args, **kwargs)

    def print_log(self, verbose: bool = False) -> None:
        """Send all that was collected to the server's log, and to the war room if verbose."""
        if self.write_buf:
            self.messages.append(''.join(self.write_buf))
        if not self.messages:
            return
        text = 'Full Integration Log:\n' + '\n'.join(self.messages)
        if verbose:
            demisto.log(text)
        if not self.debug_logging:  # otherwise each was sent at once
            demisto.info(text)
        self.messages = []


class DemistoHandler(logging.Handler):
    """Send what Python's logging collects to an IntegrationLogger."""

    def __init__(self, int_logger: IntegrationLogger) -> None:
        super().__init__()
        self.int_logger = int_logger
        self.setFormatter(logging.Formatter('python logging: %(levelname)s [%(name)s] - %(message)s'))

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record; those of the root logger are what ``demistomock`` itself writes."""
        if record.name != 'root':
            self.int_logger(self.format(record))


class DebugLogger:
    """Send the HTTP traffic of the process, and what its libraries log, to the server's log.

    Only the registered secrets and Authorization headers are masked: bodies of requests are printed as they are.
    """

    def __init__(self) -> None:
        import http.client

        self.int_logger = IntegrationLogger()
        self.int_logger.set_buffering(False)
        self.http_client: Any = http.client
        self.http_client.HTTPConnection.debuglevel = 1
        self.http_client.print = self.int_logger.print_override
        self.handler = DemistoHandler(self.int_logger)
        self.root_logger = logging.getLogger()
        self.root_logger.handlers[:] = [self.handler]
        self.root_logger.setLevel(logging.DEBUG)

    def __del__(self) -> None:
        self.root_logger.removeHandler(self.handler)
        self.http_client.HTTPConnection.debuglevel = 0
        if hasattr(self.http_client, 'print'):
            del self.http_client.print

    def log_start_debug(self) -> None:
        """Log the environment and the parameters that the command was started with."""
        self.int_logger.write(
            f'debug-mode started.\n#### Env {os.environ}.\n#### Params: {json.dumps(demisto.params(), indent=2)}.\n'
            f'#### Integration: brand: [{_calling_name()}] instance: [{demisto.integrationInstance()}]'
        )


def logger(func: _Function) -> _Function:
    """Log each call of a function, and in debug mode what it returns."""

    @wraps(func)
    def func_wrapper(*args: Any, **kwargs: Any) -> Any:
        LOG(f'calling {func.__name__}({args}, {kwargs})')
        returned = func(*args, **kwargs)
        if is_debug_mode():
            LOG(f'Return value [{func.__name__}]: {returned}')
        return returned

    return func_wrapper


def add_sensitive_log_strs(sensitive_str: str) -> None:
    """Register a secret, to be masked in the logs and in errors."""
    LOG.add_replace_strs(sensitive_str)
    if _requests_logger:
        _requests_logger.int_logger.add_replace_strs(sensitive_str)


# endregion


# region Texts
def b64_encode(text: str) -> str:
    """Base64 of a text; '' for nothing."""
    return base64.b64encode(text.encode('utf-8')).decode('ascii') if text else ''


def encode_string_results(text: Any) -> Any:
    """Return the value as it is: only Python 2 had something to encode."""
    return text


def urljoin(url: str, suffix: str = '') -> str:
    """Two parts of a URL with one slash between them; one slash of the suffix is dropped for it."""
    return (url if url.endswith('/') else url + '/') + suffix.removeprefix('/')


def stringEscapeMD(st: Any, minimal_escaping: bool = False, escape_multiline: bool = False) -> str:
    """Text in which Markdown has nothing to interpret.

    Args:
        minimal_escaping: only what would break a table.
        escape_multiline: line ends become <br>.
    """
    if escape_multiline:
        st = st.replace('\r\n', '<br>').replace('\r', '<br>').replace('\n', '<br>')
    if minimal_escaping:
        return st.replace('|', '\\|').replace('`', '\\`')
    return ''.join(f'\\{char}' if char in r'\`*_{}[]()#+-|!' else char for char in st)


def pascalToSpace(s: Any) -> Any:
    """'SomeValue' as 'Some Value'; what is no text stays."""
    if not isinstance(s, str):
        return s
    return ' '.join(re.sub(r'[A-Z]?[a-z]+', lambda word: f' {word.group().title()} ', s).split())


def underscoreToCamelCase(s: Any, upper_camel: bool = True) -> Any:
    """'some_value' as 'SomeValue', or 'someValue'; what is no text stays."""
    if not isinstance(s, str):
        return s
    first, *others = s.split('_')
    return (first.title() if upper_camel else first) + ''.join(word.title() for word in others)


def string_to_context_key(string: str) -> str:
    """'some_value' as 'SomeValue', every word with one capital."""
    if not isinstance(string, str):
        raise Exception(f'A key of the context must be text, not {type(string).__name__}.')
    return ''.join(word.capitalize() for word in string.split('_'))


def camelize(src: Any, delim: str = ' ', upper_camel: bool = True) -> Any:
    """Return the keys of a dict (or of each in a list), or a text, in camel case; the words are separated by delim."""
    if isinstance(src, list):
        return [camelize(item, delim, upper_camel) for item in src]
    if isinstance(src, dict):
        return {camelize(key, delim, upper_camel): value for key, value in src.items()}
    first, *others = src.split(delim)
    return (first.title() if upper_camel else first.lower()) + ''.join(word.title() for word in others)


def camel_case_to_underscore(s: str) -> str:
    """'someValue' as 'some_value'."""
    return re.sub(r'(?<=[a-z0-9])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])', '_', s).lower()


def snakify(src: Any) -> Any:
    """Return the keys of a dict (or of each in a list) in snake case."""
    if isinstance(src, list):
        return [snakify(item) for item in src]
    return {camel_case_to_underscore(key): value for key, value in src.items()}


def replace_spaces_in_credential(credential: Any) -> Any:
    """Return a PEM whose line ends a form has turned into spaces, with its line ends."""
    if not credential:
        return credential
    return re.sub(
        r'(-----BEGIN [^-]+-----)(.*?)(-----END [^-]+-----)',
        lambda pem: pem.group(1) + pem.group(2).replace(' ', '\n') + pem.group(3),
        credential,
        flags=re.DOTALL,
    )


# endregion


# region Arguments
def argToList(arg: Any, separator: str = ',', transform: _Function | None = None) -> _List:
    """Return a list from a list, from JSON, or from text with separators; from anything else a list of it, from nothing []."""
    if not arg:
        return []
    items = arg if isinstance(arg, list) else _list_from_text(arg, separator) if isinstance(arg, str) else [arg]
    return [transform(item) for item in items] if transform else items


def _list_from_text(text: str, separator: str) -> _List:
    if text.startswith('[') and text.endswith(']'):
        try:
            return json.loads(text)
        except ValueError:
            demisto.debug('An argument in brackets is not JSON: it is split at its separators.')
    return [item.strip() for item in text.split(separator)]


def argToBoolean(value: Any) -> bool:
    """True or False from itself or from yes, no, true, false in any case.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise ValueError('Argument is neither a string nor a boolean')
    if value.lower() not in ('yes', 'true', 'no', 'false'):
        raise ValueError('Argument does not contain a valid boolean-like value')
    return value.lower() in ('yes', 'true')


def _refuse_missing(arg_name: str | None, required: bool) -> None:
    if required:
        raise ValueError(f'Missing "{arg_name}"' if arg_name else 'Missing required argument')


def arg_to_number(arg: Any, arg_name: str | None = None, required: bool = False) -> int | None:
    """Return a whole number from a number or its text; None from nothing.

    Raises:
        ValueError: it is no number, or it is required and missing.
    """
    if arg is None or arg == '':
        _refuse_missing(arg_name, required)
        return None
    if isinstance(arg, int):
        return arg
    refusal = ValueError(f'Invalid number: "{arg_name}"="{arg}"' if arg_name else f'"{arg}" is not a valid number')
    if not isinstance(arg, str):
        raise refusal
    try:
        return int(float(arg))
    except (ValueError, OverflowError):
        raise refusal from None


def arg_to_datetime(
    arg: Any, arg_name: str | None = None, is_utc: bool = True, required: bool = False, settings: _Dict | None = None
) -> datetime | None:
    """Return a time from seconds or milliseconds since 1970, or from a text that dateparser can read; None from nothing.

    Args:
        is_utc: a number is a time in UTC.
        settings: of dateparser.
    Raises:
        ValueError: it is no time, or it is required and missing.
    """
    if arg is None:
        _refuse_missing(arg_name, required)
        return None
    if isinstance(arg, (int, float)) or (isinstance(arg, str) and arg.isdigit()):
        seconds = float(arg)
        # beyond this the number can only mean milliseconds
        seconds = seconds / 1000 if seconds > 2_000_000_000 else seconds
        return datetime.fromtimestamp(seconds, tz=timezone.utc if is_utc else None)
    date = None
    if isinstance(arg, str):
        import dateparser

        date = dateparser.parse(arg, settings=cast(Any, settings or {'TIMEZONE': 'UTC'}))
    if date is None:
        raise ValueError(f'Invalid date: "{arg_name}"="{arg}"' if arg_name else f'"{arg}" is not a valid date')
    return date


def assign_params(keys_to_ignore: _Sequence | None = None, values_to_ignore: _Sequence | None = None, **kwargs: Any) -> _Dict:
    """Return the keywords that have a value: by default neither None nor empty."""
    ignored_values = values_to_ignore or _EMPTY_VALUES
    return {key: value for key, value in kwargs.items() if key not in (keys_to_ignore or ()) and value not in ignored_values}


def remove_empty_elements(d: Any) -> Any:
    """Return the value without None, [] and {} at any depth."""

    def empty(value: Any) -> bool:
        return value is None or value == {} or value == []

    if isinstance(d, list):
        return [value for value in (remove_empty_elements(item) for item in d) if not empty(value)]
    if isinstance(d, dict):
        cleaned = {key: remove_empty_elements(value) for key, value in d.items()}
        return {key: value for key, value in cleaned.items() if not empty(value)}
    return d


def remove_nulls_from_dictionary(data: _Dict) -> None:
    """Drops the keys whose value is None or empty, in place."""
    for key in [key for key, value in data.items() if value in _EMPTY_VALUES]:
        del data[key]


def dict_safe_get(
    dict_object: Any, keys: _Sequence, default_return_value: Any = None, return_type: Any = None, raise_return_type: bool = True
) -> Any:
    """Return the value at a path of keys, or the default.

    Raises:
        TypeError: the value has another type than return_type, and raise_return_type is set; else it is the default then.
    """
    value = dict_object
    try:
        for key in keys:
            value = value[key]
    except (KeyError, TypeError, IndexError, AttributeError):
        return default_return_value
    if return_type and not isinstance(value, return_type):
        if raise_return_type:
            raise TypeError(f'The value at {list(keys)} is of type {type(value).__name__}, not {return_type}.')
        return default_return_value
    return value


def safe_load_json(json_object: Any) -> Any:
    """Return a value from JSON, or from a file of JSON; anything else ends the command with an error."""
    try:
        if os.path.isfile(json_object):
            with open(json_object, encoding='utf-8') as file:
                return json.load(file)
        return json.loads(json_object)
    except ValueError as error:
        return_error(f'This is not JSON: {error}. Check its quotes, commas and brackets.')


def batch(iterable: Any, batch_size: int = 1) -> _abc.Iterator[Any]:
    """Slices of a sequence, the last one maybe shorter."""
    for start in range(0, len(iterable), batch_size):
        yield iterable[start : start + batch_size]


# endregion


# region Times
def get_current_time(time_zone: int = 0) -> datetime:
    """Now, in the zone so many hours east of UTC."""
    return datetime.now(timezone(timedelta(hours=time_zone)))


def parse_date_range(
    date_range: str, date_format: str | None = None, to_timestamp: bool = False, timezone: Any = 0, utc: bool = True
) -> _Tuple:
    """Return the start and the end of a span such as '3 days' that ends now; anything else ends the command with an error.

    Args:
        date_format: gives both as text.
        to_timestamp: gives both in milliseconds since 1970.
        timezone: hours that are added.
        utc: now in UTC, else in the time of the machine.
    """
    number, _, unit = date_range.strip().partition(' ')
    unit = unit.removesuffix('s')
    days = {'day': 1, 'month': 30, 'year': 365}
    if not number.isdigit() or unit not in ('minute', 'hour', *days):
        return_error(f'"{date_range}" is no span of time: give a number and minutes, hours, days, months or years.')
    amount = int(number)
    span = timedelta(days=amount * days[unit]) if unit in days else timedelta(**{f'{unit}s': amount})
    now = time.gmtime() if utc else time.localtime()
    end = datetime(*now[:6]) + timedelta(hours=float(timezone))  # noqa: DTZ001 - the platform's times here have no zone
    start = end - span
    if to_timestamp:
        return date_to_timestamp(start), date_to_timestamp(end)
    return (start.strftime(date_format), end.strftime(date_format)) if date_format else (start, end)


def timestamp_to_datestring(timestamp: Any, date_format: str = '%Y-%m-%dT%H:%M:%S.000Z', is_utc: bool = False) -> str:
    """Return the text of a time in milliseconds since 1970; in UTC if asked, or if the format ends in Z."""
    zone = timezone.utc if is_utc or date_format.endswith('Z') else None
    return datetime.fromtimestamp(int(timestamp) / 1000, tz=zone).strftime(date_format)


def date_to_timestamp(date_str_or_dt: Any, date_format: str = '%Y-%m-%dT%H:%M:%S') -> int:
    """Milliseconds since 1970 of a time, or its text, in the time of the machine."""
    date = datetime.strptime(date_str_or_dt, date_format) if isinstance(date_str_or_dt, str) else date_str_or_dt  # noqa: DTZ007
    return int(time.mktime(date.timetuple()) * 1000)


def parse_date_string(date_string: str, date_format: str = '%Y-%m-%dT%H:%M:%S') -> datetime:
    """Return a time from its text; fractions of a second are kept if it has them, and the zone is dropped."""
    fraction = re.search(r'(\.\d{1,6})\d*(?=Z|[+-]\d\d|$)', date_string)
    whole = re.sub(r'(\.\d+)?(Z|[+-]\d\d:?\d\d)?$', '', date_string)
    date = datetime.strptime(whole, date_format.removesuffix('Z'))  # noqa: DTZ007
    return date.replace(microsecond=round(float(fraction.group(1)) * 1_000_000)) if fraction else date


def has_passed_time_threshold(timestamp_str: str, seconds_threshold: float) -> bool:
    """Return whether a time lies more than so many seconds back."""
    date = arg_to_datetime(timestamp_str, required=True)
    assert date
    age = datetime.now(timezone.utc) - (date if date.tzinfo else date.replace(tzinfo=timezone.utc))
    return age.total_seconds() > seconds_threshold


def safe_sleep(duration_seconds: float) -> None:
    """Sleeps, if the time that the platform gives the command is long enough.

    Raises:
        ValueError: the platform would end the command during the sleep.
    """
    minutes = demisto.callingContext.get('context', {}).get('runDuration')
    left = float(minutes) * 60 - (time.monotonic() - _STARTED) if minutes else float('inf')
    if duration_seconds > left:
        raise ValueError(f'A sleep of {duration_seconds} seconds is too long: the command has {max(left, 0):.0f} seconds left.')
    time.sleep(duration_seconds)


# endregion


# region The server
class GetDemistoVersion:
    """Return version, build number and platform of the server. It is asked once, and remembered in ``_version``."""

    def __init__(self) -> None:
        self._version: _Dict | None = None

    def __call__(self) -> _Dict:
        if self._version is None:
            self._version = demisto.demistoVersion()
        return self._version


get_demisto_version = GetDemistoVersion()


def _version_numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r'\d+', version)]


def is_demisto_version_ge(version: str, build_number: str = '') -> bool:
    """Return whether the server has this version or a later one, and within the same version this build or a later one."""
    server = get_demisto_version()
    ours, asked = _version_numbers(server['version']), _version_numbers(version)
    if build_number and ours == asked:
        return int(server.get('buildNumber') or 0) >= int(build_number)
    return ours >= asked


def is_xsoar() -> bool:
    """Return whether the server is Cortex XSOAR, in the cloud or on premises."""
    return 'xsoar' in demisto.demistoVersion().get('platform', '')


def is_xsoar_saas() -> bool:
    """Return whether the server is Cortex XSOAR in the cloud."""
    return is_xsoar() and is_demisto_version_ge('8.0.0')


def is_xsiam() -> bool:
    """Return whether the server is Cortex XSIAM."""
    return demisto.demistoVersion().get('platform') == 'x2'


def is_time_sensitive() -> bool:
    """Return whether somebody waits for the answer, as an enrichment in line does."""
    ask = getattr(demisto, 'isTimeSensitive', None)
    return bool(ask and ask())


def _calling_name() -> str:
    """Return the integration, or the script, that runs."""
    context = demisto.callingContext.get('context', {})
    return context.get('IntegrationBrand') or context.get('ScriptName') or ''


def get_x_content_info_headers() -> _Dict:
    """Headers that tell a service of the vendor who is calling."""
    server = get_demisto_version()
    return {
        'X-Content-Version': CONTENT_RELEASE_VERSION,
        'X-Content-Name': _calling_name() or 'Name not found',
        'X-Content-LicenseID': demisto.getLicenseID(),
        'X-Content-Branch': CONTENT_BRANCH_NAME,
        'X-Content-Server-Version': f'{server.get("version")}-{server.get("buildNumber")}',
    }


def support_multithreading() -> None:
    """Let threads call ``demisto``: the platform reads its answers from one pipe, so its calls must go one at a time."""
    platform: Any = demisto
    if hasattr(platform, 'lock') or not hasattr(platform, '_Demisto__do'):
        return
    platform.lock, ask = Lock(), platform._Demisto__do

    def ask_alone(cmd: Any) -> Any:
        with platform.lock:
            return ask(cmd)

    platform._Demisto__do = ask_alone


def execute_command(command: str, args: _Dict, extract_contents: bool = True, fail_on_error: bool = True) -> Any:
    """Run another command of the server.

    Args:
        extract_contents: what the entries contain (alone if it is one), else the entries.
        fail_on_error: an error ends this command as well; else the answer is a pair of success and contents or error.
    """
    entries = demisto.executeCommand(command, args)
    if is_error(entries):
        message = '\n'.join(str(entry.get('Contents')) for entry in entries if entry.get('Type') == EntryType.ERROR)
        if not fail_on_error:
            return False, message
        return_error(f'The command {command} has failed: {message}')
    contents = [entry.get('Contents', {}) for entry in entries] if extract_contents else entries
    answer = contents[0] if extract_contents and len(contents) == 1 else contents
    return answer if fail_on_error else (True, answer)


def is_error(execute_command_result: Any) -> bool:
    """Return whether an entry, or one of a list of them, is an error."""
    entries = execute_command_result if isinstance(execute_command_result, list) else [execute_command_result]
    return any(isinstance(entry, dict) and entry.get('Type') == EntryType.ERROR for entry in entries)


# endregion


# region Tables
def flattenCell(data: Any, is_pretty: bool = True) -> Any:
    """Return what a cell of a table shows: text as it is, lists one item a line, the rest as JSON."""
    if isinstance(data, STRING_TYPES):
        return data
    if isinstance(data, list):
        return ',\n'.join(item.decode('utf-8') if isinstance(item, bytes) else str(item) for item in data)
    return json.dumps(data, indent=4 if is_pretty else None, ensure_ascii=False)


class JsonTransformer:
    """Writes an object into a cell.

    Args:
        flatten: one 'key: value' a line.
        keys: only these keys.
        is_nested: the keys may lie at any depth.
        func: writes the object, in place of all else.
    """

    def __init__(
        self, flatten: bool = False, keys: _Sequence | None = None, is_nested: bool = False, func: _Function | None = None
    ) -> None:
        self.flatten = flatten
        self.keys = keys
        self.is_nested = is_nested
        self.func = func

    def json_to_str(self, json_input: Any, is_pretty: bool = True) -> str:
        """Return the text of the cell."""
        if self.func:
            return self.func(json_input)
        if not isinstance(json_input, dict):
            return flattenCell(json_input, is_pretty)
        if self.flatten:
            return '\n'.join(f'{key}: {flattenCell(value, is_pretty)}' for key, value in json_input.items())
        return '\n'.join(self._lines(json_input, is_pretty, depth=0, wanted=not self.keys))

    def _lines(self, node: _Dict, is_pretty: bool, depth: int, wanted: bool) -> _abc.Iterator[str]:
        tabs = '\t' * depth
        for key, value in node.items():
            chosen = wanted or key in (self.keys or ())
            if isinstance(value, dict) and (chosen or self.is_nested):
                below = list(self._lines(value, is_pretty, depth + 1, chosen))
                if below:
                    yield f'{tabs}**{key}**:'
                    yield from below
            elif chosen:
                yield f'{tabs}***{key}***: {flattenCell(value, is_pretty)}'


def _rows_and_headers(t: Any, headers: Any, sort_headers: bool) -> _Tuple:
    """Return the rows as dicts and the headers as a list, from all that tableToMarkdown takes."""
    headers = [headers] if isinstance(headers, str) else list(headers or [])
    if isinstance(t, dict) and len(t) == 1 and isinstance(next(iter(t.values())), list):
        [(header, values)] = t.items()
        return [{header: value} for value in values], headers or [header]
    rows = list(t) if isinstance(t, list) else [t]
    if not isinstance(rows[0], dict):
        if not headers:
            raise Exception("Missing headers param for tableToMarkdown. Example: headers=['Some Header']")
        rows = [{headers[0]: row} for row in rows]
    if not headers:
        headers = sorted(rows[0]) if sort_headers else list(rows[0])
    return rows, headers


def _as_link(value: Any) -> Any:
    """Addresses as links, at any depth."""
    if isinstance(value, list):
        return [_as_link(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_link(item) for key, item in value.items()}
    return f'[{value}]({value})' if value else value


def _with_links_and_dates(row: _Dict, url_keys: _Sequence, date_fields: _Sequence) -> _Dict:
    changed = dict(row)
    for key in set(url_keys) & set(row):
        changed[key] = _as_link(row[key])
    for key in set(date_fields) & set(row):
        try:
            changed[key] = datetime.fromtimestamp(int(row[key]) / 1000).strftime('%Y-%m-%d %H:%M:%S')  # noqa: DTZ006
        except (TypeError, ValueError):
            demisto.debug(f'The field {key} of a table is no time in milliseconds: it is shown as it is.')
    return changed


def tableToMarkdown(
    name: str,
    t: Any,
    headers: Any = None,
    headerTransform: _Function | None = None,
    removeNull: bool = False,
    metadata: str | None = None,
    url_keys: _Sequence | None = None,
    date_fields: _Sequence | None = None,
    json_transform_mapping: _Dict | None = None,
    is_auto_json_transform: bool = False,
    sort_headers: bool = True,
) -> str:
    """Return a table in Markdown.

    Args:
        name: its title.
        t: a dict, or a list of dicts, or with headers a list of values.
        headers: columns and their order; by default the keys of the first row.
        headerTransform: makes the shown header from a key.
        removeNull: leaves out columns without any value.
        metadata: text between title and table.
        url_keys: columns that become links.
        date_fields: columns of milliseconds since 1970 that become dates.
        json_transform_mapping: a JsonTransformer by column.
        is_auto_json_transform: write objects with JsonTransformer() where none is given.
        sort_headers: sort the default headers.
    """
    title = (f'### {name}\n' if name else '') + (f'{metadata}\n' if metadata else '')
    rows, columns = _rows_and_headers(t, headers, sort_headers) if t else ([], [])
    rows = [_with_links_and_dates(row, url_keys or (), date_fields or ()) for row in rows]
    if removeNull:
        columns = [column for column in columns if any(row.get(column) not in (None, '', [], {}) for row in rows)]
    if not rows or not columns:
        return title + '**No entries.**\n'
    default = JsonTransformer(flatten=not is_auto_json_transform)

    def cell(row: _Dict, column: str) -> str:
        transformer = (json_transform_mapping or {}).get(column, default)
        value = row.get(column)
        return stringEscapeMD('' if value is None else transformer.json_to_str(value, is_pretty=False), True, True)

    shown = [headerTransform(column) if headerTransform else column for column in columns]
    lines = [f'|{"|".join(shown)}|', f'|{"---|" * len(columns)}']
    lines += [f'| {" | ".join(cell(row, column) for column in columns)} |' for row in rows]
    return title + '\n'.join(lines) + '\n'


# endregion


# region Results
def createContextSingle(obj: _Dict, id: Any = None, keyTransform: _Function | None = None, removeNull: bool = False) -> _Dict:
    """Return the object for the context: keys transformed, and split at their dots.

    Args:
        id: goes under ID.
        removeNull: leaves out what has no value.
    """
    result: dict[str, Any] = {'ID': id} if id else {}
    for key, value in obj.items():
        if removeNull and value in (None, '', [], {}):
            continue
        *path, last = [keyTransform(part) if keyTransform else part for part in key.split('.')]
        node = result
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value
    return result


def createContext(data: Any, id: Any = None, keyTransform: _Function | None = None, removeNull: bool = False) -> Any:
    """As createContextSingle, for an object or for each of a list."""
    if isinstance(data, list):
        return [createContextSingle(item, id, keyTransform, removeNull) for item in data]
    return createContextSingle(data, id, keyTransform, removeNull)


def fileResult(filename: str, data: Any, file_type: int | None = None) -> _Dict:
    """Write a file into the working folder and give the war room entry that hands it over.

    Args:
        filename: the name that is shown; steps to a higher folder are taken out of it.
        data: bytes or text.
        file_type: one of EntryType; FILE by default.
    """
    file_id = demisto.uniqueFile()
    with open(f'{demisto.investigation()["id"]}_{file_id}', 'wb') as file:
        file.write(data.encode('utf-8') if isinstance(data, str) else data)
    return {
        'Contents': '',
        'ContentsFormat': EntryFormat.TEXT,
        'Type': EntryType.FILE if file_type is None else file_type,
        'File': filename.replace('../', ''),
        'FileID': file_id,
    }


class ScheduledCommand:
    """Has the platform run a command again later.

    Args:
        command: its name.
        next_run_in_seconds: at least 10.
        args: its arguments.
        timeout_in_seconds: until when it may be run again.
        items_remaining: shown as what is left to do.
    """

    def __init__(
        self,
        command: str,
        next_run_in_seconds: int,
        args: _Dict | None = None,
        timeout_in_seconds: int | None = None,
        items_remaining: int = 0,
    ) -> None:
        self.raise_error_if_not_supported()
        self._command = command
        self._next_run = str(max(next_run_in_seconds, 10))
        self._args = args
        self._timeout = str(timeout_in_seconds) if timeout_in_seconds else None
        self._items_remaining = items_remaining

    @staticmethod
    def supports_polling() -> bool:
        """Return True: the platform no longer asks for the version of the server."""
        return True

    @staticmethod
    def raise_error_if_not_supported() -> bool:
        """Raise nothing, and return True."""
        return True

    def to_results(self) -> _Dict:
        """Return what an entry says of it."""
        return assign_params(
            PollingCommand=self._command,
            NextRun=self._next_run,
            PollingArgs=self._args,
            Timeout=self._timeout,
            PollingItemsRemaining=self._items_remaining,
        )


class CommandResults:
    """What a command answers.

    Args:
        outputs_prefix: path in the context, e.g. ``MSGraphMail``.
        outputs_key_field: the field, or fields, by which an object in the context is known again.
        outputs: what goes there.
        indicators, indicator: objects with ``to_context()``; give one of the two.
        readable_output: Markdown; by default a table of the outputs.
        raw_response: what is shown as the raw answer; by default the outputs.
        relationships: objects with ``to_entry()``.
        entry_type: one of EntryType; NOTE by default.
        content_format: one of EntryFormat; by default by the kind of the raw answer.
        execution_metrics: rows of ExecutionMetrics.
        replace_existing: the outputs replace what stood at the (nested) path.
    Raises:
        TypeError, ValueError: outputs_key_field, content_format or both indicators are not what they may be.
    """

    def __init__(
        self,
        outputs_prefix: str | None = None,
        outputs_key_field: Any = None,
        outputs: Any = None,
        indicators: _List | None = None,
        readable_output: str | None = None,
        raw_response: Any = None,
        indicators_timeline: Any = None,
        indicator: Any = None,
        ignore_auto_extract: bool = False,
        mark_as_note: bool = False,
        tags: _List | None = None,
        scheduled_command: ScheduledCommand | None = None,
        relationships: _List | None = None,
        entry_type: int | None = None,
        content_format: str | None = None,
        execution_metrics: _List | None = None,
        replace_existing: bool = False,
    ) -> None:
        if indicators and indicator:
            raise ValueError('Give either indicator or indicators, not both.')
        if not (outputs_key_field is None or isinstance(outputs_key_field, (str, list))):
            raise TypeError('outputs_key_field must be a field or a list of fields.')
        if content_format is not None and not EntryFormat.is_valid_type(content_format):
            raise TypeError(f'"{content_format}" is not a content_format: take one of EntryFormat.')
        self.outputs_prefix = outputs_prefix
        self.outputs_key_field = outputs_key_field
        self._outputs_key_field = [outputs_key_field] if isinstance(outputs_key_field, str) else outputs_key_field
        self.outputs = outputs
        self.indicators = indicators
        self.indicator = indicator
        self.readable_output = readable_output
        self.raw_response = outputs if raw_response is None else raw_response
        self.indicators_timeline = indicators_timeline
        self.ignore_auto_extract = ignore_auto_extract
        self.mark_as_note = mark_as_note
        self.tags = tags
        self.scheduled_command = scheduled_command
        self.relationships = relationships
        self.entry_type = EntryType.NOTE if entry_type is None else entry_type
        self.content_format = content_format
        self.execution_metrics = execution_metrics
        self.replace_existing = replace_existing

    def to_context(self) -> _Dict:
        """Return the war room entry."""
        entry = {
            'Type': self.entry_type,
            'ContentsFormat': self._contents_format(),
            'Contents': self.raw_response,
            'HumanReadable': self._human_readable(),
            'EntryContext': {**self._indicator_context(), **self._outputs_context()},
            'IndicatorTimeline': self.indicators_timeline.indicators_timeline if self.indicators_timeline else [],
            'IgnoreAutoExtract': self.ignore_auto_extract,
            'Note': self.mark_as_note,
            'Relationships': [found for found in (relation.to_entry() for relation in self.relationships or []) if found],
        }
        if self.tags:
            entry['Tags'] = self.tags
        if self.execution_metrics:
            entry.update(
                APIExecutionMetrics=self.execution_metrics,
                Contents='Metrics reported successfully.',
                ContentsFormat=EntryFormat.TEXT,
                Type=EntryType.EXECUTION_METRICS,
            )
        if self.scheduled_command:
            entry.update(self.scheduled_command.to_results())
        return entry

    def _contents_format(self) -> str:
        if self.content_format:
            return self.content_format
        return EntryFormat.TEXT if isinstance(self.raw_response, (str, bytes, int, float)) else EntryFormat.JSON

    def _human_readable(self) -> Any:
        if self.readable_output or self.outputs in (None, []):
            return self.readable_output
        return tableToMarkdown('Results', self.outputs) if isinstance(self.outputs, (dict, list)) else self.outputs

    def _indicator_context(self) -> _Dict:
        context: dict[str, _List] = {}
        for indicator in self.indicators or ([self.indicator] if self.indicator else []):
            for path, value in indicator.to_context().items():
                context.setdefault(path, []).append(value)
        return context

    def _outputs_context(self) -> _Dict:
        if self.outputs in (None, []):
            return {}
        if not self.outputs_prefix:
            return {**self.outputs}
        if self.replace_existing:
            path, _, key = self.outputs_prefix.rpartition('.')
            if not path:
                raise DemistoException('outputs_prefix must be a nested path to replace an existing key.')
            return {f'{path}(true)': {key: self.outputs}}
        if self._outputs_key_field:
            same = ' && '.join(f'val.{field} && val.{field} == obj.{field}' for field in self._outputs_key_field)
            return {f'{self.outputs_prefix}({same})': self.outputs}
        return {self.outputs_prefix: self.outputs}


def return_results(results: Any) -> None:
    """Give the answer of a command to the war room: entries as they are, and objects with ``to_context()`` by that."""
    if hasattr(results, 'to_context'):
        demisto.results(results.to_context())
    elif results and isinstance(results, list):
        plain = [result for result in results if isinstance(result, (dict, str))]
        for result in results:
            if not isinstance(result, (dict, str)):
                return_results(result)
        if plain:
            demisto.results(plain)
    else:
        demisto.results(results)


def return_outputs(
    readable_output: Any,
    outputs: Any = None,
    raw_response: Any = None,
    timeline: _List | None = None,
    ignore_auto_extract: bool = False,
) -> None:
    """As return_results, in the way of before CommandResults: outputs is the whole context of the entry."""
    demisto.results(
        {
            'Type': EntryType.NOTE,
            'HumanReadable': readable_output,
            'ContentsFormat': EntryFormat.TEXT if isinstance(raw_response, (str, int)) else EntryFormat.JSON,
            'Contents': raw_response,
            'EntryContext': outputs,
            'IndicatorTimeline': timeline or [],
            'IgnoreAutoExtract': ignore_auto_extract,
        }
    )


def return_error(message: Any, error: Any = '', outputs: Any = None) -> _NoReturn:
    """End the command with an error entry. What fetches has no war room: there it is an exception, which the server shows.

    Args:
        message: what the user reads, with the registered secrets masked; in debug mode a traceback follows, as it is.
        error: goes to the log.
        outputs: go to the context.
    """
    message = LOG(message)
    if error:
        LOG(error)
    if sys.exc_info()[0]:
        trace = fix_traceback_line_numbers(traceback.format_exc())
        LOG(f'\n{trace}')
        if is_debug_mode():
            message = f'{message}\n\n{trace}'  # what the platform does not mask
    LOG.print_log()
    if demisto.command() in _FETCHING_COMMANDS:
        raise Exception(message)
    if len(message) > _LONGEST_ERROR:
        half = _LONGEST_ERROR // 2
        message = f'{message[:half]}...This error body was truncated...{message[-half:]}'
    demisto.results({'Type': EntryType.ERROR, 'ContentsFormat': EntryFormat.TEXT, 'Contents': message, 'EntryContext': outputs})
    sys.exit(0)


def return_warning(
    message: Any, exit: bool = False, warning: Any = '', outputs: Any = None, ignore_auto_extract: bool = False
) -> None:
    """Give a warning to the war room, and end the command after it if exit is set."""
    LOG(message)
    if warning:
        LOG(warning)
    LOG.print_log()
    demisto.results(
        {
            'Type': EntryType.WARNING,
            'ContentsFormat': EntryFormat.TEXT,
            'IgnoreAutoExtract': ignore_auto_extract,
            'Contents': str(message),
            'EntryContext': outputs,
        }
    )
    if exit:
        sys.exit(0)


def _counter(error_type: str) -> Any:
    """Return a property of ExecutionMetrics that reports whenever it is set."""
    return property(lambda self: self._counts.get(error_type, 0), lambda self, value: self.update_metrics(error_type, value))


class ExecutionMetrics:
    """Counts the API calls of a command by how they ended; ``metrics`` is the entry that reports them.

    Args:
        success, quota_error, ...: counts to begin with.
    """

    def __init__(
        self,
        success: int = 0,
        quota_error: int = 0,
        general_error: int = 0,
        auth_error: int = 0,
        service_error: int = 0,
        connection_error: int = 0,
        proxy_error: int = 0,
        ssl_error: int = 0,
        timeout_error: int = 0,
        retry_error: int = 0,
    ) -> None:
        self._counts: dict[str, int] = {}
        self.metrics: CommandResults | None = None
        self.success = success
        self.quota_error = quota_error
        self.general_error = general_error
        self.auth_error = auth_error
        self.service_error = service_error
        self.connection_error = connection_error
        self.proxy_error = proxy_error
        self.ssl_error = ssl_error
        self.timeout_error = timeout_error
        self.retry_error = retry_error

    @staticmethod
    def is_supported() -> bool:
        """Return whether the server takes metrics."""
        return is_demisto_version_ge('6.8.0')

    success = _counter(ErrorTypes.SUCCESS)
    quota_error = _counter(ErrorTypes.QUOTA_ERROR)
    general_error = _counter(ErrorTypes.GENERAL_ERROR)
    auth_error = _counter(ErrorTypes.AUTH_ERROR)
    service_error = _counter(ErrorTypes.SERVICE_ERROR)
    connection_error = _counter(ErrorTypes.CONNECTION_ERROR)
    proxy_error = _counter(ErrorTypes.PROXY_ERROR)
    ssl_error = _counter(ErrorTypes.SSL_ERROR)
    timeout_error = _counter(ErrorTypes.TIMEOUT_ERROR)
    retry_error = _counter(ErrorTypes.RETRY_ERROR)

    def get_metric_list(self) -> _List:
        """Return the counts, as the server takes them."""
        return [{'Type': error_type, 'APICallsCount': count} for error_type, count in self._counts.items()]

    def update_metrics(self, metric_type: str, metric_value: int) -> None:
        """Set one count."""
        if metric_value > 0:
            self._counts[metric_type] = metric_value
            self.metrics = CommandResults(execution_metrics=self.get_metric_list())


# endregion


# region Integration context
def is_versioned_context_available() -> bool:
    """Return whether the server stores versions of the integration context."""
    return is_demisto_version_ge('6.0.0')


def get_integration_context(sync: bool = True, with_version: bool = False) -> _Dict:
    """Return what the instance stores.

    Args:
        sync: as the database has it, not as the server remembers it.
        with_version: gives ``{'context': {...}, 'version': 3}``.
    """
    if not is_versioned_context_available():
        return demisto.getIntegrationContext()
    versioned = demisto.getIntegrationContextVersioned(sync)
    return versioned if with_version else versioned.get('context', {})


def set_integration_context(context: _Dict, sync: bool = True, version: int = -1) -> Any:
    """Replace what the instance stores.

    Args:
        version: the version that was read; -1 writes over any.
    Raises:
        ValueError: somebody else has written since.
    """
    if is_versioned_context_available():
        return demisto.setIntegrationContextVersioned(context, version, sync)
    return demisto.setIntegrationContext(context)


def get_integration_context_with_version(sync: bool = True) -> _Tuple:
    """Return what the instance stores, and its version: -1 if the server stores none."""
    context = get_integration_context(sync, with_version=True)
    if is_versioned_context_available():
        return context.get('context', {}), context.get('version', -1)
    return context, -1


def _merge_by_key(stored: _List, updates: _List, key: str) -> _List:
    """Both lists of objects as one, an object per key: the later one wins, and one that says 'remove' goes."""
    merged = {item[key]: item for item in [*stored, *updates]}
    return [item for item in merged.values() if not item.get('remove')]


def update_integration_context(context: _Dict, object_keys: _Dict | None = None, sync: bool = True) -> _Tuple:
    """Return what the instance stores with some keys changed, and the version that it was read at; nothing is written.

    Args:
        context: the keys to change, with values that become JSON.
        object_keys: for keys that hold lists of objects which are to be merged: the field by which the objects are known.
    """
    stored, version = get_integration_context_with_version(sync)
    for key, value in context.items():
        if key in (object_keys or {}):
            value = _merge_by_key(json.loads(stored.get(key, '[]')), value, (object_keys or {})[key])
        stored[key] = json.dumps(value)
    return stored, version


def set_to_integration_context_with_retries(
    context: _Dict, object_keys: _Dict | None = None, sync: bool = True, max_retry_times: int = CONTEXT_UPDATE_RETRY_TIMES
) -> None:
    """Change some keys of what the instance stores, as update_integration_context does, and again if another process was faster.

    Raises:
        Exception: somebody else was faster each time.
    """
    for attempt in range(max_retry_times + 1):
        changed, version = update_integration_context(context, object_keys, sync)
        try:
            set_integration_context(changed, sync, version)
            return
        except ValueError as conflict:
            demisto.debug(f'The integration context was changed by another run, attempt {attempt + 1}: {conflict}')
        time.sleep(random.uniform(0, 0.05 * (attempt + 1)))  # noqa: S311 - no secret
    raise Exception(f'The integration context was changed by other runs during all {max_retry_times + 1} attempts to write it.')


# endregion


# region Proxies and certificates
def _with_scheme(url: str) -> str:
    return url if not url or '://' in url else f'http://{url}'


def skip_proxy() -> None:
    """Take the proxies out of the environment of the process."""
    for name in _PROXY_VARIABLES:
        os.environ.pop(name, None)


def skip_cert_verification() -> None:
    """Take the own certificate authorities out of the environment of the process."""
    for name in _CERTIFICATE_VARIABLES:
        os.environ.pop(name, None)


def handle_proxy(
    proxy_param_name: str = 'proxy',
    checkbox_default_value: bool = False,
    handle_insecure: bool = True,
    insecure_param_name: str | None = None,
) -> _Dict:
    """Do what the two check boxes of an instance say, and give the proxies by scheme.

    Args:
        proxy_param_name: name of the proxy's check box.
        checkbox_default_value: what it is when it was never set.
        handle_insecure: heed the check box "trust any certificate" as well.
        insecure_param_name: its name; by default either of the usual two.
    """
    proxies = {}
    if demisto.params().get(proxy_param_name, checkbox_default_value):
        _ensure_proxy_scheme()
        for scheme in ('http', 'https'):
            proxies[scheme] = os.environ.get(f'{scheme}_proxy') or os.environ.get(f'{scheme.upper()}_PROXY', '')
    else:
        skip_proxy()
    boxes = (insecure_param_name,) if insecure_param_name else ('insecure', 'unsecure')
    if handle_insecure and any(demisto.params().get(box) for box in boxes):
        skip_cert_verification()
    return proxies


def _ensure_proxy_scheme() -> None:
    """Administrators write proxies without a scheme, and requests wants one."""
    for name in set(_PROXY_VARIABLES) & set(os.environ):
        os.environ[name] = _with_scheme(os.environ[name])


# endregion


# region HTTP
class BaseClient:
    """An HTTP client for one service.

    Args:
        base_url: what the suffixes are joined to.
        verify: check the certificate.
        proxy: use the proxies of the environment, which are deleted from it otherwise.
        ok_codes: statuses that are no error; by default all under 400.
        headers, auth: of every request that brings none of its own.
        timeout: seconds; REQUESTS_TIMEOUT or REQUESTS_TIMEOUT.<integration> in the environment go before it.
    """

    REQUESTS_TIMEOUT = 60

    # the more special kinds of a ConnectionError stand before it
    _hints = (
        (
            requests.exceptions.ConnectTimeout,
            'timeout_error',
            'The server did not take the connection in time: check its URL, and that your host can reach it.',
        ),
        (
            requests.exceptions.SSLError,
            'ssl_error',
            (
                "SSL Certificate Verification Failed - try selecting 'Trust any certificate' checkbox "
                'in the integration configuration.'
            ),
        ),
        (
            requests.exceptions.ProxyError,
            'proxy_error',
            'The proxy did not pass the request on: check it, or clear the box of the integration that says to use it.',
        ),
        (
            requests.exceptions.ConnectionError,
            'connection_error',
            (
                'Verify that the server URL parameter is correct and that you have access to the server from your host.'
                '\nError Type: <{kind}>\n{error}'
            ),
        ),
        (requests.exceptions.RetryError, 'retry_error', 'The request has failed {times} times: {error}'),
    )

    def __init__(
        self,
        base_url: str,
        verify: bool = True,
        proxy: bool = False,
        ok_codes: Any = (),
        headers: _Dict | None = None,
        auth: Any = None,
        timeout: Any = REQUESTS_TIMEOUT,
    ) -> None:
        self._base_url = base_url
        self._verify = verify
        self._ok_codes = ok_codes
        self._headers = headers
        self._auth = auth
        self._session = requests.Session()
        self.execution_metrics = ExecutionMetrics()
        configured = os.getenv(f'REQUESTS_TIMEOUT.{_calling_name()}') or os.getenv('REQUESTS_TIMEOUT')
        self.timeout = float(configured) if configured else timeout
        if proxy:
            _ensure_proxy_scheme()
        else:
            skip_proxy()
        if not verify:
            skip_cert_verification()

    def __del__(self) -> None:
        try:
            self._return_execution_metrics_results()
            self._session.close()
        except AttributeError:  # the constructor has not come so far
            pass

    def _implement_retry(
        self,
        retries: int = 0,
        status_list_to_retry: _Sequence | None = None,
        backoff_factor: float = 5,
        raise_on_redirect: bool = False,
        raise_on_status: bool = False,
    ) -> None:
        """Has requests to https hosts repeated: see _http_request."""
        retry = Retry(
            total=retries,
            read=retries,
            connect=retries,
            status=retries,
            backoff_factor=backoff_factor,
            allowed_methods=('GET', 'POST', 'PUT', 'PATCH', 'DELETE'),
            status_forcelist=status_list_to_retry,
            raise_on_status=raise_on_status,
            raise_on_redirect=raise_on_redirect,
        )
        self._session.mount('https://', HTTPAdapter(max_retries=retry))

    def _http_request(
        self,
        method: str,
        url_suffix: str = '',
        full_url: str | None = None,
        headers: _Dict | None = None,
        auth: Any = None,
        json_data: Any = None,
        params: Any = None,
        data: Any = None,
        files: Any = None,
        timeout: Any = None,
        resp_type: str = 'json',
        ok_codes: Any = None,
        return_empty_response: bool = False,
        retries: int = 0,
        status_list_to_retry: _Sequence | None = None,
        backoff_factor: float = 5,
        raise_on_redirect: bool = False,
        raise_on_status: bool = False,
        error_handler: _Function | None = None,
        empty_valid_codes: Any = None,
        params_parser: Any = None,
        with_metrics: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Make a request.

        Args:
            url_suffix, full_url: what is asked; full_url goes without the base.
            resp_type: json, text, content or xml; anything else gives the response itself.
            return_empty_response: give the response when its status is one of empty_valid_codes (204 by default).
            retries: how often to repeat it, on https only: on broken connections and on status_list_to_retry.
            backoff_factor: seconds of the first pause, which then doubles.
            error_handler: takes the response when its status is not one of ok_codes.
            params_parser: quotes the parameters, in place of quote_plus.
            with_metrics: count the outcome, and report it when the client dies.
            kwargs: go to requests.
        Raises:
            DemistoException: the service answers with an error or not at all, or not in resp_type.
        """
        if retries:
            self._implement_retry(retries, status_list_to_retry, backoff_factor, raise_on_redirect, raise_on_status)
        if params and params_parser:
            params = urllib.parse.urlencode(params, quote_via=params_parser)
        try:
            res = self._session.request(
                method,
                full_url or urljoin(self._base_url, url_suffix),
                verify=self._verify,
                params=params,
                data=data,
                json=json_data,
                files=files,
                headers=headers or self._headers,
                auth=auth or self._auth,
                timeout=timeout or self.timeout,
                **kwargs,
            )
        except requests.exceptions.RequestException as error:
            raise self._explained(error, retries, with_metrics) from error
        if not self._is_status_code_valid(res, ok_codes):
            self._handle_error(error_handler, res, with_metrics)
        return self._handle_success(res, resp_type, empty_valid_codes, return_empty_response, with_metrics)

    def _explained(self, error: requests.exceptions.RequestException, retries: int, should_update_metrics: bool) -> Exception:
        """Return the error with a hint where one is known, else the error itself."""
        for kind, counter, hint in self._hints:
            if isinstance(error, kind):
                if should_update_metrics:
                    setattr(self.execution_metrics, counter, getattr(self.execution_metrics, counter) + 1)
                if kind is requests.exceptions.SSLError and not self._verify:
                    return error
                kind_of_error = f'{type(error).__module__}.{type(error).__name__}'
                return DemistoException(hint.format(error=error, kind=kind_of_error, times=retries + 1), error)
        return error

    def _handle_error(self, error_handler: _Function | None, res: requests.Response, should_update_metrics: bool) -> None:
        """Raise the error of a request, and count it. One that the handler lets through goes on as a success."""
        try:
            (error_handler or self.client_error_handler)(res)
        except Exception:
            if should_update_metrics:
                self._update_metrics(res, success=False)
            raise

    def _handle_success(
        self,
        res: requests.Response,
        resp_type: str,
        empty_valid_codes: Any,
        return_empty_response: bool,
        should_update_metrics: bool,
    ) -> Any:
        """Counts a request, and gives its answer."""
        if should_update_metrics:
            self._update_metrics(res, success=True)
        if return_empty_response and res.status_code in (empty_valid_codes or (204,)):
            return res
        return self.cast_response(res, resp_type)

    def cast_response(self, res: requests.Response, resp_type: str, raise_on_error: bool = True) -> Any:
        """Return the answer as json, text, content or xml; anything else gives the response itself.

        Raises:
            DemistoException: it is no JSON, and raise_on_error is set.
        """
        kind = resp_type.lower()
        if kind == 'text':
            return res.text
        if kind == 'content':
            return res.content
        if kind == 'xml':
            import defusedxml.ElementTree

            return defusedxml.ElementTree.fromstring(res.text)
        try:
            return res.json() if kind == 'json' else res
        except ValueError as error:
            if raise_on_error:
                raise DemistoException(f'Failed to parse {kind} object from response: {res.content!r}', error, res) from error
            return None

    def _update_metrics(self, res: requests.Response, success: bool) -> None:
        """Counts a request by its status; one that only says "not yet" is no success."""
        if not success:
            error_type = self.determine_error_type(res)
            current = {row['Type']: row['APICallsCount'] for row in self.execution_metrics.get_metric_list()}
            self.execution_metrics.update_metrics(error_type, current.get(error_type, 0) + 1)
        elif not self.is_polling_in_progress(res):
            self.execution_metrics.success += 1

    def determine_error_type(self, response: requests.Response) -> str:
        """Return the one of ErrorTypes that a failed request is counted as."""
        known = {401: ErrorTypes.AUTH_ERROR, 429: ErrorTypes.QUOTA_ERROR, 500: ErrorTypes.SERVICE_ERROR}
        return known.get(response.status_code, ErrorTypes.GENERAL_ERROR)

    def is_polling_in_progress(self, response: requests.Response) -> bool:
        """Return whether the answer says "not yet"; for subclasses."""
        return False

    def _is_status_code_valid(self, response: requests.Response, ok_codes: Any = None) -> bool:
        """Return whether the status is one of those that the call, or else the client, lets through."""
        allowed = ok_codes or self._ok_codes
        return response.status_code in allowed if allowed else response.ok

    def client_error_handler(self, res: requests.Response) -> Any:
        """Raise what the service says, for a request that has failed."""
        try:
            told = json.dumps(res.json())
        except ValueError:
            told = res.text
        raise DemistoException(f'Error in API call [{res.status_code}] - {res.reason}\n{told}', res=res)

    def _return_execution_metrics_results(self) -> None:
        """Reports the counted requests, if there are any."""
        if self.execution_metrics.metrics:
            return_results(self.execution_metrics.metrics)


def generic_http_request(
    method: str,
    server_url: str,
    timeout: Any = 60,
    verify: bool = True,
    proxy: bool = False,
    client_headers: _Dict | None = None,
    headers: _Dict | None = None,
    url_suffix: str | None = None,
    data: Any = None,
    ok_codes: Any = None,
    auth: Any = None,
    error_handler: _Function | None = None,
    files: Any = None,
    params: Any = None,
    retries: int = 0,
    resp_type: str = 'json',
    status_list_to_retry: _Sequence | None = None,
    json_data: Any = None,
    return_empty_response: bool = False,
    backoff_factor: float = 5,
    raise_on_redirect: bool = False,
    raise_on_status: bool = False,
    empty_valid_codes: Any = None,
    params_parser: Any = None,
    with_metrics: bool = False,
    **kwargs: Any,
) -> Any:
    """One request with a BaseClient of its own: see there."""
    client = BaseClient(
        server_url, verify=verify, proxy=proxy, ok_codes=ok_codes, headers=client_headers, auth=auth, timeout=timeout
    )
    return client._http_request(
        method,
        url_suffix or '',
        headers=headers,
        auth=auth,
        json_data=json_data,
        params=params,
        data=data,
        files=files,
        timeout=timeout,
        resp_type=resp_type,
        ok_codes=ok_codes,
        return_empty_response=return_empty_response,
        retries=retries,
        status_list_to_retry=status_list_to_retry,
        backoff_factor=backoff_factor,
        raise_on_redirect=raise_on_redirect,
        raise_on_status=raise_on_status,
        error_handler=error_handler,
        empty_valid_codes=empty_valid_codes,
        params_parser=params_parser,
        with_metrics=with_metrics,
        **kwargs,
    )


# endregion


# region Polling
class PollResult:
    """What one round of a polling command has found.

    Args:
        response: the answer, when it is the last round.
        continue_to_poll: whether there is another round, or a function that says so.
        args_for_next_run: arguments of that round; by default those of this one.
        partial_result: shown already now, in place of the message.
    """

    def __init__(
        self,
        response: Any,
        continue_to_poll: Any = False,
        args_for_next_run: _Dict | None = None,
        partial_result: CommandResults | None = None,
    ) -> None:
        self.response = response
        self.continue_to_poll = continue_to_poll
        self.args_for_next_run = args_for_next_run
        self.partial_result = partial_result


def polling_function(
    name: str,
    interval: int = 30,
    timeout: int = 600,
    poll_message: str = 'Fetching Results:',
    polling_arg_name: str = 'polling',
    requires_polling_arg: bool = True,
) -> _Function:
    """Turns a function that takes the arguments of a command and gives a PollResult into a command that goes on by itself.

    Args:
        name: of the command that the server runs again.
        interval: seconds between rounds.
        timeout: seconds after which the server stops.
        poll_message: shown in the first round.
        polling_arg_name: the argument that switches polling on.
        requires_polling_arg: without that argument there is one round only; else there are always more.
    """

    def decorate(func: _Function) -> _Function:
        @wraps(func)
        def inner(args: _Dict, *arguments: Any, **kwargs: Any) -> Any:
            if requires_polling_arg and not argToBoolean(args.get(polling_arg_name, False)):
                return func(args, *arguments, **kwargs).response
            ScheduledCommand.raise_error_if_not_supported()
            found = func(args, *arguments, **kwargs)
            again = found.continue_to_poll() if callable(found.continue_to_poll) else found.continue_to_poll
            if not again:
                return found.response
            shown = None if args.get('hide_polling_output') else poll_message
            next_args = found.args_for_next_run or args
            next_args['hide_polling_output'] = True
            answer = found.partial_result or CommandResults(readable_output=shown)
            answer.scheduled_command = ScheduledCommand(name, interval, next_args, timeout)
            return answer

        return inner

    return decorate


# endregion


LOG: IntegrationLogger = IntegrationLogger(debug_logging=is_debug_mode())
_requests_logger: DebugLogger | None = DebugLogger() if is_debug_mode() else None
if _requests_logger:
    _requests_logger.log_start_debug()

register_module_line('CommonServerPython', 'end', __line__())
