"""The table: each request of each scenario crossed with each fault, and what the product made of it."""

import builtins
import json
import re
import tempfile
import unicodedata
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote_plus

from markdown_it import MarkdownIt

import MicrosoftHttpApiModule
from authentication_methods import AUTHORIZATION_CODE, CORTEX_APP
from conformance.common_server.scripted_server import ScriptedServer
from conformance.faults.fault_environment import SLOWEST_PACE, Exchange, FaultEnvironment, Result, virtual_seconds
from conformance.faults.faults import ECHOES, FAULTS, FaultCase, instead_of, peers, wrong_fields
from conformance.faults.scenarios import Scenario
from O365OutlookMailSingleUser import SENDING_COMMANDS
from sandbox.microsoft import MicrosoftCloud

HANDLED, REJECTED, FELL_SHORT = 'handled', 'rejected cleanly', 'fell short'
COMMAND_SECONDS = 175.0  # in which a command or a fetch has to end, whatever it has to remove then
NOISE = 60.0  # seconds of virtual time that a busy machine may add
MAX_WAIT_AFTER_KILL = 20.0  # seconds
MAX_RESPONSE = 2 * 2**20  # bytes, in place of 64 MB, so that a bomb is found out in little time
UNKNOWN = re.compile(r'not known|may have|did not confirm|Check whether|Look for it|Check the folders')
RAW = re.compile(
    rf'Traceback|unexpected error|\b(?:{"|".join(name for name in dir(builtins) if name.endswith("Error"))})\b|'
    r'JSONDecodeError|\w+(?:Error|Exception)\(|NoneType|object (?:has no|is not)|unhashable|'
    r'indices must be|argument of type|HTTPSConnectionPool|Max retries|codec can|Errno|<class |invalid literal|Expecting value'
)

MARKDOWN = MarkdownIt('commonmark', {'html': True}).enable(['table', 'strikethrough'])
# What an error says of a server that answers in place of the service.
PEERS = {
    'closed port': 'could not be reached',
    'expired': 'has expired',
    'wrong host': 'another host',
    'untrusted': 'not trusted',
    'no TLS': 'TLS connection',
}


class Row(NamedTuple):
    """One row of the table.

    Args:
        request: number, service, method and path of the request that the fault met.
        outcome: HANDLED, REJECTED or FELL_SHORT.
        why: of a row that fell short.
        seconds: of virtual time.
    """

    scenario: str
    request: str
    fault: str
    outcome: str
    why: str
    seconds: float


class Table:
    """The rows, which run against a cloud, with another host and the peers beside it."""

    def __init__(self, cloud: MicrosoftCloud, folder: Path, elsewhere: ScriptedServer, ports: dict[str, int]) -> None:
        self._cloud = cloud
        self._folder = folder
        self._elsewhere = elsewhere
        self._ports = ports

    def environment(self, scenario: Scenario) -> FaultEnvironment:
        """Return a prepared instance for a row."""
        environment = FaultEnvironment(self._cloud, scenario.method, self._folder, scenario.params)
        environment.args = {}
        scenario.prepare(environment)
        environment.exchanges.clear()
        return environment

    def rows(self, scenario: Scenario, with_fields: bool, is_wanted: Any = lambda _number: True) -> Iterator[Row]:
        """Yield the rows of a scenario.

        Args:
            with_fields: also those with fields of wrong types.
            is_wanted: gets the number of a row in the scenario, and returns whether to run it.
        """
        clean = Clean(self, scenario)
        number = 0
        for skip, exchange in clean.met():
            cases = [case for case in FAULTS if applies(case, skip, exchange, clean, scenario)]
            cases += wrong_fields(exchange.body) if with_fields else []
            for case in cases:
                number += 1
                if is_wanted(number):
                    yield self._row(scenario, clean, skip, exchange, case)

    def rows_of_fault(self, scenario: Scenario, fault: str, after_clean: Callable[[], None]) -> Iterator[Row]:
        """Yield the rows of one fault, after a call of `after_clean`."""
        clean = Clean(self, scenario)
        after_clean()
        for skip, exchange in clean.met():
            for case in FAULTS + wrong_fields(exchange.body):
                if case.name == fault and applies(case, skip, exchange, clean, scenario):
                    yield self._row(scenario, clean, skip, exchange, case)

    def _row(
        self, scenario: Scenario, clean: 'Clean', skip: int, exchange: Exchange, case: FaultCase, pace: float | None = None
    ) -> Row:
        """Run a row. One that seems to take too long is run a second time, at a pace at which the machine adds little."""
        environment = self.environment(scenario)
        args = scenario.args(environment)
        before = environment.effects()
        self._elsewhere.seen.clear()
        environment.pace = (pace or virtual_seconds()) if case.is_slow else 1.0
        if case.kill:
            environment.kill = (case.kill, exchange.service, skip)
            environment.run(scenario.command, args)
            assert not environment.is_kill_due(), 'The process was not killed.'
            environment.cloud.clock.advance(1)
        elif not case.peer:
            self._cloud.faults.add(
                service=exchange.service, skip=skip, spares_items=True, **_filled(case.settings, environment, self._elsewhere.url)
            )
        with ExitStack() as stack:
            if case.peer:
                stack.enter_context(instead_of(self._cloud.ports[exchange.service], self._ports[case.peer]))
            result = environment.run(scenario.command, args)
        self._cloud.faults.do_late_work()
        self._cloud.faults.clear()
        environment.pace = 1.0
        if case.is_slow and not pace and 0 < result.seconds - COMMAND_SECONDS < NOISE:
            return self._row(scenario, clean, skip, exchange, case, SLOWEST_PACE)
        judged = Judgement(scenario, exchange, case, clean, result, environment, before, len(self._elsewhere.seen))
        request = f'{skip + 1} {exchange.service} {exchange.method} {re.sub("[A-Za-z0-9_=-]{20,}", "ID", exchange.path)}'
        why = judged.why()
        outcome = FELL_SHORT if why else (REJECTED if result.error_texts or judged.is_rescheduled else HANDLED)
        return Row(scenario.name, request, case.name, outcome, why, round(result.seconds, 3))


