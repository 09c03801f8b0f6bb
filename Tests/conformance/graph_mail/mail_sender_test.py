"""Mail that is sent in the sandbox, and arrives in the other mailbox."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timezone
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests

from CommonServerPython import LOG, DemistoException
from conformance.common_server.scripted_server import ScriptedServer
from conformance.graph_mail import watched_sender
from conformance.graph_mail.mailboxes import in_folder
from conformance.graph_mail.watched_sender import ADA, BOB, MEGABYTE, UPLOADS, WatchedSender
from MicrosoftApiModule import API_RETRIES
from MicrosoftGraphMailClientApiModule import MAX_FILE_SIZE
from MicrosoftGraphMailClientApiModule import EmailAddress as Address
from MicrosoftGraphMailClientApiModule import Mailbox as GraphMailbox
from MicrosoftGraphMailSendApiModule import (
    FORWARD,
    MAX_REQUEST_SIZE,
    REPLY,
    REPLY_ALL,
    MailSender,
    OutgoingAttachment,
    OutgoingMail,
    SendingProgress,
    UploadSession,
    extract_data_uris,
    internet_headers,
    next_position,
)
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, FileAttachment, Message
from sandbox.tests.machine import limit

sender = watched_sender.sender

HALF = 1_600_000  # bytes; one such file goes with the draft, the next one in a request of its own
ADDRESS_LISTS = {'to': (BOB,), 'cc': (), 'bcc': (), 'reply_to': ()}
PIXEL = base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==')

# region mailboxes


def arrived(mailbox: Mailbox) -> Message:
    return in_folder(mailbox, 'inbox')[0]


def digests(message: Message) -> list[tuple[str | None, str]]:
    """Return the names and digests of the attachments, sorted by name."""
    found = []
    for one in message.attachments:
        assert isinstance(one, FileAttachment)
        found.append((one.name, hashlib.sha256(one.content.read()).hexdigest()))
    return sorted(found, key=str)


def pattern(size: int, seed: int = 0) -> bytes:
    """Return bytes without equal ranges."""
    block = b''.join(hashlib.sha256(b'%d %d' % (seed, number)).digest() for number in range(1024))
    return b''.join((number.to_bytes(8, 'big') + block)[:32768] for number in range(size // 32768 + 1))[:size]


def file_of(folder: Path, size: int, name: str = 'plan.bin') -> OutgoingAttachment:
    (folder / name).write_bytes(pattern(size, len(name)))
    return OutgoingAttachment.from_file(str(folder / name), name)


def addresses(*texts: str) -> list[Address]:
    return [Address(text) for text in texts]


def mail_of(*attachments: OutgoingAttachment, **more: Any) -> OutgoingMail:
    lists = {name: addresses(*more.pop(name, default)) for name, default in ADDRESS_LISTS.items()}
    return OutgoingMail(**{'subject': 'Plan', 'text': 'See the plan.', 'attachments': attachments, **lists, **more})


def nothing_is_left(cloud: MicrosoftCloud, mailbox: Mailbox) -> bool:
    """Return whether there is no draft, no sent mail, and no upload session."""
    return not (in_folder(mailbox, 'drafts') or in_folder(mailbox, 'sentitems') or cloud.uploads.open_count)


def error_of(send: Callable[[], Any]) -> str:
    with pytest.raises(DemistoException) as error:
        send()
    return str(error.value)


# endregion
# region one mail


def test_the_id_of_the_sent_mail_is_known(sender: WatchedSender, adas: Mailbox, bobs: Mailbox) -> None:
    sent_id = sender.send(mail_of(cc=(ADA,), bcc=('zoe@partner.example',), reply_to=('desk@contoso.example',)))
    kept = adas.message(sent_id)
    assert kept is in_folder(adas, 'sentitems')[0]
    assert ([one.address for one in kept.bcc], kept.is_draft) == (['zoe@partner.example'], False)
    message = arrived(bobs)
    assert (message.subject, message.sender.address, message.plain) == ('Plan', ADA, 'See the plan.')
    assert [one.address for one in (*message.to, *message.cc, *message.reply_to)] == [BOB, ADA, 'desk@contoso.example']


def test_importance_and_flag_have_defaults(sender: WatchedSender, adas: Mailbox) -> None:
    for more in ({}, {'importance': 'High', 'flag': 'FLAGGED'}):
        sender.send(mail_of(**more))
    shown = [(one.importance, one.flag.status) for one in in_folder(adas, 'sentitems')]
    assert sorted(shown) == [('high', 'flagged'), ('normal', 'notFlagged')]


def test_a_text_body_is_sent_as_text(sender: WatchedSender, bobs: Mailbox) -> None:
    sender.send(mail_of(text='1 < 2 & <b>3</b>'))
    assert (arrived(bobs).plain, arrived(bobs).html) == ('1 < 2 & <b>3</b>', '')


def test_an_html_body_is_sent_as_html(sender: WatchedSender, bobs: Mailbox) -> None:
    sender.send(mail_of(text='', html='<p>See</p>'))
    assert (arrived(bobs).plain, arrived(bobs).html) == ('', '<p>See</p>')


def test_a_mail_without_a_copy_is_sent_in_one_request(
    sender: WatchedSender, adas: Mailbox, bobs: Mailbox, tmp_path: Path
) -> None:
    sender.send_unsaved(mail_of(file_of(tmp_path, 1000)))
    assert sender.client.sent == [('POST', 'sendMail')]
    assert (arrived(bobs).subject, in_folder(adas, 'sentitems')) == ('Plan', [])


def test_a_mail_without_a_copy_has_to_fit_into_one_request(sender: WatchedSender, tmp_path: Path) -> None:
    said = error_of(lambda: sender.send_unsaved(mail_of(file_of(tmp_path, 3 * MEGABYTE))))
    assert said.startswith("'plan.bin' makes the email too large to be sent without a copy")
    assert sender.client.sent == []


def test_a_mail_is_sent_from_another_mailbox(sender: WatchedSender, cloud: MicrosoftCloud, bobs: Mailbox) -> None:
    sent_id = MailSender(GraphMailbox(sender.client, BOB)).send(mail_of(to=(ADA,)))
    assert bobs.message(sent_id) is in_folder(bobs, 'sentitems')[0]
    assert arrived(cloud.mailbox(ADA)).sender.address == BOB


def test_a_mail_is_deferred(sender: WatchedSender, adas: Mailbox) -> None:
    sender.send(mail_of(send_at=datetime(2999, 1, 1, tzinfo=timezone.utc)))
    [message] = in_folder(adas, 'drafts')
    assert message.properties['SystemTime 0x3FEF'] == '2999-01-01T00:00:00Z'


@pytest.mark.parametrize(
    'more, sentence',
    [
        ({'to': ()}, 'The email has no recipients. Enter an address in to, cc or bcc.'),
        (
            {'to': (BOB,) * 900, 'cc': (BOB,) * 100, 'bcc': (BOB,)},
            'The email has 1001 recipients, but to, cc and bcc together may have 1000. Send several emails, or use a group.',
        ),
        ({'headers': (('x-a', 'b'),) * 6}, 'The email has 6 custom headers, but may have 5. Remove some.'),
        (
            {'text': 'x' * MAX_REQUEST_SIZE, 'html': ''},
            'The text of the email is too large: with its addresses, an email can have '
            '4,096,000 bytes. Shorten it, or attach it as a file.',
        ),
    ],
)
def test_what_graph_would_reject_is_rejected_before_a_request(sender: WatchedSender, more: Any, sentence: str) -> None:
    assert error_of(lambda: sender.send(mail_of(**more))) == sentence
    assert sender.client.sent == []


def test_a_mail_may_have_500_recipients(sender: WatchedSender, bobs: Mailbox) -> None:
    sender.send(mail_of(to=(BOB,) * 500))
    assert arrived(bobs).subject == 'Plan'


# endregion
# region headers, subjects, images


def test_headers_arrive_completely(sender: WatchedSender, bobs: Mailbox) -> None:
    sender.send(mail_of(headers=internet_headers('x-a:value:with:colons,x-b:v, with comma')))
    assert arrived(bobs).headers == [('x-a', 'value:with:colons'), ('x-b', 'v, with comma')]


def data_uri(content: bytes, content_type: str = 'image/png') -> str:
    return f'data:{content_type};base64,{base64.b64encode(content).decode()}'


def test_small_images_of_the_html_need_no_upload_session(sender: WatchedSender, bobs: Mailbox) -> None:
    html, images = extract_data_uris(
        f'<p><img src="{data_uri(PIXEL)}"><img alt="x" src = \'{data_uri(PIXEL)}\'><img src="data:image/svg+xml,%3Csvg/%3E"></p>'
    )
    sender.send(mail_of(*images, text='', html=html))
    assert sender.client.sent == [('POST', 'messages'), ('GET', 'attachments'), ('POST', 'send')]
    pixel, drawing = arrived(bobs).attachments
    assert isinstance(pixel, FileAttachment)
    assert isinstance(drawing, FileAttachment)
    assert (pixel.content.read(), pixel.name, pixel.content_type, pixel.is_inline) == (PIXEL, 'image1.png', 'image/png', True)
    assert (drawing.content.read(), drawing.name, drawing.content_type) == (b'<svg/>', 'image2.svg', 'image/svg+xml')
    assert arrived(bobs).html == (
        f'<p><img src="cid:{pixel.content_id}"><img alt="x" src = "cid:{pixel.content_id}">'
        f'<img src="cid:{drawing.content_id}"></p>'
    )


def test_a_large_data_uri_is_uploaded(sender: WatchedSender, bobs: Mailbox) -> None:
    picture = pattern(5 * MEGABYTE)
    html, images = extract_data_uris(f'<img src="{data_uri(picture, "image/jpeg")}">')
    sender.send(mail_of(*images, html=html))
    [attachment] = arrived(bobs).attachments
    assert isinstance(attachment, FileAttachment)
    assert (attachment.content.read(), attachment.is_inline) == (picture, True)
    assert f'cid:{attachment.content_id}' in arrived(bobs).html
    assert sender.client.count('POST', 'createUploadSession') == 1


@pytest.mark.parametrize(
    'html',
    [
        ' src' * 300_000,
        ' src=' * 300_000,
        ' src="' * 300_000,
        " src='" * 300_000 + '"',
        ' src=data:image/' * 100_000,
        f' src{" " * 1_000_000}',
        f' src={" " * 1_000_000}"',
        f' src="{" " * 1_000_000}',
        f' src="data:image/png{" " * 1_000_000}">',
        ' src="data:image/png;base64,' + '&#43;' * 200_000 + '">',
        f' src="data:image/png;base64,&#{"9" * 1_000_000};">',
        f' src="{"&" * 1_000_000}">',
        f' src="data:image/png;{"base64;" * 200_000}">',
        ' src=&' * 200_000,
    ],
)
def test_data_uris_are_found_in_linear_time(html: str) -> None:
    started = time.process_time()
    extract_data_uris(html)
    assert time.process_time() - started < limit(2)


def test_an_upload_does_not_use_a_netrc_file(
    sender: WatchedSender, bobs: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'netrc').write_text('default login ada password of-ada')
    monkeypatch.setenv('NETRC', str(tmp_path / 'netrc'))
    sender.send(mail_of(file_of(tmp_path, 3 * MEGABYTE)))
    assert len(digests(arrived(bobs))) == 1


# endregion
# region attachments


@pytest.mark.parametrize(
    'sizes, requests_made',
    [
        pytest.param([], {'attachments': 0, 'createUploadSession': 0}, id='none'),
        pytest.param([0, 1, 2], {'attachments': 0, 'createUploadSession': 0}, id='tiny'),
        pytest.param([2_990_000], {'attachments': 0, 'createUploadSession': 0}, id='one that fits'),
        pytest.param([1_500_000, 1_500_000], {'attachments': 0, 'createUploadSession': 0}, id='two that fit'),
        pytest.param([2_000_000, 2_000_000], {'attachments': 1, 'createUploadSession': 0}, id='two that do not'),
        pytest.param([2_000_000, 2_000_000, 1000], {'attachments': 1, 'createUploadSession': 0}, id='a third that does'),
        pytest.param([2_999_999], {'attachments': 0, 'createUploadSession': 0}, id='just under 3 MB'),
        pytest.param([3_000_000], {'attachments': 0, 'createUploadSession': 1}, id='3 MB'),
        pytest.param([7_000_000, 2_500_000, 2_500_000, 10], {'attachments': 1, 'createUploadSession': 1}, id='all kinds'),
    ],
)
def test_the_size_of_the_whole_request_is_limited(
    sender: WatchedSender, bobs: Mailbox, tmp_path: Path, sizes: list[int], requests_made: dict[str, int]
) -> None:
    files = [file_of(tmp_path, size, f'{number}.bin') for number, size in enumerate(sizes)]
    sender.send(mail_of(*files))
    assert {action: sender.client.count('POST', action) for action in requests_made} == requests_made
    assert digests(arrived(bobs)) == [(one.name, hashlib.sha256(Path(one.path).read_bytes()).hexdigest()) for one in files]


def test_names_types_and_content_ids_arrive(sender: WatchedSender, bobs: Mailbox, tmp_path: Path) -> None:
    (tmp_path / 'logo').write_bytes(PIXEL)
    (tmp_path / 'large').write_bytes(pattern(4 * MEGABYTE))
    sender.send(
        mail_of(
            OutgoingAttachment.from_file(str(tmp_path / 'logo'), 'Zoë "1".png', 'logo'),
            OutgoingAttachment.from_file(str(tmp_path / 'large'), 'large.pdf', 'large'),
        )
    )
    shown = [(one.name, one.content_type, one.is_inline, getattr(one, 'content_id', '')) for one in arrived(bobs).attachments]
    assert shown == [('Zoë "1".png', 'image/png', True, 'logo'), ('large.pdf', 'application/pdf', True, 'large')]


@pytest.mark.parametrize('size', [100, 4 * MEGABYTE])
@pytest.mark.parametrize('name', ['Phishing.eml', 'PAGE.MHT', 'archive.mhtml', 'logs.csv.gz', 'case.json.bz2'])
def test_a_file_whose_type_depends_on_its_content_arrives_whole(
    sender: WatchedSender, bobs: Mailbox, tmp_path: Path, name: str, size: int
) -> None:
    (tmp_path / name).write_bytes(pattern(size))
    sender.send(mail_of(OutgoingAttachment.from_file(str(tmp_path / name), name)))
    [file] = arrived(bobs).attachments
    assert (file.name, file.content_type, file.size) == (name, 'application/octet-stream', size)


def test_a_mail_to_more_recipients_than_the_mailbox_allows_is_refused_with_advice(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox
) -> None:
    many = mail_of(to=tuple(f'person{number}@partner.example' for number in range(501)))
    error = error_of(lambda: sender.send(many))
    assert 'ErrorInvalidRecipients' in error
    assert 'An administrator can raise the limit of the mailbox, which is 500 by default, to 1,000.' in error
    assert nothing_is_left(cloud, adas)
    adas.recipient_limit = 1000
    sender.send(many)
    assert len(in_folder(adas, 'sentitems')) == 1


# endregion
# region failures


@pytest.fixture
def seven(tmp_path: Path) -> OutgoingAttachment:
    return file_of(tmp_path, 7 * MEGABYTE)


def test_seven_megabytes_are_uploaded_in_two_ranges(sender: WatchedSender, bobs: Mailbox, seven: OutgoingAttachment) -> None:
    sender.send(mail_of(seven))
    assert sender.client.count('PUT', UPLOADS) == 2
    assert digests(arrived(bobs))[0][1] == hashlib.sha256(Path(seven.path).read_bytes()).hexdigest()


@pytest.mark.parametrize('in_capitals', [True, False])
@pytest.mark.parametrize(
    'fault',
    [
        {'status': 503},
        {'status': 500},
        {'status': 429, 'headers': {'Retry-After': '3'}},
        {'reset': True},
        {'reset_mid_body': True},
        {'garbage': True},
        {'status': 416},
    ],
)
def test_an_upload_is_retried(
    sender: WatchedSender,
    cloud: MicrosoftCloud,
    bobs: Mailbox,
    seven: OutgoingAttachment,
    fault: dict[str, Any],
    in_capitals: bool,
) -> None:
    cloud.uploads.answers_in_capitals = in_capitals
    cloud.faults.add(service='graph', path=UPLOADS, method='PUT', times=2, **fault)
    sender.send(mail_of(seven))
    assert digests(arrived(bobs))[0][1] == hashlib.sha256(Path(seven.path).read_bytes()).hexdigest()
    assert len(arrived(bobs).attachments) == 1
    if 'headers' in fault:
        assert sender.client.clock.waits == [3.0, 3.0]


@pytest.mark.parametrize('lost', [1, 2, 3])
@pytest.mark.parametrize('skip', [0, 1])
@pytest.mark.parametrize('status', [401, 404, 410])
def test_a_session_that_graph_does_not_find_is_opened_again(
    sender: WatchedSender, cloud: MicrosoftCloud, bobs: Mailbox, tmp_path: Path, lost: int, skip: int, status: int
) -> None:
    large = file_of(tmp_path, 5 * MEGABYTE)
    not_found = {'error': {'code': 'ErrorItemNotFound', 'message': 'The specified object was not found in the store.'}}
    cloud.faults.add(service='graph', path=UPLOADS, method='PUT', skip=skip, times=lost, status=status, body=not_found)
    sender.send(mail_of(large))
    assert digests(arrived(bobs))[0][1] == hashlib.sha256(Path(large.path).read_bytes()).hexdigest()
    assert len(arrived(bobs).attachments) == 1
    assert sender.client.count('POST', 'createUploadSession') == lost + 1


def test_the_last_response_of_an_upload_may_be_lost(sender: WatchedSender, bobs: Mailbox, tmp_path: Path) -> None:
    sender.client.lost_response = 'PUT', UPLOADS
    sender.send(mail_of(file_of(tmp_path, 3 * MEGABYTE)))
    assert len(arrived(bobs).attachments) == 1
    assert sender.client.count('PUT', UPLOADS) == 1


@pytest.mark.parametrize('location', ["https://outlook.example/Messages('m')/Attachments('of-another-kind%3D')", '', 'x'])
def test_an_upload_that_names_its_file_otherwise_is_found(
    sender: WatchedSender, cloud: MicrosoftCloud, bobs: Mailbox, tmp_path: Path, location: str
) -> None:
    headers = {'Location': location}
    cloud.faults.add(service='graph', path=UPLOADS, method='PUT', status=201, headers=headers, done=True, times=None)
    sender.send(mail_of(*(file_of(tmp_path, 3 * MEGABYTE, name) for name in ('1.bin', '2.bin'))))
    assert [name for name, _ in digests(arrived(bobs))] == ['1.bin', '2.bin']
    assert sender.client.count('POST', 'createUploadSession') == 2


@pytest.mark.parametrize(
    'fault',
    [
        {'status': 503},
        {'status': 401},
        {'status': 403},
        {'status': 404},
        {'reset': True},
        {'status': 429, 'headers': {'Retry-After': '99'}},
    ],
)
def test_an_upload_that_finally_fails_leaves_no_draft(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, seven: OutgoingAttachment, fault: dict[str, Any]
) -> None:
    cloud.faults.add(service='graph', path=UPLOADS, method='PUT', times=None, **fault)
    assert error_of(lambda: sender.send(mail_of(seven))).startswith('Microsoft Graph')
    assert nothing_is_left(cloud, adas)
    assert sum(sender.client.clock.waits) <= API_RETRIES.budget + 10  # the outcome is looked up for some seconds


@pytest.mark.parametrize('how', ['closed', 'reset', 'proxy', 'untrusted', 'refused'])
def test_an_upload_that_fails_shows_nothing_of_its_url(
    sender: WatchedSender, cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Not in the error, nor in the traceback that comes with it in debug mode."""
    host = 'https://127.0.0.1:9' if how == 'closed' else cloud.graph
    session = UploadSession(sender.client, f'{host}/upload/sesame-path?authtoken=sesame-token', BytesIO(b'x'), 1)
    if how == 'proxy':
        sender.client._session.proxies = {'https': 'http://127.0.0.1:9'}
        sender.client._session.trust_env = False
    elif how == 'untrusted':
        monkeypatch.delenv('REQUESTS_CA_BUNDLE')
    else:
        cloud.faults.add(service='graph', times=None, **{'refused': {'status': 403}}.get(how, {'reset': True}))
    with pytest.raises(DemistoException) as caught:
        session.upload()
    shown = ''.join(traceback.format_exception(caught.value))
    assert str(caught.value) in shown
    assert 'sesame' not in shown


