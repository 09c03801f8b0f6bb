"""Requests of sending that are carried out although they are answered with an error, or later: nothing is sent twice.

Source: https://learn.microsoft.com/answers/questions/5629476, https://learn.microsoft.com/answers/questions/2286986,
https://learn.microsoft.com/graph/outlook-things-to-know-about-send-mail, microsoftgraph/microsoft-graph-docs#1533 and #11969
"""

import itertools
from typing import Any

import pytest

from conformance.graph_mail.mailboxes import in_folder
from conformance.graph_mail.sending_commands_test import instance, question, war_room
from conformance.graph_mail.watched_sender import UPLOADS
from conformance.unified.instances import BOB, ERROR, Instance
from conformance.virtual_time import skip_waits
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail import upload_routes
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Message

__all__ = ['instance', 'question', 'war_room']

MAIL = {'to': BOB, 'subject': 'Plan', 'body': 'See.'}
THROTTLED: dict[str, Any] = {'status': 429, 'body': {'error': {'code': 'ApplicationThrottled', 'message': 'Slow down.'}}}
TIMEOUT: dict[str, Any] = {'status': 504, 'body': {'error': {'code': 'UnknownError', 'message': ''}}}
UNKNOWN = 'It is not known whether the email was sent.'
ADVICE = 'Look for it in Sent Items. If it is still in Drafts in a few minutes, send it from there.'
HALF = 1_600_000  # bytes; one such file goes with the draft, the next one in a request of its own
TWO_FILES: dict[str, Any] = {'transientFile': 'a.txt,b.txt', 'transientFileContent': ['a', 'b']}
TWO_LARGE_FILES: dict[str, Any] = {**TWO_FILES, 'transientFileContent': [HALF * 'a', HALF * 'b']}


