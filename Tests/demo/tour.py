"""A short tour of the mailbox: a mail with a file is sent, read, answered after approval, saved, and becomes an incident."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from authentication_methods import ADA, client_secret
from demo.administrator import Administrator, CommandFailed
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.model import Message
from sandbox.xsoar import FetchReport

BOB = 'bob@contoso.example'
_INSTANCE, _FETCHER = 'Tour', 'Tour of incidents'
SUBJECT, _TEXT = 'Evidence', 'Here is the file that you asked for.'
_ANSWER = 'Thank you, we are looking at it.'
FILE_NAME = 'evidence.bin'
_FILE_SIZE = 4_000_000  # bytes; more than one request carries


@dataclass
class TourStep:
    """One step of the tour.

    Attributes:
        what: what the user wants to do.
        command: that does it; for an incident, the one that XSOAR runs by itself.
        seen: what came of it, a few words.
        milliseconds: from the start of the command to its answer.
        problem: a sentence that says why the step failed; empty when it did not.
    """

    what: str
    command: str = '-'
    seen: str = 'failed'
    milliseconds: float = 0.0
    problem: str = ''


class _NotAsExpected(Exception):
    """A command did not do what it should."""


class Tour:
    """Ada's instance, signed in with a client secret: an application, which may open Bob's mailbox too.

    Args:
        fetch_now: has XSOAR fetch with the instance of a name, without waiting for its interval.
        approve: whether a person approves the draft of a reply, whose text it is given. The demo approves it by itself.

    Attributes:
        file: what is sent to Bob.
        draft: the reply as the person saw it before it was sent.
    """

    def __init__(
        self,
        cloud: MicrosoftCloud,
        administrator: Administrator,
        fetch_now: Callable[[str], FetchReport],
        approve: Callable[[str], bool] = bool,
    ) -> None:
        self._cloud = cloud
        self._administrator = administrator
        self._fetch_now = fetch_now
        self._approve = approve
        self.file = os.urandom(_FILE_SIZE)
        self.draft = ''
        self._entry_id = self._mail_id = self._draft_id = self._reply_id = ''
        self._step = TourStep('')

    def run(self, only: str = '') -> list[TourStep]:
        """Run step after step, up to the first one that fails; or only the one of that name."""
        steps: list[tuple[str, Callable[[], str]]] = [
            ('Drop a file in the War Room', self._drop_file),
            ('Send it to Bob', self._send),
            ('Find the mail in his inbox', self._find),
            ('Get the file out of it', self._get_file),
            ('Draft a reply', self._draft_reply),
            ('Show the draft', self._show_draft),
            ('Send it once approved', self._send_draft),
            ('Move the reply', self._move),
            ('Save the mail', self._save),
            ('Have it as an incident', self._fetch),
        ]
        results = []
        for what, run_step in [one for one in steps if only in ('', one[0])]:
            self._step = TourStep(what)
            results.append(self._step)
            try:
                self._step.seen = run_step()
            except (CommandFailed, _NotAsExpected) as failure:
                self._step.problem = str(failure)
                break
        return results

    def _drop_file(self) -> str:
        self._administrator.add_instance(_INSTANCE, client_secret(self._cloud))
        self._entry_id = self._administrator.upload_file(FILE_NAME, self.file)
        return f'{len(self.file):,} bytes'

    def _send(self) -> str:
        self._run('send-mail', to=BOB, subject=SUBJECT, body=_TEXT, attachIDs=self._entry_id)
        sent = self._one_in(ADA, 'sentitems')
        in_context = (self._administrator.context('MicrosoftGraph') or {}).get('Email') or {}
        if sent.immutable_id != in_context.get('ID'):
            raise _NotAsExpected('The context holds another ID than that of the mail in Sent Items.')
        return 'once, ID in the context'

    def _find(self) -> str:
        self._run('msgraph-mail-list-emails', user_id=BOB, odata=f"$filter=subject eq '{SUBJECT}'")
        found = (self._administrator.context('MSGraphMail') or [{}])[0]
        self._mail_id = found.get('ID', '')
        if self._mail_id != self._one_in(BOB, 'inbox').immutable_id:
            raise _NotAsExpected("The context does not hold the ID of the mail in Bob's inbox.")
        return f'from {found["From"]["Address"]}'

    def _get_file(self) -> str:
        self._run('msgraph-mail-get-attachment', user_id=BOB, message_id=self._mail_id)
        return self._same_bytes(self.file)

    def _draft_reply(self) -> str:
        self._run('msgraph-mail-create-draft', user_id=BOB, reply_to_id=self._mail_id, body=_ANSWER)
        self._draft_id = self._administrator.context('MicrosoftGraph')['Draft']['ID']
        if self._one_in(BOB, 'drafts').immutable_id != self._draft_id:
            raise _NotAsExpected('The context does not hold the ID of the draft.')
        return 'in Drafts, not sent'

    def _show_draft(self) -> str:
        shown = self._run('msgraph-mail-get-email', user_id=BOB, message_id=self._draft_id)
        email = self._administrator.context('MSGraphMail')
        to = ', '.join(one['Address'] for one in email['Recipients'])
        text = shown.rpartition(' |\n')[2].replace('\\', '').strip()  # below the table of properties
        self.draft = f'From: {email["From"]["Address"]}\nTo: {to}\nSubject: {email["Subject"]}\n\n{text}'
        if to != ADA or not text.startswith(_ANSWER) or _TEXT not in text.removeprefix(_ANSWER):
            raise _NotAsExpected(f'The draft is not a reply to Ada that quotes her mail:\n{self.draft}')
        return 'to Ada, quotes her mail'

    def _send_draft(self) -> str:
        if not self._approve(self.draft):
            raise _NotAsExpected('The draft was not approved. It was not sent, and is still in the folder Drafts.')
        self._run('msgraph-mail-send-draft', user_id=BOB, draft_id=self._draft_id)
        reply = self._one_in(ADA, 'inbox')
        self._reply_id = reply.immutable_id
        if _ANSWER not in reply.text:
            raise _NotAsExpected('Ada received another text than the one that was approved.')
        return f"'{reply.subject}' for Ada"

    def _move(self) -> str:
        self._run('msgraph-mail-move-email', message_id=self._reply_id, destination_folder_id='archive')
        if self._one_in(ADA, 'archive').immutable_id != self._reply_id:
            raise _NotAsExpected('The mail in Archive is another one.')
        return 'in Archive, the same ID'

    def _save(self) -> str:
        self._run('msgraph-mail-get-email-as-eml', user_id=BOB, message_id=self._mail_id)
        return self._same_bytes(mime.build(self._one_in(BOB, 'inbox')))

    def _fetch(self) -> str:
        """Fetch with Bob's instance for the first time: the recent mails, which is the one mail of the tour."""
        settings = {**client_secret(self._cloud), 'mailbox_to_fetch': BOB, 'isFetch': True, 'fetch_eml': True}
        self._administrator.add_instance(_FETCHER, settings)
        with self._timed('fetch-incidents'):
            report = self._fetch_now(_FETCHER)
        if [incident['name'] for incident in report.incidents] != [SUBJECT]:
            raise _NotAsExpected(report.error or f'There are {len(report.incidents)} incidents, and should be one of the mail.')
        [incident] = report.incidents
        mail = mime.build(self._one_in(BOB, 'inbox'))
        if self._administrator.incident_files(incident['id']) != {FILE_NAME: self.file, f'{SUBJECT}.eml': mail}:
            raise _NotAsExpected('The files of the incident are not what the mailbox holds.')
        if json.loads(incident['rawJSON'])['EML']['SHA256'] != hashlib.sha256(mail).hexdigest():
            raise _NotAsExpected('The SHA-256 in the incident is not that of the mail.')
        return 'file, mail, SHA-256: same'

    def _run(self, command: str, **arguments: str) -> str:
        line = ' '.join([f'!{command}', *(f'{name}="{value}"' for name, value in arguments.items())])
        with self._timed(f'!{command}'):
            return self._administrator.run(line, _INSTANCE)

    @contextmanager
    def _timed(self, command: str) -> Iterator[None]:
        self._step.command = command
        started = time.monotonic()
        try:
            yield
        finally:
            self._step.milliseconds = (time.monotonic() - started) * 1000

    def _one_in(self, address: str, folder_name: str) -> Message:
        """Return the one mail of the tour in a folder, looked up in the mailbox itself."""
        mailbox = self._cloud.mailbox(address)
        found = [message for message in mailbox.messages() if mailbox.is_in(message, folder_name) and SUBJECT in message.subject]
        if len(found) != 1:
            raise _NotAsExpected(f'The folder {folder_name} of {address} holds {len(found)} such mails, and should hold one.')
        return found[0]

    def _same_bytes(self, expected: bytes) -> str:
        """Check that the file that a command put into the War Room has the bytes `expected`; return how many."""
        file: dict[str, Any] = self._administrator.context('File') or {}
        content = self._administrator.download_file(file.get('EntryID', ''))
        if content != expected:
            raise _NotAsExpected(f'The file {file["Name"]} is not what the mailbox holds.')
        return f'{len(content):,} bytes, the same'
