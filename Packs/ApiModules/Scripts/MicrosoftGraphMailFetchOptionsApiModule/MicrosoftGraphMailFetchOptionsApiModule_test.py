"""What an instance fetches: options, and lists of folders."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from CommonServerPython import DemistoException
from MicrosoftCoreApiModule import SystemClock
from MicrosoftGraphMailFetchOptionsApiModule import (
    FetchOptions,
    MessageRow,
    fetch_folders,
    first_fetch_time,
    graph_seconds,
)
from MicrosoftGraphMailSearchApiModule import mail_search, row_filter

BOB, EVE = 'bob@contoso.example', 'eve@partner.example'


def options_with(**changes: Any) -> FetchOptions:
    options = FetchOptions({})
    for name, value in changes.items():
        assert hasattr(options, name)
        setattr(options, name, value)
    return options


@pytest.mark.parametrize(
    'moment, text', [(0, '1970-01-01T00:00:00'), (-5, '1970-01-01T00:00:00'), (1893456000.9, '2030-01-01T00:00:00')]
)
def test_a_time_is_written_in_whole_seconds(moment: float, text: str) -> None:
    assert graph_seconds(moment) == text


def sent_by(address: str) -> dict[str, Any]:
    return {'emailAddress': {'address': address}}


@pytest.mark.parametrize(
    'options, row, is_fetched',
    [
        ({}, {}, True),
        ({'senders': ('eve@partner.example',)}, {'from': sent_by('Eve@Partner.Example')}, True),
        ({'senders': ('eve@partner.example',)}, {'from': sent_by(BOB), 'sender': sent_by(EVE)}, True),
        ({'senders': ('eve@partner.example', 'contoso.example')}, {'from': sent_by(BOB)}, True),
        ({'senders': ('@contoso.example',)}, {'from': sent_by(BOB)}, True),
        ({'senders': ('contoso.example',)}, {'from': sent_by('bob@notcontoso.example')}, False),
        ({'senders': ('eve@partner.example',)}, {'from': sent_by('steve@partner.example')}, False),
        ({'senders': ('contoso.example',)}, {'from': None}, False),
        ({'senders': ('contoso.example',)}, {}, False),
        ({'subject': 'invoice'}, {'subject': 'Your INVOICE is late'}, True),
        ({'subject': 'invoice'}, {'subject': 'Lunch'}, False),
        ({'subject': 'invoice'}, {'subject': None}, False),
        ({'unread_only': True}, {'isRead': False}, True),
        ({'unread_only': True}, {'isRead': True}, False),
        ({'with_attachments_only': True}, {'hasAttachments': True}, True),
        ({'with_attachments_only': True}, {'hasAttachments': False}, True),  # it may have inline files
        ({'search': mail_search('hasattachment:true')}, {'hasAttachments': False}, True),
        ({'search': mail_search('hasattachment:false')}, {'hasAttachments': False}, True),
        ({'search': mail_search('hasattachment:false')}, {'hasAttachments': True}, False),
        ({'subject': 'a', 'unread_only': True}, {'subject': 'a', 'isRead': True}, False),
    ],
)
def test_a_mail_is_fetched_if_it_matches_all_filters(options: dict[str, Any], row: MessageRow, is_fetched: bool) -> None:
    assert options_with(**options).matches(row) is is_fetched


@pytest.mark.parametrize(
    'options', [{'with_attachments_only': True}, {'search': mail_search('hasattachment:true')}], ids=['option', 'search']
)
@pytest.mark.parametrize('message, is_found', [({'hasAttachments': True}, True), ({'hasAttachments': False}, False), ({}, True)])
def test_attachments_decide_when_they_are_known(options: dict[str, Any], message: MessageRow, is_found: bool) -> None:
    chosen = options_with(**options)
    assert (chosen.search_properties, chosen.is_found(message)) == ({'hasAttachments'}, is_found)


@pytest.mark.parametrize(
    'change, is_same',
    [
        ({'senders': ('a',)}, False),
        ({'subject': 'a'}, False),
        ({'unread_only': True}, False),
        ({'with_attachments_only': True}, False),
        ({'max_mails': 7, 'with_eml': True, 'html': True, 'folders': ('Junk',), 'mark_read': True}, True),
    ],
)
def test_only_filters_distinguish_one_choice_of_mails_from_another(change: dict[str, Any], is_same: bool) -> None:
    assert (options_with(**change).filters == FetchOptions({}).filters) is is_same


def test_each_choice_of_mails_differs_from_all_others() -> None:
    a, b = mail_search('a'), mail_search('b')
    expressions = [{'expression': row_filter(f"subject eq '{text}'")} for text in 'ab']
    texts = [{name: text} for name in ('senders', 'excluded_senders', 'subject') for text in 'ab']
    flags = [{name: True} for name in ('unread_only', 'with_attachments_only', 'drafts')]
    choices: list[dict[str, Any]] = [{}, *texts, *expressions, *flags, {'search': a}, {'search': b}]
    choices += [{**one, 'search': a} for one in (*texts, *expressions)]
    assert len({options_with(**one).filters for one in choices}) == len(choices)


def test_filters_are_saved_in_the_same_form_in_every_version() -> None:
    options = FetchOptions({'fetch_from': EVE, 'fetch_subject': 'Invoice', 'fetch_unread_only': True})
    assert FetchOptions({}).filters == '[[], "", false, false]'
    assert options.filters == '[["eve@partner.example"], "invoice", true, false]'
    drafts = FetchOptions({'fetch_exclude_senders': EVE, 'fetch_drafts': True})
    assert drafts.filters == '[[], "", false, false, ["eve@partner.example"], "", true]'


def test_a_filter_is_saved_as_it_was_written() -> None:
    options = FetchOptions({'fetch_filter': '$filter=isRead eq true', 'fetch_search': 'a b'})
    assert options.filters == '[[], "", false, false, [], "$filter=isRead eq true", false, "a b"]'


def test_parameters_become_options() -> None:
    options = FetchOptions(
        {
            'folder_to_fetch': 'A\\, B, C, C',
            'fetch_limit': '7',
            'fetch_from': 'Bob@x.example, ',
            'first_fetch': '2020-01-01T09:00:00',
        }
    )
    assert (options.folders, options.max_mails, options.senders) == (('A\\, B', 'C'), 7, ('bob@x.example',))
    assert options.first_fetch() == '2020-01-01T09:00:00'


@pytest.mark.parametrize(
    'text, utc',
    [
        ('2020-01-01 09:00', '2020-01-01T09:00:00'),
        ('2020-01-01T09:00:30.5Z', '2020-01-01T09:00:30'),
        ('2020-01-01T09:00:00+05:45', '2020-01-01T03:15:00'),
        ('2020-01-01T09:00:00-0330', '2020-01-01T12:30:00'),
    ],
)
def test_a_first_fetch_may_be_in_any_time_zone(text: str, utc: str) -> None:
    assert first_fetch_time(text) == utc


@pytest.mark.parametrize('text', ['1 Feb 2020', '01 February 2020', 'Feb 1, 2020', 'FEBRUARY 1 2020', '2020-02-01'])
def test_a_first_fetch_may_be_a_date(text: str) -> None:
    assert first_fetch_time(text) == '2020-02-01T00:00:00'


NOW = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)  # a Tuesday


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, 'now', lambda _clock: NOW.timestamp())


@pytest.mark.usefixtures('noon')
@pytest.mark.parametrize(
    'text, ago',
    [
        ('now', timedelta()),
        ('Today', timedelta()),
        ('yesterday', timedelta(days=1)),
        ('45 sec', timedelta(seconds=45)),
        ('15 minutes', timedelta(minutes=15)),
        ('2m', timedelta(minutes=2)),
        ('5 min', timedelta(minutes=5)),
        ('1 second', timedelta(seconds=1)),
        ('an hour ago', timedelta(hours=1)),
        ('-2 hrs', timedelta(hours=2)),
        ('last 2 days', timedelta(days=2)),
        ('1 day, 12 hours ago', timedelta(hours=36)),
        ('1 day and 2 h', timedelta(hours=26)),
        ('1.5 days', timedelta(hours=36)),
        ('past one week', timedelta(weeks=1)),
        ('3 w', timedelta(weeks=3)),
        ('1 month', timedelta(days=31)),
        ('2 years', timedelta(days=732)),
        ('1 y', timedelta(days=366)),
    ],
)
def test_a_first_fetch_may_be_a_duration(text: str, ago: timedelta) -> None:
    assert first_fetch_time(text) == f'{NOW - ago:%Y-%m-%dT%H:%M:%S}'


def test_the_clock_of_the_engine_may_be_five_minutes_late(noon: None) -> None:
    assert first_fetch_time('2030-01-01T12:05:00') == '2030-01-01T12:05:00'
    with pytest.raises(DemistoException, match='is in the future, so nothing would be fetched'):
        first_fetch_time('2030-01-01T12:05:01')


HOW_TO_WRITE_A_TIME = 'Write it as 15 minutes, 2 days or 2025-01-31T08:00:00Z.'


@pytest.mark.parametrize(
    'params, sentences',
    [
        (
            {'folder_to_fetch': ','.join(map(str, range(51)))},
            "'Folders to fetch from' has 51 folders. Enter up to 50, and the rest in another instance.",
        ),
        ({'max_fetch': '201'}, "'201' is not a whole number from 1 to 200. Change 'Maximum number of incidents per fetch'."),
        ({'fetch_limit': '0'}, "'0' is not a whole number from 1 to 200. Change 'Maximum number of incidents per fetch'."),
        ({'max_attachment_size': '151'}, "'151' is not a whole number from 1 to 150. Change 'Maximum attachment size'."),
        (
            {'first_fetch': f'2 days{" " * 100}before'},
            f"'2 days{' ' * 94}' in 'First fetch time' is not a time. {HOW_TO_WRITE_A_TIME}",
        ),
        ({'first_fetch': 'soon'}, f"'soon' in 'First fetch time' is not a time. {HOW_TO_WRITE_A_TIME}"),
        ({'first_fetch': '15'}, f"'15' in 'First fetch time' has no unit. {HOW_TO_WRITE_A_TIME}"),
        (
            {'first_fetch': '2999-01-01'},
            f"'2999-01-01' in 'First fetch time' is in the future, so nothing would be fetched. {HOW_TO_WRITE_A_TIME}",
        ),
        ({'fetch_subject': '\u200b'}, "'Subject contains' has only invisible characters. Type the text."),
        *(
            (
                {'fetch_from': sender, 'fetch_exclude_senders': excluded},
                f"'{sender}' in 'Senders' is excluded by 'Excluded senders'. Remove it from one of them.",
            )
            for sender, excluded in (
                ('a@x.example', 'a@x.example'),
                ('a@x.example', 'x.example'),
                ('a@m.x.example', '*.x.example'),
                ('x.example', 'x.example'),
                ('m.x.example', '*.x.example'),
                ('*.x.example', '*.x.example'),
                ('*.m.x.example', '*.x.example'),
            )
        ),
    ],
)
def test_an_invalid_parameter_is_named(params: dict[str, Any], sentences: str) -> None:
    with pytest.raises(DemistoException) as caught:
        FetchOptions(params)
    assert str(caught.value) == sentences


@pytest.mark.parametrize(
    'sender, excluded',
    [
        ('a@x.example', 'b@x.example'),
        ('ba@x.example', 'a@x.example'),
        ('x.example', 'a@x.example'),
        ('x.example', 'x@x.example'),
        ('x.example', '*.x.example'),
        ('*.x.example', 'x.example'),
        ('*.x.example', 'x.x.example'),
    ],
)
def test_a_sender_that_is_not_excluded_is_accepted(sender: str, excluded: str) -> None:
    options = FetchOptions({'fetch_from': sender, 'fetch_exclude_senders': excluded})
    assert (options.senders, options.excluded_senders) == ((sender,), (excluded,))


@pytest.mark.parametrize(
    'text, paths',
    [
        (None, []),
        ('Inbox, A\\, B; C\nD', ['Inbox', 'A\\, B', 'C', 'D']),
        (r'Inbox\Phishing', ['Inbox/Phishing']),
        (r'\\ada@x.example\Inbox\New', ['Inbox/New']),
        (r'\\ada@x.example', []),
        (r'\\a@b@x.example\Inbox', [r'\\a@b@x.example/Inbox']),
        (r'C:\\Mail, A\/B, A\;B', [r'C:\\Mail', r'A\/B', r'A\;B']),
        (r'\\', [r'\\']),
        (['Inbox', 'Archive'], ['Inbox', 'Archive']),
        ('["Inbox", "Archive"]', ['Inbox', 'Archive']),
        (' ["Inbox/A, B; C", "In\\\\/Out"] ', ['Inbox/A\\, B\\; C', 'In\\/Out']),
        ('[External], Inbox', ['[External]', 'Inbox']),
        ('[1, 2]', ['[1', '2]']),
    ],
)
def test_folders_are_separated_and_written_as_paths(text: Any, paths: list[str]) -> None:
    assert fetch_folders(text) == paths


def test_a_filter_names_the_properties_that_it_needs() -> None:
    options = options_with(expression=row_filter("flag/flagStatus eq 'x' or categories/any(c:c eq 'y')"), unread_only=True)
    assert set(options.properties) == {'isRead', 'flag', 'categories'}
    assert options.depends_on_state
    assert options_with(expression=row_filter("subject eq 'x'")).properties == ()


def test_a_search_names_the_properties_that_it_needs() -> None:
    options = options_with(search=mail_search('cc:x OR isread:true OR size>5 OR kind:email'))
    assert (set(options.properties), options.search_properties) == ({'ccRecipients', 'isRead'}, {'size', 'kind'})
    assert options.depends_on_state
    assert not options_with(search=mail_search('body:x')).depends_on_state
    assert options_with(search=mail_search('body:x')).filters != FetchOptions({}).filters
