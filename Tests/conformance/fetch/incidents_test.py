"""The incident of a mail: name, labels, rawJSON, files."""

import hashlib
import re
from typing import Any

import pytest

from conformance.fetch.conftest import Instance
from conformance.fetch.fetching_platform import Incident
from conformance.fetch.mail_source import PARTNER, STRANGER, MailSource, attach, digest, digests_of_attachments
from sandbox.microsoft.clock import graph_timestamp
from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.model import EmailAddress, Flag, Message, OutlookItem

CC, BCC, ANSWERS = (EmailAddress(name, f'{name.lower()}@partner.example') for name in ('Cy', 'Bea', 'Ann'))
OF_THE_PEER = {
    'ID',
    'CreatedTime',
    'ModifiedTime',
    'ReceivedTime',
    'SentTime',
    'Subject',
    'Importance',
    'ConversationID',
    'IsRead',
    'IsDraft',
    'MessageID',
    'Categories',
    'Headers',
    'Sender',
    'From',
    'To',
    'Cc',
    'Bcc',
    'Body',
    'Text',
    'BodyType',
    'Attachments',
    'Mailbox',
}
GROWN_BY = {
    'HeaderRows',
    'SenderName',
    'FromName',
    'ToNames',
    'CcNames',
    'BccNames',
    'ReplyTo',
    'ReplyToNames',
    'BodyPreview',
    'WebLink',
    'ParentFolderID',
    'Folder',
    'Flag',
    'HasAttachments',
    'AttachmentDetails',
}


@pytest.fixture
def rich(source: MailSource) -> Message:
    """A mail with everything that a mail can have but attachments."""
    return source.deliver(
        'Quarterly figures',
        cc=[CC],
        bcc=[BCC],
        reply_to=[ANSWERS],
        submitter=STRANGER,
        importance='high',
        categories=['Red', 'Blue'],
        flag=Flag('flagged'),
        headers=[('X-Trace', 'a:b'), ('X-Trace', 'c')],
        html='<p>Hello <b>Ada</b></p>',
    )


def only(instance: Instance, **params: Any) -> Incident:
    """Return the incident of the only mail."""
    [incident] = instance(**params).fetch().incidents
    return incident


def test_raw_json_has_the_keys_of_the_marketplace_pack_and_more(rich: Message, instance: Instance) -> None:
    assert set(only(instance).raw) >= OF_THE_PEER | GROWN_BY


def test_raw_json_has_the_values_of_graph(source: MailSource, rich: Message, instance: Instance) -> None:
    raw = only(instance).raw
    assert {
        name: raw[name]
        for name in raw
        if name
        in (
            'ID',
            'Subject',
            'Importance',
            'Categories',
            'Sender',
            'SenderName',
            'From',
            'FromName',
            'To',
            'ToNames',
            'Cc',
            'CcNames',
            'Bcc',
            'BccNames',
            'ReplyTo',
            'ReplyToNames',
            'Flag',
            'IsRead',
            'IsDraft',
            'MessageID',
            'Mailbox',
            'Folder',
        )
    } == {
        'ID': rich.immutable_id,
        'Subject': 'Quarterly figures',
        'Importance': 'high',
        'Categories': ['Red', 'Blue'],
        'Sender': STRANGER.address,
        'SenderName': STRANGER.name,
        'From': PARTNER.address,
        'FromName': PARTNER.name,
        'To': ['ada@contoso.example'],
        'ToNames': ['Ada Lindqvist'],
        'Cc': [CC.address],
        'CcNames': ['Cy'],
        'Bcc': [BCC.address],
        'BccNames': ['Bea'],
        'ReplyTo': [ANSWERS.address],
        'ReplyToNames': ['Ann'],
        'Flag': 'flagged',
        'IsRead': False,
        'IsDraft': False,
        'MessageID': rich.internet_message_id,
        'Mailbox': 'ada@contoso.example',
        'Folder': 'Inbox',
    }
    assert raw['ReceivedTime'] == graph_timestamp(rich.received)
    assert raw['WebLink'].startswith('https://')
    assert raw['ParentFolderID'] == source.inbox.folder_id
    assert [one['value'] for one in raw['Headers'] if one['name'] == 'X-Trace'] == ['a:b', 'c']


def test_an_incident_has_the_subject_the_time_and_the_id_of_its_mail(rich: Message, instance: Instance) -> None:
    incident = only(instance)
    assert (incident.name, incident.fields['occurred'], incident.mail_id) == (
        'Quarterly figures',
        graph_timestamp(rich.received),
        rich.immutable_id,
    )


