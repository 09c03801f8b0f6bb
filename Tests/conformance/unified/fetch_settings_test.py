"""The fetch as the platform runs it: its parameters, which of them are rejected, its incidents and its last run."""

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

import demistomock as demisto
from conformance.unified.instances import ADA, Instance, Params, with_methods
from MicrosoftGraphMailFetchOptionsApiModule import FetchOptions
from MicrosoftGraphMailSearchApiModule import Expression
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

MOST, LARGEST = 'Maximum number of incidents per fetch', 'Maximum attachment size'
NO_NUMBER = "'{value}' is not a whole number from 1 to {largest}. Change '{name}'."
NO_TIME = "'{value}' in 'First fetch time' is not a time. Write it as 15 minutes, 2 days or 2025-01-31T08:00:00Z."

NO_SENDER = "'{value}' in '{name}' is neither an email address nor a domain. Write it as alerts@example.com or example.com."
SEARCH_EXAMPLE = 'Write it as from:example.com AND (subject:invoice* OR hasattachment:true).'
EXAMPLE = "Write it as contains(subject, 'invoice') and not (importance eq 'low')."


@pytest.fixture(autouse=True)
def new_instance() -> None:
    demisto.setLastRun({})


def chosen(options: FetchOptions) -> Params:
    """Return the options of a fetch without the start of the first fetch, and expressions as texts."""
    chosen = {name: value for name, value in vars(options).items() if name != 'first_fetch'}
    return {name: value.text if isinstance(value, Expression) else value for name, value in chosen.items()}


DEFAULTS = chosen(FetchOptions({}))


@pytest.mark.parametrize(
    'params, options',
    [
        ({}, {}),
        (
            dict.fromkeys(
                (
                    'folder_to_fetch',
                    'first_fetch',
                    'max_fetch',
                    'fetch_limit',
                    'fetch_from',
                    'fetch_subject',
                    'max_attachment_size',
                    'fetch_eml',
                )
            ),
            {},
        ),
        ({'folder_to_fetch': ' , '}, {}),
        ({'folder_to_fetch': 'Inbox/Phishing, A\\, B, Inbox/Phishing'}, {'folders': ('Inbox/Phishing', 'A\\, B')}),
        ({'max_fetch': ' 200 '}, {'max_mails': 200}),
        ({'max_fetch': 7, 'fetch_limit': '9'}, {'max_mails': 7}),
        ({'max_fetch': ' ', 'fetch_limit': '9'}, {'max_mails': 9}),
        ({'folder_to_fetch': 'Inbox; A\\;B\nC'}, {'folders': ('Inbox', 'A\\;B', 'C')}),
        ({'fetch_from': ' Eve@Partner.example ,contoso.example,'}, {'senders': ('eve@partner.example', 'contoso.example')}),
        ({'fetch_exclude_senders': 'News.example'}, {'excluded_senders': ('news.example',)}),
        ({'fetch_subject': ' Invoice '}, {'subject': 'invoice'}),
        ({'fetch_filter': " subject eq 'a' "}, {'expression': "subject eq 'a'"}),
        ({'fetch_search': ' from:a.example "b c" '}, {'search': 'from:a.example "b c"'}),
        ({'max_attachment_size': '150'}, {'max_attachment_size': 150_000_000}),
        *(
            ({name: value}, {option: is_on})
            for value, is_on in ((True, True), ('true', True))
            for name, option in (
                ('fetch_unread_only', 'unread_only'),
                ('fetch_with_attachments_only', 'with_attachments_only'),
                ('fetch_eml', 'with_eml'),
                ('display_full_email_body', 'full_body'),
                ('fetch_html_formatting', 'html'),
                ('mark_fetched_read', 'mark_read'),
                ('fetch_drafts', 'drafts'),
                ('fetch_unique_body', 'unique_body'),
            )
        ),
        ({'fetch_eml': False}, {}),
    ],
)
def test_parameters_become_options(params: Params, options: Params) -> None:
    assert chosen(FetchOptions(params)) == {**DEFAULTS, **options}


