"""Who gets an email: no recipient is dropped silently, and nobody gets a reply whom the command does not name."""

from typing import Any

import pytest

from conformance.graph_mail.mailboxes import in_folder
from conformance.graph_mail.sending_commands_test import instance, war_room
from conformance.unified.instances import ADA, BOB, Instance
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

__all__ = ['instance', 'war_room']

EVE, ZOE = 'eve@partner.example', 'zoe@partner.example'
MAIL = {'to': BOB, 'subject': 'Plan', 'body': 'See.'}
NO_ADDRESS: list[Any] = [
    [{'Name': 'Bob', 'Address': None}],
    '[{"Name":"Bob","Address":null}]',
    [{'name': 'Team'}, {'address': BOB}],
    {'a': 1},
    [{}],
    [{'address': {'x': 1}}],
    [{'address': [BOB]}],
    [{'address': ' , '}],
    [{'emailAddress': {}}],
    [[BOB]],
    [None],
    [0],
]
EMPTY: list[Any] = [',', ';', [''], '[""]', '[]', [], ' ']


@pytest.fixture
def phishing(adas: Mailbox) -> Message:
    """A mail from Eve to Ada, with Zoë in Cc."""
    return adas.deliver(
        Message(
            'Invoice', EmailAddress('Eve', EVE), adas.now(), to=[adas.owner], cc=[EmailAddress('Zoë', ZOE)], html='<p>Pay</p>'
        )
    )


def commands(phishing: Message) -> dict[str, dict[str, Any]]:
    """Return arguments of all commands that reply."""
    return {
        'msgraph-mail-reply-to': {'message_id': phishing.immutable_id, 'comment': 'x'},
        'msgraph-mail-reply-all': {'message_id': phishing.immutable_id, 'comment': 'x'},
        'msgraph-mail-forward': {'message_id': phishing.immutable_id, 'comment': 'x'},
        'reply-mail': {'inReplyTo': phishing.immutable_id, 'subject': 'Invoice', 'body': 'x'},
        'msgraph-mail-create-draft': {'reply_to_id': phishing.immutable_id, 'reply_all': 'true', 'body': 'x'},
    }


REPLIES = ['msgraph-mail-reply-to', 'msgraph-mail-reply-all', 'reply-mail', 'msgraph-mail-create-draft']


def people(message: Message) -> tuple[list[str], list[str], list[str]]:
    to, cc, bcc = ([one.address for one in found] for found in (message.to, message.cc, message.bcc))
    return to, cc, bcc


# region what is not an address


@pytest.mark.parametrize(
    'given',
    [
        {'address': BOB},
        {'Address': BOB},
        {'ADDRESS': BOB, 'Name': 'Bob'},
        [{'email': BOB}],
        [{'Mail': BOB, 'displayName': 'Bob'}],
        [{'emailAddress': BOB}],
        [{'EmailAddress': {'Address': BOB}}],
        [{'emailaddress': {'address': BOB, 'name': 'Bob'}}],
        '[{"smtpAddress": "bob@contoso.example"}]',
    ],
)
def test_an_address_in_an_object_is_used(instance: Instance, adas: Mailbox, given: Any) -> None:
    instance.text('send-mail', **{**MAIL, 'to': given})
    [sent] = in_folder(adas, 'sentitems')
    assert people(sent) == ([BOB], [], [])
    assert sent.to[0].name in ('Bob', BOB)


@pytest.mark.parametrize('name', ['to', 'cc', 'bcc', 'replyTo'])
@pytest.mark.parametrize('given', NO_ADDRESS)
def test_an_object_without_an_address_is_refused(instance: Instance, name: str, given: Any) -> None:
    told = instance.error('send-mail', **{**MAIL, name: given})
    assert f'is not an email address. Write {name} as bob@example.com, or Bob <bob@example.com>.' in told
    assert instance.requests('graph') == []


@pytest.mark.parametrize('name', ['to', 'cc', 'bcc', 'replyTo'])
@pytest.mark.parametrize('separator', ['; ', ';', '\n', '\r\n', ',\n'])
def test_a_name_without_an_address_is_refused(instance: Instance, name: str, separator: str) -> None:
    told = instance.error('send-mail', **{**MAIL, name: f'SOC Team{separator}Zoë <{ZOE}>'})
    assert told == f"'SOC Team' is not an email address. Write {name} as bob@example.com, or Bob <bob@example.com>."
    assert instance.requests('graph') == []


