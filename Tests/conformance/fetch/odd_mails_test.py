"""One odd mail, a damaged last run and responses without content stop neither the fetch nor lose a mail."""

import errno
import json
import re
from typing import Any

import pytest

import MicrosoftGraphMailFetchApiModule
from conformance.fetch.conftest import Instance
from conformance.fetch.fetching_platform import Platform
from conformance.fetch.mail_source import PARTNER, MailSource, attach
from sandbox.microsoft.clock import graph_timestamp
from sandbox.microsoft.graph_mail.model import Message

GOOD = {'subject': 'odd', 'receivedDateTime': '2026-01-01T00:00:00Z', 'from': {'emailAddress': {'address': PARTNER.address}}}


def minutes(platform: Platform, runs: int) -> list[str]:
    """Fetch so often, once a minute, and return the names of all incidents."""
    for _ in range(runs):
        run = platform.fetch()
        assert run.has_succeeded, run.error
        platform.cloud.clock.advance(60)
    return sorted(one.name for one in platform.incidents)


def answer(source: MailSource, message: Message, body: Any) -> None:
    """Let Graph answer with a body for a message."""
    path = rf'/messages/{re.escape(message.immutable_id)}$'
    source.cloud.faults.add(service='graph', path=path, status=200, body=body, times=None)


# region odd mails


@pytest.mark.parametrize(
    'odd',
    [
        {'internetMessageHeaders': [None]},
        {'internetMessageHeaders': 'x'},
        {'internetMessageHeaders': [5, {'name': 'X', 'value': 'y'}]},
        {'attachments': [None]},
        {'attachments': {'a': 1}},
        {'attachments': [{'id': 'a', 'size': '5'}]},
        {'attachments': [{'id': 5, 'size': 5}]},
        {'body': 'x'},
        {'body': {'contentType': 5, 'content': 'x'}},
        {'body': {'contentType': 'html', 'content': [1]}},
        {'toRecipients': [None]},
        {'toRecipients': 5},
        {'ccRecipients': [{'emailAddress': 'x'}]},
        {'from': 'x'},
        {'sender': {'emailAddress': [1]}},
        {'flag': 'x'},
        {'categories': 5},
        {'subject': 5},
        {'subject': {'a': 'b'}},
        {'isRead': 'x', 'hasAttachments': []},
        {'webLink': ['x'], 'bodyPreview': {}},
        {'receivedDateTime': 7},
        {'subject': '\ud800'},
    ],
)
@pytest.mark.parametrize('params', [{}, {'fetch_eml': True, 'fetch_html_formatting': True, 'display_full_email_body': True}])
def test_an_odd_mail_becomes_an_incident_and_stops_no_other(
    source: MailSource, instance: Instance, odd: dict[str, Any], params: dict[str, Any]
) -> None:
    message = source.deliver('odd')
    answer(source, message, {'id': message.immutable_id, **GOOD, **odd})
    source.deliver('good')
    platform = instance(**params)
    assert 'good' in [one.name for one in platform.fetch().incidents]
    for _ in range(5):
        if len(platform.incidents) < 2:
            minutes(platform, 1)
    assert len(minutes(platform, 1)) == 2
    [incident] = [one for one in platform.incidents if one.name != 'good']
    assert incident.mail_id == message.immutable_id


@pytest.mark.parametrize('body', [{}, {'id': 'x'}, {'value': []}, [], 'x', None])
@pytest.mark.parametrize('path', ['', '/attachments', '/attachments/[^/]+/.value'])
def test_a_mail_without_content_is_tried_again(source: MailSource, instance: Instance, path: str, body: Any) -> None:
    message = source.deliver('odd')
    source.mailbox.attach_file(message, 'a.bin', bytes(5000))
    if path == '/attachments':  # what the message shows of its attachments cannot be read
        answer(source, message, {'id': message.immutable_id, **GOOD, 'attachments': 5})
    place = rf'/messages/{re.escape(message.immutable_id)}{path}$'
    empty = {'status': 200, 'body': body} if path != '/attachments/[^/]+/.value' else {'status': 200, 'body': ''}
    source.cloud.faults.add(service='graph', path=place, times=None, **empty)
    platform = instance()
    assert minutes(platform, 4) == [] or (path == '/attachments' and body == {'value': []})
    source.cloud.faults.clear()
    assert minutes(platform, 2) == ['odd']
    assert 'Missing' not in platform.incidents[0].raw


