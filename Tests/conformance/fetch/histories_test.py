"""Whatever happens to a mailbox, its service and the platform: no mail is lost, and none becomes two incidents.

Hypothesis creates histories, and shortens those that fail. A failure prints the steps, and how to run them again.
"""

import json
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
import MicrosoftGraphMailSelectionApiModule
from conformance.fetch.fetch_checker import FetchChecker, Mail
from conformance.fetch.fetching_platform import AFTER_INCIDENTS, BEFORE_LAST_RUN, Crash, Meanwhile, Platform, Run
from conformance.fetch.mail_source import DAY, PARTNER, STRANGER, YEARS_AGO, MailSource, attach
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.model import Flag, Folder

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
    'broken response': {'reset_mid_body': True},
    'a web page': {'garbage': True},
    'an empty object': {'status': 200, 'body': {}},
}
PLACES = {
    'any request': {'service': 'graph'},
    'sign-in': {'service': 'entra'},
    'delta': {'service': 'graph', 'path': r'/delta'},
    'a list or a mail': {'service': 'graph', 'path': r'/messages(/[^/]+)?$', 'method': 'GET'},
    'an attachment': {'service': 'graph', 'path': r'/attachments'},
    'a batch': {'service': 'graph', 'path': r'/\$batch$'},
    'mark as read': {'service': 'graph', 'method': 'PATCH'},
    'MIME': {'service': 'graph', 'path': r'/messages/[^/]+/\$value$'},
}
FOLDERS = ('Cases', 'Reports', 'Elsewhere')
KINDS = ('file', 'inline', 'nameless', 'item', 'reference')
PARTS = ('message', 'attachments', 'mime')
# What may change of a mail that stays where it is, and filters that let each mail pass but select some of it
CHANGES: dict[str, Any] = {
    'subject': 'another subject',
    'flag': Flag('flagged'),
    'importance': 'high',
    'categories': ['Red category'],
    'hasAttachments': True,
}
FILTERS = ('', "importance ne 'low'", 'hasAttachments eq true or hasAttachments eq false')
# What selects the mails of the partner: nothing, what the lists show, or what only the whole mail shows
BY_SENDER, BY_BODY = {'fetch_from': 'partner.example'}, {'fetch_search': 'body:partner'}
SELECTIONS: tuple[dict[str, str], ...] = ({}, BY_SENDER, BY_BODY)
# Behaviour of Graph as documented, and as its users reported it
DOCUMENTED, REPORTED = 'documented', 'reported'
AGES = {'now': 0.0, 'late': 7 * DAY, 'years ago': YEARS_AGO}


def _repeatable_bytes() -> Callable[..., bytes]:
    source = random.Random(0)  # noqa: S311 - no secret
    return lambda number=None: source.randbytes(number or 32)