def test_the_immutable_id_stays_when_the_mail_is_moved(source: MailSource, rich: Message, instance: Instance) -> None:
    source.mailbox.move(rich, 'archive')
    source.mailbox.move(rich, 'inbox')
    assert only(instance).mail_id == rich.immutable_id


def test_labels_have_the_names_of_the_marketplace_pack(rich: Message, instance: Instance) -> None:
    labels = only(instance).labels
    assert {
        ('Email/Subject', 'Quarterly figures'),
        ('Email/From', PARTNER.address),
        ('Email/To', 'ada@contoso.example'),
        ('Email/ID', rich.immutable_id),
        ('Email/Header/X-Trace', 'a:b'),
        ('Email/Header/X-Trace', 'c'),
    } <= set(labels)
    assert all(isinstance(value, str) for _, value in labels)


def test_a_mail_without_a_subject_has_a_name(source: MailSource, instance: Instance) -> None:
    source.deliver('')
    assert only(instance).name == '(no subject)'


@pytest.mark.parametrize('html, body_type, body', [(False, 'text', 'Hello Ada'), (True, 'html', '<p>Hello <b>Ada</b></p>')])
@pytest.mark.parametrize('full', [False, True])
def test_details_are_text_whatever_the_body_is(
    rich: Message, instance: Instance, full: bool, html: bool, body_type: str, body: str
) -> None:
    incident = only(instance, display_full_email_body=full, fetch_html_formatting=html)
    assert (incident.raw['BodyType'], incident.raw['Body'].strip()) == (body_type, body)
    assert incident.fields['details'].strip() == 'Hello Ada'
    assert re.sub(r'\s+', ' ', incident.raw['Text'].strip()) == 'Hello Ada'


@pytest.mark.parametrize('preview', ['', None])
def test_details_are_the_text_if_there_is_no_preview(source: MailSource, instance: Instance, preview: str | None) -> None:
    message = source.deliver('No preview')
    body = {'contentType': 'html', 'content': '<p>Hello <b>Ada</b></p>'}
    answer = {'id': message.immutable_id, 'subject': 'No preview', 'body': body, 'bodyPreview': preview, 'attachments': []}
    path = rf'/messages/{re.escape(message.immutable_id)}$'
    source.cloud.faults.add(service='graph', path=path, status=200, body=answer, times=None)
    assert only(instance).fields['details'] == 'Hello Ada'


@pytest.mark.parametrize('html', [False, True])
def test_the_texts_say_where_links_lead_and_keep_cells_apart(source: MailSource, instance: Instance, html: bool) -> None:
    table = '<table><tr><th>User</th><td>bob@contoso.example</td></tr></table>'
    source.deliver(
        html=f'{table}<section>Your mailbox is full.</section><a href="https://evil.example/login">Click <i>here</i></a>'
    )
    email = only(instance, fetch_html_formatting=html, fetch_unique_body=True).raw
    for text in (email['Text'], email['Unique']):
        lines = [' '.join(line.split()) for line in text.splitlines() if line.strip()]
        assert lines == ['User bob@contoso.example', 'Your mailbox is full.', 'Click here<https://evil.example/login>']


def test_each_attachment_is_a_file_byte_for_byte_and_described(source: MailSource, instance: Instance) -> None:
    message = source.deliver()
    for kind in ('file', 'inline', 'nameless', 'item'):
        attach(source.mailbox, message, kind)
    incident = only(instance)
    assert [digest(file.data) for file in incident.files] == digests_of_attachments(message)
    details = incident.raw['AttachmentDetails']
    assert [one['SHA256'] for one in details] == digests_of_attachments(message)
    assert [one['Kind'] for one in details] == ['file', 'file', 'file', 'item']
    assert (details[0]['Name'], details[0]['ContentType'], details[0]['Size']) == ('report.pdf', 'application/pdf', 14)
    assert (details[1]['ContentID'], details[1]['IsInline']) == ('logo@contoso', True)
    assert all(one['ID'] for one in details)
    assert incident.files[0].type == 'application/pdf'
    named = [(one['name'], one['type']) for one in incident.raw['Attachments']]
    assert named == [(file.name, file.type) for file in incident.files]
    assert incident.fields['attachment'] == incident.raw['Attachments']


def test_a_file_without_a_media_type_has_that_of_its_name(source: MailSource, instance: Instance) -> None:
    source.mailbox.attach_file(source.deliver(), 'report.pdf', b'%PDF', None)
    [file] = only(instance).files
    assert (file.name, file.type) == ('report.pdf', 'application/pdf')


