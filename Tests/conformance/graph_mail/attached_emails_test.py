"""Emails in emails: extracted to a depth, by their exact bytes, however hostile their MIME is."""

import base64
import hashlib
import re
import time
from email.message import EmailMessage
from typing import Any

import pytest

import MicrosoftGraphMailCommandsApiModule
from CommonServerPython import CommandResults
from conformance.graph_mail.mail_commands_test import ADA, delivered, error_of, file_of, run, working_folder
from MicrosoftGraphMailClientApiModule import GraphMailClient, SavedFile, save_file
from MicrosoftGraphMailCommandsApiModule import NestedEmails
from MicrosoftMailMimeApiModule import MimePart, mime_parts
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.mime import parse
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.tests.machine import limit

__all__ = ['working_folder']
COMMAND = 'msgraph-mail-get-attachment'


@pytest.fixture
def ada(cloud: MicrosoftCloud) -> Mailbox:
    return cloud.mailbox(ADA)


def email(subject: str = 'Inner', *files: tuple[str, bytes], **headers: str) -> bytes:
    mail = EmailMessage()
    for name, value in {'Subject': subject, 'From': 'Eve <eve@partner.example>', 'To': ADA, **headers}.items():
        mail[name] = value
    mail.set_content('Hello')
    mail.add_alternative('<p>Hello</p>', subtype='html')
    for name, content in files:
        mail.add_attachment(content, maintype='application', subtype='octet-stream', filename=name)
    return mail.as_bytes()


def extracted(client: GraphMailClient, message: Message, depth: Any = 1) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """Return the files by their names, and the attached emails."""
    found = run(client, COMMAND, message_id=message.immutable_id, nested_depth=depth)
    files = {one['File']: file_of(one) for one in found if isinstance(one, dict)}
    [results] = [one for one in found if isinstance(one, CommandResults)]
    assert results.outputs_prefix == 'MSGraphMailAttachment'
    assert results.outputs['ID'] == message.immutable_id
    return files, results.outputs['NestedEmail']


def opened(source: bytes, depth: int = 1, name: str = 'outer.eml', content_type: str = '') -> tuple[list[Any], list[Any], str]:
    """Return the names of the files, the emails and the text of the result of a file."""
    nested = NestedEmails(depth)
    nested.open(save_file(name, lambda write: write(source)), content_type)
    *files, results = nested.results('id', ADA) or [CommandResults(outputs={'NestedEmail': []}, readable_output='')]
    return [one['File'] for one in files], results.outputs['NestedEmail'], results.readable_output


def test_an_attached_email_of_outlook_is_opened(mail: GraphMailClient, ada: Mailbox) -> None:
    inner = Message('Invoice', EmailAddress('Eve', 'eve@partner.example'), ada.now(), to=[ada.owner], html='<p>Pay</p>')
    ada.attach_file(inner, 'invoice.pdf', b'%PDF', 'application/pdf')
    outer = delivered(ada)
    ada.attach_item(outer, inner)
    files, [found] = extracted(mail, outer)
    assert (found['Subject'], found['From'], found['Depth'], found['Name']) == (
        'Invoice',
        'Eve <eve@partner.example>',
        1,
        'Invoice.eml',
    )
    assert found['InternetMessageID'] == inner.internet_message_id
    digest = hashlib.sha256(b'%PDF').hexdigest()
    assert found['Attachment'] == [{'Name': 'invoice.pdf', 'Type': 'application/pdf', 'Size': 4, 'SHA256': digest}]
    assert list(files) == ['Invoice.eml', 'invoice.pdf']
    assert files['invoice.pdf'] == b'%PDF'


@pytest.mark.parametrize(
    'name, content_type',
    [('mail.eml', 'application/octet-stream'), ('MAIL.EML', 'text/plain'), ('mail', 'message/rfc822'), ('m', 'Message/RFC822')],
)
def test_an_email_that_is_a_file_is_opened(mail: GraphMailClient, ada: Mailbox, name: str, content_type: str) -> None:
    outer = delivered(ada)
    ada.attach_file(outer, name, email('Inner', ('a.txt', b'a\r\n\x00\xff')), content_type)
    files, [found] = extracted(mail, outer)
    assert (found['Subject'], found['Name']) == ('Inner', name)
    assert files['a.txt'] == b'a\r\n\x00\xff'


