"""No argument is ignored: each of each command has an effect, or is refused."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests

import demistomock as demisto
from conformance.unified.instances import ADA, BOB, Instance
from conformance.unified.integration_yml import IN_YML
from conformance.unified.mail_outputs_test import CASES as READING
from conformance.unified.mail_outputs_test import RULE, Scene
from conformance.unified.sending_outputs_test import CASES as SENDING
from MicrosoftCoreApiModule import SystemClock
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.model import Message

FILES = {'1@7': 'plan.pdf', '2@7': 'logo.png'}
RANDOM = re.compile(r'[0-9a-f]{32}|A[AQ][A-Za-z][\w-]{50,}={0,2}')
IMAGE = 'data:image/png;base64,UE5H'
CASES: dict[str, dict[str, str]] = {
    **READING,
    **SENDING,
    'msgraph-mail-list-emails': {},
    'msgraph-mail-get-email-as-eml': {'message_id': '{message}'},
    'msgraph-mail-get-invitation-as-ics': {'message_id': '{invitation}'},
    'msgraph-mail-get-attachment': {'message_id': '{message}'},
    'msgraph-mail-set-automatic-replies': {'status': 'alwaysEnabled'},
    'msgraph-mail-list-child-folders': {'parent_folder_id': '{folder}'},
}
# A value of each argument, by its name or by command and name; a tuple has arguments that it needs besides.
VALUES: dict[str, Any] = {
    'all_results': 'true',
    'attach_cids': '2@7',
    'attach_ids': '1@7',
    'attach_names': ('other.pdf', {'attach_ids': '1@7'}),
    'attachCIDs': '2@7',
    'attachIDs': '1@7',
    'attachNames': ('other.pdf', {'attachIDs': '1@7'}),
    'attachment_id': '{attachment}',
    'msgraph-mail-remove-draft-attachment attachment_id': '{other}',
    'bcc': 'zoe@partner.example',
    'body': ('Another text', {'htmlBody': ''}),
    'body_type': ('HTML', {'body': 'x', 'htmlBody': ''}),
    'bodyType': ('HTML', {'body': 'x', 'htmlBody': ''}),
    'msgraph-mail-find-email message_id': '<nobody@contoso.example>',
    'msgraph-mail-find-email subject': ('Other', {'received_after': '2000-01-01'}),
    'msgraph-mail-find-email limit': ('1', {'subject': 'Report'}),
    'recipient': 'zoe@partner.example',
    'received_time': '2001-01-01T08:00:00Z',
    'received_after': '2001-01-01T08:00:00Z',
    'received_before': '2001-01-01T08:00:00Z',
    'msgraph-mail-get-email body_type': 'text',
    'msgraph-mail-get-email body': 'unique',
    'msgraph-mail-get-conversation body': 'full',
    'msgraph-mail-get-conversation message_id': ('{other}', {'conversation_id': ''}),
    'conversation_id': ('x', {'message_id': ''}),
    'categories': 'Green',
    'cc': 'zoe@partner.example',
    'clear': ('true', {'categories': ''}),
    'comment': 'Another text',
    'conditions': {'subjectContains': ['other']},
    'destination_folder_id': 'archive',
    'display_name': 'Another name',
    'draft_id': '{other}',
    'due_date': '2999-12-31',
    'end_time': ('2999-01-02T08:00:00Z', {'status': 'scheduled', 'start_time': '2998-01-02T08:00:00Z'}),
    'email_address': ('zoe@partner.example', {'email_addresses': ''}),
    'email_addresses': 'zoe@partner.example',
    'exceptions': {'importance': 'low'},
    'external_audience': 'contactsOnly',
    'external_message': 'Another text',
    'actions': {'delete': True},
    'flag': 'flagged',
    'folder_id': 'inbox',
    'msgraph-mail-update-folder folder_id': 'Team/Child',
    'msgraph-mail-delete-folder folder_id': 'Team/Child',
    'from': BOB,
    'headers': 'x-b:c',
    'htmlBody': f'<img src="{IMAGE}">',
    'importance': 'High',
    'inReplyTo': '{other}',
    'include_hash': 'true',
    'internal_message': 'Another text',
    'is_enabled': 'false',
    'is_read_only': 'true',
    'limit': '1',
    'message_id': '{other}',
    'message_ids': '{other}',
    'nested_depth': ('2', {'message_id': '{forwarded}'}),
    'new_display_name': 'Newest',
    'new_folder_name': 'Newest',
    'next_page': '{page}',
    'odata': '$select=subject',
    'page_size': '3',
    'pages_to_pull': '2',
    'parent_folder_id': 'inbox',
    'msgraph-mail-list-child-folders parent_folder_id': 'Team/Child',
    'permanent': 'true',
    'property': 'timeZone',
    'renderBody': 'true',
    'replyTo': BOB,
    'reply_all': ('true', {'reply_to_id': '{message}'}),
    'reply_to_id': '{message}',
    'forward_id': '{message}',
    'response': 'decline',
    'rule_id': 'AQAAAJ5dZqA=',
    'save_to_sent_items': 'false',
    'search': 'Report',
    'send_response': 'false',
    'send_time': '2999-01-01T08:00:00Z',
    'sender': 'zoe@partner.example',
    'sequence': '7',
    'start_time': '2998-01-02T08:00:00Z',
    'status': 'Unread',
    'msgraph-mail-set-automatic-replies status': 'disabled',
    'msgraph-mail-flag-email status': 'complete',
    'subject': 'Another subject',
    'time_zone': (
        'Europe/Berlin',
        {'status': 'scheduled', 'start_time': '2998-01-02T08:00:00', 'end_time': '2999-01-02T08:00:00'},
    ),
    'to': 'zoe@partner.example',
    'templateParams': ('{"name": "Ada"}', {'body': 'Dear {name}', 'htmlBody': ''}),
    **{
        f'msgraph-mail-{verb} templateParams': ('{"name": "Ada"}', {'comment': 'Dear {name}'})
        for verb in ('reply-to', 'reply-all', 'forward')
    },
    'transientFile': ('b.txt', {'transientFileContent': 'text'}),
    'transientFileContent': ('another text', {'transientFile': 'b.txt'}),
    'transientFileCID': ('b@c', {'transientFile': 'b.txt', 'transientFileContent': 'text'}),
    'user_id': BOB,
}
REPEATED: set[tuple[str, str]] = set()  # commands with arguments whose effect was seen to be the same twice
INTERNAL = {'ran_once_flag', 'hide_polling_output', 'resume_draft_id', 'resume_mark', 'resume_made_with', 'resume_run'}
ARGUMENTS = [
    (command, one['name'])
    for command, case in CASES.items()
    for one in IN_YML[command]['arguments']
    if one['name'] not in INTERNAL
]


@pytest.fixture(autouse=True)
def war_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def path_of(entry_id: str) -> dict[str, str]:
        path = tmp_path / FILES[entry_id]
        path.write_bytes(entry_id.encode())
        return {'path': str(path), 'name': FILES[entry_id]}

    monkeypatch.setattr(demisto, 'getFilePath', path_of)
    monkeypatch.setattr(SystemClock, 'sleep', lambda _clock, _seconds: None)  # a draft is looked for again after a 404


class FaultEnvironment:
    """A mailbox, in which the same command is run with and without an argument.

    Args:
        command: there are rules if it is about rules.
        values: of arguments; what they name in braces is there.
    """

    def __init__(self, instance: Instance, command: str, values: set[str]) -> None:
        self._instance = instance
        cloud: MicrosoftCloud = instance.cloud
        mailbox = cloud.mailbox(ADA)
        scene = Scene(mailbox)
        other = mailbox.deliver(Message('Other', mailbox.owner, mailbox.now(), to=[mailbox.owner], is_draft=True), 'drafts')
        draft = mailbox.deliver(Message('Draft', mailbox.owner, mailbox.now(), to=[mailbox.owner], is_draft=True), 'drafts')
        forwarded = mailbox.deliver(Message('FW', mailbox.owner, mailbox.now(), to=[mailbox.owner]))
        mailbox.attach_item(forwarded, Message('Forwarded', mailbox.owner, mailbox.now()))
        self.known: dict[str, str] = {
            'message': scene.message,
            'invitation': scene.invitation,
            'folder': scene.folder,
            'other': other.immutable_id,
            'draft': draft.immutable_id,
            'forwarded': forwarded.immutable_id,
        }
        for _ in range(2 if 'rule' in command else 0):
            self.known['rule'] = instance.run('msgraph-mail-create-rule', **RULE)['Contents']['id']
        if '{attachment}' in values:
            listed = instance.context('msgraph-mail-list-attachments', message_id=scene.message)['Attachment']
            self.known['attachment'] = listed[0]['ID']
        if '{page}' in values:
            listed = instance.context('msgraph-mail-list-emails', page_size='4', odata='$select=id')
            self.known['page'] = listed[-1]['NextPage']

    def effect(self, command: str, args: dict[str, Any]) -> Any:
        """Return what a command sends to Graph and shows, without what is random. Only commands that send change anything."""
        if command in READING:
            for method in ('POST', 'PATCH', 'DELETE'):
                self._instance.cloud.faults.add(service='graph', method=method, status=400, body={}, times=None)
        with pytest.MonkeyPatch.context() as patched:
            sent: list[str] = []
            send = requests.Session.send

            def recording(session: requests.Session, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
                body = request.body.decode(errors='replace') if isinstance(request.body, bytes) else str(request.body)
                told = f'{request.method} {unquote(str(request.url))} {request.headers.get("Prefer")} {body}'
                for label, value in self.known.items():
                    told = told.replace(value, label)
                sent.append(RANDOM.sub('', told))
                return send(session, request, **kwargs)

            patched.setattr(requests.Session, 'send', recording)
            entries = self._instance.entries(command, **{name: self._filled(value) for name, value in args.items()})
        self._instance.cloud.faults.clear()
        shown = [one for each in entries for one in (each if isinstance(each, list) else [each])]
        return sent, [(one['Type'], one.get('ContentsFormat'), one.get('File'), _count(one)) for one in shown]

    def _filled(self, value: Any) -> Any:
        return self.known.get(value.strip('{}'), value) if isinstance(value, str) else value


def _count(entry: dict[str, Any]) -> int:
    return len(entry['Contents']) if isinstance(entry['Contents'], list) else 1


def values_of(command: str, name: str) -> tuple[Any, dict[str, str]]:
    given = VALUES.get(f'{command} {name}', VALUES.get(name))
    assert given is not None, f'Add a value of {name} to VALUES.'
    return given if isinstance(given, tuple) else (given, {})


@pytest.mark.slow  # a thousand commands
@pytest.mark.parametrize('command, name', ARGUMENTS)
def test_every_argument_has_an_effect(cloud: MicrosoftCloud, instance: Instance, command: str, name: str) -> None:
    value, more = values_of(command, name)
    base = {**CASES[command], **more}
    base.pop(name, None)
    environment = FaultEnvironment(instance, command, {*base.values(), *([value] if isinstance(value, str) else ())})
    without = environment.effect(command, base)
    if command != 'msgraph-mail-send-draft' and (command, str(base)) not in REPEATED:  # a draft can be sent once
        assert environment.effect(command, base) == without, 'The test sees a difference where there is none.'
        REPEATED.add((command, str(base)))
    assert environment.effect(command, {**base, name: value}) != without, f'{name} of {command} is ignored.'


@pytest.mark.parametrize('command', IN_YML)
@pytest.mark.parametrize(
    'name, value', [('no_such_argument', 'x'), ('Message_Id', 'x'), ('limits', 0), ('foo', False), ('bar', ['x'])]
)
def test_an_argument_that_does_not_exist_is_refused(instance: Instance, command: str, name: str, value: Any) -> None:
    known = [one['name'] for one in IN_YML[command].get('arguments') or ()]
    similar = [one for one in known if one == name.lower()]
    offered = similar or [one for one in known if one not in INTERNAL]
    what, advice = instance.error(command, **{name: value}).split('. ')
    assert what == f'The argument {name} does not exist in this command'
    if len(offered) > 1:
        assert sorted(advice.removeprefix('Use one of ').removesuffix('.').split(', ')) == sorted(offered)
    else:
        assert advice == (f'Use {offered[0]}.' if similar else f'Use one of {offered[0]}.' if offered else 'Remove it.')
    assert instance.requests('graph') == []


@pytest.mark.parametrize(
    'command, name, similar',
    [
        ('reply-mail', 'in_reply_to', 'inReplyTo'),
        ('send-mail', 'attachids', 'attachIDs'),
        ('msgraph-mail-create-draft', 'attachIDs', 'attach_ids'),
        ('msgraph-mail-forward', 'attachNames', 'attach_names'),
        ('msgraph-mail-get-email', 'bodyType', 'body_type'),
        ('msgraph-mail-move-email', 'destinationFolderID', 'destination_folder_id'),
    ],
)
def test_the_argument_that_was_meant_is_named(instance: Instance, command: str, name: str, similar: str) -> None:
    assert instance.error(command, **{name: 'x'}) == f'The argument {name} does not exist in this command. Use {similar}.'


@pytest.mark.parametrize('value', ['', None])
def test_an_empty_argument_that_does_not_exist_is_no_error(instance: Instance, value: Any) -> None:
    command = 'msgraph-mail-list-folders'
    assert instance.text(command, no_such_argument=value) == instance.text(command)


@pytest.mark.parametrize('name', ['folder_id', 'odata', 'search'])
def test_what_a_link_contains_cannot_be_given_again(instance: Instance, name: str) -> None:
    link = instance.context('msgraph-mail-list-emails', page_size='4')[-1]['NextPage']
    error = instance.error('msgraph-mail-list-emails', next_page=link, **{name: '$select=id'})
    assert error == f'next_page contains {name} of the earlier list. Remove {name}.'


@pytest.mark.parametrize(
    'given', [{'attachIDs': '1@7', 'attach_ids': '2@7'}, {'bodyType': 'Text', 'body_type': 'HTML'}], ids='-'.join
)
def test_an_argument_cannot_be_given_in_two_spellings(instance: Instance, given: dict[str, str]) -> None:
    error = instance.error('send-mail', to=BOB, subject='x', **given)
    assert error == f'{" and ".join(given)} are two names of one argument. Remove one of them.'


@pytest.mark.parametrize('command, more', [('send-mail', set()), ('reply-mail', {'inReplyTo'})])
def test_arguments_of_the_script_send_email_reply_are_declared(command: str, more: set[str]) -> None:
    """The server drops what is not declared. Source: SendEmailReply.py of the pack EmailCommunication in demisto/content."""
    passed = {'to', 'cc', 'bcc', 'subject', 'body', 'htmlBody', 'bodyType', 'attachIDs', 'replyTo', *more}
    assert passed <= {one['name'] for one in IN_YML[command]['arguments']}


@pytest.mark.parametrize(
    'command, name', [(command, one['name']) for command in IN_YML for one in IN_YML[command].get('arguments') or ()]
)
def test_every_argument_of_the_yml_is_known(instance: Instance, command: str, name: str) -> None:
    instance.cloud.faults.add(status=400, body={}, times=None)
    told = json.dumps(instance.entries(command, **{name: 'x'}))
    assert 'does not exist in this command' not in told