def test_the_platform_masks_the_parts_of_an_upload_url(sender: WatchedSender) -> None:
    url = "https://outlook.office.com/api/users('1')/AttachmentSessions('a b')?authtoken=sesame"
    UploadSession(sender.client, url, BytesIO(b'x'), 1)
    for text in (url, "/api/users('1')/AttachmentSessions('a%20b')?authtoken=sesame", 'authtoken=sesame'):
        assert LOG.encode(f'"PUT {text} HTTP/1.1" 200') == '"PUT <XX_REPLACED> HTTP/1.1" 200'


def test_an_upload_has_a_timeout(sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, seven: OutgoingAttachment) -> None:
    sender.client.timeout = 0.2
    cloud.faults.add(service='graph', path=UPLOADS, method='PUT', times=None, delay=0.5, status=503)
    assert 'did not respond in time' in error_of(lambda: sender.send(mail_of(seven)))
    assert in_folder(adas, 'drafts') == []


def test_a_mail_too_large_for_the_mailbox_leaves_nothing(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, seven: OutgoingAttachment
) -> None:
    adas.message_limit = 5 * MEGABYTE
    assert 'ErrorMessageSizeExceeded' in error_of(lambda: sender.send(mail_of(seven)))
    assert nothing_is_left(cloud, adas)


