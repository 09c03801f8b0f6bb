"""Whatever happens to a mailbox, its service and the platform: no mail is lost, and none becomes two incidents.

Hypothesis makes up histories, and shortens those that fail. A failure prints the steps, and how to run it once more.
"""

import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

import MicrosoftGraphMailFetchApiModule
from conformance.fetch.fetching_platform import CURSOR, HAND_OVER, Crash, Meanwhile, Platform, Run
from conformance.fetch.ledger import GIVES_UP_AFTER, Ledger, Mail
from conformance.fetch.mailroom import ANCIENT, DAY, PARTNER, STRANGER, Mailroom, attach
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.model import Folder

RETRY_SOON, RETRY_LATE = {'Retry-After': '1'}, {'Retry-After': '600'}
SERVER_ERROR = {'error': {'code': 'ErrorInternalServerError', 'message': 'The operation failed.'}}
FAULTS: dict[str, dict[str, Any]] = {
    'status 500': {'status': 500, 'body': SERVER_ERROR},
    'status 502': {'status': 502, 'body': '<html>Bad gateway</html>'},
    'status 503': {'status': 503},
    'status 504': {'status': 504, 'body': SERVER_ERROR},
    'throttled': {'status': 429},
    'throttled for a second': {'status': 429, 'headers': RETRY_SOON},
    'throttled for long': {'status': 429, 'headers': RETRY_LATE},
    'unauthorized': {'status': 401},
    'connection reset': {'reset': True},
    'answer broken off': {'reset_mid_body': True},
    'a web page': {'garbage': True},
    'an empty object': {'status': 200, 'body': {}},
}
PLACES = {
    'any request': {'service': 'graph'},
    'signing in': {'service': 'entra'},
    'delta': {'service': 'graph', 'path': r'/delta'},
    'a list or a mail': {'service': 'graph', 'path': r'/messages(/[^/]+)?$', 'method': 'GET'},
    'an attachment': {'service': 'graph', 'path': r'/attachments'},
    'a batch': {'service': 'graph', 'path': r'/\$batch$'},
    'marking read': {'service': 'graph', 'method': 'PATCH'},
    'MIME': {'service': 'graph', 'path': r'/messages/[^/]+/\$value$'},
}
FOLDERS = ('Cases', 'Reports', 'Elsewhere')
KINDS = ('file', 'inline', 'nameless', 'item', 'reference')
PARTS = ('message', 'attachments', 'mime')
AGES = {'now': 0.0, 'late': 7 * DAY, 'ancient': ANCIENT}


def _repeatable_bytes() -> Callable[..., bytes]:
    source = random.Random(0)  # noqa: S311 - no secret
    return lambda number=None: source.randbytes(number or 32)