@pytest.mark.parametrize(
    'text, first',
    [
        ('2020-01-31T08:00:00Z', '2020-01-31T08:00:00'),
        ('2020-01-31T08:00:00+02:00', '2020-01-31T06:00:00'),
        ('2020-01-31 08:00', '2020-01-31T08:00:00'),
        (' 2020-01-31 ', '2020-01-31T00:00:00'),
    ],
)
def test_the_first_fetch_starts_at_a_time_in_utc(text: str, first: str) -> None:
    assert FetchOptions({'first_fetch': text}).first_fetch() == first


@pytest.mark.parametrize(
    'params, seconds',
    [({}, 900), ({'first_fetch': None}, 900), ({'first_fetch': '2 hours'}, 7200), ({'first_fetch': '3 days ago'}, 3 * 24 * 3600)],
)
def test_the_first_fetch_starts_relative_to_now(params: Params, seconds: int) -> None:
    first = datetime.strptime(FetchOptions(params).first_fetch() + '+0000', '%Y-%m-%dT%H:%M:%S%z')
    assert abs((datetime.now(timezone.utc) - first).total_seconds() - seconds) < 60


REFUSED: list[tuple[Params, str]] = [
    *(
        ({name: value}, NO_NUMBER.format(value=value, largest=200, name=MOST))
        for name in ('max_fetch', 'fetch_limit')
        for value in ('0', '201', '-1', '1.5', 'many')
    ),
    *(
        ({'max_attachment_size': value}, NO_NUMBER.format(value=value, largest=150, name=LARGEST))
        for value in ('0', '151', '1 MB')
    ),
    *(({'first_fetch': value}, NO_TIME.format(value=value)) for value in ('soon', 'x days', '2030-13-45')),
    ({'first_fetch': '15'}, "'15' in 'First fetch time' has no unit. Write it as 15 minutes, 2 days or 2025-01-31T08:00:00Z."),
    (
        {'first_fetch': '2040-01-31'},
        "'2040-01-31' in 'First fetch time' is in the future, so nothing would be fetched. "
        'Write it as 15 minutes, 2 days or 2025-01-31T08:00:00Z.',
    ),
    ({'fetch_from': 'bob'}, NO_SENDER.format(value='bob', name='Senders')),
    ({'fetch_exclude_senders': 'bob at x'}, NO_SENDER.format(value='bob', name='Excluded senders')),
    (
        {'fetch_from': 'b@x.example', 'fetch_exclude_senders': 'x.example'},
        "'b@x.example' in 'Senders' is excluded by 'Excluded senders'. Remove it from one of them.",
    ),
    ({'fetch_subject': '\u200b'}, "'Subject contains' has only invisible characters. Type the text."),
    ({'fetch_filter': 'subject eq'}, f"'Filter' is not complete. {EXAMPLE}"),
    ({'fetch_filter': "size eq 'x'"}, f"'Filter' has an unexpected 'size'. {EXAMPLE}"),
    ({'fetch_filter': 'a & b'}, f"'Filter' has a syntax error at '& b'. {EXAMPLE}"),
    ({'fetch_search': 'subject:'}, f"'Search' has no value after 'subject:'. {SEARCH_EXAMPLE}"),
]


def failure(instance: Instance) -> str:
    """Return the error of a fetch that fails. It has no war room for an error entry."""
    try:
        instance.run('fetch-incidents')
    except Exception as error:
        return str(error)
    raise AssertionError('Nothing failed.')


@pytest.mark.parametrize('params, sentence', REFUSED)
def test_an_invalid_parameter_is_rejected_by_label(instance: Instance, params: Params, sentence: str) -> None:
    instance.params |= {'isFetch': True, **params}
    assert failure(instance) == sentence
    assert instance.error('test-module') == sentence
    assert not instance.cloud.requests.of('graph', 'messages')


def test_fetch_parameters_are_ignored_if_the_instance_does_not_fetch(instance: Instance) -> None:
    instance.params |= {'isFetch': False, 'first_fetch': 'soon', 'folder_to_fetch': 'Nowhere', 'max_fetch': 'many'}
    assert instance.text('test-module') == 'ok'
    *mails, _link = instance.context('msgraph-mail-list-emails')
    assert len(mails) == 20


def test_the_test_button_looks_for_the_folders(instance: Instance) -> None:
    instance.params |= {'isFetch': True, 'folder_to_fetch': 'Inbox, Inbox/Nowhere'}
    assert instance.error('test-module').startswith("There is no folder 'Nowhere' in 'Inbox'.")
    instance.params['folder_to_fetch'] = 'Inbox, JunkEmail'
    assert instance.text('test-module') == 'ok'


