"""Mails of the sandbox as incidents: their content, mails that cannot be read, and failures of the service."""

import hashlib
import json
import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import demistomock as demisto
from CommonServerPython import DemistoException
from conformance.graph_mail.fetch_settings import options_with
from MicrosoftApiModule import reset_auth
from MicrosoftCoreApiModule import MicrosoftSignInError
from MicrosoftGraphClientApiModule import GraphError
from MicrosoftGraphMailClientApiModule import GraphMailClient
from MicrosoftGraphMailCursorApiModule import FetchRun
from MicrosoftGraphMailFetchApiModule import fetch_mails
from MicrosoftGraphMailFetchOptionsApiModule import graph_seconds
from MicrosoftGraphMailSearchApiModule import mail_search
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Flag, Message, OutlookItem

ADA, BOB, EVE = 'ada@contoso.example', 'bob@contoso.example', 'eve@partner.example'
LATER = {'Retry-After': '60'}  # longer than the retry budget
NOT_UTF8 = bytes(range(256)) * 40
CALENDAR, CARD = b'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n', b'BEGIN:VCARD\r\nEND:VCARD\r\n'

# region runs


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demisto, 'integrationContext', {})


@pytest.fixture
def ada(empty_mailbox: Mailbox) -> Mailbox:
    return empty_mailbox


class Fetches:
    """Consecutive runs of the fetch of one instance.

    Attributes:
        options: of all runs.
        last_run: saved by the last run, as JSON.
        problems: those of the last run.
    """

    def __init__(self, client: GraphMailClient, cloud: MicrosoftCloud) -> None:
        self.client = client
        self.cloud = cloud
        self.options: dict[str, Any] = {'first_fetch': partial(graph_seconds, cloud.clock.now() - 3600)}
        self.last_run: dict[str, Any] = {}
        self.problems: list[str] = []

    def incidents(self, **options: Any) -> list[dict[str, Any]]:
        """Return the incidents of the next run."""
        self.options |= options
        self.cloud.requests.clear()
        run = FetchRun(self.client)
        incidents, last_run = fetch_mails(run, options_with(**self.options), self.last_run)
        self.last_run = json.loads(json.dumps(last_run))
        self.problems = list(map(str, run.problems))
        return incidents

    def names(self, **options: Any) -> list[str]:
        return [incident['name'] for incident in self.incidents(**options)]

    def email(self, **options: Any) -> dict[str, Any]:
        """Return the ``rawJSON`` of the only incident of the next run."""
        [incident] = self.incidents(**options)
        email: dict[str, Any] = json.loads(incident['rawJSON'])
        assert incident['attachment'] == email['Attachments']
        return email

    def tried(self, message: Message, tries: int, since: int = 1) -> None:
        """Make `message` a pending mail that was tried so often, and for the first time at that time."""
        self.last_run |= {'names': ['Inbox'], 'id_start': '', 'waiting': [[message.immutable_id, 0, '', tries, since]]}

    @property
    def tries(self) -> list[int]:
        """How often each pending mail was tried."""
        return [one[3] for one in self.last_run['waiting']]

    @property
    def requests(self) -> list[str]:
        """The last segments of the paths that the last run requested."""
        return [one.path.rpartition('/')[2] for one in self.cloud.requests.of('graph')]


@pytest.fixture
def fetches(mail: GraphMailClient, cloud: MicrosoftCloud, ada: Mailbox) -> Fetches:
    return Fetches(mail, cloud)


def deliver(mailbox: Mailbox, subject: str = 'Hello', **more: Any) -> Message:
    properties: dict[str, Any] = {'to': [mailbox.owner], 'plain': 'Look at this.', **more}
    return mailbox.deliver(Message(subject, EmailAddress('Eve', EVE), mailbox.now() - 60, **properties))


def path_of(message: Message, rest: str = '') -> str:
    """Return a pattern for the path of a message and `rest` below it."""
    return f'messages/{re.escape(message.immutable_id)}{rest}$'


def files_of(email: dict[str, Any]) -> dict[str, bytes]:
    """Return the attached files by name."""
    return {one['name']: Path(f'1_{one["path"]}').read_bytes() for one in email['Attachments']}


# endregion
# region content