def signed(protocol: str = 'application/pkcs7-signature') -> bytes:
    """Return an email that is signed so that each mail program can read it."""
    return (
        f'Subject: Signed\r\nFrom: Eve <eve@partner.example>\r\nMIME-Version: 1.0\r\n'
        f'Content-Type: multipart/signed; micalg=sha-256;\r\n protocol="{protocol}"; boundary=s\r\n\r\n'
        '--s\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: text/plain\r\n\r\nPay.\r\n'
        '--m\r\nContent-Disposition: attachment; filename=invoice.xlsm\r\n\r\nPK\r\n--m--\r\n'
        '--s\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\n0\r\n--s--\r\n'
    ).encode()


def test_the_attachments_of_a_signed_email_are_returned(mail: GraphMailClient, ada: Mailbox) -> None:
    message = ada.deliver(parse(signed(), ada.now()))
    files, [found] = extracted(mail, message)
    assert list(files) == ['smime.p7m', 'invoice.xlsm', 'smime.p7s']
    assert files['invoice.xlsm'] == b'PK'
    assert (found['Name'], [one['Name'] for one in found['Attachment']]) == ('smime.p7m', ['invoice.xlsm', 'smime.p7s'])


@pytest.mark.parametrize(
    'name, content_type',
    [
        ('smime.p7m', 'application/octet-stream'),
        ('SMIME.P7M', ''),
        ('mail', 'Multipart/Signed; boundary=s'),
        ('m', 'multipart/mixed'),
        ('mail', 'message/rfc822; charset=utf-8'),
    ],
)
def test_a_file_with_the_parts_of_an_email_is_opened(name: str, content_type: str) -> None:
    assert opened(signed(), name=name, content_type=content_type)[0] == ['invoice.xlsm', 'smime.p7s']


@pytest.mark.parametrize('content', [b'0\x82\x01\x02', b'MIIBAg==', b'', b'Content-Type: text/plain\r\n\r\nx'])
def test_an_encrypted_email_is_not_opened_and_that_is_told(content: bytes) -> None:
    files, found, text = opened(content, name='smime.p7m', content_type='application/pkcs7-mime')
    assert (files, found) == ([], [])
    assert 'smime.p7m has no parts that can be opened. It may be encrypted (S/MIME).' in text


@pytest.mark.parametrize('depth', [1, 2, 3, 10])
def test_the_depth_is_kept(mail: GraphMailClient, ada: Mailbox, depth: int) -> None:
    source = email('Level 4', ('bottom.txt', b'x'))
    for level in (3, 2, 1):
        source = email(f'Level {level}', (f'level-{level + 1}.eml', source))
    outer = delivered(ada)
    ada.attach_file(outer, 'level-1.eml', source)
    files, found = extracted(mail, outer, depth)
    assert [one['Subject'] for one in found] == [f'Level {level}' for level in range(1, min(depth, 4) + 1)]
    assert [one['Depth'] for one in found] == list(range(1, min(depth, 4) + 1))
    assert ('bottom.txt' in files) is (depth >= 4)


def test_nothing_is_opened_unless_wanted(mail: GraphMailClient, ada: Mailbox) -> None:
    outer = delivered(ada)
    ada.attach_file(outer, 'mail.eml', email('Inner', ('a.txt', b'a')))
    for depth in ('', '0', None):
        assert run(mail, COMMAND, message_id=outer.immutable_id, nested_depth=depth)['File'] == 'mail.eml'


@pytest.mark.parametrize('depth', ['-1', '11', 'all', '1.5'])
def test_a_depth_that_cannot_be_is_refused(mail: GraphMailClient, cloud: MicrosoftCloud, depth: str) -> None:
    told = error_of(mail, COMMAND, message_id='x', nested_depth=depth)
    assert told == f"'{depth}' is not a whole number from 1 to 10. Change nested_depth."
    assert not list(cloud.requests)


def test_an_attached_email_has_exactly_its_bytes() -> None:
    inner = b'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nX-Odd:  a\tb \r\nFrom: e@x\r\n\r\nbody \xff\r\n--outer-but-not\r\n'
    source = b'Content-Type: multipart/mixed; boundary=outer\r\n\r\n'
    source += (
        b'--outer\r\n\r\ntext\r\n--outer \t\r\nContent-Type: message/rfc822\r\n\r\n'
        + inner
        + b'\r\n--outer--\r\n--outer\r\nafter'
    )
    files, [first, second], _ = opened(source, depth=2)
    assert files == ['Grüße.eml']
    assert first['Attachment'][0]['SHA256'] == hashlib.sha256(inner).hexdigest()
    assert (second['Subject'], second['From']) == ('Grüße', 'e@x')


