"""What must hold of a fetch, whatever happened: a book of what was handed over, kept against what is in the mailbox."""

from collections import Counter
from dataclasses import dataclass, field

from conformance.fetch.fetching_platform import Incident, Platform, Run
from conformance.fetch.mailroom import digest, digests_of_attachments
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Message

LARGEST_CURSOR = 64 * 1024  # bytes
GIVES_UP_AFTER = 5  # tries to read a mail wholly, or to mark it read


@dataclass(eq=False)
class Mail:
    """A mail, and what the test knows of it.

    Attributes:
        was_seen: it was in a watched folder at some time, so that it may become an incident.
        is_owed: unless it leaves the watched folders, it has to become one.
        was_broken: the service could not give some part of it for a while.
        was_read_by_user: somebody else than the fetch marked it read.
    """

    message: Message
    is_owed: bool = False
    was_seen: bool = False
    was_broken: bool = False
    was_read_by_user: bool = False


@dataclass
class Ledger:
    """The book of one instance.

    Attributes:
        watched: IDs of the folders that it fetches from, as long as they exist.
        failing_runs: how many runs went while something was made to fail.
    """

    mailbox: Mailbox
    platform: Platform
    marks_read: bool
    max_fetch: int
    watched: set[str]
    mails: dict[str, Mail] = field(default_factory=dict)
    failing_runs: int = 0
    _handed_over: Counter[str] = field(default_factory=Counter)
    _may_repeat: Counter[str] = field(default_factory=Counter)
    _remembered: set[str] = field(default_factory=set)

    def enter(self, message: Message, is_wanted: bool = True, is_owed: bool = True) -> Mail:
        """A mail came into the mailbox, or to another folder of it.

        Args:
            is_wanted: whether the settings let it through.
            is_owed: False for one that the first fetch need not go back to.
        """
        mail = self.mails.setdefault(message.immutable_id, Mail(message))
        if message.folder_id in self.watched and is_wanted:
            mail.was_seen = True
            mail.is_owed |= is_owed
        return mail

    def record(self, run: Run) -> None:
        """Enters a run, and checks what must hold at any time."""
        assert len(run.incidents) <= self.max_fetch, f'{len(run.incidents)} incidents in a run of at most {self.max_fetch}'
        assert len(self.platform.last_run.encode()) < LARGEST_CURSOR
        for incident in run.incidents:
            self._record(incident, run.cursor_lost)
        early = [
            mail.message.subject
            for identifier, mail in self.mails.items()
            if mail.message.is_read and not mail.was_read_by_user and not self._handed_over[identifier]
        ]
        assert not early, f'Marked read before there was an incident: {early}'

    def _record(self, incident: Incident, cursor_lost: bool) -> None:
        mail = self.mails.get(incident.mail_id)
        assert mail, f'An incident of a mail that nobody delivered: {incident.name}'
        assert mail.was_seen, f'An incident of a mail that the settings leave out: {incident.name}'
        self._handed_over[incident.mail_id] += 1
        allowed = 1 + self._may_repeat[incident.mail_id]
        assert self._handed_over[incident.mail_id] <= allowed, f'Two incidents of one mail: {incident.name}'
        if cursor_lost:
            self._may_repeat[incident.mail_id] += 1
        else:
            self._remembered.add(incident.mail_id)
        self._check_whole(incident, mail)

    def _check_whole(self, incident: Incident, mail: Mail) -> None:
        raw, given = incident.raw, Counter(digest(file.data) for file in incident.files)
        links = [one for one in raw['AttachmentDetails'] if one['Kind'] == 'reference']
        if len(raw.get('Missing', [])) <= len(links):
            is_whole = not Counter(digests_of_attachments(mail.message)) - given
            assert is_whole, f'An incident without all attachments that does not say so: {incident.name}'
        else:
            may_lack = mail.was_broken or self.failing_runs >= GIVES_UP_AFTER or not self._exists(mail)
            assert may_lack, f'An incident lacks what could be read: {incident.name}: {raw["Missing"]}'

    def balance(self) -> None:
        """Checks what must hold once the service is well and the fetch has come to rest."""
        missed = [
            mail.message.subject
            for mail in self.mails.values()
            if mail.is_owed
            and mail.message.folder_id in self.watched
            and self._exists(mail)
            and not self._handed_over[mail.message.immutable_id]
        ]
        assert not missed, f'No incidents of mails that stayed in the folder: {missed}'
        for identifier, mail in self.mails.items():
            if self._exists(mail) and not mail.was_read_by_user:
                self._check_read(identifier, mail)

    def _check_read(self, identifier: str, mail: Mail) -> None:
        if not self.marks_read or not self._handed_over[identifier]:
            assert not mail.message.is_read, f'Marked read, though not fetched or not asked for: {mail.message.subject}'
        elif identifier in self._remembered and not mail.was_broken and self.failing_runs < GIVES_UP_AFTER:
            assert mail.message.is_read, f'Fetched, and still not marked read: {mail.message.subject}'

    def _exists(self, mail: Mail) -> bool:
        """Whether a user can still find it."""
        return self.mailbox.message(mail.message.immutable_id) is mail.message and not self.mailbox.is_in(
            mail.message, 'recoverableitemsdeletions'
        )