def test_an_incident_contains_the_whole_mail(fetches: Fetches, ada: Mailbox) -> None:
    message = deliver(
        ada,
        'Invoice',
        html='<p>Pay <b>now</b></p>',
        plain='',
        cc=[EmailAddress('Bob', BOB)],
        bcc=[EmailAddress('', EVE)],
        reply_to=[EmailAddress('Pay', 'pay@partner.example')],
        importance='high',
        categories=['Red'],
        flag=Flag('flagged'),
        submitter=EmailAddress('Mallory', 'mallory@partner.example'),
        headers=[('X-Test', 'a: b')],
        sent=ada.now() - 90,
    )
    email = fetches.email(html=True)
    headers = {one['name']: one['value'] for one in email.pop('Headers')}
    assert headers['X-Test'] == 'a: b'
    assert {one['headername']: one['headervalue'] for one in email.pop('HeaderRows')} == headers
    times = ('CreatedTime', 'ModifiedTime', 'ReceivedTime', 'SentTime')
    assert all(email.pop(name).endswith('Z') for name in times)
    assert email.pop('WebLink').startswith('https://')
    assert email == {
        'ID': message.immutable_id,
        'Kind': 'message',
        'Subject': 'Invoice',
        'Importance': 'high',
        'ConversationID': message.conversation_id,
        'IsRead': False,
        'IsDraft': False,
        'MessageID': message.internet_message_id,
        'Categories': ['Red'],
        'Sender': 'mallory@partner.example',
        'SenderName': 'Mallory',
        'From': EVE,
        'FromName': 'Eve',
        'To': [ADA],
        'ToNames': [ada.owner.name],
        'Cc': [BOB],
        'CcNames': ['Bob'],
        'Bcc': [EVE],
        'BccNames': [''],
        'ReplyTo': ['pay@partner.example'],
        'ReplyToNames': ['Pay'],
        'Body': '<p>Pay <b>now</b></p>',
        'Text': 'Pay now',
        'HTML': '<p>Pay <b>now</b></p>',
        'BodyType': 'html',
        'BodyPreview': 'Pay now',
        'HasAttachments': False,
        'Attachments': [],
        'AttachmentDetails': [],
        'Mailbox': ADA,
        'Folder': 'Inbox',
        'ParentFolderID': message.folder_id,
        'Flag': 'flagged',
    }


def test_an_incident_has_the_subject_and_the_time_of_its_mail(fetches: Fetches, ada: Mailbox) -> None:
    message = deliver(ada, 'Invoice', headers=[('X-Test', 'a: b')], categories=['Red', 'Blue'])
    [incident] = fetches.incidents()
    assert (incident['name'], incident['details'], incident['dbotMirrorId']) == ('Invoice', 'Look at this.', message.immutable_id)
    assert incident['occurred'] == f'{graph_seconds(message.received)}Z'
    labels = [(one['type'], one['value']) for one in incident['labels']]
    assert {
        ('Email/Subject', 'Invoice'),
        ('Email/To', ADA),
        ('Email/Header/X-Test', 'a: b'),
        ('Email/Categories', 'Red'),
        ('Email/Categories', 'Blue'),
        ('Email/IsRead', 'False'),
    } <= set(labels)
    assert not {'Email/Cc', 'Email/HTML', 'Email/Headers', 'Email/HeaderRows', 'Email/Attachments', 'Email/AttachmentDetails'} & {
        name for name, _ in labels
    }
    assert all(isinstance(part, str) for label in labels for part in label)


@pytest.mark.parametrize(
    'html, expected',
    [
        (False, ('text', 'Pay now & later', 'Pay now & later', '')),
        (True, ('html', '<p>Pay now &amp; <i>later</i></p>', 'Pay now & later', '<p>Pay now &amp; <i>later</i></p>')),
    ],
)
def test_the_body_is_text_or_html(fetches: Fetches, ada: Mailbox, html: bool, expected: tuple[str, ...]) -> None:
    deliver(ada, html='<p>Pay now &amp; <i>later</i></p>', plain='')
    email = fetches.email(html=html)
    assert (email['BodyType'], email['Body'], email['Text'], email['HTML']) == expected


@pytest.mark.parametrize('full_body, length', [(False, 255), (True, 1000)])
def test_details_are_the_preview_or_the_full_body(fetches: Fetches, ada: Mailbox, full_body: bool, length: int) -> None:
    deliver(ada, plain='x' * 1000)
    [incident] = fetches.incidents(full_body=full_body)
    assert len(incident['details']) == length


def test_an_empty_mail_becomes_an_incident(fetches: Fetches, ada: Mailbox) -> None:
    deliver(ada, '', plain='', to=[])
    [incident] = fetches.incidents(with_eml=True)
    assert (incident['name'], incident['details']) == ('(no subject)', '')
    assert [one['name'] for one in incident['attachment']] == ['email.eml']


# endregion
# region files