@pytest.mark.parametrize(
    'disposition, name',
    [
        ('attachment; filename="../../etc/passwd"', '.._.._etc_passwd'),
        ('attachment; filename="invoice\u202efdp.exe"', 'invoicefdp.exe'),
        ("attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe%0A.txt", 'Grüße .txt'),
        ('attachment; filename="=?utf-8?B?R3LDvMOfZS50eHQ=?="', 'Grüße.txt'),
        ('attachment; filename="=?none?B?/?="', '=?none?B?_?='),
        ('attachment; filename="con.txt"', '_con.txt'),
        ('attachment; filename=".."', 'attachment-1.bin'),
        ('attachment', 'attachment-1.bin'),
        (f'attachment; filename="{"a" * 3000}.txt"', f'{"a" * 251}.txt'),
        ("attachment; filename*0*=utf-8''a; filename*1=b.txt; filename*99999999999999999999=c", 'ab.txtc'),
    ],
)
def test_a_file_name_does_no_harm(disposition: str, name: str) -> None:
    source = f'Content-Type: application/octet-stream\nContent-Disposition: {disposition}\n\nx'.encode()
    assert opened(source)[0] == [name]


@pytest.mark.parametrize(
    'encoding, body, content',
    [
        ('base64', b'aGVs\r\nbG8=\r\n', b'hello'),
        ('BASE64 ', b'aGVsbG8', b'hello'),
        ('base64', b'!!a', b'!!a'),
        ('quoted-printable', b'a=3D=\r\nb=ZZ', b'a=b=ZZ'),
        ('8bit', b'\xff\x00', b'\xff\x00'),
        ('nonsense', b'as it is', b'as it is'),
    ],
)
def test_contents_are_decoded(encoding: str, body: bytes, content: bytes) -> None:
    source = f'Content-Type: image/png\nContent-Transfer-Encoding: {encoding}\n\n'.encode() + body
    assert next(mime_parts(source)).content() == content


def nested_multiparts(count: int) -> bytes:
    heads = b''.join(b'Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n' % (level, level) for level in range(count))
    return heads + b'Content-Type: image/png\n\nx'


MANY = b'Content-Type: multipart/mixed; boundary=b\n\n'
HOSTILE = {
    'nothing': b'',
    'newlines': b'\r\n' * 100_000,
    'no end of headers': b'A: b\n' * 200_000,
    'not an email': bytes(range(256)) * 4000,
    'deep multiparts': nested_multiparts(20_000),
    'deep emails': b'Content-Type: message/rfc822\n\n' * 20_000,
    'many parts': MANY + b'--b\nContent-Type: image/png\n\nx\n' * 50_000,
    'many texts': MANY + b'--b\n\nx\n' * 200_000,
    'many delimiters': MANY + b'--b\n' * 500_000,
    'almost delimiters': MANY + b'--bb\n' * 1_000_000,
    'delimiters in lines': b'Content-Type: multipart/mixed; boundary="-"\n\n' + b'-' * 5_000_000,
    'spaces after delimiters': MANY + (b'--b' + b' ' * 5000 + b'x\n') * 1000,
    'empty boundary': b'Content-Type: multipart/mixed; boundary=""\n\n--\n--\n' * 10_000,
    'parameters': b'Content-Type: multipart/mixed; ' + b'a="' * 500_000 + b'; boundary=b\n\n--b\n\nx\n--b--',
    'semicolons': b'Content-Disposition: attachment; x="' + b';' * 2_000_000 + b'\n\nx',
    'folded': b'Subject: a\n' + b' b\n' * 500_000 + b'\nx',
    'encoded words': b'Subject: ' + b'=?utf-8?q?=' * 300_000 + b'\n\n',
    'bad charset': b'Subject: =?nope?b?aGk=?=\nContent-Type: text/plain; charset="nope"\n\nx',
    'base64 of nothing': b'Content-Type: image/png\nContent-Transfer-Encoding: base64\n\n' + b'=' * 3_000_000,
    'boundary of other characters': 'Content-Type: multipart/mixed; boundary="Grüße"\n\n--Grüße\n\nx'.encode('latin-1'),
}


@pytest.mark.parametrize('name', HOSTILE)
def test_hostile_mime_takes_no_time_and_is_no_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MicrosoftGraphMailCommandsApiModule, 'MAX_NESTED_FILES', 20)
    started = time.process_time()
    files, emails, shown = opened(HOSTILE[name], depth=10)
    assert time.process_time() - started < limit(2.5)
    assert len(files) <= 20
    assert emails[0]['Depth'] == 1
    assert shown.startswith('### Attached emails (')


