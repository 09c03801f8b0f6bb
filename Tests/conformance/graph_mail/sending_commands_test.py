"""The commands that send, as a playbook runs them, and the mail that arrives in the other mailbox."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

import demistomock as demisto
from conformance.graph_mail.mailboxes import in_folder
from conformance.signed_in import client_of
from conformance.unified import instances
from conformance.unified.instances import ADA, BOB, Instance
from conformance.unified.integration_yml import IN_YML
from conformance.virtual_time import skip_waits
from MicrosoftGraphMailArgumentsApiModule import escape_markdown
from MicrosoftGraphMailClientApiModule import GraphMailClient
from MicrosoftGraphMailSendCommandsApiModule import send_mail_command
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, FileAttachment, Message

instance = instances.instance

FILES = {'1@7': ('plan.pdf', b'%PDF plan'), '2@7': ('logo.png', b'PNG logo'), '3@a-b-c': ('raw', bytes(range(256)) * 12_000)}
MAIL = {'to': BOB, 'subject': 'Plan'}


@pytest.fixture(autouse=True)
def war_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Provide the files of a War Room."""

    def path_of(entry_id: str) -> dict[str, str]:
        if entry_id not in FILES:
            raise ValueError('no such entry')
        name, content = FILES[entry_id]
        (tmp_path / name).write_bytes(content)
        return {'id': entry_id, 'path': str(tmp_path / name), 'name': name}

    monkeypatch.setattr(demisto, 'getFilePath', path_of)