@pytest.mark.parametrize(
    'odd',
    [
        {'from': 'x'},
        {'from': {'emailAddress': 'x'}, 'sender': {'emailAddress': {'address': 5}}},
        {'from': None, 'sender': []},
        {'subject': 5},
        {'subject': {'a': 'b'}},
        {'internetMessageId': {}},
        {'toRecipients': 5, 'categories': 'x'},
        {'toRecipients': [None, 'x', {'emailAddress': 5}], 'categories': [None, 5]},
        {'isRead': 'x', 'isDraft': None, 'hasAttachments': {}},
        {'lastModifiedDateTime': 5},
    ],
)
@pytest.mark.parametrize('is_delta', [False, True])
@pytest.mark.parametrize(
    'params',
    [
        {},
        {
            'fetch_exclude_senders': 'x.example',
            'fetch_filter': "not toRecipients/any(r:r/emailAddress/address eq 'x') and not categories/any(c:c eq 'x')",
        },
    ],
)
def test_an_odd_row_stops_no_other(
    source: MailSource, instance: Instance, odd: dict[str, Any], is_delta: bool, params: dict[str, Any]
) -> None:
    platform = instance(**params)
    if is_delta:
        platform.fetch()
    rows = [
        {'id': one.immutable_id, 'receivedDateTime': graph_timestamp(one.received), 'subject': one.subject, **more}
        for one, more in ((source.deliver('odd'), odd), (source.deliver('good'), {}))
    ]
    odd_rows = [None, 5, {}, {'id': None}, {'id': 5}]
    link = {'@odata.deltaLink': json.loads(platform.last_run)['folders']['Inbox']['link']} if is_delta else {}
    place = '/delta' if is_delta else r'/mailFolders/[^/]+/messages$'
    source.cloud.faults.add(service='graph', path=place, status=200, body={'value': [*odd_rows, *rows], **link})
    run = platform.fetch()
    assert not run.error
    assert {'odd', 'good'} == set(run.names)


@pytest.mark.parametrize(
    'error',
    [MemoryError(), OSError(errno.ENAMETOOLONG, 'File name too long'), RecursionError('deep'), ValueError('x'), KeyError('y')],
)
@pytest.mark.parametrize('place', ['body_text', 'attachment_details', 'save_file'])
def test_any_error_with_one_mail_postpones_that_mail_only(
    source: MailSource, instance: Instance, monkeypatch: pytest.MonkeyPatch, error: Exception, place: str
) -> None:
    attach(source.mailbox, source.deliver('odd', html='<p>odd'), 'file')
    source.deliver('good', html='<p>good')
    original = getattr(MicrosoftGraphMailFetchApiModule, place)

    def fails(*args: Any, **kwargs: Any) -> Any:
        if args[0] and 'good' not in str(args[0]):  # a unique body is empty
            raise error
        return original(*args, **kwargs)

    monkeypatch.setattr(MicrosoftGraphMailFetchApiModule, place, fails)
    platform = instance(fetch_html_formatting=True)
    assert minutes(platform, 4) == ['good']
    assert minutes(platform, 2) == ['good', 'odd']
    [incident] = [one for one in platform.incidents if one.name == 'odd']
    assert incident.raw['From'] == PARTNER.address
    assert incident.raw['Missing']


def test_a_batch_that_needs_too_much_memory_is_read_one_by_one(
    source: MailSource, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_mailbox: Any, items: Any) -> Any:
        if items:
            raise MemoryError
        return []

    for number in range(3):
        source.deliver(f'mail {number}')
    monkeypatch.setattr('MicrosoftGraphMailClientApiModule.Mailbox.batch', fails)
    assert minutes(instance(), 1) == ['mail 0', 'mail 1', 'mail 2']


# endregion
# region responses without content


@pytest.mark.parametrize(
    'fault',
    [
        {'status': 200, 'body': {}},
        {'status': 204},
        {'status': 200, 'body': {'value': None}},
        {'status': 200, 'body': {'value': {}}},
        {'status': 200, 'body': {'error': {'code': 'x', 'message': 'y'}}},
        {'status': 200, 'body': []},
        {'status': 202},
    ],
)
@pytest.mark.parametrize('place', [r'/messages$', r'/delta', r'/messages'])
def test_a_response_without_a_list_is_not_the_end_of_the_backlog(
    source: MailSource, instance: Instance, fault: dict[str, Any], place: str
) -> None:
    for number in range(3):
        source.deliver(f'mail {number}', age=1000 - number)
    platform = instance()
    source.cloud.faults.add(service='graph', path=place, times=2, **fault)
    run = platform.fetch()
    assert run.error or run.health or len(run.incidents) == 3
    source.cloud.faults.clear()
    assert minutes(platform, 3) == ['mail 0', 'mail 1', 'mail 2']


# endregion
# region large mails


