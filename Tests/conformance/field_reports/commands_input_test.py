"""Reports from the field on what people and playbooks give to commands: M12, M15, M16."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from conformance.unified import instances
from conformance.unified.instances import ADA, BOB, Instance
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.tests.machine import limit

instance = instances.instance
Report = Callable[[str, str, str, str], None]
ZOE = 'zoe@partner.example'


@pytest.fixture
def adas(instance: Instance) -> Mailbox:
    return instance.cloud.mailbox(ADA)


def newest(mailbox: Mailbox, folder: str) -> Message:
    found = mailbox.folder(folder)
    assert found
    return mailbox.messages(found.folder_id)[0]


# region M12: recipients as people have them

RECIPIENTS: list[tuple[Any, list[tuple[str, str]]]] = [
    ('bob@contoso.example', [('', BOB)]),
    ('Bob <bob@contoso.example>', [('Bob', BOB)]),
    ('Bob Okafor<bob@contoso.example>', [('Bob Okafor', BOB)]),
    ('"Okafor, Bob" <bob@contoso.example>', [('Okafor, Bob', BOB)]),
    ('Okafor, Bob <bob@contoso.example>', [('Okafor, Bob', BOB)]),
    ('<bob@contoso.example>', [('', BOB)]),
    ('bob@contoso.example (Bob)', [('Bob', BOB)]),
    ('mailto:bob@contoso.example', [('', BOB)]),
    ('Bob <mailto:bob@contoso.example>', [('Bob', BOB)]),
    (f'Bob <{BOB}>; Zoë Ek <{ZOE}>', [('Bob', BOB), ('Zoë Ek', ZOE)]),
    (f'{BOB};{ZOE};', [('', BOB), ('', ZOE)]),
    (f'{BOB}\n{ZOE}\n', [('', BOB), ('', ZOE)]),
    (f'Okafor, Bob <{BOB}>, "Ek, Zoë" <{ZOE}>', [('Okafor, Bob', BOB), ('Ek, Zoë', ZOE)]),
    ([f'Bob <{BOB}>', ZOE], [('Bob', BOB), ('', ZOE)]),
    (f'["Bob <{BOB}>", "{ZOE}"]', [('Bob', BOB), ('', ZOE)]),
    ([{'Name': 'Bob', 'Address': BOB}], [('Bob', BOB)]),
    ({'Name': 'Bob', 'Address': BOB}, [('Bob', BOB)]),
    ([{'emailAddress': {'name': 'Bob', 'address': BOB}}], [('Bob', BOB)]),
    (f"'Bob' <{BOB}>", [('Bob', BOB)]),
    (f' , {BOB} ,, ', [('', BOB)]),
    (f'smtp:{BOB}', [('', BOB)]),
    (f'Bob <SMTP:{BOB}>', [('Bob', BOB)]),
    (f'{BOB} (Bob, Jr.), {ZOE}', [('Bob, Jr.', BOB), ('', ZOE)]),
    (f' {{"Name": "Bob", "Address": "{BOB}"}}', [('Bob', BOB)]),
    (f'{{"Address": "{BOB}"}}, {{"Address": "{ZOE}"}}', [('', BOB), ('', ZOE)]),
    ("o'brien+x=y@contoso.example", [('', "o'brien+x=y@contoso.example")]),
    ('zoë@münchen.example', [('', 'zoë@münchen.example')]),
]


@pytest.mark.parametrize('name, attribute', [('to', 'to'), ('cc', 'cc'), ('bcc', 'bcc'), ('replyTo', 'reply_to')])
@pytest.mark.parametrize('given, expected', RECIPIENTS)
def test_recipients_are_read_as_people_write_them(
    instance: Instance, adas: Mailbox, field_report: Report, name: str, attribute: str, given: Any, expected: Any
) -> None:
    more = {} if name == 'to' else {'to': ADA}
    outputs = instance.context('send-mail', subject='x', **{name: given}, **more)
    sent = newest(adas, 'sentitems')
    assert [one.address for one in getattr(sent, attribute)] == [address for _, address in expected]
    named = [(label, address) for label, address in expected if label]
    assert [(one.name, one.address) for one in getattr(sent, attribute) if (one.name, one.address) in named] == named
    key = {'to': 'toRecipients', 'cc': 'ccRecipients', 'bcc': 'bccRecipients', 'replyTo': 'replyTo'}[name]
    assert outputs[key] == [address for _, address in expected]
    if name == 'to':
        now = ', '.join(f'{one.name} <{one.address}>' for one in sent.to)
        field_report('M12', f'send-mail to={given!r}', 'a draft, then refused by Graph', f'sent to {now}')


@pytest.mark.parametrize(
    'given',
    [
        'bob',
        'bob@',
        '@contoso.example',
        'a b@contoso.example',
        f'bob; {BOB}',
        f'{BOB} {ZOE}',
        '<bob',
        'Bob <bob>',
        'a@b@c',
        '"',
        str([BOB, ZOE]),
        f'[{BOB}](mailto:{BOB})',
        f'{BOB}.',
        'bob@x..example',
        '{"Address": 1}',
    ],
)
@pytest.mark.parametrize(
    'command, name, more',
    [
        ('send-mail', 'to', {'subject': 'x'}),
        ('send-mail', 'from', {'subject': 'x', 'to': BOB}),
        ('reply-mail', 'cc', {'subject': 'x', 'to': BOB, 'inReplyTo': 'AAMk'}),
        ('msgraph-mail-create-draft', 'replyTo', {'subject': 'x'}),
        ('msgraph-mail-forward', 'to', {'message_id': 'AAMk'}),
        ('msgraph-mail-reply-all', 'bcc', {'message_id': 'AAMk', 'comment': 'x'}),
        ('msgraph-mail-get-mailtips', 'email_addresses', {}),
    ],
)
def test_what_is_no_address_is_refused_before_a_request(
    instance: Instance, field_report: Report, command: str, name: str, more: dict[str, str], given: str
) -> None:
    error = instance.error(command, **{name: given}, **more)
    assert f'is not an email address. Write {name} as bob@example.com, or Bob <bob@example.com>.' in error
    assert instance.requests('graph') == []
    if (command, name) == ('send-mail', 'to'):
        field_report('M12', f'send-mail to={given!r}', 'refused by Graph after a draft was made', error)


@pytest.mark.parametrize(
    'text', ['a@' * 50_000, '"' * 100_000, '<' * 100_000, 'a ' * 50_000 + '@', '(' * 100_000, ',' * 100_000 + 'x']
)
def test_a_hostile_list_of_recipients_is_refused_at_once(instance: Instance, text: str) -> None:
    started = time.process_time()
    instance.error('send-mail', to=text, subject='x')
    assert time.process_time() - started < limit(0.5)


def test_a_sender_is_one_address(instance: Instance, adas: Mailbox) -> None:
    instance.text('send-mail', to=BOB, subject='x', **{'from': f'Ada <{ADA}>'})
    assert newest(adas, 'sentitems').sender.address == ADA
    error = instance.error('send-mail', to=BOB, subject='x', **{'from': f'{ADA},{BOB}'})
    assert error == 'The argument from has 2 addresses. Enter one.'


# endregion
# region M15: one bad part does not refuse the whole


@pytest.mark.parametrize(
    'uri',
    [
        'data:image/png;base64,A',
        'data:image/gif;base64,',
        'data:image/png',
        'data:image/png;base64,%%%',
        'data:image/svg+xml;utf8',
        'data:image/x y;base64,UE5H',
        'data:image/;base64,UE5H',
    ],
)
@pytest.mark.parametrize('command', ['send-mail', 'reply-mail', 'msgraph-mail-create-draft'])
def test_an_image_that_cannot_be_read_stays_as_it_is(
    instance: Instance, adas: Mailbox, field_report: Report, command: str, uri: str
) -> None:
    question = adas.deliver(Message('Status?', EmailAddress('Bob', BOB), adas.now(), to=[adas.owner]))
    html = f'<img src="data:image/png;base64,UE5H"><blockquote><img src="{uri}"></blockquote>'
    more = {'inReplyTo': question.immutable_id} if command == 'reply-mail' else {}
    instance.text(command, to=BOB, subject='x', htmlBody=html, **more)
    message = newest(adas, 'drafts' if 'draft' in command else 'sentitems')
    assert f'<blockquote><img src="{uri}"></blockquote>' in message.html
    assert len(message.attachments) == 1
    if command == 'send-mail':
        field_report(
            'M15', f'send-mail htmlBody with {uri}', 'the mail is refused', f'sent with {len(message.attachments)} image'
        )


# endregion
# region M16: an empty object that was given is not a missing one


@pytest.mark.parametrize('empty', [{}, '{}', ' {} ', '{ }', '{\n}'])
@pytest.mark.parametrize('name', ['exceptions', 'conditions'])
def test_an_empty_object_removes_a_part_of_a_rule(
    instance: Instance, adas: Mailbox, field_report: Report, name: str, empty: Any
) -> None:
    rule = instance.run(
        'msgraph-mail-create-rule', display_name='x', actions={'markAsRead': True}, **{name: {'importance': 'high'}}
    )['Contents']
    assert instance.context('msgraph-mail-update-rule', rule_id=rule['id'], **{name: empty}).get(name) == {}
    assert adas.rules[-1][name] == {}
    field_report('M16', f'update-rule {name}={empty!r}', 'There is nothing to change', f'{name}: {adas.rules[-1][name]}')


@pytest.mark.parametrize('value, stays', [('', True), (None, True)])
def test_an_empty_text_changes_nothing(instance: Instance, value: Any, stays: bool) -> None:
    rule = instance.run(
        'msgraph-mail-create-rule', display_name='x', actions={'markAsRead': True}, exceptions={'importance': 'high'}
    )['Contents']
    changed = instance.context('msgraph-mail-update-rule', rule_id=rule['id'], exceptions=value, sequence='2')
    assert ('exceptions' in changed) is stays


@pytest.mark.parametrize(
    'command, args, name',
    [
        ('msgraph-mail-list-emails', {'limit': 0}, 'limit'),
        ('msgraph-mail-list-folders', {'limit': 0}, 'limit'),
        ('msgraph-mail-list-rules', {'limit': 0}, 'limit'),
        ('msgraph-mail-create-rule', {'display_name': 'x', 'actions': {'delete': True}, 'sequence': 0}, 'sequence'),
        ('msgraph-mail-update-rule', {'rule_id': 'x', 'sequence': 0}, 'sequence'),
    ],
)
def test_a_zero_is_not_a_missing_number(instance: Instance, command: str, args: dict[str, Any], name: str) -> None:
    assert instance.error(command, **args).endswith(f'Change {name}.')


@pytest.mark.parametrize('name, key', [('is_enabled', 'isEnabled'), ('is_read_only', 'isReadOnly')])
def test_false_is_not_a_missing_value(instance: Instance, name: str, key: str) -> None:
    rule = instance.run('msgraph-mail-create-rule', display_name='x', actions={'markAsRead': True})['Contents']
    for given in (False, 'false', True, 'true'):
        if key == 'isReadOnly' and given is True:
            return  # nothing can be changed any more
        changed = instance.context('msgraph-mail-update-rule', rule_id=rule['id'], **{name: given})
        assert changed[key] is (str(given).lower() == 'true')


# endregion