class Clean:
    """What a scenario does without a fault."""

    def __init__(self, table: Table, scenario: Scenario) -> None:
        environment = table.environment(scenario)
        args = scenario.args(environment)
        self.before = environment.effects()
        self.result = environment.run(scenario.command, args)
        assert not self.result.error_texts, (scenario.name, self.result.error_texts)
        self.exchanges = [one for one in environment.exchanges if one.service in scenario.services]
        self.change = difference(self.before, environment.effects())
        environment.run(scenario.command, args)
        self.is_repeatable = difference(self.before, environment.effects()) == self.change
        self.shape = shape(self.result)
        assert self.exchanges, f'{scenario.name} sends no request.'

    def met(self) -> Iterator[tuple[int, Exchange]]:
        """Yield each request, with the number of requests to the same service before it."""
        counted: Counter[str] = Counter()
        for exchange in self.exchanges:
            yield counted[exchange.service], exchange
            counted[exchange.service] += 1


def applies(case: FaultCase, skip: int, exchange: Exchange, clean: Clean, scenario: Scenario) -> bool:
    """Return whether a row makes sense: not one whose response says nothing else than the proper one does."""
    if case.settings.get('done'):
        # what is done a minute later can only be a draft or a file that is there twice, unless it sends
        is_in_time = case.settings['done_after'] < 60 or exchange.path.endswith(('/send', '/sendMail'))
        return scenario.command in SENDING_COMMANDS and exchange.method == 'POST' and is_in_time
    if case.peer:
        return skip == 0
    if case.kill:
        return not clean.change or clean.result.incidents is not None
    return not (case.name.startswith('empty') and exchange.body is None and case.settings.get('status') == exchange.status)


def _filled(value: Any, environment: FaultEnvironment, elsewhere: str) -> Any:
    """Return settings of a fault with the address of the other host and the secrets of the instance."""
    if isinstance(value, dict):
        return {name: _filled(inner, environment, elsewhere) for name, inner in value.items()}
    if value in ECHOES:
        echoed = ' '.join(form for secret in secrets_of(environment) for form in (secret, *forms(secret)))
        error = 'invalid_request' if value == ECHOES[0] else {'code': 'BadRequest', 'message': echoed}
        return {'error': error, 'error_description': f'You sent {echoed}', 'message': echoed}
    if isinstance(value, bytes):
        return value.replace(b'{elsewhere}', elsewhere.encode())
    return value.replace('{elsewhere}', elsewhere) if isinstance(value, str) else value


# region rules


class KeyLine(str):
    """A line of a private key."""

    __slots__ = ()