class Histories(RuleBasedStateMachine):
    """A mailbox with three folders, and an instance that fetches from one or two of them."""

    mails = Bundle('mails')
    cloud: MicrosoftCloud
    behaviour = DOCUMENTED

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix='fetch-')
        # the order of mails within a second depends on their IDs, so a repeated history needs the same ones
        self._same_ids = mock.patch('secrets.token_bytes', _repeatable_bytes())
        self._same_ids.start()
        self.cloud.reset()
        self.cloud.clock.stop()
        self.cloud.limits.requests = sys.maxsize  # histories of hours pass in seconds
        self.source = MailSource(self.cloud)
        self.mailbox = self.source.mailbox
        self.folders: dict[str, Folder] = {name: self.source.folder(name) for name in FOLDERS}
        self.subjects = 0
        self.untold: set[Mail] = set()
        self.has_started = False
        self.has_run = False
        self.ran_at = 0.0
        self.is_failing = self.has_failed = False

    @initialize(
        target=mails,
        fetched=st.sampled_from([('Cases',), ('Cases', 'Reports')]),
        max_fetch=st.sampled_from([10, 3, 2, 1]),
        marks_read=st.booleans(),
        selection=st.sampled_from(SELECTIONS),
        small_page=st.sampled_from([1, 5]),
        expression=st.sampled_from(FILTERS),
        eml=st.booleans(),
        round_limit=st.sampled_from([None, 2]),
        token_life=st.sampled_from([None, 90.0]),
        told=st.sampled_from(['removed', 'nothing']),
        overlooks_starts=st.booleans(),
        leaves=st.sampled_from(['deleted', 'purged']),
    )
    def begin(
        self,
        fetched: tuple[str, ...],
        max_fetch: int,
        marks_read: bool,
        selection: dict[str, str],
        small_page: int,
        expression: str,
        eml: bool,
        round_limit: int | None,
        token_life: float | None,
        told: str,
        overlooks_starts: bool,
        leaves: str,
    ) -> Mail:
        """Start with mails that are too old to be fetched. One of them stays until the end, and another leaves then."""
        self.fetched_names, self.selection, self.is_by_state = list(fetched), selection, 'importance' in expression
        MicrosoftGraphMailSelectionApiModule._SMALL_PAGE = small_page  # the test restores it
        self.names = [f'{self.source.path}/{fetched[0]}', *(self.folders[name].folder_id for name in fetched[1:])]
        params = self.source.params(
            folder_to_fetch=', '.join(self.names),
            max_fetch=str(max_fetch),
            mark_fetched_read=marks_read,
            fetch_eml=eml,
            fetch_filter=expression,
            **selection,
        )
        self.mailbox.first_delta_sync_limit, self.mailbox.delta_token_seconds = round_limit, token_life
        if self.behaviour == REPORTED:
            self.mailbox.told_of_returned, self.mailbox.tells_partial_changes = told, True
            self.mailbox.overlooks_starts = overlooks_starts
        self.platform = Platform(self.cloud, Path(self._folder.name), params)
        self.checker = FetchChecker(
            self.mailbox,
            self.platform,
            marks_read,
            max_fetch,
            {self.folders[name].folder_id for name in fetched},
            is_strict=not token_life,
        )
        self.leaves = self.delete if leaves == 'deleted' else self.purge
        first, self.staying, self.leaving = (self._receive('Cases', 'years ago', []) for _ in range(3))
        return first

    # region events of the mailbox

    def _enter(self, mail: Mail) -> Mail:
        message = mail.message
        is_too_old = self._is_old(mail) and (not self.has_started or mail in self.untold)
        matches_filters = not self.selection or message.sender == PARTNER
        mail = self.checker.enter(message, matches_filters, is_expected=not is_too_old)
        mail.is_allowed_in_part = self.selection == BY_BODY
        mail.is_allowed |= mail.is_candidate and self.has_run
        return mail

    def _is_old(self, mail: Mail) -> bool:
        """Return whether a mail was received before the first fetch time.

        If Graph reports nothing, and a filter asks for what changes, one from before the last run could have changed only.
        """
        last_run = self.ran_at if self.is_by_state and mail in self.untold else 0.0
        return mail.message.received < max(last_run, self.mailbox.now() - 30 * DAY)

    def _leave(self, mail: Mail) -> None:
        """Record that a mail left. If Graph reports nothing of it when it comes back, it may always have been there."""
        if self.mailbox.told_of_returned == 'nothing' and mail.message.folder_id in self.checker.folders:
            self.untold.add(mail)
            mail.is_expected &= not self._is_old(mail)

    def _change(self, mail: Mail, *properties: str) -> None:
        """Record a change of a mail. After its first sync a folder takes what changed meanwhile for what entered."""
        self.mailbox.touch(mail.message, *properties)
        folders = json.loads(self.platform.last_run or '{}').get('folders', {})
        if not folders or not all(one.get('strict') for one in folders.values()):
            mail.is_allowed |= mail.is_candidate

    def _receive(self, folder: str, age: str, kinds: list[str], sender: Any = PARTNER) -> Mail:
        self.subjects += 1
        html = f'<p>{"partner" if sender == PARTNER else "stranger"}</p>'
        message = self.source.deliver(f'mail {self.subjects}', self._existing(folder), AGES[age], sender=sender, html=html)
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

    @rule(
        target=mails,
        number=st.integers(2, 5),
        folder=st.sampled_from(FOLDERS[:2]),
        age=st.sampled_from(list(AGES)),
        sender=st.sampled_from([PARTNER, STRANGER]),
    )
    def receive_in_one_second(self, number: int, folder: str, age: str, sender: Any) -> Any:
        return multiple(*(self._receive(folder, age, [], sender) for _ in range(number)))

    @rule(target=mails, folder=st.sampled_from(FOLDERS[:2]))
    def receive_behind_strangers(self, folder: str) -> Mail:
        """Let more mails that a search does not find be first than one run reads."""
        for _ in range(self.checker.max_fetch + 1):
            self._receive(folder, 'now', [], STRANGER)
        return self._receive(folder, 'now', [])

    @rule(target=mails, folder=st.sampled_from(FOLDERS[:2]), kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
    def receive_with_attachments(self, folder: str, kinds: list[str]) -> Mail:
        return self._receive(folder, 'now', kinds)

    @rule(mail=mails, folder=st.sampled_from(FOLDERS))
    def move(self, mail: Mail, folder: str) -> None:
        target = self._existing(folder).folder_id
        if self._is_there(mail) and mail.message.folder_id != target:
            self._leave(mail)
            self.mailbox.move(mail.message, target)
            self._enter(mail)

    @rule(mail=mails, folder=st.sampled_from(FOLDERS))
    def drag(self, mail: Mail, folder: str) -> None:
        """Move a mail that is no incident yet. Outlook for Windows is said to give it another immutable ID."""
        is_new = self.behaviour == REPORTED and not self.checker.has_incident(mail)
        target = self._existing(folder).folder_id
        if self._is_there(mail) and mail.message.folder_id != target:
            self._leave(mail)
            self.mailbox.move(mail.message, target, with_new_key=is_new)
            self.checker.mails[mail.message.immutable_id] = mail
            self._enter(mail)

    @rule(target=mails, part=st.sampled_from(PARTS), folder=st.sampled_from(FOLDERS[1:]), is_repaired=st.booleans())
    def drag_while_pending(self, part: str, folder: str, is_repaired: bool) -> Mail:
        mail = self._receive('Cases', 'now', ['file'])
        self.lose_part(mail, part)
        self._fetch()
        self.drag(mail, folder)
        if is_repaired:
            self.repair(mail)
        return mail

    @rule(mail=mails)
    def move_out_and_in(self, mail: Mail) -> None:
        if self._is_there(mail):
            came_from = mail.message.folder_id
            self._leave(mail)
            self.mailbox.move(mail.message, 'archive')
            self.mailbox.move(mail.message, came_from)
            self._enter(mail)

    @rule(target=mails, folder=st.sampled_from(FOLDERS[:2]))
    def receive_and_move_out_and_in(self, folder: str) -> Mail:
        """Let an old mail, which may be too old for the first fetch, leave and come back between two runs."""
        mail = self._receive(folder, 'years ago', [])
        self._fetch()
        self.move_out_and_in(mail)
        return mail

    @rule(mail=mails)
    def delete(self, mail: Mail) -> None:
        if self._is_there(mail):
            self._leave(mail)
            self.mailbox.delete(mail.message)

    @rule(mail=mails)
    def restore(self, mail: Mail) -> None:
        if self._is_there(mail) and self.mailbox.folder(mail.message.former_folder_id):
            self._leave(mail)
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

    @rule(mail=mails, part=st.sampled_from(PARTS))
    def lose_part(self, mail: Mail, part: str) -> None:
        """Let Graph answer with 404 what it lists."""
        mail.message.absent.add(part)
        mail.lost = mail.lost or (self.mailbox.now(), self.checker.runs)

    @rule(mail=mails)
    def repair(self, mail: Mail) -> None:
        mail.message.broken.clear()
        mail.message.absent.clear()

    @rule(mail=mails)
    def read_by_user(self, mail: Mail) -> None:
        if self._is_there(mail):
            mail.message.is_read = mail.was_read_by_user = True
            self._change(mail, 'isRead')

    @rule(mail=mails, names=st.lists(st.sampled_from(list(CHANGES)), min_size=1, unique=True))
    def change(self, mail: Mail, names: list[str]) -> None:
        """Change a mail that stays where it is. Graph may tell only what changed."""
        for name in names if self._is_there(mail) else ():
            if name == 'hasAttachments':
                attach(self.mailbox, mail.message, 'file')
            else:
                setattr(mail.message, name, CHANGES[name])
            mail.message.changed()
            self._change(mail, name)

    @rule(folder=st.sampled_from(FOLDERS[:2]))
    def rename_folder(self, folder: str) -> None:
        # a path is only used until the fetch knows the ID of the folder
        if self.has_started and self.mailbox.folder(self.folders[folder].folder_id):
            self.mailbox.rename_folder(self.folders[folder], f'{folder} of last year')

    @rule()
    def remove_folder(self) -> None:
        if self.has_started and self.mailbox.folder(self.folders['Reports'].folder_id):
            self.mailbox.remove_folder(self.folders['Reports'])
            self.checker.folders.discard(self.folders['Reports'].folder_id)

    def _is_there(self, mail: Mail) -> bool:
        return self.mailbox.message(mail.message.immutable_id) is mail.message

    # endregion
    # region events of the service

    @rule(fault=st.sampled_from(list(FAULTS)), place=st.sampled_from(list(PLACES)), times=st.integers(1, 3))
    def fail(self, fault: str, place: str, times: int) -> None:
        self.cloud.faults.add(**FAULTS[fault], **PLACES[place], times=times)
        self.is_failing = True

    @rule()
    def expire_delta_tokens(self) -> None:
        self.mailbox.expire_delta_tokens()
        self.checker.is_strict = False

    @rule(status=st.sampled_from([400, 404, 501, None]))
    def lose_delta(self, status: int | None) -> None:
        """Let Graph have no delta queries, or have them again."""
        self.mailbox.delta_status = status
        self.checker.is_strict = False

    @rule()
    def revoke_token(self) -> None:
        self.cloud.directory.application('daemon').revoke()

    @rule(seconds=st.sampled_from([1, 100, 4000, 90_000]))
    def time_passes(self, seconds: int) -> None:
        self.cloud.clock.advance(seconds)

    # endregion
    # region events of the platform

    def _fetch(self, crash: Crash = None, meanwhile: Meanwhile = lambda _number: None) -> None:
        self.has_run = True
        self.ran_at = self.mailbox.now()
        run = self.platform.fetch(crash, meanwhile)
        self.checker.failing_runs += self.is_failing
        self._record(run)
        if run.has_succeeded and not run.cursor_lost and not self.is_failing:
            self.has_started = True

    def _record(self, run: Run) -> None:
        self.has_failed = True
        self.checker.check_run(run)
        self.has_failed = False

    @rule()
    def fetch(self) -> None:
        self._fetch()

    @rule(target=mails, age=st.sampled_from(list(AGES)), expression=st.sampled_from(FILTERS))
    def receive_and_change_filter(self, age: str, expression: str) -> Mail:
        """Let the instance have another filter that lets each mail pass, before it can fetch a new mail."""
        mail = self._receive('Cases', age, [])
        self.platform.params['fetch_filter'] = expression
        self.is_by_state |= 'importance' in expression
        self.checker.is_strict = False
        return mail

    @rule(target=mails, age=st.sampled_from(list(AGES)), hours=st.sampled_from([0, 1]))
    def receive_while_folder_is_mistyped(self, age: str, hours: int) -> Mail:
        """Let the name of the first folder be wrong for some time, once all folders are known."""
        if self.has_started:
            self.platform.params['folder_to_fetch'] = ', '.join((f'{self.names[0]}s', *self.names[1:]))
        self._fetch()
        mail = self._receive('Cases', age, [])
        self.cloud.clock.advance(3600 * hours)
        self._fetch()
        self.platform.params['folder_to_fetch'] = ', '.join(self.names)
        return mail

    @rule(after=st.integers(0, 6))
    def die_after_requests(self, after: int) -> None:
        self._fetch(crash=after)

    @rule(crash=st.sampled_from([AFTER_INCIDENTS, BEFORE_LAST_RUN]))
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
            if hasattr(self, 'checker') and not self.has_failed:
                self._finish()
                self.checker.check_end()
        finally:
            self._same_ids.stop()
            self._folder.cleanup()

    def _finish(self) -> None:
        """Fetch from a working service until there is nothing more.

        An old mail that changes then did not enter the folder. Another one, which was never fetched, leaves: the fetch succeeds
        all the same.
        """
        self.cloud.faults.clear()
        self.cloud.clock.advance(700)  # a service that throttled sign-ins is left alone as long as it asked
        self.mailbox.delta_token_seconds = None
        quiet = 0
        for _ in range(300):
            run = self._fetch_from_working_service()
            # a mail that cannot be read is tried several times before it becomes an incident, maybe one per run
            quiet = 0 if run.incidents or self.platform.is_waiting else quiet + 1
            # a run may read only mails that are not found
            if quiet == (2 + len(self.checker.mails) if self.selection == BY_BODY else 2):
                return
            if quiet:
                self.change(self.staying, list(CHANGES))
                self.leaves(self.leaving)
        raise AssertionError('The fetch does not end.')

    def _fetch_from_working_service(self) -> Run:
        self.cloud.clock.advance(600 if self.platform.is_waiting else 60)
        run = self.platform.fetch()
        self.checker.check_run(run)
        is_all_there = self.mailbox.folder(self.folders['Reports'].folder_id) is not None
        assert not run.error or not is_all_there, run.error
        return run


@pytest.mark.property
@pytest.mark.parametrize('behaviour', [DOCUMENTED, REPORTED])
def test_no_mail_is_lost_and_none_becomes_two_incidents(
    request: pytest.FixtureRequest, microsoft_cloud: MicrosoftCloud, behaviour: str
) -> None:
    profile = settings.get_profile(request.config.getoption('--hypothesis-profile') or 'histories')
    number = int(request.config.getoption('--hypothesis-seed') or random.getrandbits(32))
    repeat = f'make test ARGS="Tests/conformance/fetch/histories_test.py -k {behaviour} --hypothesis-seed={number}"'
    print(f'The seed of these {behaviour} histories is {number}. To run them again: {repeat}')
    Histories.cloud, Histories.behaviour = microsoft_cloud, behaviour
    # A history has few mails, so pages have to be small (see `begin`), and two mails have to be enough for a list.
    with (
        mock.patch.object(MicrosoftGraphMailSelectionApiModule, '_SMALL_PAGE', 1),
        mock.patch.object(MicrosoftGraphMailFetchApiModule, '_MIN_LIST_SIZE', 2),
    ):
        run_state_machine_as_test(seed(number)(Histories), settings=profile)