def test_a_rejected_mail_leaves_nothing(sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox) -> None:
    assert 'ErrorInvalidRecipients' in error_of(lambda: sender.send(mail_of(to=('bob',))))
    assert nothing_is_left(cloud, adas)


@pytest.mark.parametrize('status', [403, 429])
def test_the_first_error_is_raised_even_if_the_draft_cannot_be_removed(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, status: int
) -> None:
    for path, method in (('permanentDelete', 'POST'), ('messages/', 'DELETE')):
        cloud.faults.add(service='graph', path=path, method=method, times=None, status=status, headers={'Retry-After': '300'})
    assert 'ErrorInvalidRecipients' in error_of(lambda: sender.send(mail_of(to=('bob',))))
    assert len(in_folder(adas, 'drafts')) == 1


def test_a_draft_that_cannot_be_deleted_permanently_is_moved_to_deleted_items(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox
) -> None:
    cloud.faults.add(service='graph', path='permanentDelete', times=None, status=403)
    error_of(lambda: sender.send(mail_of(to=('bob',))))
    assert (len(in_folder(adas, 'drafts')), len(in_folder(adas, 'deleteditems'))) == (0, 1)


@pytest.mark.parametrize('path, size', [('createUploadSession', 7 * MEGABYTE), ('attachments$', 2_000_000), ('/send$', 10)])
def test_a_draft_may_be_unknown_just_after_it_was_created(
    sender: WatchedSender, cloud: MicrosoftCloud, bobs: Mailbox, tmp_path: Path, path: str, size: int
) -> None:
    cloud.faults.add(service='graph', path=path, method='POST', times=2, status=404)
    sender.send(mail_of(file_of(tmp_path, size, '1.bin'), file_of(tmp_path, size, '2.bin')))
    assert len(arrived(bobs).attachments) == 2