def secrets_of(environment: FaultEnvironment) -> list[str]:
    """Return what must not be shown: the secrets of the parameters, and those in the integration context."""
    found = [str(value.get('password') or '') for value in environment.params.values() if isinstance(value, dict)]
    found = [KeyLine(max(text.splitlines(), key=len)) if '\n' in text else text for text in found]
    public = {environment.params.get('creds_auth_id', {}).get('password'), environment.cloud.directory.tenants[0].tenant_id}
    public.add(environment.params.get('managed_identities_client_id', {}).get('password'))
    for text in environment.context.values():
        entry = json.loads(text) if str(text).startswith('{') else {'value': text}
        found += [str(entry[name]) for name in ('value', 'refresh_token', 'code_verifier', 'device_code') if entry.get(name)]
    return [one for one in dict.fromkeys(found) if len(one) > 7 and one not in public]


def forms(secret: str) -> list[str]:
    """Return the forms in which a secret may be echoed. A line of a private key is a part of a secret."""
    if isinstance(secret, KeyLine):
        return [quote_plus(secret)]
    return [quote_plus(secret), json.dumps(secret)[1:-1], b64encode(secret.encode()).decode().rstrip('=')]


def shape(result: Result) -> Any:
    """Return what a result consists of, without its values: IDs and times differ from run to run."""

    def of(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: of(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [of(inner) for inner in value]
        return type(value).__name__ if value or isinstance(value, (bool, int)) else None

    return of([one.get('EntryContext') or (one.get('File') and 'file') for one in result.entries] + [len(result.incidents or [])])


def difference(before: Counter[str], after: Counter[str]) -> Counter[str]:
    changed = Counter(after)
    changed.subtract(before)
    return Counter({name: count for name, count in changed.items() if count})


class Judgement:
    """Why a row fell short, by rules that know nothing of the product but what users see."""

    def __init__(
        self,
        scenario: Scenario,
        exchange: Exchange,
        case: FaultCase,
        clean: Clean,
        result: Result,
        environment: FaultEnvironment,
        before: Counter[str],
        elsewhere: int,
    ) -> None:
        self._scenario = scenario
        self._exchange = exchange
        self._case = case
        self._clean = clean
        self._result = result
        self._environment = environment
        self._change = difference(before, environment.effects())
        self._elsewhere = elsewhere
        self.is_rescheduled = any('PollingCommand' in one for one in result.entries)

    def why(self) -> str:
        """Return the first rule that the row breaks, empty if it breaks none."""
        rules = (
            self._secret,
            self._host,
            self._deadline,
            self._killed,
            self._raw,
            self._text,
            self._live,
            self._name,
            self._peer,
            self._given_up,
            self._twice,
            self._success,
            self._failure,
        )
        return next(filter(None, (rule() for rule in rules)), '')

    def _secret(self) -> str:
        shown = self._result.shown
        leaked = any(form in shown for secret in secrets_of(self._environment) for form in (secret, *forms(secret)))
        return 'a secret is shown' if leaked else ''

    def _host(self) -> str:
        return f'{self._elsewhere} requests to another host' if self._elsewhere else ''

    def _deadline(self) -> str:
        return f'it took {self._result.seconds:.0f} s' if self._result.seconds > COMMAND_SECONDS else ''

    def _killed(self) -> str:
        """A process that is killed may use up what works once; it must not block the next one otherwise."""
        is_used_up = self._scenario.name.endswith('complete') or self._scenario.method in (CORTEX_APP, AUTHORIZATION_CODE)
        texts = self._result.error_texts if self._case.kill and not is_used_up else []
        if self._case.kill and self._result.seconds > MAX_WAIT_AFTER_KILL:
            return f'the next process waits {self._result.seconds:.0f} s'
        return f'the next process fails: {texts[0][:120]}' if texts else ''

    def _raw(self) -> str:
        found = next((RAW.search(text) for text in self._result.error_texts if RAW.search(text)), None)
        return f'a raw error: {found.string[:120]}' if found else ''

    def _text(self) -> str:
        for text in self._result.error_texts:
            if len(text) > 1000 * max(1, text.count('\n') + 1) or not text.replace('\n', '').isprintable() or len(text) < 20:
                return f'an error of {len(text)} characters, or with characters that cannot be printed'
        if not self._result.entries and self._result.incidents is None:
            return 'the command gave nothing'
        return ''

    def _live(self) -> str:
        """What others wrote must not load an image, run a script or lead elsewhere, in whatever is shown as Markdown."""
        for entry in self._result.entries:
            if entry.get('File'):
                continue
            text = str(entry.get('HumanReadable') or entry.get('Contents'))
            if '%%%{' in text or '{{color' in text:
                return f'live Markdown: {text[:60]}'
            tokens = MARKDOWN.parse(text)
            for token in (inner for one in tokens for inner in (one, *(one.children or ()))):
                target = str(token.attrGet('href') or token.attrGet('src') or (token.content if 'html' in token.type else ''))
                if 'hostile.example' in target or 'javascript:' in target:
                    return f'live Markdown: {target[:60]}'
        return ''

    def _name(self) -> str:
        """A file has a name that a disk takes, and that looks like what it is."""
        for name in (str(entry['File']) for entry in self._result.entries if entry.get('File')):
            if not name or len(name.encode()) > 255 or any(unicodedata.category(one) in ('Cc', 'Cf') for one in name):
                return f'a file named {name[:60]!r}'
        return ''

    def _peer(self) -> str:
        """An error says which host failed, and in which of the known ways."""
        text = '\n'.join(self._result.error_texts)
        is_told = PEERS.get(self._case.peer, '') in text and (self._case.peer == '' or 'localhost' in text)
        is_https = self._exchange.service in ('graph', 'entra', 'token-service')
        return '' if is_told or not text or not is_https else f'a cause that is not named: {text[:120]}'

    def _given_up(self) -> str:
        """What only reads is asked for again after one fault that passes."""
        passes = self._case.name in ('once 502', 'once 503', 'once 504', 'once reset', 'once reset_mid_body', 'once truncated')
        if passes and self._exchange.method == 'GET' and self._exchange.service == 'graph' and self._result.error_texts:
            return f'given up after one fault: {self._result.error_texts[0][:120]}'
        return ''

    def _twice(self) -> str:
        more = [name for name, count in self._change.items() if count > max(0, self._clean.change[name]) and 'draft' not in name]
        gained = [name for name in more if self._total(name) > 0]
        return f'more was done than without a fault: {gained[0]}' if gained else ''

    def _total(self, name: str) -> int:
        """Return how many more things there are in the folder of a changed thing than without a fault."""
        folder = ' '.join(name.split()[:2])
        return sum(n for key, n in self._change.items() if key.startswith(folder)) - max(
            0, sum(n for key, n in self._clean.change.items() if key.startswith(folder))
        )

    def _success(self) -> str:
        if self._result.error_texts or self.is_rescheduled:
            return ''
        if self._change != self._clean.change and not self._case.kill:
            return f'success, but {sorted((self._clean.change - self._change) or self._change)[:1]} was not done'
        if not self._case.is_harmless and shape(self._result) != self._clean.shape and not self._says_what_is_missing():
            return 'success with other content than without a fault'
        return ''

    def _says_what_is_missing(self) -> bool:
        text = ' '.join(str(one.get('HumanReadable')) for one in self._result.entries)
        text += ' '.join(str(one.get('rawJSON')) for one in self._result.incidents or ())
        return bool(re.search(r'missing|without a file|could not|cannot be read|failed|unknown', text, re.IGNORECASE))

    def _failure(self) -> str:
        if not self._result.error_texts or self._scenario.command == 'fetch-incidents' or self._clean.is_repeatable:
            return ''
        text = '\n'.join(self._result.error_texts)
        if UNKNOWN.search(text):
            return ''
        if self._clean.change and self._change == self._clean.change:
            return f'done, but reported as failed: {text[:120]}'
        left = [name for name in self._change if ' draft ' in name and self._change[name] > self._clean.change[name]]
        can_remove = self._case.settings.get('times', 1) is not None
        return f'a draft is left behind: {left[0]}' if left and can_remove else ''


# endregion


@contextmanager
def table(cloud: MicrosoftCloud) -> Iterator[Table]:
    """Return a table whose rows run against `cloud`."""
    from unittest import mock

    with (
        tempfile.TemporaryDirectory() as folder,
        ScriptedServer([(200, {'Content-Type': 'application/json'}, '{"value": []}')]) as elsewhere,
        peers(cloud) as ports,
        mock.patch.object(MicrosoftHttpApiModule._LimitedAdapter, '__init__', _smaller(MicrosoftHttpApiModule._LimitedAdapter)),
    ):
        yield Table(cloud, Path(folder), elsewhere, ports)


def _smaller(adapter: Any) -> Any:
    begin = adapter.__init__

    def init(self: Any, inner: Any, remaining: Any, limits: Any) -> None:
        max_size, is_strict = limits
        begin(self, inner, remaining, (min(max_size, MAX_RESPONSE), is_strict))

    return init
