"""What users of such clients reported of the fetch: lost mails, incidents of mails that only changed, filters, incidents."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import MicrosoftGraphMailSelectionApiModule
from CommonServerPython import DemistoException
from conformance.fetch.fetching_platform import Platform
from conformance.fetch.mail_source import DAY, PARTNER, STRANGER, YEARS_AGO, MailSource, attach
from MicrosoftGraphMailFetchOptionsApiModule import FetchOptions
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.clock import graph_timestamp
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

Report = Callable[[str, str, str, str], None]
Instance = Callable[..., Platform]
LOST = 'never an incident'


@pytest.fixture(autouse=True)
def _trusted_cloud(microsoft_cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', microsoft_cloud.ca_file)


@pytest.fixture
def source(cloud: MicrosoftCloud) -> MailSource:
    cloud.clock.stop()
    return MailSource(cloud)


@pytest.fixture
def instance(source: MailSource, tmp_path: Path) -> Instance:
    return lambda **params: Platform(source.cloud, tmp_path, source.params(**params))


def started(instance: Instance, **params: Any) -> Platform:
    """Return the platform of an instance that has fetched once."""
    platform = instance(**params)
    assert platform.fetch().has_succeeded
    platform.cloud.clock.advance(60)
    return platform


def names(platform: Platform, runs: int = 3) -> list[str]:
    """Fetch so often, once a minute, and return the names of all incidents."""
    for _ in range(runs):
        run = platform.fetch()
        assert run.has_succeeded, run.error
        platform.cloud.clock.advance(60)
    return sorted(one.name for one in platform.incidents)


# region M1: a state of one moment


@pytest.mark.parametrize(
    'part, runs, params',
    [
        ('message', 2, {}),
        ('message', 9, {}),
        ('message', 2, {'fetch_eml': True, 'max_fetch': '1'}),
        ('attachments', 3, {}),
        ('attachments', 9, {}),
        ('mime', 4, {'fetch_eml': True}),
    ],
)
def test_what_graph_lists_and_does_not_find_is_waited_for(
    source: MailSource, instance: Instance, field_report: Report, part: str, runs: int, params: dict[str, Any]
) -> None:
    platform = started(instance, **params)
    message = source.deliver()
    attach(source.mailbox, message, 'file')
    message.absent.add(part)
    assert names(platform, runs) == []
    message.absent.clear()
    names(platform, 2)
    [incident] = platform.incidents
    assert 'Missing' not in incident.raw
    assert any(file.name == 'report.pdf' for file in incident.files)
    field_report('M1', f'GET of {part} answers 404 in {runs} runs ({params or "defaults"})', LOST, f'complete, {incident.name}')


@pytest.mark.parametrize('count, most', [(4, '4'), (10, '4'), (60, '50')])
@pytest.mark.parametrize('is_purged', [True, False])
def test_mails_that_wait_do_not_block_others(
    source: MailSource, instance: Instance, field_report: Report, count: int, most: str, is_purged: bool
) -> None:
    platform = started(instance, max_fetch=most)
    waiting = [source.deliver(f'waits {number}') for number in range(count)]
    for message in waiting:
        message.absent.add('message')
    names(platform, 1)
    if is_purged:
        for message in waiting:
            source.mailbox.remove(message)
    source.deliver('new')
    runs = 1 + -(-count // int(most))
    assert names(platform, runs) == ['new']
    field_report(
        'M1', f'{count} mails of up to {most} in a run wait, purged: {is_purged}', LOST, f'a new one comes in {runs} runs'
    )


@pytest.mark.parametrize('part', ['message', 'attachments'])
def test_what_graph_never_finds_becomes_an_incident_that_says_so(
    source: MailSource, instance: Instance, field_report: Report, part: str
) -> None:
    platform = started(instance)
    message = source.deliver('Lost')
    attach(source.mailbox, message, 'file')
    message.absent.add(part)
    assert names(platform, 10) == []
    assert names(platform, 5) == ['Lost']
    [missing] = platform.incidents[0].raw['Missing']
    field_report('M1', f'GET of {part} answers 404 for ever', LOST, missing)


@pytest.mark.parametrize(
    'first, target, back', [('Cases', 'Reports', False), ('Cases', 'Elsewhere', False), ('Cases', 'Elsewhere', True)]
)
@pytest.mark.parametrize('part', ['message', 'attachments'])
def test_a_pending_mail_is_found_when_its_id_changes(
    source: MailSource, instance: Instance, field_report: Report, first: str, target: str, back: bool, part: str
) -> None:
    folders = {name: source.folder(name) for name in ('Cases', 'Reports', 'Elsewhere')}
    platform = started(instance, folder_to_fetch=f'{source.path}/Cases, {source.path}/Reports')
    message = source.deliver('Dragged', folders[first])
    attach(source.mailbox, message, 'file')
    message.absent.add(part)
    assert names(platform, 2) == []
    for name in (target, first)[: 1 + back]:
        source.mailbox.move(message, folders[name].folder_id, with_new_key=True)
    message.absent.clear()
    assert names(platform, 15) == ['Dragged']
    assert platform.incidents[0].mail_id == message.immutable_id
    field_report('M1', f'{part} waits, new ID in {target}, back: {back}', LOST, f'{len(platform.incidents)} incident')


@pytest.mark.parametrize('first, last', [(0, 1), (0, 19), (0, 0), (-1, 0), (-2, 1)])
@pytest.mark.parametrize('is_known', [False, True], ids=['in the first run', 'later'])
def test_a_list_that_ends_early_ends_no_backlog(
    source: MailSource, instance: Instance, field_report: Report, first: int, last: int, is_known: bool
) -> None:
    """It may show mails that follow, mails that were fetched before, both, or none."""
    mails = [source.deliver(f'mail {number:02}', age=5 * DAY - 60 * number) for number in range(60)]
    source.cloud.clock.advance(DAY)
    platform = instance(max_fetch='25')
    done = len(platform.fetch().incidents) if is_known else 0
    rows = [
        {'id': one.immutable_id, 'receivedDateTime': graph_timestamp(one.received), 'subject': one.subject}
        for one in mails[max(done + first, 0) : done + last]
    ]
    path = '/mailFolders/[^/]+/messages$'
    source.cloud.faults.add(service='graph', path=path, status=200, body={'value': rows}, skip=1)  # the list by changed time
    found = names(platform, 4)
    assert not source.cloud.faults.all()
    assert found == [one.subject for one in mails]
    shown = f'mails {first} to {last} of those that follow'
    field_report('M1', f'a list shows {shown} and no link, though there are more; known: {is_known}', LOST, f'{len(found)}')


@pytest.mark.parametrize('max_fetch, count', [('25', 5), ('25', 60), ('2', 5), ('200', 700)])
@pytest.mark.parametrize('shift', range(3))
def test_a_list_that_is_always_empty_for_some_start_times_ends_no_backlog(
    source: MailSource, instance: Instance, field_report: Report, shift: int, max_fetch: str, count: int
) -> None:
    source.cloud.clock.stop()
    source.cloud.clock.advance(-source.mailbox.now() % 3 + shift)
    source.mailbox.overlooks_starts = True
    mails = [source.deliver(f'mail {number:03}', age=1.5 * DAY - 7 * number) for number in range(count)]
    platform = instance(first_fetch='2 days', max_fetch=max_fetch)
    found = names(platform, 6 + count // 20)
    field_report(
        'M1',
        f'lists of {count} mails are empty for a third of all start times; {max_fetch} in a run, shift {shift}',
        LOST,
        f'{len(found)} incidents',
    )
    assert sorted(found) == [one.subject for one in mails]
    source.deliver('new')
    assert len(names(platform, 2)) == count + 1


@pytest.mark.parametrize('count', [4, 9])
def test_a_backlog_within_a_second_is_complete_though_lists_of_that_second_are_empty(
    source: MailSource, instance: Instance, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """The order of mails within a second is not known, so the newest ones are not those after the position."""
    monkeypatch.setattr(MicrosoftGraphMailSelectionApiModule, '_SMALL_PAGE', 1)
    source.cloud.clock.stop()
    source.cloud.clock.advance(-source.mailbox.now() % 3)
    mails = [source.deliver(f'mail {number}') for number in range(count)]
    source.mailbox.overlooks_starts = True
    platform = instance(first_fetch='2 days', max_fetch='1')
    assert names(platform, count + 4) == [one.subject for one in mails]


# endregion
# region M2: a change of state


@pytest.mark.parametrize('only_unread', [False, True])
@pytest.mark.parametrize('changed', ['isRead', 'flag', 'categories', 'importance', 'subject'])
def test_a_change_of_an_old_mail_creates_no_incident(
    source: MailSource, instance: Instance, field_report: Report, changed: str, only_unread: bool
) -> None:
    source.mailbox.tells_partial_changes = True
    old = source.deliver('old', age=YEARS_AGO, is_read=True)
    expression = f"{changed} ne 'x'" if changed in ('importance', 'subject') else ''
    platform = started(instance, fetch_unread_only=only_unread, fetch_filter=expression)
    names(platform, 2)
    old.is_read = changed != 'isRead'
    source.mailbox.touch(old, changed)
    source.deliver('new')
    found = names(platform)
    assert found == ['new']
    field_report('M2', f'{changed} of an old mail changes, unread only: {only_unread}', 'old mails become incidents', f'{found}')


# endregion
# region M4: gone and back


def _new(source: MailSource) -> Message:
    return source.deliver('back')


def _old(source: MailSource) -> Message:
    return source.deliver('back', age=7 * DAY)


def _moved_in(source: MailSource) -> Message:
    return source.mailbox.move(source.deliver('back', source.folder('Elsewhere'), age=3 * DAY), 'inbox')


def _restored(source: MailSource) -> Message:
    message = source.deliver('back')
    source.mailbox.delete(message)
    return source.mailbox.restore(message)


def _read(source: MailSource) -> Message:
    return source.deliver('back', is_read=True)


@pytest.mark.parametrize('told', ['removed', 'nothing'])
@pytest.mark.parametrize('arrive', [_new, _old, _moved_in, _restored, _read])
@pytest.mark.parametrize('way', [('archive',), ('archive', 'deleteditems')])
def test_a_mail_that_left_and_came_back_is_an_incident(
    source: MailSource,
    instance: Instance,
    field_report: Report,
    told: str,
    arrive: Callable[[MailSource], Message],
    way: tuple[str, ...],
) -> None:
    source.mailbox.told_of_returned = told
    platform = started(instance)
    message = arrive(source)
    for folder in (*way, 'inbox'):
        source.mailbox.move(message, folder)
    gone = source.deliver('gone')
    source.mailbox.move(gone, 'archive')
    found = names(platform)
    assert found == ['back']
    field_report('M4', f'{arrive.__name__[1:]}, to {", ".join(way)} and back, Graph reports {told}', LOST, f'{found}')


@pytest.mark.parametrize('interval', [60, 1800, 86400])
def test_a_mail_that_came_back_is_an_incident_if_a_filter_depends_on_its_state(
    source: MailSource, instance: Instance, field_report: Report, interval: int
) -> None:
    source.mailbox.told_of_returned = 'nothing'
    marked = source.deliver('marked as unread later', age=DAY, is_read=True)
    platform = started(instance, fetch_unread_only=True)
    names(platform, 2)
    marked.is_read = False
    source.mailbox.touch(marked, 'isRead')
    message = source.deliver('back')
    source.cloud.clock.advance(interval)
    for folder in ('archive', 'inbox'):
        source.mailbox.move(message, folder)
    found = names(platform)
    assert found == ['back']
    field_report('M4', f'unread only, {interval} s between two runs, Graph reports nothing', LOST, f'{found}')


def test_an_old_mail_that_came_back_is_an_incident_if_graph_reports_its_removal(
    source: MailSource, instance: Instance, field_report: Report
) -> None:
    source.mailbox.told_of_returned = 'removed'
    message = source.deliver('years ago', age=YEARS_AGO)
    platform = started(instance)
    source.mailbox.move(message, 'archive')
    source.mailbox.move(message, 'inbox')
    found = names(platform)
    assert found == ['years ago']
    field_report('M4', 'a mail older than the first fetch, Graph reports removed', LOST, f'{found}')


@pytest.mark.parametrize('fault', ['absent', 'broken'])
@pytest.mark.parametrize('trouble', ['none', 'no room', 'list fails'])
def test_an_old_mail_that_came_back_and_cannot_be_read_is_an_incident_later(
    source: MailSource, instance: Instance, field_report: Report, fault: str, trouble: str
) -> None:
    source.mailbox.told_of_returned = 'removed'
    message, gone = source.deliver('years ago', age=YEARS_AGO), source.deliver('gone', age=YEARS_AGO)
    platform = started(instance, max_fetch='1')
    for folder in ('archive', 'inbox'):
        source.mailbox.move(message, folder)
    source.mailbox.remove(gone)
    getattr(message, fault).add('message')
    if trouble == 'no room':
        source.deliver('new')
    elif trouble == 'list fails':
        source.cloud.faults.add(service='graph', path='/messages$', status=503, body={}, times=3)
    platform.fetch()
    others = names(platform, 3)
    getattr(message, fault).clear()
    found = names(platform, 6)
    assert found == [*others, 'years ago']
    assert others == ['new'] * (trouble == 'no room')
    what = f'a mail older than the first fetch, {fault} when Graph reports that it was removed; {trouble}'
    field_report('M4', what, LOST, f'{found}')


# endregion
# region M5: no delta


def _with_a_backlog(source: MailSource, instance: Instance, is_fetched: bool) -> tuple[Platform, Message]:
    """Return the platform of an inbox with a mail of some days ago, and an old mail of another folder."""
    moved = source.deliver('moved in', source.folder('Elsewhere'), age=YEARS_AGO)
    source.deliver('backlog', age=5 * DAY)
    platform = instance()
    if is_fetched:
        names(platform, 2)
    return platform, moved


@pytest.mark.parametrize('status', [400, 404, 405, 501])
@pytest.mark.parametrize('is_known', [False, True], ids=['from the first run on', 'later'])
def test_without_delta_mails_are_found_by_lists(
    source: MailSource, instance: Instance, field_report: Report, status: int, is_known: bool
) -> None:
    platform, moved = _with_a_backlog(source, instance, is_known)
    source.mailbox.delta_status = status
    run = platform.fetch()
    assert 'Delta queries do not work' in ' '.join(run.health)
    source.deliver('delivered')
    source.deliver('late', age=9 * DAY)
    source.mailbox.move(moved, 'inbox')
    found = names(platform)
    assert found == ['backlog', 'delivered', 'late', 'moved in']
    asked = len(source.cloud.requests.of('graph', 'delta'))
    names(platform, 2)
    assert len(source.cloud.requests.of('graph', 'delta')) == asked
    source.mailbox.delta_status = None
    source.cloud.clock.advance(DAY)
    source.deliver('a day later')
    assert names(platform) == sorted([*found, 'a day later'])
    assert len(source.cloud.requests.of('graph', 'delta')) > asked
    assert platform.fetch().health == []
    field_report('M5', f'delta answers {status}, after it worked: {is_known}', 'nothing is fetched', f'{found}')


@pytest.mark.parametrize(
    'status, code',
    [
        (403, 'ErrorQuotaExceeded'),
        (500, 'ErrorMessagePerFolderCountReceiveQuotaExceeded'),
        (507, 'ErrorInsufficientStorage'),
        (507, 'UnknownError'),
    ],
)
@pytest.mark.parametrize('is_known', [False, True], ids=['from the first run on', 'later'])
def test_a_mailbox_that_has_no_room_for_a_sync_is_fetched_by_lists(
    source: MailSource, instance: Instance, field_report: Report, status: int, code: str, is_known: bool
) -> None:
    platform, moved = _with_a_backlog(source, instance, is_known)
    if status == 403:
        source.mailbox.has_room_for_syncs = False
    else:
        body = {'error': {'code': code, 'message': 'There is no room.'}}
        source.cloud.faults.add(service='graph', path='/delta$', status=status, body=body, times=None)
    [told] = platform.fetch().health
    assert code in told
    source.deliver('delivered')
    source.mailbox.move(moved, 'inbox')
    found = names(platform)
    assert found == ['backlog', 'delivered', 'moved in']
    source.cloud.faults.clear()
    source.mailbox.has_room_for_syncs = True
    source.cloud.clock.advance(DAY)
    source.deliver('a day later')
    assert names(platform) == sorted([*found, 'a day later'])
    assert platform.fetch().health == []
    field_report('M5', f'delta answers {status} {code}, after it worked: {is_known}', 'nothing is fetched', f'{found}')


def test_throttling_that_names_a_quota_is_waited_for(source: MailSource, instance: Instance) -> None:
    platform = started(instance)
    body = {'error': {'code': 'ErrorQuotaExceeded', 'message': 'Too many requests.'}}
    source.cloud.faults.add(service='graph', path='/delta$', status=429, body=body, headers={'Retry-After': '30'}, times=2)
    assert '24 hours' not in ' '.join([*platform.fetch().health, *platform.fetch().health])
    source.cloud.faults.clear()
    source.mailbox.move(source.deliver('years ago', source.folder('Elsewhere'), age=YEARS_AGO), 'inbox')
    assert names(platform) == ['years ago']


# endregion
# region M3, M13, M17, M22: filters and first fetch


@pytest.mark.parametrize(
    'written, found',
    [
        ('bob@contoso.example; quentin@partner.example', ['partner']),
        ('bob@contoso.example quentin@partner.example', ['partner']),
        ('bob@contoso.example\nquentin@partner.example', ['partner']),
        ('"Reyes, Quentin" <quentin@partner.example>; Bob <bob@contoso.example>', ['partner']),
        ('<quentin@partner.example>', ['partner']),
        ('mailto:Quentin@PARTNER.example', ['partner']),
        ('*@partner.example|elsewhere.example.', ['partner', 'stranger']),
        ('*.partner.example, partner.example', ['deep', 'partner']),
        ('*.partner.example', ['deep']),
        ('["quentin@partner.example", "bob@contoso.example"]', ['partner']),
        ('b\u00fccher.example', ['umlaut']),
        ('\u200bquentin@partner.example\u202c', ['partner']),
        (['partner.example', 'elsewhere.example'], ['partner', 'stranger']),
    ],
)
def test_senders_are_understood_as_people_write_them(
    source: MailSource, instance: Instance, field_report: Report, written: Any, found: list[str]
) -> None:
    source.deliver('partner', sender=PARTNER)
    source.deliver('stranger', sender=STRANGER)
    source.deliver('deep', sender=EmailAddress('D', 'd@a.b.partner.example'))
    source.deliver('umlaut', sender=EmailAddress('U', 'u@xn--bcher-kva.example'))
    fetched = names(instance(fetch_from=written), 1)
    assert fetched == found
    field_report('M3', f'senders {written!r}', '0 incidents, Test ok', f'{fetched}')


@pytest.mark.parametrize(
    'written',
    [
        '{0}/Cases; Junk Email',
        '/{0}/Cases/\nJunk Email\n',
        '\\\\\\\\ada@contoso.example\\{1}\\Cases, Junk Email',
        '{1}\\Cases;junkemail',
        '{0} / Cases ,, junkemail',
    ],
)
def test_folders_are_understood_as_people_write_them(
    source: MailSource, instance: Instance, field_report: Report, written: str
) -> None:
    source.deliver('case', source.folder('Cases'))
    source.mailbox.move(source.deliver('junk'), 'junkemail')
    written = written.format(source.path, source.path.replace('/', '\\'))
    fetched = names(instance(folder_to_fetch=written), 1)
    assert fetched == ['case', 'junk']
    field_report('M3', f'folders {written!r}', 'There is no folder', f'{fetched}')


@pytest.mark.parametrize(
    'params, field',
    [
        *(
            ({'fetch_from': text}, 'Senders')
            for text in (
                'Bob',
                'bob@',
                'bob at contoso.example',
                'https://contoso.example',
                'bob@contoso',
                '*',
                'b*b@contoso.example',
            )
        ),
        ({'fetch_exclude_senders': 'newsletters'}, 'Excluded senders'),
        ({'fetch_from': 'bob@contoso.example', 'fetch_exclude_senders': 'contoso.example'}, 'Excluded senders'),
        ({'fetch_subject': '\u200b'}, 'Subject contains'),
        *(
            ({'fetch_filter': text}, 'Filter')
            for text in (
                'subject',
                'subject eq invoice',
                "body/content eq 'x'",
                'subject gt 5 and isRead',
                "(subject eq 'a'",
                'subject:invoice AND from:bob',
                "isRead eq 'x'",
                '(' * 30 + 'isRead eq true' + ')' * 30,
                "startswith(isRead, 'x')",
                'x' * 5000,
                "categories/all(c:c eq 'x')",
            )
        ),
    ],
)
def test_an_invalid_filter_is_rejected_before_a_request(
    instance: Instance, field_report: Report, params: dict[str, Any], field: str
) -> None:
    with pytest.raises(DemistoException, match=field) as caught:
        FetchOptions(params)
    run = instance(**params).fetch()
    assert (run.error, run.requests) == (str(caught.value), 0)
    [given] = list(params.values())[-1:]
    field_report('M3', f'{field}: {given[:40]!r}', '0 incidents, Test ok', str(caught.value))


@pytest.mark.parametrize(
    'written, found',
    [
        ("contains(subject, 'URGENT')", ['urgent']),
        ("from/emailAddress/address eq 'sam@elsewhere.example' or importance eq 'high'", ['high', 'other']),
        ("not (importance eq 'high') and not contains(subject,'other')", ['urgent']),
        ('isRead eq true', ['other']),
        ("categories/any(c:c eq 'red')", ['high']),
        ('$filter=receivedDateTime ge 2020-01-01T00:00:00Z and hasAttachments eq false', ['high', 'other', 'urgent']),
        ("startswith(subject,'hi') or endswith(subject,'ENT')", ['high', 'urgent']),
        ("toRecipients/any(r:r/emailAddress/address eq 'bob@contoso.example')", []),
    ],
)
@pytest.mark.parametrize('is_backlog', [True, False])
def test_a_filter_is_evaluated(source: MailSource, instance: Instance, written: str, found: list[str], is_backlog: bool) -> None:
    platform = instance(fetch_filter=written)
    if not is_backlog:
        platform.fetch()
    source.deliver('urgent')
    source.deliver('high', importance='high', categories=['Red'])
    source.deliver('other', sender=STRANGER, is_read=True)
    assert names(platform, 2) == found


@pytest.mark.parametrize(
    'excluded, found', [('partner.example', ['b']), ('Sam <sam@elsewhere.example>', ['a']), ('x.example', ['a', 'b'])]
)
def test_senders_are_excluded(source: MailSource, instance: Instance, excluded: str, found: list[str]) -> None:
    source.deliver('a', sender=PARTNER)
    source.deliver('b', sender=STRANGER)
    assert names(instance(fetch_exclude_senders=excluded), 1) == found


@pytest.mark.parametrize(
    'wanted, subject',
    [
        ('R\u00e9sum\u00e9', 'Your Re\u0301sume\u0301'),
        ('Re\u0301sume\u0301', 'Your R\u00e9sum\u00e9'),
        ('\ufb01nal', 'FINAL notice'),
        ('STRASSE', 'Kleine Stra\u00dfe 5'),
        ('in voice', 'IN\u00a0VOICE'),
        ('invoice', 'In\u00advo\u200bice'),
        ('\uff29nvoice', 'invoice'),
    ],
)
def test_subjects_are_compared_as_text(
    source: MailSource, instance: Instance, field_report: Report, wanted: str, subject: str
) -> None:
    source.deliver(subject)
    source.deliver('something else')
    fetched = names(instance(fetch_subject=wanted), 1)
    assert fetched == [subject]
    field_report('M13', f'{wanted!a} for {subject!a}', '0 incidents', f'{len(fetched)} incident')


@pytest.mark.parametrize(
    'text', ['15', '2.5', '2030-01-31T08:00:00Z', '2031-01-01', 'soon', 'in 2 hours', 'x days', '2025-13-45', '9' * 21]
)
def test_an_invalid_first_fetch_time_is_rejected_before_a_request(instance: Instance, field_report: Report, text: str) -> None:
    run = instance(first_fetch=text).fetch()
    assert 'First fetch time' in run.error
    assert run.requests == 0
    field_report('M17', f'first fetch {text!r}', 'read as a date, or refused after 9 s', run.error)


@pytest.mark.parametrize(
    'text, days',
    [
        ('2 days', 2),
        ('1 day, 12 hours ago', 1.5),
        ('a week', 7),
        ('36h', 1.5),
        ('last 90 min', 0.0625),
        ('yesterday', 1),
        ('1.5 days', 1.5),
    ],
)
def test_a_first_fetch_time_is_understood_as_people_write_it(
    source: MailSource, instance: Instance, field_report: Report, text: str, days: float
) -> None:
    source.deliver('inside', age=days * DAY - 60)
    source.deliver('outside', age=days * DAY + 60)
    fetched = names(instance(first_fetch=text), 1)
    assert fetched == ['inside']
    field_report('M17', f'first fetch {text!r}', 'by dateparser', f'{fetched}')


@pytest.mark.parametrize(
    'params, found',
    [
        ({}, ['mail']),
        ({'fetch_drafts': True}, ['draft', 'mail']),
        ({'fetch_filter': 'isDraft eq true'}, ['draft']),
        ({'fetch_unread_only': True}, ['mail']),
        ({'fetch_from': 'partner.example'}, ['mail']),
    ],
)
@pytest.mark.parametrize('is_backlog', [True, False])
def test_drafts_are_fetched_only_if_they_are_wanted(
    source: MailSource, instance: Instance, field_report: Report, params: dict[str, Any], found: list[str], is_backlog: bool
) -> None:
    platform = instance(**params)
    if not is_backlog:
        platform.fetch()
    source.deliver('draft', is_draft=True)
    source.deliver('mail')
    fetched = names(platform, 2)
    assert fetched == found
    field_report('M22', f'a draft and a mail, {params}, backlog: {is_backlog}', "['draft', 'mail']", f'{fetched}')


# endregion
# region M7, M8, M9: what can be known of a mail


@pytest.mark.parametrize('params', [{}, {'fetch_eml': True}, {'fetch_html_formatting': True}])
@pytest.mark.parametrize('size', [0, 300_000])
def test_headers_that_graph_does_not_show_are_read_from_mime(
    source: MailSource, instance: Instance, field_report: Report, params: dict[str, Any], size: int
) -> None:
    source.mailbox.hides_internal_headers = True
    message = source.deliver(
        sender=EmailAddress('Bob', 'bob@contoso.example'), headers=[('X-Trace', 'a:b'), ('X-Long', 'c ' * 200)]
    )
    source.mailbox.attach_file(message, 'a.bin', bytes(size))
    [incident] = instance(**params).fetch().incidents
    headers = {one['name']: one['value'] for one in incident.raw['Headers']}
    assert (headers['X-Trace'], headers['Subject'], headers['X-Long'].split()) == ('a:b', 'A mail', ['c'] * 200)
    assert 'Missing' not in incident.raw
    field_report('M7', f'a mail of a colleague, {params}, attachment of {size} bytes', 'Headers: []', f'{len(headers)} headers')


@pytest.mark.parametrize('subject', ['Invoice 5', 'x' * 300, '', 'Re\u0301', '![t](http://evil.example/t.png)'])
def test_what_the_list_showed_of_an_unreadable_mail_is_kept(
    source: MailSource, instance: Instance, field_report: Report, subject: str
) -> None:
    source.deliver(subject).broken.add('message')
    platform = instance()
    platform.run_until_quiet()
    [incident] = platform.incidents
    assert incident.name == (subject[:120] or '(no subject)')
    assert (incident.raw['From'], bool(incident.raw['Missing'])) == (PARTNER.address, True)
    shown = f'{incident.name[:40]!a}, {incident.raw["From"]}'
    field_report('M8', f'an unreadable mail with the subject {subject[:40]!a}', '(no subject), no sender', shown)


@pytest.mark.parametrize(
    'code',
    [
        'ErrorMimeContentConversionFailed',
        'ErrorContentConversionFailed',
        'ErrorItemCorrupt',
        'ErrorCorruptData',
        'ErrorMimeContentInvalid',
    ],
)
@pytest.mark.parametrize('status', [500, 503])
def test_a_mail_that_cannot_be_converted_is_not_tried_again(
    source: MailSource, instance: Instance, field_report: Report, code: str, status: int
) -> None:
    source.deliver()
    body = {'error': {'code': code, 'message': 'No.'}}
    source.cloud.faults.add(service='graph', path=r'/\$value$', status=status, body=body, times=None)
    run = instance(fetch_eml=True).fetch()
    [missing] = run.incidents[0].raw['Missing']
    assert code in missing
    assert 'Try again' not in missing
    field_report('M9', f'$value answers {status} {code}', 'incident five runs late', f'in the first run: {missing}')


@pytest.mark.parametrize('size', [5000, 2_000_000])
def test_a_file_that_exchange_cannot_open_is_not_tried_again(
    source: MailSource, instance: Instance, field_report: Report, size: int
) -> None:
    source.mailbox.attach_file(source.deliver(), 'report.pdf', bytes(size))
    body = {'error': {'code': 'ErrorCannotOpenFileAttachment', 'message': 'OLE conversion failed for an attachment.'}}
    source.cloud.faults.add(service='graph', path=r'/attachments/.*\$value$', status=500, body=body, times=None)
    [missing] = instance().fetch().incidents[0].raw['Missing']
    assert 'OLE conversion failed' in missing
    field_report('M9', f'$value of a file of {size} bytes: 500 ErrorCannotOpenFileAttachment', 'five runs late', missing)


@pytest.mark.parametrize('status, code', [(400, 'UnknownError'), (500, 'ErrorCorruptData'), (413, 'BadRequest')])
@pytest.mark.parametrize('part', ['(?!delta)[^/]+', '[^/]+/attachments/.*', '[^/]+/.value'])
def test_what_fails_in_a_batch_is_read_alone(
    source: MailSource, instance: Instance, field_report: Report, status: int, code: str, part: str
) -> None:
    source.mailbox.attach_file(source.deliver(), 'report.pdf', bytes(5000))
    body = {'error': {'code': code, 'message': 'No.'}}
    source.cloud.faults.add(service='graph', path=rf'/messages/{part}$', status=status, body=body)
    [incident] = instance(fetch_eml=True).fetch().incidents
    assert not source.cloud.faults.all()
    assert 'Missing' not in incident.raw
    assert (len(incident.files), bool(incident.raw['Body'])) == (2, True)
    field_report('M1', f'{part} answers {status} {code} once, in a batch', 'body or file missing', 'complete, in the first run')


# endregion
# region M6: meetings

_INVITATION = (
    'BEGIN:VCALENDAR\r\nMETHOD:{method}\r\nBEGIN:VEVENT\r\nSUMMARY:Plan\r\nORGANIZER;CN="Eve: boss":mailto:eve@evil.example\r\n'
    'DTSTART;TZID=W. Europe Standard Time:20300101T090000\r\n{location}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n'
)


def invitation(method: str, location: str, is_base64: bool) -> bytes:
    """Return a mail with an invitation."""
    calendar = _INVITATION.format(method=method, location=location)
    text = base64.encodebytes(calendar.encode()).decode() if is_base64 else calendar
    encoding = 'base64' if is_base64 else '8bit'
    return (
        f'Subject: Plan\r\nFrom: eve@evil.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n'
        f'--b\r\nContent-Type: text/plain\r\n\r\nCome\r\n--b\r\nContent-Type: text/calendar; charset=utf-8; method={method}\r\n'
        f'Content-Transfer-Encoding: {encoding}\r\n\r\n{text}\r\n--b--\r\n'
    ).encode()


@pytest.mark.parametrize(
    'method, location, expected',
    [
        ('REQUEST', 'LOCATION:https://evil.example', 'https://evil.example'),
        ('REQUEST', 'LOCATION;LANGUAGE=en-US:https://evil.example/a\\,b', 'https://evil.example/a,b'),
        ('REQUEST', 'LOCATION:https://evil.ex\r\n ample/folded', 'https://evil.example/folded'),
        ('CANCEL', 'LOCATION:Room 5\r\nURL:https://evil.example/u', 'https://evil.example/u'),
        ('REPLY', 'DESCRIPTION:Join\\nhttps://evil.example/d\\nnow', 'https://evil.example/d'),
    ],
)
@pytest.mark.parametrize('is_base64, eml', [(False, False), (True, True)])
def test_an_invitation_is_a_file_and_fields(
    source: MailSource,
    instance: Instance,
    field_report: Report,
    method: str,
    location: str,
    expected: str,
    is_base64: bool,
    eml: bool,
) -> None:
    kind = 'eventMessageRequest' if method == 'REQUEST' else 'eventMessage'
    source.deliver('Plan', source=invitation(method, location, is_base64), kind=kind)
    [incident] = instance(fetch_eml=eml).fetch().incidents
    event = incident.raw['Event']
    assert (incident.raw['Kind'], event['Method'], event['Organizer']) == (kind, method, 'eve@evil.example')
    assert event['Links'] == [expected]
    assert incident.file('invitation.ics').startswith(b'BEGIN:VCALENDAR')
    assert ('Email/Event/Organizer', 'eve@evil.example') in incident.labels
    field_report('M6', f'{kind} with {location!r}', 'neither kind nor link', f'{event.get("Location")}, {event["Links"]}')


# endregion
# region M18: the size of incidents


@pytest.mark.parametrize(
    'html, params',
    [
        ('<p>' + 'word ' * 400_000, {'fetch_html_formatting': True, 'display_full_email_body': True}),
        ('<p>' + 'word ' * 400_000, {}),
        ('<!--' + 'x' * 2_000_000 + '--><p>hello', {'fetch_html_formatting': True}),
        ('<p>' + '\u20ac' * 1_000_000, {'fetch_html_formatting': True}),
        ('<p>' + 'short', {'fetch_html_formatting': True}),
    ],
)
def test_an_incident_is_shortened_and_says_so(
    source: MailSource, instance: Instance, field_report: Report, html: str, params: dict[str, Any]
) -> None:
    source.deliver(html=html)
    [incident] = instance(**params).fetch().incidents
    size, bodies = len(json.dumps(incident.fields)), [incident.raw[name] for name in ('Body', 'Text', 'HTML')]
    assert all(len(body) <= 500_000 for body in bodies)
    assert not [name for name, value in incident.labels if len(value) > 10_000]
    is_long = len(html) > 500_000
    assert any('shortened' in one for one in incident.raw.get('Missing', [])) is (
        is_long and 'shortened' in incident.fields['details']
    )
    field_report('M18', f'{len(html)} characters of HTML, {params}', '8 times the body', f'{size / len(html):.1f} times the body')


# endregion
