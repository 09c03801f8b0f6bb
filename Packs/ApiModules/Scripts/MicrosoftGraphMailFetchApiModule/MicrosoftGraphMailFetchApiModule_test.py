"""Mails that are fetched, and their incidents. The tests of whole runs are in Tests/conformance."""

import errno
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import demistomock as demisto
from MicrosoftCoreApiModule import JsonObject
from MicrosoftGraphClientApiModule import GraphError
from MicrosoftGraphMailClientApiModule import GraphMailClient
from MicrosoftGraphMailFetchOptionsApiModule import FetchOptions, MessageRow
from MicrosoftGraphMailCursorApiModule import FetchRun, PendingMail
from MicrosoftGraphMailFetchApiModule import (
    MAX_BODY,
    FetchedMail,
    MailState,
    MimeHead,
    fetch_incidents,
    mail_to_incident,
    mail_to_json,
    small_ranges,
)

ADA = 'ada@contoso.example'


# region outcomes


def fetched_mail(message_id: str, message: Any = None, **changes: Any) -> FetchedMail:
    mail = FetchedMail(PendingMail(message_id, 'Inbox'))
    mail.message = message or {}
    for name, value in changes.items():
        setattr(mail, name, value)
    return mail


@pytest.mark.parametrize(
    'changes, expected',
    [
        ({}, {'is_done', 'is_to_mark'}),
        ({'message': {'isRead': True}}, {'is_done'}),
        ({'state': MailState.DELETED}, set()),
        ({'state': MailState.POSTPONED}, {'is_postponed'}),
        ({'state': MailState.UNWANTED}, {'is_done'}),
    ],
)
def test_a_mail_is_done_or_postponed_or_gone(changes: dict[str, Any], expected: set[str]) -> None:
    options = FetchOptions({'mark_fetched_read': True})
    outcome = fetched_mail('AAMk', **changes).outcome(options)
    assert {name for name in ('is_postponed', 'is_done', 'is_to_mark') if getattr(outcome, name)} == expected


def test_a_mail_that_may_be_wanted_later_is_not_done() -> None:
    assert not fetched_mail('AAMk', state=MailState.UNWANTED).outcome(FetchOptions({'fetch_unread_only': True})).is_done


@pytest.mark.parametrize('state, after', [(MailState.ACTIVE, MailState.POSTPONED), (MailState.DELETED, MailState.DELETED)])
def test_a_deleted_mail_is_not_postponed(state: str, after: str) -> None:
    mail = fetched_mail('AAMk', state=state)
    mail.postpone(OSError(errno.ENOSPC, 'full'), now=7)
    assert (mail.state, mail.pending.tries, mail.pending.since) == (after, 1, 7)


def test_a_text_that_is_too_long_is_shortened_and_said_to_be() -> None:
    mail = fetched_mail('AAMk')
    mail.accept({'subject': '', **{name: {'content': 'x' * (MAX_BODY + 1)} for name in ('body', 'uniqueBody')}})
    assert mail.missing == [
        'The body is shortened to its first 500,000 of 500,001 characters.',
        'The new text is shortened to its first 500,000 of 500,001 characters.',
    ]
    assert len(mail.message['body']['content']) == len(mail.message['uniqueBody']['content']) == MAX_BODY


def test_a_mail_without_content_is_an_error() -> None:
    with pytest.raises(GraphError) as caught:
        fetched_mail('AAMk').accept({'id': 'AAMk'})
    assert str(caught.value) == 'Microsoft Graph sent an email without content. Try again.'


@pytest.mark.parametrize('size, read', [(10, 10), (64_000, 64_000), (64_001, 64_000)])
@pytest.mark.parametrize('chunk', [7_000, 100_000])
def test_only_the_first_headers_of_a_mail_are_read(size: int, read: int, chunk: int) -> None:
    mail = fetched_mail('AAMk', {'id': 'AAMk'})
    source = b'X-A: ' + b'a' * (size - 5)

    def download(write: Callable[[bytes], None]) -> None:
        for start in range(0, size, chunk):
            write(source[start : start + chunk])

    MimeHead(mail, 'path').read(download)
    assert mail.message['internetMessageHeaders'] == [{'name': 'X-A', 'value': 'a' * (read - 5)}]


def test_mails_are_not_marked_as_read_unless_it_is_wanted() -> None:
    assert not fetched_mail('AAMk').outcome(FetchOptions({})).is_to_mark


# endregion
# region incidents


def test_a_header_without_a_value_is_a_label_without_a_value() -> None:
    mail = fetched_mail('AAMk', {'id': 'AAMk', 'internetMessageHeaders': [{'name': 'X-Empty', 'value': None}]})
    assert mail_to_incident(mail, ADA, False)['labels'][0] == {'type': 'Email/Header/X-Empty', 'value': ''}


def test_an_incident_of_a_mail_that_could_not_be_read_says_what_is_missing() -> None:
    mail = fetched_mail('AAMk', missing=['The body is missing.'])
    incident = mail_to_incident(mail, ADA, False)
    assert (incident['name'], incident['details'], incident['dbotMirrorId']) == ('(no subject)', 'The body is missing.', 'AAMk')
    assert json.loads(incident['rawJSON'])['Missing'] == ['The body is missing.']