@pytest.fixture(autouse=True)
def waits(cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let waits move the clock of the cloud, and return them."""
    return skip_waits(monkeypatch, cloud.clock.advance)


def fault(instance: Instance, path: str, error: dict[str, Any], method: str = 'POST', **more: Any) -> None:
    instance.cloud.faults.add(service='graph', path=path, method=method, **error, **more)


def throttled(seconds: int) -> dict[str, Any]:
    return {**THROTTLED, 'headers': {'Retry-After': str(seconds)}}


def copies(bobs: Mailbox) -> int:
    return sum(one.subject in ('Plan', 'RE: Status?') for one in in_folder(bobs, 'inbox'))


def in_the_end(instance: Instance) -> None:
    """Do what was put off, and let everything leave its transport."""
    instance.cloud.faults.do_late_work()
    instance.cloud.clock.advance(3600)
    instance.text('msgraph-mail-list-folders')


# region sending


@pytest.mark.parametrize('error', [throttled(1), throttled(10), THROTTLED, TIMEOUT, {'reset': True}, {'garbage': True}])
@pytest.mark.parametrize('has_new_id', [False, True])
@pytest.mark.parametrize('transport', [0, 6])
def test_what_was_sent_is_found(
    instance: Instance,
    adas: Mailbox,
    bobs: Mailbox,
    error: dict[str, Any],
    has_new_id: bool,
    transport: float,
) -> None:
    adas.transport_seconds, adas.changes_sent_ids = transport, has_new_id
    fault(instance, '/send$', error, done=True)
    entry = instance.run('send-mail', **MAIL)
    [sent] = in_folder(adas, 'sentitems')
    assert entry['EntryContext']['MicrosoftGraph.Email(val.ID && val.ID == obj.ID)']['ID'] == sent.immutable_id
    assert copies(bobs) == 1
    assert in_folder(adas, 'drafts') == []


@pytest.mark.parametrize('error', [throttled(1), throttled(20), THROTTLED, {**TIMEOUT, 'headers': {'Retry-After': '2'}}])
def test_ordinary_throttling_is_waited_for(
    instance: Instance, adas: Mailbox, bobs: Mailbox, waits: list[float], error: dict[str, Any]
) -> None:
    fault(instance, '/send$', error)
    instance.text('send-mail', **MAIL)
    assert (copies(bobs), in_folder(adas, 'drafts')) == (1, [])
    assert 9 < sum(waits) <= 30


@pytest.mark.parametrize('error', [TIMEOUT, {'status': 500}, {'status': 408}, {'reset': True}])
@pytest.mark.parametrize('late', [None, 60.0])
@pytest.mark.parametrize('command', ['send-mail', 'msgraph-mail-reply-to', 'msgraph-mail-send-draft'])
def test_what_may_still_be_sent_is_not_sent_again(
    instance: Instance,
    adas: Mailbox,
    bobs: Mailbox,
    question: Message,
    error: dict[str, Any],
    late: float | None,
    command: str,
) -> None:
    args: dict[str, Any] = {'msgraph-mail-reply-to': {'message_id': question.immutable_id, 'comment': 'x'}}.get(command, MAIL)
    if command == 'msgraph-mail-send-draft':
        args = {'draft_id': instance.context('msgraph-mail-create-draft', **MAIL)['ID']}
    fault(instance, '/send$', error, done=bool(late), done_after=late or 0)
    told = instance.error(command, **args)
    assert told.startswith(UNKNOWN)
    assert ADVICE in told
    assert len(in_folder(adas, 'drafts')) == 1
    in_the_end(instance)
    assert copies(bobs) == bool(late)


@pytest.mark.parametrize('error', [throttled(1), throttled(120), TIMEOUT])
def test_a_sent_mail_is_found_though_graph_does_not_know_its_id(
    instance: Instance, adas: Mailbox, bobs: Mailbox, error: dict[str, Any]
) -> None:
    fault(instance, '/send$', error, done=True)
    fault(instance, '/messages/[^/]+$', {'status': 404}, method='GET', times=None)
    entry = instance.run('send-mail', **MAIL)
    while 'PollingCommand' in entry:
        instance.cloud.clock.advance(121)
        entry = instance.run('send-mail', **entry['PollingArgs'])
    assert entry['HumanReadable'].startswith('### Email sent')
    assert copies(bobs) == 1


@pytest.mark.parametrize('transport', [15, 600])
@pytest.mark.parametrize(
    'error',
    [
        {'reset': True},
        throttled(1),
        throttled(120),
        {'status': 503, 'headers': {'Retry-After': '1'}},
        {'status': 504, 'headers': {'Retry-After': '120'}},
        {'status': 404},
        {'status': 409},
        {'status': 412},
    ],
)
@pytest.mark.parametrize('command', ['send-mail', 'msgraph-mail-send-draft'])
def test_a_mail_in_transport_is_not_sent_again(
    instance: Instance, adas: Mailbox, bobs: Mailbox, command: str, error: dict[str, Any], transport: int
) -> None:
    adas.transport_seconds = transport
    args = MAIL if command == 'send-mail' else {'draft_id': instance.context('msgraph-mail-create-draft', **MAIL)['ID']}
    fault(instance, '/send$', error, done=True)
    entry = instance.run(command, **args)
    while 'PollingCommand' in entry:
        instance.cloud.clock.advance(121)
        entry = instance.run(command, **entry['PollingArgs'])
    assert entry['Type'] != ERROR or entry['Contents'] == f'{UNKNOWN} It was submitted, but is still in Drafts. {ADVICE}'
    in_the_end(instance)
    assert (copies(bobs), len(in_folder(adas, 'sentitems')), in_folder(adas, 'drafts')) == (1, 1, [])


@pytest.mark.parametrize('status', [404, 409, 412])
def test_an_error_after_which_nothing_was_done_is_looked_into_as_well(
    instance: Instance, adas: Mailbox, bobs: Mailbox, status: int
) -> None:
    fault(instance, '/send$', {'status': status}, done=True)
    instance.text('send-mail', **MAIL)
    assert (copies(bobs), len(in_folder(adas, 'sentitems'))) == (1, 1)


def test_a_draft_in_transport_is_neither_sent_nor_changed(instance: Instance, adas: Mailbox, bobs: Mailbox) -> None:
    adas.transport_seconds = 600
    draft_id = instance.context('msgraph-mail-create-draft', **MAIL)['ID']
    instance.text('msgraph-mail-send-draft', draft_id=draft_id)
    for command, args in (('msgraph-mail-send-draft', {}), ('msgraph-mail-update-draft', {'subject': 'Other'})):
        told = instance.error(command, draft_id=draft_id, **args)
        what = 'The email was already sent, and is about to leave Drafts. Look for it in Sent Items.'
        assert told == f'{what} If it stays in Drafts, send it from there in Outlook.'
    assert copies(bobs) == 1


@pytest.mark.parametrize('count', range(1, 6))
@pytest.mark.parametrize('retry_after', [0, 1, 9, 29])
def test_throttling_that_goes_on_ends_with_one_mail_or_none(
    instance: Instance, adas: Mailbox, bobs: Mailbox, count: int, retry_after: int
) -> None:
    for number in range(count):
        fault(instance, '/send$', throttled(retry_after), done=number == count - 1)
    entry = instance.run('send-mail', **MAIL)
    is_sent = entry['Type'] != ERROR and 'PollingCommand' not in entry
    assert copies(bobs) == is_sent
    while 'PollingCommand' in entry:
        instance.cloud.clock.advance(60)
        entry = instance.run('send-mail', **entry['PollingArgs'])
    assert (copies(bobs), len(in_folder(adas, 'sentitems'))) == ((1, 1) if entry['Type'] != ERROR else (0, 0))
    assert in_folder(adas, 'drafts') == []


@pytest.mark.parametrize('error', [throttled(1), throttled(120), THROTTLED, TIMEOUT])
@pytest.mark.parametrize('is_done', [True, False])
def test_a_mail_without_a_copy_is_requested_once(instance: Instance, bobs: Mailbox, error: dict[str, Any], is_done: bool) -> None:
    fault(instance, '/sendMail$', error, done=is_done)
    told = instance.error('send-mail', **MAIL, save_to_sent_items='false')
    assert told.startswith(UNKNOWN)
    assert 'Ask a recipient before you send it again.' in told
    assert copies(bobs) == is_done


# endregion
# region a later run


@pytest.mark.parametrize('has_new_id', [False, True])
@pytest.mark.parametrize('error', [throttled(120), {'status': 503, 'headers': {'Retry-After': '120'}}])
@pytest.mark.parametrize('done', [{}, {'done': True}, {'done': True, 'done_after': 60}])
def test_a_later_run_looks_before_it_sends(
    instance: Instance,
    adas: Mailbox,
    bobs: Mailbox,
    has_new_id: bool,
    error: dict[str, Any],
    done: dict[str, Any],
) -> None:
    adas.changes_sent_ids = has_new_id
    fault(instance, '/send$', error, **done)
    entry = instance.run('send-mail', **MAIL)
    if 'PollingCommand' in entry:
        assert 'The command continues in 121 seconds.' in entry['HumanReadable']
        instance.cloud.clock.advance(121)
        entry = instance.run('send-mail', **entry['PollingArgs'])
    assert entry['HumanReadable'].startswith('### Email sent')
    assert (copies(bobs), len(in_folder(adas, 'sentitems')), in_folder(adas, 'drafts')) == (1, 1, [])


def test_a_mail_that_a_later_run_does_not_find_may_have_been_sent(instance: Instance, adas: Mailbox) -> None:
    fault(instance, '/send$', throttled(120))
    args = instance.run('send-mail', **MAIL)['PollingArgs']
    adas.remove(in_folder(adas, 'drafts')[0])
    told = instance.error('send-mail', **args)
    assert told.startswith(UNKNOWN)
    assert ADVICE in told


DELETED = 'The draft was deleted while the command waited, so the command ended. Run it again if this was a mistake.'


@pytest.mark.parametrize('is_hidden', [False, True])
@pytest.mark.parametrize(
    'command, args, path',
    [
        ('send-mail', MAIL, '/send$'),
        ('send-mail', {**MAIL, **TWO_LARGE_FILES}, '/attachments$'),
        ('send-mail', {**MAIL, 'send_time': 'in 2 hours'}, '/send$'),
        ('msgraph-mail-reply-to', {'message_id': '{}', 'comment': 'x'}, '/send$'),
        ('msgraph-mail-create-draft', {**MAIL, **TWO_LARGE_FILES}, '/attachments$'),
        ('msgraph-mail-send-draft', {'draft_id': '{}'}, '/send$'),
        ('msgraph-mail-add-draft-attachment', {'draft_id': '{}', **TWO_FILES}, '/attachments$'),
    ],
)
def test_the_deletion_of_the_draft_cancels_the_command(
    instance: Instance,
    adas: Mailbox,
    bobs: Mailbox,
    question: Message,
    command: str,
    args: dict[str, Any],
    path: str,
    is_hidden: bool,
) -> None:
    args = dict(args)
    if 'message_id' in args:
        args['message_id'] = question.immutable_id
    if 'draft_id' in args:
        args['draft_id'] = instance.context('msgraph-mail-create-draft', **MAIL)['ID']
    fault(instance, path, throttled(600))
    entry = instance.run(command, **args)
    assert entry['HumanReadable'] == (
        'Microsoft is throttling requests. The command continues in 601 seconds. To cancel it, delete the draft in Outlook.'
    )
    [draft] = in_folder(adas, 'drafts')
    adas.move(draft, 'recoverableitemsdeletions' if is_hidden else 'deleteditems')
    assert instance.error(command, **entry['PollingArgs']) == DELETED
    in_the_end(instance)
    assert (copies(bobs), adas.message(draft.immutable_id)) == (0, draft)


def test_a_command_without_a_draft_says_nothing_about_one(instance: Instance) -> None:
    fault(instance, '/messages$', throttled(600))
    assert instance.run('send-mail', **MAIL)['HumanReadable'].endswith('in 601 seconds.')


@pytest.mark.parametrize('is_done', [True, False])
def test_a_later_run_looks_for_the_draft_before_it_creates_one(
    instance: Instance, adas: Mailbox, bobs: Mailbox, is_done: bool
) -> None:
    fault(instance, '/messages$', throttled(120), done=is_done)
    entry = instance.run('msgraph-mail-create-draft', **MAIL)
    if 'PollingCommand' in entry:
        entry = instance.run('msgraph-mail-create-draft', **entry['PollingArgs'])
    [draft] = in_folder(adas, 'drafts')
    assert entry['EntryContext']['MicrosoftGraph.Draft(val.ID && val.ID == obj.ID)']['ID'] == draft.immutable_id


# endregion
# region drafts and files


def doubled(path: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    errors = [throttled(1), throttled(10), TIMEOUT]
    late: list[dict[str, Any]] = [{}, {'done_after': 4}]
    return [(path, error, {'done': True, **one}) for error, one in itertools.product(errors, late)]


@pytest.mark.parametrize('path, error, done', doubled('/messages$'))
def test_no_second_draft_stays(
    instance: Instance, adas: Mailbox, bobs: Mailbox, path: str, error: dict[str, Any], done: dict[str, Any]
) -> None:
    fault(instance, path, error, **done)
    instance.text('send-mail', **MAIL)
    in_the_end(instance)
    assert (copies(bobs), in_folder(adas, 'drafts')) == (1, [])


@pytest.mark.parametrize('path, error, done', doubled('/createReply$'))
def test_no_second_draft_of_a_reply_stays(
    instance: Instance, adas: Mailbox, bobs: Mailbox, question: Message, path: str, error: dict[str, Any], done: dict[str, Any]
) -> None:
    fault(instance, path, error, **done)
    instance.text('msgraph-mail-reply-to', message_id=question.immutable_id, comment='x')
    in_the_end(instance)
    assert (copies(bobs), in_folder(adas, 'drafts')) == (1, [])


def test_a_draft_that_is_created_after_another_one_is_removed(instance: Instance, adas: Mailbox, bobs: Mailbox) -> None:
    fault(instance, '/messages$', TIMEOUT, done=True, done_after=8)
    fault(instance, '/send$', throttled(10))
    instance.text('send-mail', **MAIL)
    assert (copies(bobs), in_folder(adas, 'drafts')) == (1, [])


@pytest.mark.parametrize('path, error, done', doubled('/attachments$'))
@pytest.mark.parametrize('command', ['send-mail', 'msgraph-mail-add-draft-attachment'])
def test_no_file_is_attached_twice(
    instance: Instance,
    adas: Mailbox,
    bobs: Mailbox,
    path: str,
    error: dict[str, Any],
    done: dict[str, Any],
    command: str,
) -> None:
    args: dict[str, Any] = {**MAIL, **TWO_LARGE_FILES}
    if command != 'send-mail':
        args = {'draft_id': instance.context('msgraph-mail-create-draft', **MAIL)['ID'], **TWO_FILES}
    fault(instance, path, error, **done)
    instance.text(command, **args)
    in_the_end(instance)
    [message] = in_folder(adas, 'sentitems' if command == 'send-mail' else 'drafts')
    assert sorted(str(one.name) for one in message.attachments) == ['a.txt', 'b.txt']


def test_a_file_that_is_attached_after_another_one_is_removed(instance: Instance, adas: Mailbox) -> None:
    draft_id = instance.context('msgraph-mail-create-draft', **MAIL)['ID']
    fault(instance, '/attachments$', TIMEOUT, done=True, done_after=8)
    fault(instance, '/attachments$', throttled(10), skip=1)
    instance.text('msgraph-mail-add-draft-attachment', draft_id=draft_id, **TWO_FILES)
    [draft] = in_folder(adas, 'drafts')
    assert sorted(str(one.name) for one in draft.attachments) == ['a.txt', 'b.txt']


def test_a_file_of_the_same_name_stays(instance: Instance, adas: Mailbox) -> None:
    draft_id = instance.context('msgraph-mail-create-draft', **MAIL)['ID']
    [draft] = in_folder(adas, 'drafts')
    adas.attach_file(draft, 'a.txt', b'of the user')
    fault(instance, '/attachments$', throttled(1), done=True)
    instance.text('msgraph-mail-add-draft-attachment', draft_id=draft_id, transientFile='a.txt', transientFileContent='x')
    assert [getattr(one, 'size', 0) for one in draft.attachments] == [11, 1]


LARGE_FILE: dict[str, Any] = {'transientFile': 'big.txt', 'transientFileContent': 4_000_000 * 'x'}  # two ranges


@pytest.mark.parametrize('error', [TIMEOUT, throttled(1), {'reset': True}])
@pytest.mark.parametrize('late', [{}, {'done_after': 3.0}])
@pytest.mark.parametrize('is_gone', [True, False])
@pytest.mark.parametrize('lag', [0, 4])
@pytest.mark.parametrize('command', ['send-mail', 'msgraph-mail-add-draft-attachment'])
def test_no_large_file_is_attached_twice(
    instance: Instance, adas: Mailbox, error: dict[str, Any], late: dict[str, Any], is_gone: bool, lag: float, command: str
) -> None:
    args: dict[str, Any] = {**MAIL, **LARGE_FILE}
    if command != 'send-mail':
        args = {'draft_id': instance.context('msgraph-mail-create-draft', **MAIL)['ID'], **LARGE_FILE}
    adas.attachment_lag = lag
    fault(instance, UPLOADS, error, method='PUT', skip=1, done=True, **late)
    if is_gone:
        fault(instance, UPLOADS, {'status': 404}, method='GET')
    instance.text(command, **args)
    in_the_end(instance)
    [message] = in_folder(adas, 'sentitems' if command == 'send-mail' else 'drafts')
    assert [str(one.name) for one in message.attachments] == ['big.txt']


@pytest.mark.parametrize('files', [{**TWO_FILES}, TWO_LARGE_FILES, LARGE_FILE], ids=['small', 'two requests', 'upload'])
def test_a_list_of_files_that_is_behind_is_waited_for(instance: Instance, adas: Mailbox, files: dict[str, Any]) -> None:
    adas.attachment_lag = 4
    instance.text('send-mail', **MAIL, **files)
    [sent] = in_folder(adas, 'sentitems')
    assert ','.join(str(one.name) for one in sent.attachments) == files['transientFile']


@pytest.mark.parametrize('status', [400, 403, 404, 405, 410, 501])
@pytest.mark.parametrize('error', [{'status': 503}, {'reset': True}, {'status': 416}, throttled(1)])
def test_a_session_that_does_not_tell_its_position_is_replaced(
    instance: Instance, adas: Mailbox, status: int, error: dict[str, Any]
) -> None:
    """Microsoft documents PUT and DELETE for the sessions of Outlook, but not GET."""
    fault(instance, UPLOADS, {'status': status}, method='GET', times=None)
    fault(instance, UPLOADS, error, method='PUT', skip=1)
    instance.text('send-mail', **MAIL, **LARGE_FILE)
    [sent] = in_folder(adas, 'sentitems')
    assert [(str(one.name), getattr(one, 'size', 0)) for one in sent.attachments] == [('big.txt', 4_000_000)]
    assert instance.cloud.uploads.open_count == 0


def test_an_upload_that_never_ends_tells_its_reason(instance: Instance, adas: Mailbox) -> None:
    fault(instance, UPLOADS, {'status': 405}, method='GET', times=None)
    fault(instance, UPLOADS, {'status': 503}, method='PUT', times=None)
    told = instance.error('send-mail', **MAIL, **LARGE_FILE)
    assert told == 'Microsoft Graph responded with HTTP status 503. Try again in a few minutes.'
    assert sum('createUploadSession' in str(one) for one in instance.requests('graph')) == 4
    assert in_folder(adas, 'drafts') == []


FILE_COMMANDS = ['send-mail', 'msgraph-mail-create-draft', 'msgraph-mail-add-draft-attachment', 'msgraph-mail-forward']


@pytest.mark.parametrize('foreign', ['image001.png', 'b.txt'])
@pytest.mark.parametrize('command', FILE_COMMANDS)
@pytest.mark.parametrize('is_done', [True, False])
def test_a_file_that_somebody_else_adds_replaces_none(
    instance: Instance, adas: Mailbox, question: Message, command: str, foreign: str, is_done: bool
) -> None:
    args: dict[str, Any] = {**MAIL, **TWO_LARGE_FILES}
    if 'add' in command:
        args = {'draft_id': instance.context('msgraph-mail-create-draft', **MAIL)['ID'], **TWO_LARGE_FILES}
    if 'forward' in command:
        args = {'message_id': question.immutable_id, 'to': BOB, **TWO_LARGE_FILES}
    is_second = 'add' in command or 'forward' in command
    fault(instance, '/attachments$', throttled(120), skip=int(is_second), done=is_done, done_after=60.0)
    args = instance.run(command, **args)['PollingArgs']
    [draft] = in_folder(adas, 'drafts')
    adas.attach_file(draft, foreign, b'signature of Outlook')  # somebody opened it there
    instance.cloud.clock.advance(121)
    instance.text(command, **args)
    [message] = in_folder(adas, 'drafts' if 'draft' in command else 'sentitems')
    files = [(str(one.name), getattr(one, 'size', 0)) for one in message.attachments]
    assert sorted(files) == sorted([('a.txt', HALF), ('b.txt', HALF), (foreign, 20)])


@pytest.mark.parametrize('command', ['send-mail', 'msgraph-mail-add-draft-attachment'])
def test_a_file_that_somebody_removes_is_told(instance: Instance, adas: Mailbox, command: str) -> None:
    args: dict[str, Any] = {**MAIL, **TWO_LARGE_FILES}
    if 'add' in command:
        args = {'draft_id': instance.context('msgraph-mail-create-draft', **MAIL)['ID'], **TWO_LARGE_FILES}
    fault(instance, '/attachments$', throttled(120), skip=int('add' in command))
    args = instance.run(command, **args)['PollingArgs']
    [draft] = in_folder(adas, 'drafts')
    [file] = draft.attachments
    adas.detach(draft, file)
    adas.attach_file(draft, 'image001.png', HALF * b'a')
    assert 'The draft has 1 of 2 attachments.' in instance.error(command, **args)
    assert in_folder(adas, 'sentitems') == []


@pytest.mark.parametrize('shown', [{'name': 'big_.txt'}, {'is_inline': True}])
def test_an_uploaded_file_is_known_though_it_is_shown_otherwise(
    instance: Instance, adas: Mailbox, monkeypatch: pytest.MonkeyPatch, shown: dict[str, Any]
) -> None:
    """Its name is another one, and the ID in ``Location`` is of another kind than those in the list."""
    attach = upload_routes._attached

    def attach_as_shown(session: Any, *args: Any) -> Any:
        session.settings.update(shown)
        attach(session, *args)
        return '', 201, {'Location': "https://outlook.example/messages('AAMk=')/attachments('AAMk=')"}

    monkeypatch.setattr(upload_routes, '_attached', attach_as_shown)
    instance.text('send-mail', **MAIL, transientFile='big.txt', transientFileContent=4_000_000 * 'x')
    assert len(in_folder(adas, 'sentitems')[0].attachments) == 1


# endregion
# region scheduled mails


@pytest.mark.parametrize('shows_submission', [True, False])
@pytest.mark.parametrize('is_done', [True, False])
@pytest.mark.parametrize('seconds', [1, 120])
@pytest.mark.parametrize('command', ['send-mail', 'msgraph-mail-send-draft', 'msgraph-mail-reply-to'])
def test_a_throttled_mail_that_is_sent_later_is_scheduled_once(
    instance: Instance,
    adas: Mailbox,
    bobs: Mailbox,
    question: Message,
    command: str,
    seconds: int,
    is_done: bool,
    shows_submission: bool,
) -> None:
    """A mailbox takes four requests at a time, so that throttling is common."""
    adas.shows_submission = shows_submission
    args: dict[str, Any] = {**MAIL, 'send_time': 'in 10 minutes'}
    if command == 'msgraph-mail-send-draft':
        args = {'draft_id': instance.context('msgraph-mail-create-draft', **args)['ID']}
    elif command == 'msgraph-mail-reply-to':
        command, args = 'reply-mail', {**args, 'inReplyTo': question.immutable_id}
    fault(instance, '/send$', throttled(seconds), done=is_done)
    entry = instance.run(command, **args)
    if 'PollingCommand' in entry:
        instance.cloud.clock.advance(121)
        entry = instance.run(command, **entry['PollingArgs'])
    assert entry['HumanReadable'].splitlines()[0].endswith(' scheduled')
    assert copies(bobs) == 0
    in_the_end(instance)
    assert len(in_folder(adas, 'sentitems')) == 1


@pytest.mark.parametrize('error', [TIMEOUT, {'reset': True}, {'status': 500}])
def test_a_mail_that_was_scheduled_is_found(instance: Instance, adas: Mailbox, error: dict[str, Any]) -> None:
    fault(instance, '/send$', error, done=True)
    assert instance.text('send-mail', **MAIL, send_time='in 10 minutes').startswith('### Email scheduled\n')
    assert len(adas.deferred) == 1


# endregion
