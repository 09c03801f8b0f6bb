"""The rules of the table find a product that is broken: each breach is seen, in each section."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

import MicrosoftApiModule
import MicrosoftGraphClientApiModule
import MicrosoftGraphMailArgumentsApiModule
import MicrosoftGraphMailClientApiModule
import MicrosoftGraphMailSendApiModule
import MicrosoftHttpApiModule
import MicrosoftInstanceApiModule
import MicrosoftTokenRequestApiModule
from conformance.faults.scenarios import BY_NAME
from conformance.faults.table import FELL_SHORT, Table, table
from MicrosoftCoreApiModule import SystemClock
from MicrosoftHttpApiModule import LimitedSession, RetryPolicy
from sandbox.microsoft import MicrosoftCloud

pytestmark = pytest.mark.slow
Break = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture
def rows_of(cloud: MicrosoftCloud) -> Iterator[Table]:
    with table(cloud) as made:
        yield made


def _replace(place: Any, name: str, value: Any) -> Break:
    return lambda patch: patch.setattr(place, name, value)


def _following(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LimitedSession, 'get_redirect_target', requests.Session.get_redirect_target)
    send = requests.Session.request
    patch.setattr(requests.Session, 'request', lambda *args, **kwargs: send(*args, **{**kwargs, 'allow_redirects': True}))


def _no_limit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SystemClock, 'limit', lambda *_args: None)


def _wait_for_ever(patch: pytest.MonkeyPatch) -> None:
    _no_limit(patch)
    endless = RetryPolicy(dict.fromkeys((429, 503), 9), budget=1e9)
    patch.setattr(MicrosoftGraphMailClientApiModule.GraphMailClient, 'retry_policy', endless, raising=False)
    patch.setattr('MicrosoftHttpApiModule.retry_after_seconds', lambda *_args: 90.0)
    patch.setattr(RetryPolicy, 'delay', lambda _policy, attempt, _response, _now: 90.0 if attempt < 9 else None)
    patch.setattr('MicrosoftApiModule.API_RETRIES', endless)
    init = MicrosoftApiModule.MicrosoftClient.__init__
    patch.setattr(
        MicrosoftApiModule.MicrosoftClient,
        '__init__',
        lambda self, *args, **kw: init(self, *args, **{**kw, 'retry_policy': endless}),
    )


def _post_again(patch: pytest.MonkeyPatch) -> None:
    again = RetryPolicy(connection_retries=1)
    mailbox = MicrosoftGraphMailClientApiModule.Mailbox
    patch.setattr(mailbox, '_run_once', lambda self, run, *_args, **_more: self.client.retry(run, again))


def _no_masks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MicrosoftTokenRequestApiModule.TokenClient, 'mask', lambda *_args: None)
    patch.setattr(MicrosoftInstanceApiModule, 'mask_secret', lambda _secret: None)


def _one_form(patch: pytest.MonkeyPatch) -> None:
    for module in (MicrosoftTokenRequestApiModule, MicrosoftApiModule):
        patch.setattr(module, 'secret_forms', lambda secret: [secret])


def _nameless(error: Exception, _host: str, advice: str) -> tuple[str, str, str]:
    return MicrosoftHttpApiModule.connection_problem(error, 'The service', advice)


def _ignoring(*_args: Any, **_kwargs: Any) -> dict[str, Any]:
    return {'id': 'an-id'}


class Breach(NamedTuple):
    """A fault of the product, the scenario and the fault of a row that shows it, and why that row falls short then."""

    break_product: Break
    scenario: str
    fault: str
    why: str


# By the sections of what docs/reliability.md counts.
BREACHES: dict[str, dict[str, Breach]] = {
    'loss and security': {
        'secrets are not masked': Breach(_no_masks, 'msgraph-mail-list-folders', 'echo in an object 400', 'a secret is shown'),
        'forms of secrets are not masked': Breach(
            _one_form, 'msgraph-mail-list-folders', 'echo in an object 400', 'a secret is shown'
        ),
        'redirects are followed': Breach(_following, 'msgraph-mail-list-folders', 'redirect 302', 'requests to another host'),
        'redirects of sent mails are followed': Breach(
            _following, 'send-mail, no copy', 'redirect 307', 'requests to another host'
        ),
        'any link is followed': Breach(
            _replace(MicrosoftGraphClientApiModule, 'is_same_host', lambda *_args: True),
            'msgraph-mail-list-rules',
            'body a link elsewhere',
            'requests to another host',
        ),
        'creations are not checked': Breach(
            _replace(MicrosoftGraphClientApiModule.GraphClient, 'create', _ignoring),
            'msgraph-mail-create-folder',
            'status 400',
            'success, but',
        ),
        'lists are not checked': Breach(
            _replace(MicrosoftGraphMailClientApiModule.Mailbox, '_list', lambda *_args: []),
            'msgraph-mail-list-rules',
            'status 500',
            'success with other content',
        ),
    },
    'availability': {
        'waits have no end': Breach(_wait_for_ever, 'msgraph-mail-list-folders', 'retry after 2 s', 'it took'),
        'a command has no end': Breach(_no_limit, 'send-mail', 'silent', 'it took'),
        'errors are shown as they are': Breach(
            _replace(MicrosoftInstanceApiModule, 'error_text', repr),
            'msgraph-mail-list-folders',
            'status 400',
            'an error of|a raw error',
        ),
        'JSON is not checked': Breach(
            _replace(
                MicrosoftTokenRequestApiModule.TokenClient, 'read_json', lambda _client, _request, response: response.json()
            ),
            'Client secret: token',
            'body a list',
            'a raw error',
        ),
        'texts are not limited': Breach(
            _replace(MicrosoftGraphClientApiModule, 'outside_text', lambda value, *_args: str(value) * 100),
            'msgraph-mail-list-folders',
            'status 400',
            'an error of',
        ),
        'a rule is created twice': Breach(_post_again, 'msgraph-mail-create-rule', 'once reset_mid_body', 'more was done'),
        'a lost response is not looked up': Breach(
            _replace(MicrosoftGraphMailSendApiModule._Draft, '_marked', lambda *_args: []),
            'send-mail',
            'once reset_mid_body',
            'success, but|a draft is left behind',
        ),
    },
    'what is shown': {
        'subjects are live Markdown': Breach(
            _replace(MicrosoftGraphMailArgumentsApiModule, 'escape_markdown', lambda value, *_args: value),
            'msgraph-mail-list-emails',
            'field value.0.subject is hostile',
            'live Markdown',
        ),
        'files are named as others want': Breach(
            _replace(MicrosoftGraphMailClientApiModule, 'file_name', str),
            'msgraph-mail-get-attachment',
            'field name is hostile',
            'a file named',
        ),
        'a reset ends a command that reads': Breach(
            _replace(MicrosoftApiModule, 'is_reset', lambda _error: False),
            'msgraph-mail-list-folders',
            'once reset',
            'given up after one fault',
        ),
        'faults of TLS are all the same': Breach(
            _replace(MicrosoftHttpApiModule, '_CONNECTION_PROBLEMS', ()), 'msgraph-mail-list-folders', 'peer expired', 'a cause'
        ),
        'the host is not named': Breach(
            _replace(MicrosoftGraphClientApiModule, 'connection_problem', _nameless),
            'msgraph-mail-list-folders',
            'peer closed port',
            'a cause that is not named',
        ),
    },
}


def test_each_section_has_five_breaches() -> None:
    assert min(map(len, BREACHES.values())) >= 5


@pytest.mark.parametrize('section, breach', [(section, breach) for section, found in BREACHES.items() for breach in found])
def test_a_breach_is_seen(rows_of: Table, monkeypatch: pytest.MonkeyPatch, section: str, breach: str) -> None:
    break_product, name, fault, why = BREACHES[section][breach]
    scenario = BY_NAME[name]
    parts = why.split('|')
    of_the_product = list(_whys(rows_of, scenario, fault))
    assert of_the_product
    assert not any(part in shown for shown in of_the_product for part in parts)
    # one row that shows it is enough
    of_the_broken_one = _whys(rows_of, scenario, fault, lambda: break_product(monkeypatch))
    assert any(part in shown for shown in of_the_broken_one for part in parts)
    folder = os.environ.get('RELIABILITY')
    if folder:
        Path(folder, f'breach-{breach.replace(" ", "-")}.json').write_text(json.dumps(section))


def _whys(rows_of: Table, scenario: Any, fault: str, break_product: Callable[[], None] = lambda: None) -> Iterator[str]:
    """Yield why each row of a fault falls short, in a product that is broken once the clean run is over; empty if it does not."""
    for row in rows_of.rows_of_fault(scenario, fault, break_product):
        yield row.why if row.outcome == FELL_SHORT else ''