def test_html_has_its_text_beside_it() -> None:
    email = mail_to_json(fetched_mail('AAMk', {'body': {'contentType': 'HTML', 'content': '<p>a<p>b'}}), ADA)
    assert (email['Body'], email['HTML'], email['Text']) == ('<p>a<p>b', '<p>a<p>b', 'a\nb')


def fetches(
    incidents: list[JsonObject], last_run: JsonObject, problems: Sequence[Exception], notes: Sequence[str] = ()
) -> Callable[..., tuple[list[JsonObject], JsonObject]]:
    """Return a replacement of `fetch_mails` with these results."""

    def fetch(run: FetchRun, *_args: Any) -> tuple[list[JsonObject], JsonObject]:
        run.problems += problems
        run.notes += notes
        return incidents, last_run

    return fetch


def test_incidents_are_created_before_the_last_run_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def recorder(name: str) -> Callable[..., None]:
        return lambda value, **more: calls.append((name, value, *more.values()))

    for name in ('incidents', 'setLastRun', 'updateModuleHealth'):
        monkeypatch.setattr(demisto, name, recorder(name))
    problems = [ValueError('x'), ValueError('x'), ValueError('y')]
    fetched = fetches([{'name': 'a'}], {'version': 1}, problems)
    monkeypatch.setattr('MicrosoftGraphMailFetchApiModule.fetch_mails', fetched)
    fetch_incidents(GraphMailClient(), FetchOptions({}))
    assert calls == [
        ('incidents', [{'name': 'a'}]),
        ('setLastRun', {'version': 1, 'has_messages': True}),
        ('updateModuleHealth', 'x\ny', True),
    ]


@pytest.mark.parametrize('is_old_server', [False, True])
@pytest.mark.parametrize(
    'problems, notes, last_run, expected',
    [
        ([], (), {}, []),
        ([], (), None, []),
        ([], (), {'has_messages': True}, [('', False)]),
        ([], ('A note.',), {}, [('A note.', False)]),
        ([ValueError('No.')], ('A note.',), {}, [('No.\nA note.', True)]),
        ([ValueError('No.')], (), {'has_messages': True}, [('No.', True)]),
    ],
)
def test_problems_are_errors_in_the_health_until_they_end(
    monkeypatch: pytest.MonkeyPatch,
    problems: list[Exception],
    notes: tuple[str, ...],
    last_run: Any,
    expected: list[tuple[str, bool]],
    is_old_server: bool,
) -> None:
    health: list[Any] = []
    saved: list[Any] = []
    new: Callable[..., None] = lambda data, is_error=False: health.append((data, is_error))  # noqa: E731
    monkeypatch.setattr(demisto, 'updateModuleHealth', health.append if is_old_server else new)
    monkeypatch.setattr(demisto, 'getLastRun', lambda: last_run)
    monkeypatch.setattr(demisto, 'setLastRun', saved.append)
    monkeypatch.setattr('MicrosoftGraphMailFetchApiModule.fetch_mails', fetches([], {}, problems, notes))
    fetch_incidents(GraphMailClient(), FetchOptions({}))
    assert health == ([text for text, _ in expected] if is_old_server else expected)
    assert saved == [{'has_messages': True} if problems or notes else {}]


# endregion


TINY = [(second, '9') for second in range(12)]


def sized(name: str, second: int, size: Any) -> MessageRow:
    received = f'2030-01-01T10:00:{second:02}Z'
    return {'id': name, 'receivedDateTime': received, 'singleValueExtendedProperties': [{'id': 'Integer 0xe08', 'value': size}]}


@pytest.mark.parametrize(
    'sizes, wanted, ranges',
    [
        ([], '', []),
        ([(0, '9'), (1, '9'), (2, '9'), (3, '9'), (4, '9')], 'abcde', ['abcde']),
        ([(0, '9'), (1, '9'), (2, '9'), (3, '9')], 'abcd', []),
        ([(0, '9')] * 12, 'abcde', []),
        ([(0, '9')] * 10, 'abcde', ['abcdefghij']),
        ([(one, '1000000') for one in range(12)], 'abcdefghijkl', []),
        ([(one, '500000') for one in range(12)], 'abcdefghijkl', ['abcdef', 'ghijkl']),
        ([*TINY[:6], (6, '3000001'), *TINY[7:]], 'abcdefghijkl', ['abcdef', 'hijkl']),
        ([*TINY[:6], (5, '3000000'), *TINY[7:]], 'abcdefghijkl', ['abcde', 'hijkl']),
        ([*((one, '9') for one in range(5)), (6, None), (7, 'x'), (8, '-5')], 'abcdefgh', ['abcde']),
        ([(one // 10, '9') for one in range(120)], 'abcdefghijklmnopqrstuvwxyz', []),
    ],
)  # fmt: skip
def test_mails_that_are_small_together_are_read_by_one_list(sizes: list[tuple[int, Any]], wanted: str, ranges: list[str]) -> None:
    rows = [sized(chr(97 + number), second, size) for number, (second, size) in enumerate(sizes)]
    assert [''.join(row['id'] for row in one) for one in small_ranges(rows, set(wanted))] == ranges


# endregion