@pytest.mark.parametrize('url', ['http://evil.example/upload', '', 'ftp://evil.example/'])
def test_an_upload_url_is_an_https_address(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, seven: OutgoingAttachment, url: str
) -> None:
    cloud.faults.add(service='graph', path='createUploadSession', status=201, body={'uploadUrl': url})
    assert 'not an https address' in error_of(lambda: sender.send(mail_of(seven)))
    assert in_folder(adas, 'drafts') == []


@pytest.mark.parametrize(
    'answer', [{}, {'nextExpectedRanges': []}, {'nextExpectedRanges': ['soon']}, {'nextExpectedRanges': ['0-']}]
)
def test_an_upload_without_progress_ends(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, answer: dict[str, Any], seven: OutgoingAttachment
) -> None:
    cloud.faults.add(service='graph', path=UPLOADS, times=None, status=200, body=answer)
    error_of(lambda: sender.send(mail_of(seven)))
    assert in_folder(adas, 'drafts') == []


@pytest.mark.parametrize('text, position', [('5', 5), ('5-', 5), ('5-9', 5)])
def test_the_position_of_an_upload_is_read_in_every_format(text: str, position: int) -> None:
    answer = requests.Response()
    answer._content = json.dumps({'NextExpectedRanges': [text]}).encode()
    assert next_position(answer) == position