def empty(mailbox: Mailbox) -> Mailbox:
    for message in mailbox.messages():
        mailbox.remove(message)
    return mailbox


def deliver(mailbox: Mailbox, subject: str) -> None:
    mailbox.deliver(Message(subject, EmailAddress('Eve', 'eve@partner.example'), mailbox.now(), to=[mailbox.owner]))


def fetched(instance: Instance) -> list[dict[str, Any]]:
    """Return the incidents of the next fetch."""
    incidents: list[dict[str, Any]] = json.loads(instance.run('fetch-incidents')['Contents'])
    return incidents


@with_methods('Client secret', 'Managed identity, system-assigned', 'Authorization code')
def test_a_fetch_creates_incidents_and_saves_the_last_run(instance: Instance) -> None:
    instance.sign_in()
    mailbox = empty(instance.cloud.mailbox(ADA))
    for subject in ('first', 'second'):
        deliver(mailbox, subject)
        assert [incident['name'] for incident in fetched(instance)] == [subject]
    assert demisto.getLastRun()['folders']
    assert fetched(instance) == []


@pytest.mark.parametrize(
    'legacy, name',
    [(None, '_logo@1_-attachmentName-logo.png'), ('false', '_logo@1_-attachmentName-logo.png'), ('true', 'logo.png')],
)
@pytest.mark.parametrize('is_marked', [True, False])  # as inline: some programs do not mark what the body shows
def test_a_file_has_one_name_in_the_fetch_and_in_the_command(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, legacy: str | None, name: str, is_marked: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    instance.params |= {'fetch_html_formatting': True, 'legacy_name': legacy}
    mailbox = empty(instance.cloud.mailbox(ADA))
    html = '<img src="cid:logo@1">'
    message = mailbox.deliver(Message('a', mailbox.owner, mailbox.now(), to=[mailbox.owner], html=html))
    image = mailbox.attach_file(message, 'logo.png', b'x', 'image/png', '<logo@1>', is_marked)
    mailbox.attach_file(message, 'report.pdf', b'x', content_id='report@1', is_inline=False)
    [incident] = fetched(instance)
    assert [one['name'] for one in incident['attachment']] == [name, 'report.pdf']
    args = {'message_id': message.immutable_id}
    assert [one['File'] for one in instance.run('msgraph-mail-get-attachment', **args)] == [name, 'report.pdf']
    one = instance.run('msgraph-mail-get-attachment', **args, attachment_id=message.attachment_id(image, True))
    assert one['File'] == name


@with_methods('Authorization code')
def test_a_fetch_without_a_session_says_how_to_sign_in(instance: Instance) -> None:
    assert '!msgraph-mail-auth-start' in failure(instance)
    assert demisto.getLastRun() == {}


def test_a_fetch_that_fails_keeps_the_last_run(instance: Instance) -> None:
    deliver(empty(instance.cloud.mailbox(ADA)), 'waits')
    instance.cloud.faults.add(service='graph', status=500, times=None)
    problem = "'Inbox' cannot be read. Microsoft Graph responded with HTTP status 500. The next fetch tries again."
    assert failure(instance) == problem
    assert demisto.getLastRun() == {}
    instance.cloud.faults.clear()
    assert [incident['name'] for incident in fetched(instance)] == ['waits']


def test_problems_beside_incidents_become_the_health_of_the_instance(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    health: list[tuple[str, bool]] = []
    monkeypatch.setattr(demisto, 'updateModuleHealth', lambda data, is_error=False: health.append((data, is_error)))
    deliver(empty(instance.cloud.mailbox(ADA)), 'found')
    instance.params['folder_to_fetch'] = 'Inbox, Nowhere, Elsewhere'
    assert [incident['name'] for incident in fetched(instance)] == ['found']
    [(said, is_error)] = health
    assert [line[:29] for line in said.splitlines()] == ["There is no folder 'Nowhere' ", "There is no folder 'Elsewhere"]
    assert is_error
    instance.params['folder_to_fetch'] = 'Inbox'
    for _ in range(2):
        fetched(instance)
    assert health[1:] == [('', False)]