class Histories(RuleBasedStateMachine):
    """A mailbox with three folders, of which an instance watches one or two."""

    mails = Bundle('mails')
    cloud: MicrosoftCloud

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix='fetch-')
        # IDs of mails decide on their order within a second: the same history has to have the same ones
        self._same_ids = mock.patch('secrets.token_bytes', _repeatable_bytes())
        self._same_ids.start()
        self.cloud.reset()
        self.cloud.clock.stop()
        self.cloud.limits.requests = sys.maxsize  # histories of hours pass in seconds
        self.room = Mailroom(self.cloud)
        self.mailbox = self.room.mailbox
        self.folders: dict[str, Folder] = {name: self.room.folder(name) for name in FOLDERS}
        self.subjects = 0
        self.has_begun = False
        self.is_failing = self.has_failed = False

    @initialize(
        watched=st.sampled_from([('Cases',), ('Cases', 'Reports')]),
        max_fetch=st.sampled_from([10, 3, 2, 1]),
        marks_read=st.booleans(),
        only_partner=st.booleans(),
        eml=st.booleans(),
        round_limit=st.sampled_from([None, 2]),
        token_life=st.sampled_from([None, 90.0]),
    )
    def begin(
        self,
        watched: tuple[str, ...],
        max_fetch: int,
        marks_read: bool,
        only_partner: bool,
        eml: bool,
        round_limit: int | None,
        token_life: float | None,
    ) -> None:
        self.watched_names, self.only_partner = list(watched), only_partner
        names = [f'{self.room.path}/{watched[0]}', *(self.folders[name].folder_id for name in watched[1:])]
        params = self.room.settings(
            folder_to_fetch=', '.join(names),
            max_fetch=str(max_fetch),
            mark_fetched_read=marks_read,
            fetch_eml=eml,
            fetch_from='partner.example' if only_partner else '',
        )
        self.mailbox.first_delta_sync_limit, self.mailbox.delta_token_seconds = round_limit, token_life
        self.platform = Platform(self.cloud, Path(self._folder.name), params)
        self.ledger = Ledger(
            self.mailbox, self.platform, marks_read, max_fetch, {self.folders[name].folder_id for name in watched}
        )

    # region what happens to the mailbox

    def _enter(self, mail: Mail) -> Mail:
        message = mail.message
        known_before_first_fetch = not self.has_begun and message.received < self.mailbox.now() - 30 * DAY
        return self.ledger.enter(
            message, is_wanted=not self.only_partner or message.sender == PARTNER, is_owed=not known_before_first_fetch
        )

    def _receive(self, folder: str, age: str, kinds: list[str], sender: Any = PARTNER) -> Mail:
        self.subjects += 1
        message = self.room.mail(f'mail {self.subjects}', self._existing(folder), AGES[age], sender=sender)
        for kind in kinds:
            attach(self.mailbox, message, kind)
        return self._enter(Mail(message))

    def _existing(self, folder: str) -> Folder:
        found = self.folders[folder]
        return found if self.mailbox.folder(found.folder_id) else self.folders['Elsewhere']

    @rule(
        target=mails,
        folder=st.sampled_from(FOLDERS),
        age=st.sampled_from(list(AGES)),
        sender=st.sampled_from([PARTNER, STRANGER]),
    )
    def receive(self, folder: str, age: str, sender: Any) -> Mail:
        return self._receive(folder, age, [], sender)

    @rule(target=mails, number=st.integers(2, 5), folder=st.sampled_from(FOLDERS[:2]), age=st.sampled_from(list(AGES)))
    def receive_in_one_second(self, number: int, folder: str, age: str) -> Any:
        return multiple(*(self._receive(folder, age, []) for _ in range(number)))

    @rule(target=mails, folder=st.sampled_from(FOLDERS[:2]), kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
    def receive_with_attachments(self, folder: str, kinds: list[str]) -> Mail:
        return self._receive(folder, 'now', kinds)

    @rule(mail=mails, folder=st.sampled_from(FOLDERS))
    def move(self, mail: Mail, folder: str) -> None:
        target = self._existing(folder).folder_id
        if self._is_there(mail) and mail.message.folder_id != target:
            self.mailbox.move(mail.message, target)
            self._enter(mail)

    @rule(mail=mails)
    def move_out_and_in(self, mail: Mail) -> None:
        if self._is_there(mail):
            came_from = mail.message.folder_id
            self.mailbox.move(mail.message, 'archive')
            self.mailbox.move(mail.message, came_from)
            self._enter(mail)

    @rule(mail=mails)
    def delete(self, mail: Mail) -> None:
        if self._is_there(mail):
            self.mailbox.delete(mail.message)

    @rule(mail=mails)
    def restore(self, mail: Mail) -> None:
        if self._is_there(mail) and self.mailbox.folder(mail.message.former_folder_id):
            self.mailbox.restore(mail.message)
            self._enter(mail)

    @rule(mail=mails)
    def purge(self, mail: Mail) -> None:
        if self._is_there(mail):
            self.mailbox.remove(mail.message)

    @rule(mail=mails, part=st.sampled_from(PARTS))
    def break_part(self, mail: Mail, part: str) -> None:
        mail.message.broken.add(part)
        mail.was_broken = True

    @rule(mail=mails)
    def mend(self, mail: Mail) -> None:
        mail.message.broken.clear()

    @rule(mail=mails)
    def read_by_user(self, mail: Mail) -> None:
        if self._is_there(mail):
            mail.message.is_read = mail.was_read_by_user = True
            self.mailbox.touch(mail.message)

    @rule(mail=mails)
    def flag(self, mail: Mail) -> None:
        if self._is_there(mail):
            mail.message.flag.status = 'flagged'
            self.mailbox.touch(mail.message)

    @rule(folder=st.sampled_from(FOLDERS[:2]))
    def rename_folder(self, folder: str) -> None:
        # a path leads to a folder only until the fetch knows its ID
        if self.has_begun and self.mailbox.folder(self.folders[folder].folder_id):
            self.mailbox.rename_folder(self.folders[folder], f'{folder} of last year')

    @rule()
    def remove_folder(self) -> None:
        if self.has_begun and self.mailbox.folder(self.folders['Reports'].folder_id):
            self.mailbox.remove_folder(self.folders['Reports'])
            self.ledger.watched.discard(self.folders['Reports'].folder_id)

    def _is_there(self, mail: Mail) -> bool:
        return self.mailbox.message(mail.message.immutable_id) is mail.message

    # endregion
    # region what happens to the service

    @rule(fault=st.sampled_from(list(FAULTS)), place=st.sampled_from(list(PLACES)), times=st.integers(1, 3))
    def fail(self, fault: str, place: str, times: int) -> None:
        self.cloud.faults.add(**FAULTS[fault], **PLACES[place], times=times)
        self.is_failing = True

    @rule()
    def expire_delta_tokens(self) -> None:
        self.mailbox.expire_delta_tokens()

    @rule()
    def revoke_token(self) -> None:
        self.cloud.directory.application('daemon').revoke()

    @rule(seconds=st.sampled_from([1, 100, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.cloud.clock.advance(seconds)

    # endregion
    # region what happens to the platform

    def _fetch(self, crash: Crash = None, meanwhile: Meanwhile = lambda _number: None) -> None:
        run = self.platform.fetch(crash, meanwhile)
        self.ledger.failing_runs += self.is_failing
        self._record(run)
        if run.is_good and not run.cursor_lost and not self.is_failing:
            self.has_begun = True

    def _record(self, run: Run) -> None:
        self.has_failed = True
        self.ledger.record(run)
        self.has_failed = False

    @rule()
    def fetch(self) -> None:
        self._fetch()

    @rule(after=st.integers(0, 6))
    def die_after_requests(self, after: int) -> None:
        self._fetch(crash=after)

    @rule(crash=st.sampled_from([HAND_OVER, CURSOR]))
    def die_after(self, crash: str) -> None:
        self._fetch(crash)

    @rule(target=mails, at=st.integers(0, 5), folder=st.sampled_from(FOLDERS[:2]))
    def receive_during_fetch(self, at: int, folder: str) -> Mail:
        arrived: list[Mail] = []
        self._fetch(meanwhile=lambda number: arrived.append(self._receive(folder, 'now', [])) if number == at else None)
        return arrived[0] if arrived else self._receive(folder, 'now', [])

    @rule(mail=mails, at=st.integers(0, 5), folder=st.sampled_from(FOLDERS))
    def move_during_fetch(self, mail: Mail, at: int, folder: str) -> None:
        self._fetch(meanwhile=lambda number: self.move(mail, folder) if number == at else None)

    @rule(mail=mails, at=st.integers(0, 5))
    def purge_during_fetch(self, mail: Mail, at: int) -> None:
        self._fetch(meanwhile=lambda number: self.purge(mail) if number == at else None)

    # endregion

    def teardown(self) -> None:
        try:
            if hasattr(self, 'ledger') and not self.has_failed:
                self._come_to_rest()
                self.ledger.balance()
        finally:
            self._same_ids.stop()
            self._folder.cleanup()

    def _come_to_rest(self) -> None:
        """With a service that is well again, fetches until nothing more comes."""
        self.cloud.faults.clear()
        self.mailbox.delta_token_seconds = None
        all_there = self.mailbox.folder(self.folders['Reports'].folder_id) is not None
        # a mail that cannot be read is tried again and again before it becomes an incident, maybe one in a run
        quiet, needed = 0, 2 + GIVES_UP_AFTER * sum(bool(mail.message.broken) for mail in self.ledger.mails.values())
        for _ in range(100):
            self.cloud.clock.advance(60)
            run = self.platform.fetch()
            self.ledger.record(run)
            assert not run.error or not all_there, run.error
            quiet = 0 if run.incidents else quiet + 1
            if quiet >= needed:
                return
        raise AssertionError('The fetch does not come to rest.')


@pytest.mark.property
def test_no_mail_is_lost_and_none_becomes_two_incidents(request: pytest.FixtureRequest, microsoft_cloud: MicrosoftCloud) -> None:
    profile = settings.get_profile(request.config.getoption('--hypothesis-profile') or 'histories')
    number = int(request.config.getoption('--hypothesis-seed') or random.getrandbits(32))
    repeat = f'make test ARGS="Tests/conformance/fetch/histories_test.py --hypothesis-seed={number}"'
    print(f'The seed of these histories is {number}. To go through them again: {repeat}')
    Histories.cloud = microsoft_cloud
    # A history has few mails: lists have to have small pages for their ends to be met.
    with mock.patch.object(MicrosoftGraphMailFetchApiModule, '_SMALL_PAGE', 1):
        run_state_machine_as_test(seed(number)(Histories), settings=profile)