# endregion
# region unclear outcomes


def test_a_lost_response_to_send_sends_nothing_twice(sender: WatchedSender, bobs: Mailbox) -> None:
    before = len(in_folder(bobs, 'inbox'))
    sender.client.lost_response = 'POST', 'send'
    sender.send(mail_of())
    assert (len(in_folder(bobs, 'inbox')), sender.client.count('POST', 'send')) == (before + 1, 1)


@pytest.mark.parametrize('fault', [{'reset': True}, {'status': 503}, {'status': 504}, {'garbage': True}])
@pytest.mark.parametrize('done', [False, True])
def test_the_outcome_of_an_unclear_send_is_looked_up(
    sender: WatchedSender, cloud: MicrosoftCloud, bobs: Mailbox, fault: dict[str, Any], done: bool
) -> None:
    before = len(in_folder(bobs, 'inbox'))
    cloud.faults.add(service='graph', path='/send$', done=done, **fault)
    if done:
        sender.send(mail_of())
    else:
        assert error_of(lambda: sender.send(mail_of())).startswith('It is not known whether the email was sent.')
    assert len(in_folder(bobs, 'inbox')) == before + done
    assert sender.client.count('POST', 'send') == 1


def test_an_outcome_that_cannot_be_looked_up_is_unknown(sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox) -> None:
    cloud.faults.add(service='graph', path='/send$', times=None, reset=True)
    cloud.faults.add(service='graph', method='GET', path='/messages/', times=None, status=404)
    said = error_of(lambda: sender.send(mail_of()))
    assert said.startswith('It is not known whether the email was sent.')
    assert 'Look for it in Sent Items. If it is still in Drafts in a few minutes, send it from there.' in said
    assert len(in_folder(adas, 'drafts')) == 1


def test_a_sent_mail_is_neither_reported_as_failed_nor_removed(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, bobs: Mailbox
) -> None:
    before = len(in_folder(bobs, 'inbox'))
    sender.client.lost_response = 'POST', 'send'
    cloud.faults.add(service='graph', method='GET', path='/messages/', status=404)  # the copy is not there yet
    sender.client.clock.sleep = lambda _seconds: cloud.faults.add(  # type: ignore[method-assign,assignment]
        service='graph', path='/send$', status=429, headers={'Retry-After': '60'}
    )
    sender.send(mail_of())
    assert sender.client.count('POST', 'send') == 1
    assert (len(in_folder(bobs, 'inbox')), len(in_folder(adas, 'sentitems'))) == (before + 1, 1)


def test_a_mail_that_cannot_be_sent_leaves_nothing(sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox) -> None:
    cloud.faults.add(service='graph', path='/send$', times=None, status=429)
    error_of(lambda: sender.send(mail_of()))
    assert nothing_is_left(cloud, adas)


@pytest.mark.parametrize(
    'fault, sentence',
    [
        ({'reset': True}, 'It is not known whether the email was sent.'),
        ({'status': 503}, 'It is not known whether the email was sent.'),
        ({'status': 403}, 'Microsoft Graph responded with HTTP status 403.'),
    ],
)
def test_a_mail_without_a_copy_is_requested_once(
    sender: WatchedSender, cloud: MicrosoftCloud, fault: dict[str, Any], sentence: str
) -> None:
    cloud.faults.add(service='graph', path='/sendMail$', **fault)
    assert error_of(lambda: sender.send_unsaved(mail_of())).startswith(sentence)
    assert sender.client.count('POST', 'sendMail') == 1


@pytest.fixture
def throttled(sender: WatchedSender, cloud: MicrosoftCloud) -> Callable[..., None]:
    def at(path: str, status: int = 429) -> None:
        cloud.faults.add(service='graph', path=path, times=1, status=status, headers={'Retry-After': '300'})

    return at


def resumed(progress: SendingProgress) -> SendingProgress:
    """Return the progress of a later run."""
    return SendingProgress(progress.draft_id, progress.first_files, progress.attached, can_resume=True)


@pytest.mark.parametrize('status', [429, 503])
@pytest.mark.parametrize('path', ['/messages$', '/attachments$', 'createUploadSession', UPLOADS, '/send$'])
def test_throttling_causes_no_second_draft(
    sender: WatchedSender,
    throttled: Callable[..., None],
    adas: Mailbox,
    bobs: Mailbox,
    tmp_path: Path,
    path: str,
    status: int,
) -> None:
    before = len(in_folder(bobs, 'inbox'))
    mail = mail_of(*(file_of(tmp_path, size, f'{size}.bin') for size in (HALF, HALF + 1, 3_000_000)))
    throttled(path, status)
    progress = SendingProgress(can_resume=True)
    error_of(lambda: sender.send(mail, progress=progress))
    assert len(in_folder(adas, 'drafts')) == (path != '/messages$')
    sent_id = sender.send(mail, progress=resumed(progress))
    assert len(in_folder(bobs, 'inbox')) == before + 1
    assert [one.immutable_id for one in in_folder(adas, 'sentitems')] == [sent_id]
    assert len(digests(arrived(bobs))) == 3
    assert in_folder(adas, 'drafts') == []