@pytest.mark.parametrize(
    'megabytes, count, most',
    [*(pytest.param(*large, marks=pytest.mark.slow) for large in [(9, 6, 4), (3, 10, 8), (1, 30, 24)]), (0.001, 30, 30)],
)
def test_a_run_is_limited_by_the_bytes_of_bodies(
    source: MailSource, instance: Instance, megabytes: float, count: int, most: int
) -> None:
    html = '<p>' + 'x' * int(megabytes * 1_000_000)
    for number in range(count):
        source.deliver(f'mail {number}', html=html)
    platform = instance(fetch_html_formatting=True)
    sizes = []
    for _ in range(10):
        run = platform.fetch()
        assert run.has_succeeded, run.error
        sizes.append(len(run.incidents))
        assert len(json.dumps([one.fields for one in run.incidents])) < 60_000_000
    assert max(sizes) <= most
    assert sum(sizes) == count
    assert {one.name for one in platform.incidents} == {f'mail {number}' for number in range(count)}


# endregion
# region a damaged last run

DELETED = object()


@pytest.mark.parametrize(
    'path, value',
    [
        (('folders', 'Inbox', 'link'), 'https://[::1'),
        (('folders', 'Inbox', 'link'), 5),
        (('folders', 'Inbox', 'id'), None),
        (('folders', 'Inbox', 'id'), ''),
        (('folders', 'Inbox', 'since'), 'yesterday'),
        (('folders', 'Inbox', 'first'), 7),
        (('folders', 'Inbox', 'backlog'), 'x'),
        (('folders', 'Inbox', 'backlog'), [1, 2]),
        (('folders', 'Inbox', 'changed'), {'a': 1}),
        (('folders', 'Inbox', 'changed'), ['2026-01-01T00:00:00']),
        (('folders', 'Inbox', 'no_delta'), 8),
        (('folders', 'Inbox', 'checked'), DELETED),
        (('folders', 'Inbox'), None),
        (('folders', 'Inbox'), []),
        (('folders',), None),
        (('folders',), ['Inbox']),
        (('waiting',), None),
        (('waiting',), {'a': 1}),
        (('waiting',), [None, 5, [], ['x'], ['x', 9], ['x', 0, 5], ['', 0], [None, 0], ['x', 0, '', '5']]),
        (('names',), 5),
        (('remembered',), 5),
        (('remembered',), None),
        (('eras',), 5),
        (('eras',), [['a', 'b']]),
        (('complete_from',), 5),
        (('to_mark',), [1]),
        (('to_mark',), {'x': 'y'}),
        (('to_mark',), DELETED),
        (('mailbox',), 5),
        (('version',), '1'),
    ],
)
def test_a_damaged_last_run_is_dropped_in_part_and_reported_once(
    source: MailSource, instance: Instance, path: tuple[str, ...], value: Any
) -> None:
    source.deliver('before')
    platform = instance(mark_fetched_read=True)
    assert minutes(platform, 2) == ['before']
    last_run = json.loads(platform.last_run)
    last_run['names'] = ['Inbox']
    place = last_run
    for name in path[:-1]:
        place = place[name]
    if value is DELETED:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    platform.last_run = json.dumps(last_run)
    source.deliver('after')
    first = platform.fetch()
    assert not first.error
    assert 'after' in [one.name for one in platform.incidents]
    platform.cloud.clock.advance(60)
    assert platform.fetch().health == []
    is_other = path in (('mailbox',), ('version',))
    harmless = path in (('names',), ('eras',), ('complete_from',)) and value != [['a', 'b']] and path != ('eras',)
    assert bool(first.health) is not (is_other or harmless), first.health


@pytest.mark.parametrize(
    'damage, parts',
    [
        ({'folders': None}, 'the folders'),
        ({'to_mark': [1], 'remembered': 5}, 'the emails to be marked as read, the emails that were fetched'),
        ({'waiting': [5, 5], 'folders': {'Inbox': {}}}, "the folder 'Inbox', an email that was to be read again"),
        ({'folders': {'x' * 600: {}}}, f"the folder '{'x' * 600}'"),
    ],
)
def test_the_damaged_parts_of_a_last_run_are_reported(
    source: MailSource, instance: Instance, damage: dict[str, Any], parts: str
) -> None:
    platform = instance()
    platform.fetch()
    platform.last_run = json.dumps({**json.loads(platform.last_run), **damage})
    sentences = f'The stored position of the fetch was damaged. These parts were lost and start again: {parts}.'
    assert platform.fetch().health == [sentences[:500]]


@pytest.mark.parametrize('last_run', ['5', '[]', '"x"', 'null', '{"version": 1}'])
def test_a_last_run_of_another_form_is_ignored(source: MailSource, instance: Instance, last_run: str) -> None:
    source.deliver()
    platform = instance()
    platform.last_run = last_run
    assert minutes(platform, 2) == ['A mail']


# endregion