@pytest.mark.parametrize('command', REPLIES)
@pytest.mark.parametrize('name', ['to', 'cc', 'bcc'])
@pytest.mark.parametrize('given', NO_ADDRESS)
def test_a_reply_with_an_object_without_an_address_is_refused(
    instance: Instance, phishing: Message, command: str, name: str, given: Any
) -> None:
    assert 'is not an email address.' in instance.error(command, **commands(phishing)[command], **{name: given})
    assert instance.requests('graph') == []


@pytest.mark.parametrize('command', REPLIES)
@pytest.mark.parametrize('name', ['to', 'cc', 'bcc'])
@pytest.mark.parametrize('given', EMPTY)
def test_a_reply_with_an_empty_list_is_refused(
    instance: Instance, phishing: Message, command: str, name: str, given: Any
) -> None:
    told = instance.error(command, **commands(phishing)[command], **{name: given})
    assert told == f'The argument {name} has no address. Enter one, or remove {name}.'
    assert instance.requests('graph') == []


@pytest.mark.parametrize('given', EMPTY)
def test_a_required_list_that_is_empty_is_missing(instance: Instance, given: Any) -> None:
    assert 'The email has no recipients.' in instance.error('send-mail', **{**MAIL, 'to': given})
    assert 'The argument email_addresses is empty.' in instance.error('msgraph-mail-get-mailtips', email_addresses=given)
    assert instance.requests('graph') == []


@pytest.mark.parametrize('given', EMPTY)
def test_a_list_that_is_not_required_may_be_empty(instance: Instance, adas: Mailbox, given: Any) -> None:
    instance.text('send-mail', **MAIL, cc=given, bcc=given)
    assert people(in_folder(adas, 'sentitems')[0]) == ([BOB], [], [])


@pytest.mark.parametrize('given', [',', ';', ' ', '[""]', {'email': ''}, [{'Name': 'Desk', 'Address': None}]])
def test_a_sender_without_an_address_is_refused(instance: Instance, given: Any) -> None:
    told = instance.error('send-mail', **{**MAIL, 'from': given})
    assert 'The argument from is empty. Enter a value for it.' in told or 'is not an email address. Write from' in told


@pytest.mark.parametrize('given', NO_ADDRESS)
def test_mail_tips_of_an_object_without_an_address_are_refused(instance: Instance, given: Any) -> None:
    assert 'is not an email address. Write email_addresses' in instance.error('msgraph-mail-get-mailtips', email_addresses=given)


@pytest.mark.parametrize('given', EMPTY)
@pytest.mark.parametrize('name', ['to', 'cc', 'bcc', 'replyTo'])
def test_an_empty_list_clears_that_of_a_draft(instance: Instance, adas: Mailbox, name: str, given: Any) -> None:
    draft_id = instance.context('msgraph-mail-create-draft', **MAIL, cc=ZOE, bcc=EVE, replyTo=ADA)['ID']
    instance.text('msgraph-mail-update-draft', draft_id=draft_id, **{name: given})
    [draft] = in_folder(adas, 'drafts')
    lists = {'to': draft.to, 'cc': draft.cc, 'bcc': draft.bcc, 'replyTo': draft.reply_to}
    assert [argument for argument, found in lists.items() if not found] == [name]


# endregion
# region replies


@pytest.mark.parametrize('command', ['msgraph-mail-reply-to', 'msgraph-mail-reply-all', 'msgraph-mail-forward', 'reply-mail'])
@pytest.mark.parametrize('lists', [{'to': BOB}, {'to': BOB, 'cc': ADA}, {'to': BOB, 'bcc': ADA}])
def test_a_reply_to_others_goes_to_nobody_else(
    instance: Instance, adas: Mailbox, phishing: Message, command: str, lists: dict[str, str]
) -> None:
    entry = instance.run(command, **commands(phishing)[command], **lists)
    [sent] = in_folder(adas, 'sentitems')
    expected = [[lists[name]] if name in lists else [] for name in ('to', 'cc', 'bcc')]
    assert list(people(sent)) == expected
    [context] = [value for key, value in entry['EntryContext'].items() if key.startswith('MicrosoftGraph.SentMail')]
    assert [context.get(f'{name}Recipients', []) for name in ('to', 'cc', 'bcc')] == expected
    assert EVE not in entry['HumanReadable']
    assert ZOE not in entry['HumanReadable']