def test_a_large_file_is_attached_once_even_if_a_later_run_finds_it(
    sender: WatchedSender, throttled: Callable[..., None], bobs: Mailbox, tmp_path: Path
) -> None:
    mail = mail_of(file_of(tmp_path, 3 * MEGABYTE, '1.bin'), file_of(tmp_path, 3 * MEGABYTE, '2.bin'))
    sender.client.lost_response = 'PUT', UPLOADS
    throttled('/attachments$')  # the look at the draft
    progress = SendingProgress(can_resume=True)
    error_of(lambda: sender.send(mail, progress=progress))
    sender.send(mail, progress=resumed(progress))
    assert [name for name, _ in digests(arrived(bobs))] == ['1.bin', '2.bin']
    assert sender.client.count('PUT', UPLOADS) == 2


def test_the_attachments_of_a_forwarded_mail_are_not_counted_as_new(
    sender: WatchedSender,
    throttled: Callable[..., None],
    adas: Mailbox,
    bobs: Mailbox,
    question: Message,
    tmp_path: Path,
) -> None:
    adas.attach_file(question, 'plan.bin', b'plan')
    large, small = file_of(tmp_path, 3 * MEGABYTE, 'large.bin'), file_of(tmp_path, 10, 'small.bin')
    large.name = small.name = 'plan.bin'
    mail = mail_of(large, small)
    progress = SendingProgress(can_resume=True)

    def forward() -> None:
        nonlocal progress
        progress = resumed(progress)
        sender.reply(FORWARD, question.immutable_id, mail, progress=progress)

    for path in ('/attachments$', UPLOADS, '/send$'):  # a look at what it brings along, and two steps later on
        throttled(path)
        error_of(forward)
    forward()
    assert sorted(getattr(one, 'size', 0) for one in arrived(bobs).attachments) == [4, 10, 3 * MEGABYTE]


def test_attachments_on_later_pages_are_counted(sender: WatchedSender, bobs: Mailbox, tmp_path: Path) -> None:
    tiny = file_of(tmp_path, 10)
    sender.client.lost_response = 'PUT', UPLOADS
    sender.send(mail_of(*[tiny] * 101, file_of(tmp_path, 3 * MEGABYTE, 'large.bin')))
    assert len(arrived(bobs).attachments) == 102


def test_a_lost_response_to_a_small_attachment_attaches_nothing_twice(
    sender: WatchedSender, bobs: Mailbox, tmp_path: Path
) -> None:
    sender.client.lost_response = 'POST', 'attachments'
    sender.send(mail_of(*(file_of(tmp_path, HALF, name) for name in ('1.bin', '2.bin'))))
    assert [name for name, _ in digests(arrived(bobs))] == ['1.bin', '2.bin']


@pytest.mark.parametrize('fault', [{'reset': True}, {'status': 503}, {'garbage': True}, {'status': 404}])
def test_a_small_attachment_is_retried(
    sender: WatchedSender, cloud: MicrosoftCloud, bobs: Mailbox, tmp_path: Path, fault: dict[str, Any]
) -> None:
    cloud.faults.add(service='graph', path='/attachments$', method='POST', times=2, **fault)
    sender.send(mail_of(*(file_of(tmp_path, HALF, name) for name in ('1.bin', '2.bin'))))
    assert [name for name, _ in digests(arrived(bobs))] == ['1.bin', '2.bin']


@pytest.mark.parametrize(
    'response', [{'status': 204}, {'status': 201, 'body': {}}, {'status': 202, 'body': {'id': 'x'}}, {'body': []}]
)
@pytest.mark.parametrize('times', [1, None])
def test_a_mail_is_never_sent_without_an_attachment_that_was_not_confirmed(
    sender: WatchedSender,
    cloud: MicrosoftCloud,
    adas: Mailbox,
    bobs: Mailbox,
    tmp_path: Path,
    response: dict[str, Any],
    times: int | None,
) -> None:
    cloud.faults.add(service='graph', path='/attachments$', method='POST', times=times, **response)
    mail = mail_of(*(file_of(tmp_path, HALF, name) for name in ('1.bin', '2.bin')))
    if times:
        sender.send(mail)
        assert [name for name, _ in digests(arrived(bobs))] == ['1.bin', '2.bin']
    else:
        assert error_of(lambda: sender.send(mail)).startswith('Microsoft Graph did not confirm that the object was created.')
        assert in_folder(adas, 'drafts') == in_folder(adas, 'sentitems') == []


def test_a_draft_that_lacks_an_attachment_is_not_sent(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, tmp_path: Path
) -> None:
    cloud.faults.add(service='graph', path='/attachments$', method='GET', times=None, body={'value': [{'id': 'x'}]})
    files = [file_of(tmp_path, 10, name) for name in ('1.bin', '2.bin')]
    assert error_of(lambda: sender.send(mail_of(*files))) == 'The draft has 1 of 2 attachments. Send the email again.'
    assert sender.client.count('POST', 'send') == 0
    assert in_folder(adas, 'drafts') == []


@pytest.mark.parametrize('html', ['<img src="cid:logo">', ''])
@pytest.mark.parametrize('fault', [{'status': 404}, {'reset': True}, {'status': 429, 'headers': {'Retry-After': '300'}}])
@pytest.mark.parametrize('size', [HALF, 5 * MEGABYTE])
def test_inline_attachments_that_graph_doubles_replace_no_file(
    sender: WatchedSender,
    cloud: MicrosoftCloud,
    adas: Mailbox,
    bobs: Mailbox,
    tmp_path: Path,
    html: str,
    fault: dict[str, Any],
    size: int,
) -> None:
    adas.doubles_inline = True
    path = UPLOADS if size > HALF else '/attachments$'
    cloud.faults.add(service='graph', path=path, method='PUT' if size > HALF else 'POST', **fault)
    logo = OutgoingAttachment('logo.png', 4, content=b'logo', content_type='image/png', content_id='logo')
    files = [logo, *(file_of(tmp_path, size, name) for name in ('1.bin', '2.bin'))]
    mail = mail_of(*files, text='' if html else 'See', html=html)
    progress = SendingProgress(can_resume=True)
    if fault.get('status') == 429:
        error_of(lambda: sender.send(mail, progress=progress))
        progress = resumed(progress)
    sender.send(mail, progress=progress)
    assert [name for name, _ in digests(arrived(bobs)) if name != 'logo.png'] == ['1.bin', '2.bin']
    assert 'logo.png' in [name for name, _ in digests(arrived(bobs))]