@pytest.fixture
def waits(cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return skip_waits(monkeypatch, cloud.clock.advance)


@pytest.fixture
def question(adas: Mailbox) -> Message:
    return adas.deliver(
        Message(
            'Status?',
            EmailAddress('Bob', BOB),
            adas.now(),
            html='<p>How is it?</p>',
            to=[adas.owner, EmailAddress('Zoë', 'zoe@partner.example')],
        )
    )


def arrived(mailbox: Mailbox) -> Message:
    return in_folder(mailbox, 'inbox')[0]


def files_of(message: Message) -> list[tuple[Any, ...]]:
    return [(one.name, one.content.read(), one.content_id) for one in message.attachments if isinstance(one, FileAttachment)]


# region sent mails


def test_a_mail_with_all_arguments_arrives(instance: Instance, adas: Mailbox, bobs: Mailbox) -> None:
    outputs = instance.context(
        'send-mail',
        to=f'{BOB}, zoe@partner.example',
        cc=[ADA],
        bcc='al@a.example',
        subject='Plan',
        htmlBody='<p>See <b>it</b></p>',
        importance='High',
        flag='flagged',
        headers='x-a:value:with:colons,x-b:v, with comma',
        replyTo='desk@contoso.example',
        attachIDs='1@7,3@a-b-c',
        attachNames='the plan.pdf,raw.bin',
    )
    message = arrived(bobs)
    assert files_of(message) == [('the plan.pdf', FILES['1@7'][1], None), ('raw.bin', FILES['3@a-b-c'][1], None)]
    assert (message.subject, message.html, message.importance) == ('Plan', '<p>See <b>it</b></p>', 'high')
    assert message.headers == [('x-a', 'value:with:colons'), ('x-b', 'v, with comma')]
    assert outputs == {
        'ID': in_folder(adas, 'sentitems')[0].immutable_id,
        'subject': 'Plan',
        'bodyPreview': 'See it',
        'importance': 'high',
        'body': {'contentType': 'html', 'content': '<p>See <b>it</b></p>'},
        'flag': {'flagStatus': 'flagged'},
        'internetMessageHeaders': [{'name': 'x-a', 'value': 'value:with:colons'}, {'name': 'x-b', 'value': 'v, with comma'}],
        'toRecipients': [BOB, 'zoe@partner.example'],
        'ccRecipients': [ADA],
        'bccRecipients': ['al@a.example'],
        'replyTo': ['desk@contoso.example'],
    }


@pytest.mark.parametrize(
    'args, plain, html',
    [
        ({'body': 'a < b'}, 'a < b', ''),
        ({'body': '<p>a</p>', 'body_type': 'HTML'}, '', '<p>a</p>'),
        ({'body': 'a', 'htmlBody': '<p>b</p>'}, '', '<p>b</p>'),
        ({'body': 'a', 'htmlBody': '<p>a</p>', 'body_type': 'text'}, 'a', ''),
        ({'body': 'a', 'htmlBody': '<p>b</p>', 'body_type': 'HTML'}, '', '<p>b</p>'),
        ({'htmlBody': '<p>b</p>', 'body_type': 'Text'}, '', '<p>b</p>'),
        ({}, '', ''),
    ],
)
def test_the_body_is_sent_in_the_given_formats(
    instance: Instance, bobs: Mailbox, args: dict[str, str], plain: str, html: str
) -> None:
    instance.text('send-mail', **MAIL, **args)
    assert (arrived(bobs).plain, arrived(bobs).html) == (plain, html)


def test_custom_headers_are_sent_with_two_bodies_as_they_are(instance: Instance, bobs: Mailbox) -> None:
    headers = [('x-case', f'https://xsoar.example/#/{"ab" * 50}'), ('x-encoded', '=?utf-8?q?=c3=bc?=')]
    given = ','.join(f'{name}:{value}' for name, value in headers)
    outputs = instance.context('send-mail', **MAIL, body='a', htmlBody='<p>b</p>', headers=given)
    assert (arrived(bobs).headers, outputs['bodyPreview']) == (headers, 'b')


@pytest.mark.parametrize(
    'args, html, expected',
    [
        ({'attachCIDs': '2@7'}, 'cid:2@7', [('logo.png', b'PNG logo', '2@7')]),
        ({'attachCIDs': '2@7'}, 'cid:logo.png', [('logo.png', b'PNG logo', 'logo.png')]),
        (
            {'attachIDs': '1@7', 'attachCIDs': '2@7'},
            'cid:2@7',
            [('plan.pdf', b'%PDF plan', None), ('logo.png', b'PNG logo', '2@7')],
        ),
        (
            {'attachIDs': '1@7,2@7', 'attachCIDs': ',brand'},
            'cid:brand',
            [('plan.pdf', b'%PDF plan', None), ('logo.png', b'PNG logo', 'brand')],
        ),
        ({'attachCIDs': 'cid:2@7'}, 'cid:2@7', [('logo.png', b'PNG logo', '2@7')]),
        ({'attachIDs': '2@7', 'attachCIDs': '<brand>'}, 'cid:brand', [('logo.png', b'PNG logo', 'brand')]),
        ({'attachIDs': '2@7', 'attachCIDs': ' CID:<brand@x> '}, 'cid:brand@x', [('logo.png', b'PNG logo', 'brand@x')]),
        (
            {'attach_ids': '1@7,2@7', 'attach_cids': '<>,"cid: brand"'},
            'cid:brand',
            [('plan.pdf', b'%PDF plan', None), ('logo.png', b'PNG logo', 'brand')],
        ),
    ],
)
def test_inline_images_are_named_by_entry_id_or_content_id(
    instance: Instance, bobs: Mailbox, args: dict[str, str], html: str, expected: Any
) -> None:
    instance.text('send-mail', **MAIL, htmlBody=f'<img src="{html}">', **args)
    assert files_of(arrived(bobs)) == expected
    assert [one.is_inline for one in arrived(bobs).attachments] == [content_id is not None for *_, content_id in expected]


def test_data_uris_of_the_html_become_inline_images(instance: Instance, bobs: Mailbox) -> None:
    instance.text('send-mail', **MAIL, htmlBody='<img src="data:image/png;base64,UE5H">')
    [(name, content, content_id)] = files_of(arrived(bobs))
    assert (name, content, arrived(bobs).html) == ('image1.png', b'PNG', f'<img src="cid:{content_id}">')


def test_the_body_is_shown_if_render_body_is_set(instance: Instance) -> None:
    results = send_mail_command(
        client_of(instance.cloud, GraphMailClient), {**MAIL, 'htmlBody': '<p>Hi</p>', 'renderBody': 'true'}
    )
    assert isinstance(results, list)
    shown = results[1].to_context()  # type: ignore[union-attr]
    assert (shown['Contents'], shown['ContentsFormat']) == ('<p>Hi</p>', 'html')


def test_a_mail_without_a_copy_has_no_id(instance: Instance, adas: Mailbox, bobs: Mailbox) -> None:
    outputs = instance.context('send-mail', **MAIL, body='a', htmlBody='<p>b</p>', save_to_sent_items='false')
    assert 'ID' not in outputs
    assert (arrived(bobs).subject, in_folder(adas, 'sentitems')) == ('Plan', [])


def test_a_mail_is_sent_from_another_mailbox_and_deferred(instance: Instance, bobs: Mailbox) -> None:
    instance.text('send-mail', to=ADA, subject='Later', user_id=BOB, send_time='2999-01-01T08:00:00Z')
    [message] = in_folder(bobs, 'drafts')
    assert message.properties['SystemTime 0x3FEF'] == '2999-01-01T08:00:00Z'


# endregion
# region drafts and replies


def test_a_draft_is_created_and_sent(instance: Instance, adas: Mailbox, bobs: Mailbox) -> None:
    draft = instance.context('msgraph-mail-create-draft', **MAIL, body='See.', attach_ids='1@7', attach_names='x.pdf')
    assert (draft['To'], draft['From'], draft['Body'], draft['BodyType'], draft['IsDraft']) == ([BOB], ADA, 'See.', 'text', True)
    entry = instance.run('msgraph-mail-send-draft', draft_id=draft['ID'])
    assert entry['EntryContext']['MicrosoftGraph.SentMail(val.ID && val.ID == obj.ID)'] == {
        'ID': draft['ID'],
        'subject': 'Plan',
        'toRecipients': [BOB],
    }
    row = f'| Plan | {BOB} | {escape_markdown(draft["ID"])} |'
    assert entry['HumanReadable'] == f'### Draft sent\n|Subject|To|ID|\n|---|---|---|\n{row}\n'
    assert files_of(arrived(bobs)) == [('x.pdf', b'%PDF plan', None)]


def test_a_reply_has_one_prefix_and_its_own_body(instance: Instance, bobs: Mailbox, question: Message) -> None:
    args = {'to': BOB, 'inReplyTo': question.immutable_id, 'htmlBody': '<p>Well.</p>', 'attachIDs': '1@7'}
    outputs = instance.context('reply-mail', subject='RE: Status?', **args)
    message = arrived(bobs)
    assert (message.subject, message.html, len(message.attachments)) == ('RE: Status?', '<p>Well.</p>', 1)
    assert (outputs['subject'], outputs['InReplyTo'], outputs['bodyPreview']) == ('RE: Status?', question.immutable_id, 'Well.')
    assert instance.context('reply-mail', subject='Status?', **args)['subject'] == 'Re: Status?'


def test_a_reply_has_one_format_of_its_body(instance: Instance, bobs: Mailbox, question: Message) -> None:
    outputs = instance.context('reply-mail', to=BOB, subject='x', inReplyTo=question.immutable_id, body='a', htmlBody='<p>b</p>')
    assert (arrived(bobs).plain, arrived(bobs).html, outputs['bodyPreview']) == ('', '<p>b</p>', 'b')


@pytest.mark.parametrize('body_type, plain, html', [('text', 'a', ''), ('html', '', '<p>b</p>')])
def test_a_reply_has_the_format_that_the_script_send_email_reply_passes(
    instance: Instance, bobs: Mailbox, question: Message, body_type: str, plain: str, html: str
) -> None:
    bodies = {'body': 'a', 'htmlBody': '<p>b</p>', 'bodyType': body_type}
    instance.text('reply-mail', to=BOB, subject='x', inReplyTo=question.immutable_id, **bodies)
    assert (arrived(bobs).plain, arrived(bobs).html) == (plain, html)


@pytest.mark.parametrize(
    'command, args, recipients, subject',
    [
        ('msgraph-mail-reply-to', {'to': BOB}, {BOB}, 'RE: Status?'),
        ('msgraph-mail-reply-all', {}, {BOB, 'zoe@partner.example'}, 'RE: Status?'),
        ('msgraph-mail-forward', {'to': BOB}, {BOB}, 'FW: Status?'),
    ],
)
def test_a_comment_is_above_the_quoted_mail(
    instance: Instance, bobs: Mailbox, question: Message, command: str, args: Any, recipients: set[str], subject: str
) -> None:
    outputs = instance.context(command, message_id=question.immutable_id, comment='See below.', attach_ids='3@a-b-c', **args)
    message = arrived(bobs)
    assert {one.address for one in message.recipients} == recipients
    assert (message.subject, files_of(message)) == (subject, [('raw', FILES['3@a-b-c'][1], None)])
    assert message.html.index('See below.') < message.html.index('How is it?')
    assert outputs['InReplyTo'] == question.immutable_id


WITH_COMMENT = pytest.mark.parametrize('command', ['msgraph-mail-reply-to', 'msgraph-mail-reply-all', 'msgraph-mail-forward'])


@WITH_COMMENT
@pytest.mark.parametrize(
    'comment',
    [
        'Dear Bob,<br>the email is <b>malicious</b>.',
        '<p>Dear Bob,<p>the email is <A HREF="https://contoso.example/?a>b">malicious</A>.',
        '<html><head><style>b {color: red}</style></head><body>Dear Bob,<ul><li>x<li>y</ul><!-- z --></body></html>',
        'See <img src="data:image/png;base64,UE5H"><br/>',
    ],
)
def test_a_comment_may_be_html(instance: Instance, bobs: Mailbox, question: Message, command: str, comment: str) -> None:
    outputs = instance.context(command, message_id=question.immutable_id, comment=comment, to=BOB)
    own, _, quoted = arrived(bobs).html.partition('<hr id="quoted">')
    names = {one.name for one in BeautifulSoup(comment, 'html.parser').find_all(True)} - {'html', 'head', 'body'}
    assert names <= {one.name for one in BeautifulSoup(own, 'html.parser').find_all(True)}
    assert '&lt;' not in own
    assert 'How is it?' in quoted
    assert outputs['body']['contentType'] == 'html'
    assert '<' not in outputs['bodyPreview']
    assert 'data:' not in arrived(bobs).html


COMMENTS = [
    'Seen <eve@x.example>:\n\n1. a < b\n2. done',
    '<script>x</script>',
    'one\r\ntwo &amp; "three"',
    "a&nbsp;b 'c'",
    '</div><hr id="quoted">',
    'Seen: <br><!-- <b>x</b>',
    '<b>Seen<br>',
    'x</b>',
    '<table><tr><td>x',
    '<p>a</p><style>b > ',
    '<textarea><br>',
    '<plaintext><br></plaintext>',
    '<br><img alt="x>',
    '<br><title>x</b>',
    '<script>a</script><b>',
    'Seen <eve@x.example>,<br>today',
]


@pytest.mark.parametrize('comment', COMMENTS)
@WITH_COMMENT
def test_a_comment_is_shown_as_it_was_written(
    instance: Instance, bobs: Mailbox, question: Message, command: str, comment: str
) -> None:
    outputs = instance.context(command, message_id=question.immutable_id, comment=comment, to=BOB)
    own = BeautifulSoup(arrived(bobs).html.partition('<hr id="quoted">')[0], 'html.parser')
    assert [one.name for one in own.find_all(True) if one.name not in ('html', 'body', 'div', 'br')] == []
    assert own.get_text().splitlines() == comment.splitlines()
    assert len(own.find_all('br')) == len(comment.splitlines()) - 1
    assert outputs['body'] == {'contentType': 'text', 'content': comment}


@pytest.mark.parametrize('ids, names', [('attachIDs', 'attachNames'), ('attach_ids', 'attach_names')])
def test_the_name_of_a_single_file_has_commas(instance: Instance, adas: Mailbox, bobs: Mailbox, ids: str, names: str) -> None:
    instance.text('send-mail', **MAIL, **{ids: '1@7', names: 'Plan, final.pdf'})
    assert files_of(arrived(bobs)) == [('Plan, final.pdf', FILES['1@7'][1], None)]
    draft = instance.context('msgraph-mail-create-draft', **MAIL)['ID']
    instance.text('msgraph-mail-add-draft-attachment', draft_id=draft, attach_ids='1@7', attach_names='Plan, final.pdf')
    assert files_of(in_folder(adas, 'drafts')[0]) == [('Plan, final.pdf', FILES['1@7'][1], None)]


@pytest.mark.parametrize('given, expected', [({}, 'high'), ({'importance': 'Normal'}, 'normal'), ({'importance': 'Low'}, 'low')])
def test_a_forwarded_mail_keeps_its_importance(
    instance: Instance, adas: Mailbox, question: Message, given: dict[str, str], expected: str
) -> None:
    question.importance = 'high'
    forwarded = {'forward_id': question.immutable_id, 'to': BOB}
    shown = instance.context('msgraph-mail-create-draft', **forwarded, **given)
    assert (in_folder(adas, 'drafts')[0].importance, shown['Importance']) == (expected, expected)
    if not given:
        sent = instance.context('msgraph-mail-forward', message_id=question.immutable_id, comment='x', to=BOB)
        assert (in_folder(adas, 'sentitems')[0].importance, sent['importance']) == ('high', 'high')
        assert sent['flag'] == {'flagStatus': 'notFlagged'}


@pytest.mark.parametrize('name', ['importance', 'flag'])
@pytest.mark.parametrize('command', ['reply-mail', 'msgraph-mail-create-draft', 'msgraph-mail-update-draft'])
def test_what_replies_choose_themselves_has_no_default(command: str, name: str) -> None:
    [argument] = [one for one in IN_YML[command]['arguments'] if one['name'] == name]
    assert 'defaultValue' not in argument


# endregion
# region rejected arguments


@pytest.mark.parametrize(
    'args, sentence',
    [
        ({'to': ''}, 'The email has no recipients. Enter an address in to, cc or bcc.'),
        ({'flag': 'red'}, "'red' is not one of notFlagged, complete, flagged. Change flag."),
        ({'body_type': 'RTF'}, "'RTF' is not one of Text, HTML. Change body_type."),
        (
            {'to': ','.join([BOB] * 2000)},
            'The email has 2000 recipients, but to, cc and bcc together may have 1000. Send several emails, or use a group.',
        ),
        (
            {'attachIDs': '1@7,2@7', 'attachNames': 'a.pdf'},
            'The arguments attach_ids and attach_names have 2 and 1 values. '
            'Enter one in attach_names for each in attach_ids, or remove attach_names.',
        ),
        (
            {'attachIDs': '1@7,2@7', 'attachCIDs': 'logo'},
            'The arguments attach_ids and attach_cids have 2 and 1 values. '
            'Enter one in attach_cids for each in attach_ids, or remove attach_cids.',
        ),
        (
            {'attachNames': 'a.pdf'},
            'The arguments attach_ids and attach_names have 0 and 1 values. '
            'Enter one in attach_names for each in attach_ids, or remove attach_names.',
        ),
        (
            {'attachIDs': '9@9'},
            "The War Room has no file with the entry ID '9@9'. Copy the ID of a file.",
        ),
        ({'headers': 'x-a'}, "The header 'x-a' has no value. Write headers as x-name:value, separated by commas."),
        ({'importance': 'urgent'}, "'urgent' is not one of Low, Normal, High. Change importance."),
        pytest.param(
            {'send_time': 'whenever'},
            "'whenever' is not a valid date and time. Write send_time as 2030-01-31T08:00:00Z, or as 'in 2 hours'.",
            marks=pytest.mark.slow,  # dateparser tries 200 languages
        ),
        (
            {'send_time': '2020-01-01T08:00:00Z'},
            "'2020-01-01T08:00:00Z' is read as 2020-01-01T08:00:00Z, which is in the past. "
            "Write send_time as 2030-01-31T08:00:00Z, or as 'in 2 hours'.",
        ),
        ({'renderBody': 'perhaps'}, "'perhaps' is neither true nor false. Change renderBody."),
    ],
)
def test_invalid_arguments_are_rejected_before_a_request(instance: Instance, args: Any, sentence: str) -> None:
    assert instance.error('send-mail', **{**MAIL, **args}) == sentence
    assert instance.requests('graph') == []


def test_a_mail_is_not_forwarded_to_nobody(instance: Instance) -> None:
    error = instance.error('msgraph-mail-forward', message_id='<1@contoso.example>', comment='x', to='')
    assert error == 'The email has no recipients. Enter an address in to, cc or bcc.'
    assert instance.requests('graph') == []


@pytest.mark.parametrize(
    'command, args',
    [
        ('msgraph-mail-send-draft', {'draft_id': ' '}),
        ('msgraph-mail-reply-to', {'message_id': '', 'comment': 'x', 'to': BOB}),
        ('reply-mail', {'to': BOB, 'subject': 'x', 'inReplyTo': '..'}),
    ],
)
def test_an_invalid_id_is_rejected(instance: Instance, command: str, args: Any) -> None:
    assert re.search('is empty|message ID', instance.error(command, **args))
    assert instance.requests('graph') == []


# endregion
# region resuming


def throttle(cloud: MicrosoftCloud, path: str, seconds: int = 120) -> None:
    cloud.faults.add(service='graph', path=path, status=429, headers={'Retry-After': str(seconds)})


@pytest.mark.parametrize('path', ['/messages$', 'createUploadSession', '/send$'])
def test_a_throttled_command_resumes(instance: Instance, cloud: MicrosoftCloud, adas: Mailbox, bobs: Mailbox, path: str) -> None:
    before = len(in_folder(bobs, 'inbox'))
    throttle(cloud, path)
    args = {**MAIL, 'attachIDs': '3@a-b-c'}
    entry = instance.run('send-mail', **args)
    assert entry['HumanReadable'].startswith('Microsoft is throttling requests. The command continues in 121 seconds.')
    assert (entry['PollingCommand'], entry['NextRun'], entry['PollingArgs']['resume_run']) == ('send-mail', '121', '2')
    assert json.loads(json.dumps(entry['PollingArgs'])).items() >= args.items()
    sent = instance.context('send-mail', **entry['PollingArgs'])
    assert len(in_folder(bobs, 'inbox')) == before + 1
    assert [one.immutable_id for one in in_folder(adas, 'sentitems')] == [sent['ID']]
    assert in_folder(adas, 'drafts') == []
    assert files_of(arrived(bobs)) == [('raw', FILES['3@a-b-c'][1], None)]


def test_objects_of_the_context_are_sent_as_json(instance: Instance, bobs: Mailbox) -> None:
    instance.text('send-mail', to=BOB, subject={'a': True}, body={'b': [1, 'ö']}, headers='["x-case:7"]')
    mail = arrived(bobs)
    assert (mail.subject, mail.text.strip()) == ('{"a": true}', '{"b": [1, "ö"]}')
    assert ('x-case', '7') in [(name.lower(), value) for name, value in mail.headers]


@pytest.mark.usefixtures('waits')
def test_a_command_is_rescheduled_a_limited_number_of_times(instance: Instance, cloud: MicrosoftCloud, adas: Mailbox) -> None:
    throttle(cloud, '/send$')
    args = instance.run('send-mail', **MAIL)['PollingArgs']
    throttle(cloud, '/send$')
    assert 'Try again in 120 seconds.' in instance.error('send-mail', **{**args, 'resume_run': '20'})
    assert in_folder(adas, 'drafts') == in_folder(adas, 'sentitems') == []


def test_short_throttling_is_waited_for(instance: Instance, cloud: MicrosoftCloud, bobs: Mailbox, waits: list[float]) -> None:
    throttle(cloud, '/send$', 1)
    instance.text('send-mail', **MAIL)
    assert arrived(bobs).subject == 'Plan'
    assert 1 <= sum(waits) < 30


@pytest.mark.usefixtures('waits')
@pytest.mark.parametrize(
    'command, args',
    [
        ('msgraph-mail-send-draft', {'draft_id': '{draft}'}),
        ('msgraph-mail-reply-to', {'message_id': '{message}', 'comment': 'x', 'to': BOB}),
        ('msgraph-mail-forward', {'message_id': '{message}', 'comment': 'x', 'to': BOB, 'attach_ids': '1@7'}),
    ],
)
def test_drafts_and_replies_resume(
    instance: Instance, cloud: MicrosoftCloud, adas: Mailbox, bobs: Mailbox, question: Message, command: str, args: dict[str, str]
) -> None:
    draft = instance.context('msgraph-mail-create-draft', **MAIL)['ID'] if 'draft_id' in args else ''
    args = {name: value.format(draft=draft, message=question.immutable_id) for name, value in args.items()}
    before = len(in_folder(bobs, 'inbox'))
    throttle(cloud, '/send$')
    instance.text(command, **instance.run(command, **args)['PollingArgs'])
    assert len(in_folder(bobs, 'inbox')) == before + 1
    assert len(arrived(bobs).attachments) == ('attach_ids' in args)
    assert in_folder(adas, 'drafts') == []


# endregion


@pytest.mark.parametrize(
    'path',
    [
        ['toRecipients'],
        ['toRecipients', 0],
        ['toRecipients', 0, 'emailAddress'],
        ['toRecipients', 0, 'emailAddress', 'address'],
        ['ccRecipients'],
        ['subject'],
        ['singleValueExtendedProperties'],
        ['singleValueExtendedProperties', 0],
        ['singleValueExtendedProperties', 0, 'id'],
    ],
    ids=lambda path: '.'.join(map(str, path)),
)
@pytest.mark.parametrize('value', [5, -1, 'text', None, ['text'], {'name': 5}], ids=repr)
def test_a_sent_draft_is_reported_whatever_graph_says_of_it(instance: Instance, path: list[Any], value: Any) -> None:
    more = {'send_time': '2999-01-01T08:00:00Z'} if path[0].startswith('single') else {}
    draft_id = instance.context('msgraph-mail-create-draft', to=BOB, cc=BOB, subject='Plan', **more)['ID']
    instance.cloud.faults.add(service='graph', method='GET', path='/messages/[^/]+$', replace=[path, value], times=None)
    assert instance.context('msgraph-mail-send-draft', draft_id=draft_id)['ID'] == draft_id
