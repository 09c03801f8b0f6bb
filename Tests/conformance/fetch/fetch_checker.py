"""Invariants of the fetch: its incidents are compared with the mails of the mailbox."""

from collections import Counter
from dataclasses import dataclass, field

from conformance.fetch.fetching_platform import Incident, Platform, Run
from conformance.fetch.mail_source import digest, digests_of_attachments
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Message

MAX_CURSOR_BYTES = 64 * 1024
MAX_TRIES = 5  # to read a mail completely, or to mark it as read
MAX_ABSENCE = 600.0  # seconds that a mail waits that Graph lists but does not find


@dataclass(eq=False)
class Mail:
    """A mail, and what happened to it.

    Attributes:
        is_candidate: it was in a fetched folder at some time, and matches the filters.
        is_allowed: it may become an incident.
        is_allowed_in_part: it may become an incident that says what is missing: a search needs that.
        is_expected: it has to become an incident, unless it leaves the fetched folders.
        was_broken: the service could not return some part of it for some time.
        lost: when Graph lost some part of it that it lists, and the number of runs before that.
        was_read_by_user: a user marked it as read.
    """

    message: Message
    is_expected: bool = False
    is_candidate: bool = False
    is_allowed: bool = False
    is_allowed_in_part: bool = False
    was_broken: bool = False
    lost: tuple[float, int] | None = None
    was_read_by_user: bool = False


@dataclass
class FetchChecker:
    """Check the runs of one instance.

    Attributes:
        folders: IDs of the folders that it fetches from, while they exist.
        runs: number of runs.
        failing_runs: number of runs while the service failed.
        is_strict: Graph has always told what entered, so nothing else may become an incident.
        mails: by their immutable IDs.
    """

    mailbox: Mailbox
    platform: Platform
    marks_read: bool
    max_fetch: int
    folders: set[str]
    mails: dict[str, Mail] = field(default_factory=dict)
    runs: int = 0
    failing_runs: int = 0
    is_strict: bool = True
    _incidents: Counter[Mail] = field(default_factory=Counter)
    _repeats: Counter[Mail] = field(default_factory=Counter)
    _saved: set[Mail] = field(default_factory=set)

    def enter(self, message: Message, matches_filters: bool = True, is_expected: bool = True) -> Mail:
        """Record that a mail entered the mailbox or another folder.

        Args:
            is_expected: False if it is older than the first fetch time.
        """
        mail = self.mails.setdefault(message.immutable_id, Mail(message))
        if message.folder_id in self.folders and matches_filters:
            mail.is_candidate = True
            mail.is_expected |= is_expected
            mail.is_allowed |= is_expected
        return mail

    def has_incident(self, mail: Mail) -> bool:
        return self._incidents[mail] > 0

    def check_run(self, run: Run) -> None:
        """Check what must be true after every run."""
        self.runs += 1
        assert len(run.incidents) <= self.max_fetch, f'{len(run.incidents)} incidents in a run of at most {self.max_fetch}'
        assert len(self.platform.last_run.encode()) < MAX_CURSOR_BYTES
        for incident in run.incidents:
            self._check_incident(incident, run.cursor_lost)
        early = [
            mail.message.subject
            for mail in self.mails.values()
            if mail.message.is_read and not mail.was_read_by_user and not self._incidents[mail]
        ]
        assert not early, f'Marked as read before there was an incident: {early}'

    def _check_incident(self, incident: Incident, cursor_lost: bool) -> None:
        mail = self.mails.get(incident.mail_id)
        assert mail, f'An incident of a mail that was not delivered: {incident.name}'
        is_allowed = mail.is_allowed or (mail.is_candidate and not self.is_strict)
        is_allowed |= mail.is_allowed_in_part and bool(incident.raw.get('Missing'))
        assert is_allowed, f'An incident of a mail that is not to be fetched: {incident.name}'
        self._incidents[mail] += 1
        assert self._incidents[mail] <= 1 + self._repeats[mail], f'Two incidents of one mail: {incident.name}'
        if cursor_lost:
            self._repeats[mail] += 1
        else:
            self._saved.add(mail)
        self._check_files(incident, mail)

    def _check_files(self, incident: Incident, mail: Mail) -> None:
        raw, files = incident.raw, Counter(digest(file.data) for file in incident.files)
        links = [one for one in raw['AttachmentDetails'] if one['Kind'] == 'reference']
        if len(raw.get('Missing', [])) <= len(links):
            is_complete = not Counter(digests_of_attachments(mail.message)) - files
            assert is_complete, f'An incident lacks attachments and does not say so: {incident.name}'
        else:
            has_waited = mail.lost and self.mailbox.now() - mail.lost[0] >= MAX_ABSENCE and self.runs - mail.lost[1] >= MAX_TRIES
            may_lack = mail.was_broken or has_waited or self.failing_runs >= MAX_TRIES or not self._exists(mail)
            assert may_lack, f'An incident lacks what could be read: {incident.name}: {raw["Missing"]}'

    def check_end(self) -> None:
        """Check what must be true once the service works and the fetch finds nothing more."""
        missed = [
            mail.message.subject
            for mail in self.mails.values()
            if mail.is_expected and mail.message.folder_id in self.folders and self._exists(mail) and not self._incidents[mail]
        ]
        assert not missed, f'No incidents of mails that are in the folders: {missed}'
        for mail in self.mails.values():
            if self._exists(mail) and not mail.was_read_by_user:
                self._check_read(mail)

    def _check_read(self, mail: Mail) -> None:
        if not self.marks_read or not self._incidents[mail]:
            assert not mail.message.is_read, f'Marked as read by mistake: {mail.message.subject}'
        elif mail in self._saved and not (mail.was_broken or mail.lost) and self.failing_runs < MAX_TRIES:
            assert mail.message.is_read, f'Not marked as read: {mail.message.subject}'

    def _exists(self, mail: Mail) -> bool:
        """Return whether a user can find it."""
        return self.mailbox.message(mail.message.immutable_id) is mail.message and not self.mailbox.is_in(
            mail.message, 'recoverableitemsdeletions'
        )