def test_a_file_that_graph_names_otherwise_is_recognized(
    sender: WatchedSender, adas: Mailbox, bobs: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attach = adas.attach

    def attach_renamed(message: Message, attachment: Any) -> None:
        attachment.name = f'{attachment.name} (renamed)'
        attach(message, attachment)

    monkeypatch.setattr(adas, 'attach', attach_renamed)
    sender.client.lost_response = 'POST', 'attachments'
    sender.send(mail_of(*(file_of(tmp_path, HALF, name) for name in ('1.bin', '2.bin', '3.bin'))))
    assert [name for name, _ in digests(arrived(bobs))] == ['1.bin', '2.bin (renamed)', '3.bin (renamed)']


def test_an_encoded_subject_adds_no_recipient(sender: WatchedSender, adas: Mailbox, bobs: Mailbox) -> None:
    subject = 'Re: =?utf-8?q?x=0d=0aBcc=3a_ada=40contoso=2eexample?='
    before = len(in_folder(adas, 'inbox'))
    sender.send(mail_of(subject=subject, html='<p>See</p>'))
    assert (arrived(bobs).subject, len(in_folder(adas, 'inbox'))) == (subject, before)
    assert [one.bcc for one in in_folder(adas, 'sentitems')] == [[]]


@pytest.mark.parametrize('status', [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    'path, sizes',
    [
        ('/messages$', ()),
        ('/attachments$', (HALF, HALF)),
        ('createUploadSession', (3_000_000,)),
        (UPLOADS, (3_000_000,)),
        ('/send$', ()),
    ],
)
def test_a_redirect_is_never_followed(
    sender: WatchedSender, cloud: MicrosoftCloud, tmp_path: Path, path: str, sizes: tuple[int, ...], status: int
) -> None:
    with ScriptedServer([(200, {}, '{"id": "x", "uploadUrl": "x"}')]) as other:
        cloud.faults.add(service='graph', path=path, times=None, status=status, headers={'Location': f'{other.url}/v1.0/x'})
        files = [file_of(tmp_path, size, f'{number}.bin') for number, size in enumerate(sizes)]
        said = error_of(lambda: sender.send(mail_of(*files)))
    assert f'Microsoft Graph redirected the request (HTTP status {status}). Redirects are not followed.' in said
    assert other.seen == []


def test_a_draft_whose_response_is_lost_is_found(sender: WatchedSender, adas: Mailbox, bobs: Mailbox) -> None:
    adas.deliver(Message('Another', adas.owner, adas.now() + 3600, is_draft=True), 'drafts')  # the first that a list shows
    sender.client.lost_response = 'POST', 'messages'
    sender.send(mail_of())
    assert (arrived(bobs).subject, sender.client.count('POST', 'messages')) == ('Plan', 1)
    assert [one.subject for one in in_folder(adas, 'drafts')] == ['Another']


def test_a_reply_whose_response_is_lost_is_found(sender: WatchedSender, adas: Mailbox, bobs: Mailbox, question: Message) -> None:
    sender.client.lost_response = 'POST', 'createReply'
    sender.reply(REPLY, question.immutable_id, OutgoingMail(text='All well.'))
    assert (arrived(bobs).subject, in_folder(adas, 'drafts')) == ('RE: Status?', [])
    assert sender.client.count('POST', 'createReply') == 1


@pytest.mark.parametrize(
    'fault', [{'reset': True}, {'status': 503}, {'garbage': True}, {'status': 201, 'body': {'subject': 'x'}}]
)
def test_a_draft_that_was_not_created_is_created_again(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, bobs: Mailbox, fault: dict[str, Any]
) -> None:
    cloud.faults.add(service='graph', path='/messages$', method='POST', times=2, **fault)
    sender.send(mail_of())
    assert (arrived(bobs).subject, in_folder(adas, 'drafts'), sender.client.count('POST', 'messages')) == ('Plan', [], 3)


def test_a_draft_that_cannot_be_looked_up_is_an_unknown_outcome(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox
) -> None:
    sender.client.lost_response = 'POST', 'messages'
    cloud.faults.add(service='graph', method='GET', path='/messages$', times=None, status=403)
    said = error_of(lambda: sender.send(mail_of(), progress=SendingProgress(can_resume=True)))
    assert said.startswith('It is not known whether a draft was created.')
    assert 'Look for it in Drafts before you try again.' in said
    assert len(in_folder(adas, 'drafts')) == 1


def test_a_throttled_mail_leaves_nothing_if_it_cannot_be_resumed(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, throttled: Callable[..., None]
) -> None:
    throttled('/send$')
    error_of(lambda: sender.send(mail_of()))
    assert nothing_is_left(cloud, adas)


# endregion
# region drafts and replies


def test_a_draft_is_returned_as_it_is(sender: WatchedSender, adas: Mailbox, seven: OutgoingAttachment) -> None:
    made = sender.create_draft(mail_of(seven, to=()))
    draft = adas.message(made['id'])
    assert draft is in_folder(adas, 'drafts')[0]
    assert (made['subject'], made['isDraft'], len(draft.attachments)) == ('Plan', True, 1)
    assert sender.create_draft(mail_of(seven), progress=SendingProgress(made['id'], []))['id'] == made['id']
    assert len(draft.attachments) == 1


def test_a_draft_is_sent_and_keeps_its_id(sender: WatchedSender, adas: Mailbox) -> None:
    made = sender.create_draft(mail_of())
    sender.send_draft(made['id'])
    assert [one.immutable_id for one in in_folder(adas, 'sentitems')] == [made['id']]
    assert 'may have been sent already' in error_of(lambda: sender.send_draft(made['id']))


def test_a_draft_of_a_user_is_never_removed(sender: WatchedSender, adas: Mailbox) -> None:
    made = sender.create_draft(mail_of(to=()))
    assert 'ErrorInvalidRecipients' in error_of(lambda: sender.send_draft(made['id']))
    assert len(in_folder(adas, 'drafts')) == 1


@pytest.fixture
def question(adas: Mailbox) -> Message:
    """A mail from Bob to Ada and Zoë."""
    return adas.deliver(
        Message(
            'Status?',
            EmailAddress('Bob', BOB),
            adas.now(),
            html='<p>How is it?</p>',
            to=[adas.owner, EmailAddress('Zoë', 'zoe@partner.example')],
        )
    )


def test_a_reply_has_a_comment_above_the_quoted_mail(
    sender: WatchedSender, adas: Mailbox, bobs: Mailbox, question: Message, tmp_path: Path
) -> None:
    files = file_of(tmp_path, 10, '1.bin'), file_of(tmp_path, 4 * MEGABYTE, '2.bin')
    mail = OutgoingMail(to=addresses(BOB), text='All well.', attachments=files)
    sent_id = sender.reply(REPLY, question.immutable_id, mail)['id']
    message = arrived(bobs)
    assert (message.subject, message.in_reply_to) == ('RE: Status?', question.internet_message_id)
    assert 'All well.' in message.html
    assert 'How is it?' in message.html
    assert [name for name, _ in digests(message)] == ['1.bin', '2.bin']
    assert adas.message(sent_id) is in_folder(adas, 'sentitems')[0]


def test_a_reply_to_all_is_sent_to_all(sender: WatchedSender, adas: Mailbox, bobs: Mailbox, question: Message) -> None:
    sender.reply(REPLY_ALL, question.immutable_id, OutgoingMail(text='All well.'))
    assert {one.address for one in arrived(bobs).recipients} == {BOB, 'zoe@partner.example'}


def test_a_mail_is_forwarded_with_its_attachments(sender: WatchedSender, adas: Mailbox, bobs: Mailbox, question: Message) -> None:
    adas.attach_file(question, 'plan.txt', b'plan')
    sender.reply(FORWARD, question.immutable_id, OutgoingMail(to=addresses(BOB)))
    assert (arrived(bobs).subject, [one.name for one in arrived(bobs).attachments]) == ('FW: Status?', ['plan.txt'])
    assert error_of(lambda: sender.reply(FORWARD, question.immutable_id, OutgoingMail())).startswith(
        'The email has no recipients.'
    )


def test_a_failed_reply_leaves_nothing(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, question: Message, seven: OutgoingAttachment
) -> None:
    cloud.faults.add(service='graph', path=UPLOADS, method='PUT', times=None, status=503)
    error_of(lambda: sender.reply(REPLY, question.immutable_id, OutgoingMail(text='x', attachments=(seven,))))
    assert nothing_is_left(cloud, adas)


@pytest.mark.parametrize('message_id', ['AAMkAD/?#', '../../other', 'AAMk='])
def test_an_unknown_id_is_rejected(sender: WatchedSender, message_id: str) -> None:
    said = error_of(lambda: sender.reply(REPLY, message_id, OutgoingMail(text='x')))
    assert said.startswith('Microsoft Graph refused the request: ')


# endregion
# region memory

SENDING_PROCESS = """
import json, sys
import os
from MicrosoftCoreApiModule import AzureCloud, AzureCloudEndpoints
from MicrosoftCredentialsApiModule import ClientSecretCredential
from MicrosoftGraphMailClientApiModule import EmailAddress, GraphMailClient
from MicrosoftGraphMailSendApiModule import MailSender, OutgoingAttachment, OutgoingMail

def peak_memory():
    # not getrusage, whose maximum starts with that of the parent process
    with open('/proc/self/status') as status:
        return next(int(line.split()[1]) for line in status if line.startswith('VmHWM'))

job = json.load(sys.stdin)
endpoints = AzureCloudEndpoints(active_directory=job['authority'], microsoft_graph_resource_id=job['graph'])
place = AzureCloud('Test', 'Local', 'com', endpoints)
credential = ClientSecretCredential(job['authority'], 'contoso.example', job['client_id'], job['secret'])
sender = MailSender(GraphMailClient('ada@contoso.example', azure_cloud=place, credential=credential).mailbox)
sender.send(OutgoingMail(to=[EmailAddress('bob@contoso.example')], subject='Small'))
idle = peak_memory()
files = tuple(OutgoingAttachment.from_file(path, os.path.basename(path)) for path in job['files'])
sender.send(OutgoingMail(to=[EmailAddress('bob@contoso.example')], subject='Large', attachments=files))
print(peak_memory() - idle)
"""


@pytest.mark.slow
def test_150_megabytes_take_at_most_16_megabytes_of_memory(
    sender: WatchedSender, cloud: MicrosoftCloud, bobs: Mailbox, tmp_path: Path
) -> None:
    cloud.limits.uploaded_bytes = 2 * MAX_FILE_SIZE
    small = file_of(tmp_path, 2_900_000, 'small.bin')
    large = tmp_path / 'large.bin'
    with large.open('wb') as file:
        for number in range(150):
            file.write(number.to_bytes(2, 'big') * (512 * 1024))
    daemon = cloud.directory.application('daemon')
    job = {
        'authority': cloud.authority,
        'graph': cloud.graph,
        'client_id': daemon.client_id,
        'secret': daemon.secret,
        'files': [small.path, str(large)],
    }
    done = subprocess.run(
        [sys.executable, '-c', SENDING_PROCESS],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=limit(60),
        check=False,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= 16 * 1024  # KiB
    assert [getattr(one, 'size', 0) for one in arrived(bobs).attachments] == [2_900_000, MAX_FILE_SIZE]


# endregion