def test_a_draft_of_a_reply_to_others_is_for_nobody_else(instance: Instance, adas: Mailbox, phishing: Message) -> None:
    args = commands(phishing)['msgraph-mail-create-draft']
    shown = instance.context('msgraph-mail-create-draft', **args, to=BOB)
    assert (shown['To'], shown['Cc'], shown['Bcc']) == ([BOB], [], [])
    assert people(in_folder(adas, 'drafts')[0]) == ([BOB], [], [])


@pytest.mark.parametrize(
    'command, to, cc', [('msgraph-mail-reply-to', [EVE], []), ('msgraph-mail-reply-all', [EVE], [ZOE]), ('reply-mail', [EVE], [])]
)
def test_the_entry_of_a_reply_shows_who_gets_it(
    instance: Instance, adas: Mailbox, phishing: Message, command: str, to: list[str], cc: list[str]
) -> None:
    entry = instance.run(command, **commands(phishing)[command])
    assert people(in_folder(adas, 'sentitems')[0]) == (to, cc, [])
    [context] = [value for key, value in entry['EntryContext'].items() if key.startswith('MicrosoftGraph.SentMail')]
    assert (context['toRecipients'], context.get('ccRecipients', [])) == (to, cc)
    assert all(one in entry['HumanReadable'] for one in to + cc)


def test_a_further_recipient_does_not_replace_the_sender(instance: Instance, adas: Mailbox, phishing: Message) -> None:
    instance.text('msgraph-mail-reply-to', **commands(phishing)['msgraph-mail-reply-to'], cc=BOB)
    assert people(in_folder(adas, 'sentitems')[0]) == ([EVE], [BOB], [])


BOSS = 'boss@contoso.example'


@pytest.mark.parametrize('command', ['msgraph-mail-reply-all', 'msgraph-mail-create-draft'])
@pytest.mark.parametrize(
    'lists, cc, bcc',
    [
        ({'cc': BOSS}, [ZOE, BOSS], []),
        ({'bcc': BOSS}, [ZOE], [BOSS]),
        ({'cc': f'{BOSS}, {BOSS.upper()}', 'bcc': f'{BOSS}, al@a.example'}, [ZOE, BOSS], ['al@a.example']),
        ({'cc': f'Zoë <{ZOE.upper()}>', 'bcc': EVE}, [ZOE], []),
    ],
)
def test_further_recipients_of_a_reply_to_all_are_added(
    instance: Instance,
    adas: Mailbox,
    phishing: Message,
    command: str,
    lists: dict[str, str],
    cc: list[str],
    bcc: list[str],
) -> None:
    entry = instance.run(command, **commands(phishing)[command], **lists)
    [reply] = in_folder(adas, 'drafts' if 'draft' in command else 'sentitems')
    assert people(reply) == ([EVE], cc, bcc)
    assert all(one in entry['HumanReadable'] for one in (EVE, *cc, *bcc))


@pytest.mark.parametrize('path', ['/createReplyAll$', '/messages/[^/]+$', '/send$', 'attachments'])
@pytest.mark.parametrize('done', [False, True])
@pytest.mark.parametrize('command', ['msgraph-mail-reply-all', 'msgraph-mail-create-draft'])
def test_a_later_run_adds_further_recipients_of_a_reply_to_all(
    instance: Instance, adas: Mailbox, phishing: Message, command: str, path: str, done: bool
) -> None:
    instance.cloud.faults.add(service='graph', path=path, status=429, headers={'Retry-After': '120'}, done=done)
    args = {**commands(phishing)[command], 'cc': BOSS, 'attach_ids': '1@7'}
    entry = instance.run(command, **args)
    while 'PollingArgs' in entry:
        entry = instance.run(command, **entry['PollingArgs'])
    [reply] = in_folder(adas, 'drafts' if 'draft' in command else 'sentitems')
    assert people(reply) == ([EVE], [ZOE, BOSS], [])


def test_a_later_run_shows_who_got_the_reply(instance: Instance, adas: Mailbox, phishing: Message) -> None:
    instance.cloud.faults.add(service='graph', path='/send$', status=429, headers={'Retry-After': '120'})
    entry = instance.run('msgraph-mail-reply-all', **commands(phishing)['msgraph-mail-reply-all'], to=BOB)
    assert 'PollingCommand' in entry
    shown = instance.text('msgraph-mail-reply-all', **entry['PollingArgs'])
    assert BOB in shown
    assert people(in_folder(adas, 'sentitems')[0]) == ([BOB], [], [])


# endregion