def test_attachments_are_attached_byte_for_byte(fetches: Fetches, ada: Mailbox) -> None:
    message = deliver(ada)
    contents = {
        'a.bin': NOT_UTF8,
        'empty.bin': b'',
        'data.json': b'{"a": 1}',
        'base64.json': b'"aGVsbG8="',
        'text.txt': 'Grüße'.encode('latin-1'),
        'large.bin': NOT_UTF8 * 150,
    }
    for name, content in contents.items():
        ada.attach_file(message, name, content, 'application/json' if name.endswith('json') else 'application/octet-stream')
    email = fetches.email()
    assert files_of(email) == contents
    assert {one['Name']: one['SHA256'] for one in email['AttachmentDetails']} == {
        name: hashlib.sha256(content).hexdigest() for name, content in contents.items()
    }
    assert fetches.requests[-4:] == ['$value'] * 4, 'the empty, the large and the JSON ones each come by themselves'
    assert len(os.listdir('.')) == 6


def test_a_file_with_unexpected_json_is_attached_byte_for_byte(fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    message = deliver(ada)
    attachment = ada.attach_file(message, 'a.bin', b'{ "a":1 }')
    value = f'{re.escape(message.attachment_id(attachment, True))}/.value'
    cloud.faults.add(service='graph', path=value, status=200, body={'a': 1})
    assert files_of(fetches.email()) == {'a.bin': b'{ "a":1 }'}


def test_an_incident_describes_its_attachments(fetches: Fetches, ada: Mailbox) -> None:
    message = deliver(ada)
    attachment = ada.attach_file(message, 'logo.png', NOT_UTF8, 'image/png', 'logo@1')
    [details] = fetches.email()['AttachmentDetails']
    assert details == {
        'ID': message.attachment_id(attachment, True),
        'Name': 'logo.png',
        'Kind': 'file',
        'ContentType': 'image/png',
        'Size': len(NOT_UTF8),
        'ContentID': 'logo@1',
        'IsInline': True,
        'SHA256': hashlib.sha256(NOT_UTF8).hexdigest(),
    }


def test_many_mails_with_small_files_take_few_requests(fetches: Fetches, ada: Mailbox) -> None:
    for number in range(30):
        ada.attach_file(deliver(ada, f'Mail {number}'), 'a.bin', NOT_UTF8)
    assert len(fetches.incidents(max_mails=30)) == 30
    assert fetches.requests.count('$batch') == 0, 'lists read the mails with their files'
    assert len(fetches.requests) < 7


def test_a_batch_of_files_is_smaller_than_the_limit_of_graph(fetches: Fetches, ada: Mailbox) -> None:
    message = deliver(ada)
    contents = {f'{number}.bin': bytes([number]) * 900_000 for number in range(5)}
    for name, content in contents.items():
        ada.attach_file(message, name, content)
    assert files_of(fetches.email()) == contents
    assert fetches.requests.count('$batch') == 3, 'one for the message, then three files, then two'


@pytest.mark.parametrize(
    'name, content_id, is_inline, file_name, legacy_name',
    [
        ('logo.png', 'logo@1', True, 'logo@1-attachmentName-logo.png', 'logo.png'),
        ('logo.png', 'a/b:c', True, 'a_b_c-attachmentName-logo.png', 'logo.png'),
        ('logo.png', 'logo@1', False, 'logo.png', 'logo.png'),
        ('logo.png', None, True, 'logo.png', 'logo.png'),
        (None, None, False, 'attachment-1.png', 'attachment-1.png'),
        ('../../etc/passwd', None, False, '.._.._etc_passwd', '.._.._etc_passwd'),
        ('x' * 300 + '.png', 'y' * 300, True, f'{"y" * 100}-attachmentName-{"x" * 135}.png', f'{"x" * 251}.png'),
    ],
)
def test_inline_files_are_named_by_their_content_ids_unless_legacy_names_are_set(
    fetches: Fetches, ada: Mailbox, name: str | None, content_id: str | None, is_inline: bool, file_name: str, legacy_name: str
) -> None:
    for subject in ('new', 'old'):
        ada.attach_file(deliver(ada, subject), name, b'x', 'image/png', content_id, is_inline)
    result = fetches.incidents(max_mails=1)
    fetches.client.legacy_names = True
    result += fetches.incidents()
    assert [incident['attachment'][0]['name'] for incident in result] == [file_name, legacy_name]
    assert [incident['attachment'][0]['type'] for incident in result] == ['image/png'] * 2


@pytest.mark.parametrize(
    'kind, raw, name, file_name, media_type',
    [
        ('event', CALENDAR, 'Lunch', 'Lunch.ics', 'text/calendar'),
        ('contact', CARD, 'Eve', 'Eve.vcf', 'text/vcard'),
        ('event', CALENDAR + bytes(1_100_000), 'Day', 'Day.ics', 'text/calendar'),
        ('event', CALENDAR, 'Lunch.ICS', 'Lunch.ICS', 'text/calendar'),
        ('', b'', 'Inner', 'Inner.eml', 'message/rfc822'),
    ],
)
def test_items_get_the_extension_of_their_format(
    fetches: Fetches, ada: Mailbox, kind: str, raw: bytes, name: str, file_name: str, media_type: str
) -> None:
    message = deliver(ada)
    inner = OutlookItem(kind=kind, properties={}, raw=raw) if kind else Message(name, EmailAddress('Eve', EVE), ada.now())
    ada.attach_item(message, inner, name)
    email = fetches.email()
    assert [(one['name'], one['type']) for one in email['Attachments']] == [(file_name, media_type)]
    [details] = email['AttachmentDetails']
    assert (details['Kind'], details['Name'], details['ContentType']) == ('item', file_name, media_type)
    assert details['SHA256'] == hashlib.sha256(files_of(email)[file_name]).hexdigest()


@pytest.mark.parametrize(
    'html, is_inline', [('<img src="cid:logo@1">', True), ("<img src='CID:%6Cogo@1'>", True), ('<p>logo@1</p>', False)]
)
def test_a_file_that_the_body_shows_is_inline_whatever_graph_says(
    fetches: Fetches, ada: Mailbox, html: str, is_inline: bool
) -> None:
    ada.attach_file(deliver(ada, html=html, plain=''), 'logo.png', b'x', 'image/png', 'logo@1', False)
    [details] = fetches.email(html=True)['AttachmentDetails']
    assert details['IsInline'] is is_inline


def test_an_invitation_is_a_file_of_the_incident(fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    ada.invite('Planning', cloud.mailbox(BOB).owner, 2_000_000_000, 2_000_003_600)
    email = fetches.email()
    [(name, content)] = files_of(email).items()
    assert (name, content.startswith(b'BEGIN:VCALENDAR')) == ('invitation.ics', True)
    assert email['AttachmentDetails'] == [
        {
            'ID': None,
            'Name': 'invitation.ics',
            'Kind': 'invitation',
            'ContentType': 'text/calendar',
            'Size': len(content),
            'SHA256': hashlib.sha256(content).hexdigest(),
        }
    ]
    assert email['HasAttachments']
    assert email['Event'] == {
        'Method': 'REQUEST',
        'Summary': 'Planning',
        'Organizer': BOB,
        'Start': '20330518T053320 W. Europe Standard Time',
        'End': '20330518T063320 W. Europe Standard Time',
        'Links': [],
    }


@pytest.mark.parametrize('size, requests', [(10, []), (4_000_000, ['$value', '$value', '$value'])])
def test_the_headers_of_a_colleague_are_in_the_mail_itself(
    fetches: Fetches, ada: Mailbox, monkeypatch: pytest.MonkeyPatch, size: int, requests: list[str]
) -> None:
    """What is attached is not requested again for its headers, unless it is large."""
    monkeypatch.setattr(ada, 'hides_internal_headers', True)
    message = ada.deliver(Message('Hello', EmailAddress('Bob', BOB), ada.now() - 60, to=[ada.owner], headers=[('X-A', 'b')]))
    ada.attach_file(message, 'a.bin', bytes(size))
    email = fetches.email(with_eml=True, max_attachment_size=5_000_000)
    assert {'name': 'X-A', 'value': 'b'} in email['Headers']
    assert (fetches.requests.count('$batch'), [one for one in fetches.requests if one == '$value']) == (
        (1, requests) if requests else (2, [])
    )


def test_a_link_is_named_with_the_address_of_its_mail(fetches: Fetches, ada: Mailbox) -> None:
    ada.attach_reference(deliver(ada), 'shared.docx', 'https://files.contoso.example/shared.docx')
    email = fetches.email()
    [details] = email['AttachmentDetails']
    assert (details['Kind'], email['Attachments']) == ('reference', [])
    assert details['Missing'] == f'It is a link to a file elsewhere. Open the email to follow it: {email["WebLink"]}'
    assert email['Missing'] == [f"The attachment 'shared.docx' is not attached. {details['Missing']}"]


@pytest.mark.parametrize('size, is_attached', [(1_000_000, True), (1_000_001, False)])
def test_an_attachment_that_is_too_large_is_only_named(fetches: Fetches, ada: Mailbox, size: int, is_attached: bool) -> None:
    ada.attach_file(deliver(ada), 'a.bin', bytes(size))
    [incident] = fetches.incidents(max_attachment_size=1_000_000)
    assert len(incident['attachment']) == is_attached
    sentence = "\nThe attachment 'a.bin' is not attached. It has 1.0 MB, but the maximum is 1 MB."
    assert incident['details'] == f'Look at this.{"" if is_attached else sentence}'


def test_an_attachment_without_an_id_is_only_named(fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    message = deliver(ada)
    nameless = [{'@odata.type': '#microsoft.graph.fileAttachment', 'id': None, 'name': 'a.bin', 'size': 1}]
    cloud.faults.add(
        service='graph',
        path=path_of(message),
        status=200,
        body={'id': message.immutable_id, 'subject': 'Hello', 'attachments': nameless},
    )
    assert fetches.email()['Missing'] == ["The attachment 'a.bin' is not attached. Microsoft Graph did not return its ID."]


def test_attachments_in_an_unknown_form_are_said_to_be_missing(fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    message = deliver(ada)
    ada.attach_file(message, 'a.bin', b'x')
    cloud.faults.add(
        service='graph',
        path=path_of(message),
        status=200,
        body={'id': message.immutable_id, 'subject': 'Hello', 'attachments': 5},
    )
    cloud.faults.add(service='graph', path=path_of(message, '/attachments'), replace=[['value', 0, 'size'], 'large'])
    email = fetches.email()
    assert (email['Attachments'], email['AttachmentDetails']) == ([], [])
    assert email['Missing'] == ['Some attachments of this email are missing: Microsoft Graph sent them in an unknown form.']


def test_attachments_that_the_message_does_not_contain_are_listed(fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    message = deliver(ada)
    ada.attach_file(message, 'a.bin', b'x')
    cloud.faults.add(
        service='graph',
        path=path_of(message),
        status=200,
        body={'id': message.immutable_id, 'attachments': [], 'attachments@odata.nextLink': f'{cloud.graph}/v1.0/more'},
    )
    assert files_of(fetches.email()) == {'a.bin': b'x'}


@pytest.mark.parametrize(
    'subject, name', [('Report', 'Report.eml'), ('a/b: "c"?', 'a_b_ _c_.eml'), ('x' * 200, 'x' * 100 + '.eml')]
)
def test_the_mail_itself_is_attached_byte_for_byte(fetches: Fetches, ada: Mailbox, subject: str, name: str) -> None:
    message = deliver(ada, subject)
    ada.attach_file(message, 'a.bin', NOT_UTF8 * 200)
    email = fetches.email(with_eml=True)
    content = b''.join(mime.chunks(message))
    assert files_of(email)[name] == content
    assert email['EML'] == {'Name': name, 'SHA256': hashlib.sha256(content).hexdigest()}
    assert email['Attachments'][-1]['type'] == 'message/rfc822'


# endregion
# region broken mails


BROKEN = 'Microsoft Graph refused the request: ErrorInternalServerError: An internal server error occurred. The operation failed.'


@pytest.mark.parametrize('part', ['message', 'attachments', 'mime'])
def test_a_broken_mail_is_postponed_and_does_not_block_others(fetches: Fetches, ada: Mailbox, part: str) -> None:
    message = deliver(ada, 'bad')
    ada.attach_file(message, 'a.bin', b'x')
    message.broken.add(part)
    deliver(ada, 'good')
    assert fetches.names(with_eml=True) == ['good']
    assert fetches.problems == []
    assert fetches.names() == []
    assert fetches.tries == [2]
    message.broken.clear()
    email = fetches.email()
    assert 'Missing' not in email
    assert list(files_of(email)) == ['a.bin', 'bad.eml']
    assert len(os.listdir('.')) == 3, 'two of them, and the other mail itself'
    assert fetches.tries == []


@pytest.mark.parametrize(
    'part, sentence',
    [
        ('message', f'The body, the headers and the attachments of this email are missing. {BROKEN}'),
        ('attachments', f'The attachments of this email are missing. {BROKEN}'),
        ('mime', f"The file 'bad.eml' is missing. {BROKEN}"),
    ],
)
def test_a_mail_that_stays_broken_becomes_an_incident_that_says_so(
    fetches: Fetches, ada: Mailbox, part: str, sentence: str
) -> None:
    message = deliver(ada, 'bad')
    message.broken.add(part)
    assert [fetches.names(with_eml=True) for _ in range(4)] == [[]] * 4
    assert fetches.tries == [4]
    assert fetches.names(with_eml=True) == [], 'it is tried for an hour'
    fetches.tried(message, 5)
    [incident] = fetches.incidents()
    email = json.loads(incident['rawJSON'])
    assert incident['dbotMirrorId'] == email['ID'] == message.immutable_id
    assert email['Missing'][0] == sentence
    assert sentence in incident['details']
    assert {'type': 'Email/Missing', 'value': sentence} in incident['labels']
    assert fetches.tries == fetches.names() == []


def test_an_incident_contains_what_can_be_read_of_a_broken_mail(fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    fetches.names()
    message = deliver(ada, 'bad')
    fetches.tried(message, 4)
    cloud.faults.add(service='graph', path=path_of(message), status=500, times=2)
    email = fetches.email()
    assert (email['Subject'], email['From'], email['Body']) == ('bad', EVE, '')
    assert email['Missing'] == [
        'The body, the headers and the attachments of this email are missing. Microsoft Graph responded with HTTP status 500.'
    ]


@pytest.mark.parametrize('status, tries', [(400, 0), (405, 0), (500, 4), (502, 4)])
def test_a_mail_with_a_final_error_is_not_tried_again(
    fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud, status: int, tries: int
) -> None:
    fetches.names()
    message = deliver(ada, 'bad')
    fetches.tried(message, tries)
    cloud.faults.add(service='graph', path=path_of(message), status=status, times=None)
    assert fetches.names() == ['(no subject)']


@pytest.mark.parametrize('status, left, problems', [(429, [4], 1), (404, [], 0), (500, [], 0)])
def test_throttling_is_not_the_fault_of_a_mail(
    fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud, status: int, left: list[int], problems: int
) -> None:
    fetches.names()
    message = deliver(ada, 'bad')
    fetches.tried(message, 4)
    cloud.faults.add(service='graph', path=path_of(message), status=500, times=2)
    cloud.faults.add(service='graph', path=path_of(message), status=status, headers=LATER)
    assert fetches.names() == (['(no subject)'] if status == 500 else [])
    assert fetches.tries == left
    assert len(fetches.problems) == problems


def test_a_mail_that_was_deleted_before_it_could_be_read_makes_no_incident(fetches: Fetches, ada: Mailbox) -> None:
    message = deliver(ada, 'bad')
    message.broken.add('attachments')
    assert fetches.names() == []
    ada.remove(message)
    for tries in (2, 3, 4, 5, 6):
        assert fetches.names() == []
        assert (fetches.tries, fetches.problems) == ([tries], [])
        assert fetches.requests.count(message.immutable_id) == 1, 'once in a batch, and once alone'
    fetches.tried(message, tries=4, since=1)
    assert fetches.names() == []
    assert (fetches.tries, fetches.problems) == ([], [])


@pytest.mark.parametrize('status, names', [(503, ['bad']), (429, []), (403, [])])
def test_a_mail_that_graph_does_not_find_is_not_deleted_if_it_cannot_be_looked_for(
    fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud, status: int, names: list[str]
) -> None:
    fetches.names()
    message = deliver(ada, 'bad')
    pending = [message.immutable_id, 0, f'{graph_seconds(message.received)}Z', 4, 1, message.internet_message_id]
    fetches.last_run |= {'names': ['Inbox'], 'waiting': [pending]}
    cloud.faults.add(service='graph', path=path_of(message), status=404, times=2)
    cloud.faults.add(service='graph', path=f'{ADA}/messages$', status=status, headers=LATER)
    assert fetches.names() == names
    assert len(fetches.tries) == (status == 429)


@pytest.mark.parametrize('search, is_found', [('size>100KB', False), ('size<100KB', True)])
def test_the_size_of_a_mail_that_is_read_alone_is_known(
    fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud, search: str, is_found: bool
) -> None:
    message = deliver(ada)
    cloud.faults.add(service='graph', path=path_of(message), status=500)
    assert fetches.names(search=mail_search(search)) == ['Hello'] * is_found


def test_a_mail_that_was_moved_before_it_could_be_read_becomes_an_incident(fetches: Fetches, ada: Mailbox) -> None:
    message = deliver(ada, 'bad')
    message.broken.add('attachments')
    assert fetches.names() == []
    message.broken.clear()
    ada.move(message, 'archive')
    assert fetches.email()['Folder'] == 'Inbox'


def test_a_mail_that_became_an_incident_is_not_fetched_again(fetches: Fetches, ada: Mailbox) -> None:
    message = deliver(ada)
    assert fetches.names() == ['Hello']
    ada.move(message, 'archive')
    ada.move(message, 'inbox')
    assert fetches.names() == []


def test_an_attachment_that_was_removed_meanwhile_is_missing(fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    message = deliver(ada)
    attachments = [ada.attach_file(message, name, b'x') for name in ('gone.bin', 'here.bin')]
    value = f'{re.escape(message.attachment_id(attachments[0], True))}/.value'
    cloud.faults.add(service='graph', path=value, status=404, times=None)
    assert fetches.names() == []
    fetches.tried(message, tries=4, since=1)
    email = fetches.email()
    assert files_of(email) == {'here.bin': b'x'}
    assert email['Missing'] == ["The file 'gone.bin' is missing. Microsoft Graph responded with HTTP status 404."]
    assert ['Missing' in one for one in email['AttachmentDetails']] == [True, False]


# endregion
# region failures


def test_a_throttled_mail_is_postponed_and_complete_ones_become_incidents(
    fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud
) -> None:
    throttled = deliver(ada, 'throttled')
    ada.attach_file(deliver(ada, 'with a file'), 'a.bin', b'x')
    deliver(ada, 'plain')
    cloud.faults.add(service='graph', path=path_of(throttled), status=429, headers=LATER)
    assert fetches.names() == ['plain']
    assert fetches.problems == ['Microsoft Graph responded with HTTP status 429. Try again in 60 seconds.']
    assert fetches.tries == [0, 0]
    assert sorted(fetches.names()) == ['throttled', 'with a file']
    assert fetches.problems == []


def test_no_batch_of_files_follows_a_throttled_one(fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    for subject in 'ab':
        message = deliver(ada, subject)
        for number in range(20):
            ada.attach_file(message, f'{number}.bin', b'x')
    cloud.faults.add(service='graph', path='batch', skip=1, status=429, headers=LATER)
    assert fetches.names() == []
    assert fetches.requests.count('$batch') == 2, 'the messages, and the files of the first one'
    assert sorted(fetches.names()) == ['a', 'b']


@pytest.mark.parametrize('is_large', [False, True], ids=['in a batch', 'by itself'])
def test_a_postponed_mail_leaves_no_file(fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud, is_large: bool) -> None:
    message = deliver(ada)
    first, second = (ada.attach_file(message, name, NOT_UTF8 * (150 if is_large else 1)) for name in ('a.bin', 'b.bin'))
    value = f'{re.escape(message.attachment_id(second, True))}/.value'
    cloud.faults.add(service='graph', path=value, status=429, headers=LATER)
    assert fetches.names() == []
    assert os.listdir('.') == []
    assert list(files_of(fetches.email())) == [first.name, second.name]
    assert len(os.listdir('.')) == 2


def test_nothing_more_is_read_of_a_postponed_mail(fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    message = deliver(ada, 'bad')
    attachments = [ada.attach_file(message, f'{number}.bin', b'x') for number in range(25)]
    value = f'{re.escape(message.attachment_id(attachments[1], True))}/.value'
    cloud.faults.add(service='graph', path=value, status=500, times=2)
    assert fetches.names() == []
    assert fetches.requests.count('$batch') == 2, 'the message, and the first twenty files'
    assert os.listdir('.') == []


def test_a_file_that_fails_in_a_batch_is_requested_alone(fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    message = deliver(ada)
    ada.attach_file(message, 'a.bin', b'x')
    cloud.faults.add(service='graph', path=path_of(message, '/attachments/.*'), status=500)
    assert files_of(fetches.email()) == {'a.bin': b'x'}


@pytest.mark.parametrize('fault', [{'reset': True}, {'garbage': True}, {'status': 500}])
def test_if_a_batch_fails_its_mails_are_requested_alone(
    fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud, fault: dict[str, Any]
) -> None:
    for subject in ('a', 'b'):
        deliver(ada, subject)
    cloud.faults.add(service='graph', path='batch', times=None, **fault)
    assert sorted(fetches.names()) == ['a', 'b']
    assert fetches.problems == []


@pytest.mark.parametrize('fault', [{'reset': True}, {'garbage': True}, {'status': 500}, {'status': 401}])
def test_an_outage_is_not_the_fault_of_a_mail(
    fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud, fault: dict[str, Any]
) -> None:
    for subject in ('a', 'b', 'c'):
        deliver(ada, subject)
    cloud.faults.add(service='graph', path='batch|messages/AAk|/messages$', times=None, method='POST', **fault)
    cloud.faults.add(service='graph', path=f'{ADA}/messages', times=None, **fault)
    assert fetches.names() == []
    assert len(fetches.problems) == 1
    assert fetches.tries == [0, 0, 0]
    assert len({one for one in fetches.requests if one.startswith('AAk')}) == 1, 'the other mails are not asked for'
    cloud.faults.clear()
    assert sorted(fetches.names()) == ['a', 'b', 'c']


def test_a_mail_is_kept_while_its_mailbox_does_not_exist(fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    fetches.names()
    fetches.tried(deliver(ada, 'waits'), 4)
    cloud.faults.add(service='graph', path=f'/users/{ADA}', status=404, times=None)
    with pytest.raises(GraphError, match='HTTP status 404'):
        fetches.names()
    cloud.faults.clear()
    assert fetches.names() == ['waits']


def test_a_fetch_that_can_do_nothing_fails(fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    deliver(ada, 'waits')
    fetches.names(folders=('archive',))
    kept = dict(fetches.last_run)
    cloud.faults.add(service='graph', status=429, headers=LATER, times=None)
    with pytest.raises(GraphError, match=r'Try again in 60 seconds\.'):
        fetches.names()
    cloud.faults.clear()
    assert fetches.last_run == kept
    assert fetches.names(folders=('Inbox',)) == ['waits']


@pytest.mark.parametrize('folders', [('Nowhere',), ('Nowhere', 'Elsewhere')])
def test_a_fetch_from_missing_folders_fails(fetches: Fetches, folders: tuple[str, ...]) -> None:
    with pytest.raises(DemistoException, match="There is no folder 'Nowhere' in the mailbox"):
        fetches.names(folders=folders)


def test_a_missing_folder_does_not_fail_a_fetch_with_incidents(fetches: Fetches, ada: Mailbox) -> None:
    deliver(ada, 'found')
    assert fetches.names(folders=('Nowhere', 'Inbox')) == ['found']
    [problem] = fetches.problems
    assert problem.startswith("There is no folder 'Nowhere' in the mailbox.")


def test_a_fetch_without_a_sign_in_fails(fetches: Fetches, cloud: MicrosoftCloud) -> None:
    reset_auth()
    cloud.faults.add(service='entra', aadsts=7000215, times=None)
    with pytest.raises(MicrosoftSignInError, match='AADSTS7000215'):
        fetches.names()


# endregion
# region marking as read


def test_mails_are_marked_as_read_in_the_next_run(fetches: Fetches, ada: Mailbox) -> None:
    messages = [deliver(ada, f'Mail {number}') for number in range(25)]
    assert len(fetches.names(mark_read=True)) == 25
    assert not any(message.is_read for message in messages)
    assert fetches.names() == []
    assert all(message.is_read for message in messages)
    assert fetches.requests.count('$batch') == 2
    assert fetches.last_run['to_mark'] == {}


def test_a_read_mail_is_not_marked(fetches: Fetches, ada: Mailbox) -> None:
    deliver(ada, is_read=True)
    fetches.names(mark_read=True)
    assert fetches.last_run['to_mark'] == {}


def test_many_failed_marks_are_one_problem(fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    for subject in 'abc':
        deliver(ada, subject)
    fetches.names(mark_read=True)
    cloud.faults.add(service='graph', path='messages/', method='PATCH', status=403, times=None)
    assert fetches.names() == []
    assert fetches.problems == ['Microsoft Graph responded with HTTP status 403. Check the proxy and the cloud setting.']
    assert set(fetches.last_run['to_mark'].values()) == {1}


def test_mails_stay_unread_if_the_option_is_cleared(fetches: Fetches, ada: Mailbox) -> None:
    message = deliver(ada)
    fetches.names(mark_read=True)
    fetches.names(mark_read=False)
    fetches.names(mark_read=True)
    assert not message.is_read


def test_a_list_that_a_batch_replaces_stops_no_marks(fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    first = deliver(ada, 'first')
    fetches.names(mark_read=True)
    small = [deliver(ada, f'small {number}').subject for number in range(5)]
    cloud.faults.add(service='graph', path='/mailFolders/[^/]+/messages$', skip=1, status=503)
    assert fetches.names() == small
    assert (fetches.problems, first.is_read) == ([], True)


@pytest.mark.parametrize(
    'status, code, is_kept',
    [
        (404, 'ErrorItemNotFound', False),
        (400, 'ErrorInvalidIdMalformed', False),
        (404, 'ErrorInvalidUser', True),
        (429, 'ApplicationThrottled', True),
        (500, 'ErrorInternalServerError', True),
        (403, 'ErrorAccessDenied', True),
    ],
)
def test_a_failed_mark_is_repeated_unless_it_is_final(
    fetches: Fetches, ada: Mailbox, cloud: MicrosoftCloud, status: int, code: str, is_kept: bool
) -> None:
    first, second = deliver(ada, 'first'), deliver(ada, 'second')
    fetches.names(mark_read=True)
    deliver(ada, 'third')
    cloud.faults.add(
        service='graph',
        path=path_of(first),
        method='PATCH',
        status=status,
        headers=LATER,
        body={'error': {'code': code, 'message': 'No.'}},
    )
    assert fetches.names() == ['third']
    assert (first.is_read, second.is_read) == (False, True)
    assert len(fetches.problems) == is_kept
    fetches.names()
    assert first.is_read is is_kept


# endregion