def test_limits_of_files_and_sizes_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    source = email('Inner', *((f'{number}.txt', b'x' * 100) for number in range(6)))
    monkeypatch.setattr(MicrosoftGraphMailCommandsApiModule, 'MAX_NESTED_FILES', 3)
    files, [found], shown = opened(source)
    assert (files, len(found['Attachment'])) == (['0.txt', '1.txt', '2.txt'], 3)
    assert shown.endswith('\nouter.eml may contain more: the limit of 3 files or their size is reached.')
    monkeypatch.setattr(MicrosoftGraphMailCommandsApiModule, 'MAX_NESTED_FILES', 100)
    monkeypatch.setattr(MicrosoftGraphMailCommandsApiModule, 'MAX_NESTED_SIZE', len(source))
    assert len(opened(source)[0]) == 6
    monkeypatch.setattr(MicrosoftGraphMailCommandsApiModule, 'MAX_NESTED_SIZE', 250)
    files, found, shown = opened(source)
    assert (files, found) == ([], [])
    assert shown.endswith('\nouter.eml has more than 0 MB and was not opened.')


@pytest.mark.parametrize('texts, is_full', [(3, False), (4, True), (20, True)])  # the multipart is a part itself
def test_all_parts_are_looked_at_until_a_limit(monkeypatch: pytest.MonkeyPatch, texts: int, is_full: bool) -> None:
    monkeypatch.setattr(MicrosoftGraphMailCommandsApiModule, 'MAX_PARTS', 5)
    _, _, shown = opened(MANY + b'--b\n\nx\n' * texts)
    assert ('may contain more' in shown) is is_full


@pytest.mark.parametrize('size, is_full', [(200, False), (199, True)])
def test_all_files_together_have_a_maximum_size(monkeypatch: pytest.MonkeyPatch, size: int, is_full: bool) -> None:
    nested = NestedEmails(1)
    saved = save_file('outer.eml', lambda write: write(email('Inner', ('a.txt', b'x' * 100), ('b.txt', b'x' * 100))))
    monkeypatch.setattr(SavedFile, 'read', lambda saved, _size, read=SavedFile.read: read(saved, 10_000))
    monkeypatch.setattr(MicrosoftGraphMailCommandsApiModule, 'MAX_NESTED_SIZE', size)
    nested.open(saved, '')
    *files, results = nested.results('id', ADA)
    assert (len(files), 'may contain more' in results.readable_output) == (1 if is_full else 2, is_full)


def test_nothing_is_opened_after_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MicrosoftGraphMailCommandsApiModule, 'MAX_NESTED_FILES', 3)
    inner = [(f'{name}.eml', email(name, (f'{name}.txt', b'x'), (f'{name}.bin', b'x'))) for name in 'ab']
    files, found, shown = opened(email('Outer', *inner), depth=2)
    assert files == ['a.eml', 'b.eml', 'a.txt']
    assert [(one['Subject'], len(one['Attachment'])) for one in found] == [('Outer', 2), ('a', 1)]
    assert shown.endswith('\na.eml may contain more: the limit of 3 files or their size is reached.')


def test_attached_emails_are_a_table() -> None:
    source = email(
        'Inner', ('a.txt', b'x'), ('b.txt', b'y'), Date='Tue, 01 Jan 2030 10:00:00 +0000', **{'Message-ID': '<1@x.example>'}
    )
    assert opened(source)[2] == (
        '### Attached emails (1)\n|Subject|From|To|Date|Attachments|Depth|Name|Internet Message ID|\n'
        '|---|---|---|---|---|---|---|---|\n'
        f'| Inner | Eve \\<eve@partner.example\\> | {ADA} | Tue, 01 Jan 2030 10:00:00 +0000 | a.txt, b.txt | 1 | outer.eml | '
        '\\<1@x.example\\> |\n'
    )


def test_what_an_attached_email_says_is_no_markdown() -> None:
    source = email('![t](http://evil.example/t.png)', ('[x](http://evil.example).txt', b'x'))
    _, _, shown = opened(source, name='![t](http:__evil.example).eml')
    assert '![' not in shown
    assert not re.search(r'(?<!\\)\]\(', shown)
    assert 'http://' not in shown


def test_part_headers_are_decoded() -> None:
    part = MimePart.read(b'Subject: =?utf-8?b?' + base64.b64encode('Grüße\n2'.encode()) + b'?=\r\n =?iso-8859-1?q?=FC?=\r\n\r\n')
    assert part.text('Subject') == 'Grüße 2ü'
    assert part.text('X-Missing') == ''