@pytest.mark.parametrize('legacy, name', [(False, 'logo@contoso-attachmentName-logo.png'), (True, 'logo.png')])
def test_inline_attachments_are_named_by_content_id_unless_legacy_names_are_set(
    source: MailSource, instance: Instance, legacy: bool, name: str
) -> None:
    attach(source.mailbox, source.deliver(), 'inline')
    assert [file.name for file in only(instance, legacy_name=legacy).files] == [name]


def test_inline_attachments_are_attached_even_if_there_are_no_others(source: MailSource, instance: Instance) -> None:
    message = source.deliver(html='<img src="cid:logo@contoso">')
    attach(source.mailbox, message, 'inline')
    assert not message.has_attachments
    assert len(only(instance).files) == 1


def test_a_link_is_named_with_the_address_of_its_mail(source: MailSource, instance: Instance) -> None:
    attach(source.mailbox, source.deliver(), 'reference')
    incident = only(instance)
    assert incident.files == ()
    assert incident.raw['WebLink'] in incident.fields['details']


def test_an_attachment_above_the_maximum_is_only_named(source: MailSource, instance: Instance) -> None:
    message = source.deliver()
    source.mailbox.attach_file(message, 'large.bin', bytes(1_100_000))
    source.mailbox.attach_file(message, 'small.bin', bytes(900_000))
    platform = instance(max_attachment_size='1')
    [incident] = platform.fetch().incidents
    assert [file.name for file in incident.files] == ['small.bin']
    said = {one['Name']: 'Missing' in one for one in incident.raw['AttachmentDetails']}
    assert said == {'large.bin': True, 'small.bin': False}
    assert 'large.bin' in ' '.join(incident.raw['Missing'])


def test_attachments_of_any_size_are_complete(source: MailSource, instance: Instance) -> None:
    message = source.deliver()
    for size in (0, 1, 999_999, 3_000_001, 6_000_000):
        pattern = hashlib.sha256(str(size).encode()).digest()
        source.mailbox.attach_file(message, f'{size}.bin', pattern * (size // 32) + bytes(size % 32))
    assert [digest(file.data) for file in only(instance).files] == digests_of_attachments(message)


@pytest.mark.parametrize(
    'content_type', ['application/json', 'text/plain', 'text/html', 'message/rfc822', None, 'x', 'multipart/mixed']
)
def test_bytes_do_not_depend_on_the_media_type(source: MailSource, instance: Instance, content_type: str | None) -> None:
    message = source.deliver()
    for data in (b'{"a": 1}', b'\xff\xfe\x00\r\n\n', b''):
        source.mailbox.attach_file(message, 'a', data, content_type)
    assert [digest(file.data) for file in only(instance).files] == digests_of_attachments(message)


def test_an_attached_event_is_a_file(source: MailSource, instance: Instance) -> None:
    message = source.deliver()
    event = OutlookItem(kind='event', properties={'subject': 'Lunch'}, raw=b'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n')
    source.mailbox.attach_item(message, event)
    [file] = only(instance).files
    assert (file.name, file.data[:15]) == ('Lunch.ics', b'BEGIN:VCALENDAR')


@pytest.mark.parametrize(
    'raw', [None, b'Subject: raw\r\nFrom: a@b.example\r\n\r\n\xff\xfe not UTF-8\r\n', b'From: a@b.example\nX: y\n\n{"a": 1}']
)
def test_the_eml_is_the_mail_byte_for_byte(source: MailSource, instance: Instance, raw: bytes | None) -> None:
    message = source.deliver('Re: a/b: c?', source=raw)
    incident = only(instance, fetch_eml=True)
    [file] = incident.files
    assert file.data == mime.build(message)
    assert (file.name[-4:], incident.raw['EML']['SHA256']) == ('.eml', digest(mime.build(message)))
    assert not set('/\\:?') & set(file.name)


@pytest.mark.parametrize('content_type', ["multipart/mixed; boundary*=utf-8''b; boundary*0=b", 'nested'])
def test_a_hostile_invitation_stops_no_other_mail(source: MailSource, instance: Instance, content_type: str) -> None:
    heads = [f'Content-Type: {content_type}\r\n\r\n']
    if content_type == 'nested':
        heads = [f'Content-Type: multipart/mixed; boundary={one}\r\n\r\n--{one}\r\n' for one in range(3000)]
    raw = f'Subject: Lunch\r\n{"".join(heads)}X'.encode()
    source.deliver('Lunch', source=raw, kind='eventMessageRequest')
    source.deliver('Plan')
    platform = instance()
    platform.run_until_quiet()
    assert sorted(one.name for one in platform.incidents) == ['Lunch', 'Plan']
    [lunch] = [one for one in platform.incidents if one.name == 'Lunch']
    assert 'The invitation is not in the email. Open the email in Outlook to see it.' in str(lunch.raw)
