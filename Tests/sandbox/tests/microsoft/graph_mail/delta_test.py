"""Delta: rounds of changes of a folder, and of the folders."""

from typing import Any

import pytest

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.tests.microsoft.graph_mail.graph_client import IMMUTABLE, GraphClient

ZOE = EmailAddress('Zoë', 'zoe@partner.example')
DELTA = '/mailFolders/archive/messages/delta'


def put(mailbox: Mailbox, subject: str, age: float = 0, folder: str = 'archive') -> Message:
    return mailbox.deliver(Message(subject, ZOE, mailbox.now() - age, html='<p>x</p>'), folder)


def round_of(graph: GraphClient, path: str, **headers: str) -> tuple[list[dict[str, Any]], str]:
    """Return all rows of a delta sync, and the link of the next one."""
    pages = graph.pages(path, **{**IMMUTABLE, **headers})
    return [row for page in pages for row in page['value']], pages[-1]['@odata.deltaLink']


def subjects(rows: list[dict[str, Any]]) -> list[str]:
    return [row.get('subject') or '-' for row in rows]


def test_a_first_round_holds_everything_and_the_next_nothing(graph: GraphClient) -> None:
    rows, link = round_of(graph, '/mailFolders/inbox/messages/delta?$select=subject&$top=7')
    assert sorted(subjects(rows)) == sorted(f'Report {number}' for number in range(1, 26))
    assert round_of(graph, link)[0] == []
    assert len(graph.pages('/mailFolders/inbox/messages/delta', Prefer='odata.maxpagesize=5')) == 5


def test_what_happens_to_a_message_is_told_once(graph: GraphClient, mailbox: Mailbox) -> None:
    kept, moved, deleted = (put(mailbox, name) for name in ('kept', 'moved', 'deleted'))
    before, link = round_of(graph, DELTA)
    assert len(before) == 3
    kept.is_read = True
    mailbox.touch(kept)
    mailbox.touch(kept)
    mailbox.move(moved, 'inbox')
    mailbox.remove(deleted)
    put(mailbox, 'late', age=86400)
    rows, link = round_of(graph, link)
    assert subjects(rows) == ['kept', '-', '-', 'late']
    assert [row['id'] for row in rows if '@removed' in row] == [moved.immutable_id, deleted.immutable_id]
    mailbox.restore(moved)
    rows, link = round_of(graph, link)
    assert [(row['subject'], row['id']) for row in rows] == [('moved', moved.immutable_id)]
    assert round_of(graph, link)[0] == []


@pytest.mark.parametrize('told, rows', [('created', 1), ('removed', 2), ('nothing', 0)])
def test_what_is_told_of_a_message_that_came_back_can_be_chosen(
    graph: GraphClient, mailbox: Mailbox, told: str, rows: int
) -> None:
    mailbox.told_of_returned = told
    message, gone = put(mailbox, 'restless'), put(mailbox, 'gone')
    _, link = round_of(graph, f'{DELTA}?changeType=created')
    mailbox.move(mailbox.move(message, 'inbox'), 'archive')
    mailbox.move(gone, 'inbox')
    found, link = round_of(graph, link)
    assert [row['id'] for row in found] == [message.immutable_id, gone.immutable_id][:rows]
    assert ['@removed' in row for row in found] == [told == 'removed'] * rows
    assert round_of(graph, link)[0] == []


@pytest.mark.parametrize('is_on, expected', [(True, [{'isRead'}]), (False, [])])
def test_changes_can_be_told_as_partial_rows(graph: GraphClient, mailbox: Mailbox, is_on: bool, expected: list[set[str]]) -> None:
    mailbox.tells_partial_changes = is_on
    read, flagged = put(mailbox, 'read'), put(mailbox, 'flagged')
    _, link = round_of(graph, f'{DELTA}?changeType=created&$select=subject,isRead')
    mailbox.touch(read, 'isRead')
    mailbox.touch(flagged, 'flag')
    found, _ = round_of(graph, link)
    assert [{*row} - {'@odata.type', 'id'} for row in found] == expected


@pytest.mark.parametrize('status', [400, 501])
def test_delta_can_be_missing(graph: GraphClient, mailbox: Mailbox, status: int) -> None:
    mailbox.delta_status = status
    assert graph.error('GET', DELTA)[0] == status


@pytest.mark.parametrize('slow_status', [504, 503])
def test_large_pages_may_be_too_much(graph: GraphClient, mailbox: Mailbox, slow_status: int) -> None:
    mailbox.max_page, mailbox.slow_status = 100, slow_status
    for size, status in ((100, 200), (101, slow_status)):
        assert graph.request('GET', f'/messages?$top={size}').status_code == status
        assert graph.request('GET', DELTA, Prefer=f'odata.maxpagesize={size}').status_code == status
    assert graph.error('GET', '/messages?$top=101') == (slow_status, 'UnknownError')


def test_a_page_with_one_message_may_be_too_much(graph: GraphClient, mailbox: Mailbox) -> None:
    folder = mailbox.make_folder('Slow', 'inbox').folder_id
    _, broken, _ = (put(mailbox, name, age, folder) for age, name in enumerate('cba'))
    broken.broken.add('page')
    path = f'/mailFolders/{folder}/messages'
    for options in ('', '?$top=1&$skip=1', '/delta'):
        assert graph.error('GET', f'{path}{options}') == (504, 'UnknownError')
    for skip, subject in ((0, 'c'), (2, 'a')):
        page = graph.request('GET', f'{path}?$top=1&$skip={skip}').json()
        assert subjects(page['value']) == [subject]
    assert graph.request('GET', f'/messages/{broken.message_id}').status_code == 200


def test_a_mailbox_without_room_for_syncs_has_lists(graph: GraphClient, mailbox: Mailbox) -> None:
    put(mailbox, 'listed')
    _, link = round_of(graph, DELTA)
    mailbox.has_room_for_syncs = False
    for path in (DELTA, link):
        assert graph.error('GET', path) == (403, 'ErrorQuotaExceeded')
    assert 'listed' in subjects(graph.rows('/mailFolders/archive/messages'))


def test_out_and_in_again_within_a_round_is_one_row(graph: GraphClient, mailbox: Mailbox) -> None:
    message = put(mailbox, 'restless')
    _, link = round_of(graph, DELTA)
    mailbox.move(mailbox.move(message, 'inbox'), 'archive')
    assert subjects(round_of(graph, link)[0]) == ['restless']


def test_a_message_that_leaves_while_a_first_round_is_read_is_removed_only_if_it_was_seen(
    graph: GraphClient, mailbox: Mailbox
) -> None:
    seen, unseen = put(mailbox, 'seen'), put(mailbox, 'unseen')
    page = graph.get(f'{DELTA}?$top=1', **IMMUTABLE)
    assert subjects(page['value']) == ['seen']
    mailbox.move(seen, 'inbox')
    mailbox.move(unseen, 'inbox')
    rows, _ = round_of(graph, page['@odata.nextLink'])
    assert [row['id'] for row in rows] == [seen.immutable_id]


def test_removed_rows_have_the_id_that_the_client_knows(graph: GraphClient, mailbox: Mailbox) -> None:
    message = put(mailbox, 'x')
    known = graph.get(DELTA)
    mailbox.move(message, 'inbox')
    assert graph.get(known['@odata.deltaLink'])['value'] == [{'@removed': {'reason': 'deleted'}, 'id': known['value'][0]['id']}]


@pytest.mark.parametrize('kind, found', [('created', ['new', 'back']), ('updated', ['changed']), ('deleted', ['-'])])
def test_change_type(graph: GraphClient, mailbox: Mailbox, kind: str, found: list[str]) -> None:
    changed, gone, back = (put(mailbox, name) for name in ('changed', 'gone', 'back'))
    mailbox.move(back, 'inbox')
    _, link = round_of(graph, f'{DELTA}?changeType={kind}')
    put(mailbox, 'new')
    mailbox.touch(changed)
    mailbox.move(gone, 'inbox')
    mailbox.move(back, 'archive')
    assert subjects(round_of(graph, link)[0]) == found


def test_filter_and_order(graph: GraphClient, mailbox: Mailbox, cloud: MicrosoftCloud) -> None:
    for age in (300, 100, 200, 9000):
        put(mailbox, str(age), age)
    since = '2000-01-01T00:00:00Z'
    ordered = f'{DELTA}?$filter=receivedDateTime ge {since}&$orderby=receivedDateTime desc&$top=3&$select=subject'
    assert subjects(round_of(graph, ordered)[0]) == ['100', '200', '300', '9000']
    bound = graph.get("/mailFolders/archive/messages?$filter=subject eq '300'")['value'][0]['receivedDateTime']
    assert set(subjects(round_of(graph, f'{DELTA}?$filter=receivedDateTime ge {bound}')[0])) == {'300', '200', '100'}
    rows, link = round_of(graph, f'{DELTA}?$filter=receivedDateTime gt {bound}')
    assert set(subjects(rows)) == {'200', '100'}
    put(mailbox, 'too old', 9000)
    put(mailbox, 'new')
    assert subjects(round_of(graph, link)[0]) == ['new']


def test_a_sorted_first_round_misses_nothing_that_happens_meanwhile(graph: GraphClient, mailbox: Mailbox) -> None:
    messages = {age: put(mailbox, str(age), age) for age in (100, 200, 300)}
    page = graph.get(f'{DELTA}?$orderby=receivedDateTime desc&$top=1', **IMMUTABLE)
    assert subjects(page['value']) == ['100']
    mailbox.move(messages[100], 'inbox')
    mailbox.touch(messages[300])
    put(mailbox, 'new')
    rows, _ = round_of(graph, page['@odata.nextLink'])
    assert subjects(rows) == ['200', '-', '300', 'new']


def test_the_first_call_fixes_the_parameters(graph: GraphClient, mailbox: Mailbox) -> None:
    put(mailbox, 'x')
    rows, link = round_of(graph, f'{DELTA}?$select=isRead&$expand=attachments')
    assert set(rows[0]) == {'@odata.type', '@odata.etag', 'id', 'isRead', 'attachments', 'attachments@odata.context'}
    put(mailbox, 'y')
    assert set(graph.get(f'{link}&$select=subject')['value'][0]) == set(rows[0])


def test_tokens_expire(graph: GraphClient, mailbox: Mailbox, cloud: MicrosoftCloud) -> None:
    page = graph.get('/mailFolders/inbox/messages/delta')
    mailbox.expire_delta_tokens()
    assert graph.error('GET', page['@odata.nextLink']) == (410, 'SyncStateNotFound')
    _, link = round_of(graph, DELTA)
    mailbox.delta_token_seconds = 60
    assert graph.get(link)['value'] == []
    cloud.clock.advance(61)
    assert graph.error('GET', link) == (410, 'SyncStateNotFound')


def test_wrong_tokens_and_folders_that_are_gone(graph: GraphClient, mailbox: Mailbox) -> None:
    _, link = round_of(graph, DELTA)
    assert graph.error('GET', f'{DELTA}?$deltatoken=abc') == (400, 'BadRequest')
    assert graph.error('GET', link[:-6] + 'AAAAAA') == (400, 'BadRequest')
    assert graph.error('GET', link.replace('archive', 'inbox')) == (400, 'BadRequest')
    folder = mailbox.make_folder('Short-lived')
    _, link = round_of(graph, f'/mailFolders/{folder.folder_id}/messages/delta')
    mailbox.rename_folder(folder, 'Renamed')
    assert graph.get(link)['value'] == []
    mailbox.remove_folder(folder)
    assert graph.error('GET', link) == (404, 'ErrorItemNotFound')


@pytest.mark.parametrize(
    'options, code',
    [
        ('$search="a"', 'ErrorInvalidUrlQuery'),
        ('$filter=isRead eq true', 'ErrorInvalidUrlQuery'),
        ('$filter=receivedDateTime ge yesterday', 'ErrorInvalidUrlQuery'),
        ('$orderby=subject', 'ErrorInvalidUrlQuery'),
        ('$orderby=receivedDateTime asc', 'ErrorInvalidUrlQuery'),
        ('changeType=moved', 'BadRequest'),
        ('$select=colour', 'RequestBroker--ParseUri'),
        ('$top=0', 'ErrorInvalidUrlQuery'),
    ],
)
def test_what_delta_does_not_take(graph: GraphClient, options: str, code: str) -> None:
    assert graph.error('GET', f'{DELTA}?{options}') == (400, code)


def test_a_first_round_can_be_made_to_stop_early(graph: GraphClient, mailbox: Mailbox) -> None:
    mailbox.first_delta_sync_limit = 12
    rows, link = round_of(graph, '/mailFolders/inbox/messages/delta?$top=5')
    assert len(rows) == 12
    put(mailbox, 'new', folder='inbox')
    assert subjects(round_of(graph, link)[0]) == ['new']


def test_folders_have_a_delta_too(graph: GraphClient, mailbox: Mailbox) -> None:
    pages = graph.pages('/mailFolders/delta')
    names = [row['displayName'] for page in pages for row in page['value']]
    assert {'Inbox', 'Drafts'} < set(names)
    assert 'Sync Issues' not in names
    folder = mailbox.make_folder('New', 'inbox')
    page = graph.get(pages[-1]['@odata.deltaLink'])
    assert [row['displayName'] for row in page['value']] == ['New']
    mailbox.remove_folder(folder)
    assert graph.get(page['@odata.deltaLink'])['value'] == [{'@removed': {'reason': 'deleted'}, 'id': folder.folder_id}]


def test_a_large_folder_is_read_in_time_that_grows_with_it(graph: GraphClient, mailbox: Mailbox) -> None:
    for number in range(3000):
        put(mailbox, str(number))
    rows, _ = round_of(graph, f'{DELTA}?$select=id', Prefer='IdType="ImmutableId",odata.maxpagesize=500')
    assert len({row['id'] for row in rows}) == 3000


def test_what_a_person_does_through_graph_is_created_where_it_arrives(graph: GraphClient, mailbox: Mailbox) -> None:
    moved, deleted, held_up = put(mailbox, 'moved'), put(mailbox, 'deleted', age=86400), Message('held up', ZOE, 86400)
    _, archive = round_of(graph, f'{DELTA}?changeType=created&$select=subject')
    _, inbox = round_of(graph, '/mailFolders/inbox/messages/delta?changeType=created&$select=subject')
    graph.post(f'/messages/{moved.immutable_id}/move', {'destinationId': 'inbox'})
    graph.delete(f'/messages/{deleted.immutable_id}')
    graph.post(f'/messages/{deleted.immutable_id}/move', {'destinationId': 'archive'})
    graph.post(f'/messages/{moved.immutable_id}/copy', {'destinationId': 'archive'})
    mailbox.deliver(held_up, 'archive')
    rows, archive = round_of(graph, archive)
    assert subjects(rows) == ['deleted', 'moved', 'held up']
    assert [row['id'] for row in rows][::2] == [deleted.immutable_id, held_up.immutable_id]
    rows, _ = round_of(graph, inbox)
    assert [row['id'] for row in rows] == [moved.immutable_id]
    # what is only changed is not created, also when it came in an earlier round
    graph.patch(f'/messages/{held_up.immutable_id}', {'isRead': True})
    assert round_of(graph, archive)[0] == []


def test_each_request_of_a_round_says_its_page_size(graph: GraphClient, mailbox: Mailbox) -> None:
    for number in range(12):
        put(mailbox, str(number))
    page = graph.get(DELTA, Prefer='odata.maxpagesize=3')
    assert len(page['value']) == 3
    page = graph.get(page['@odata.nextLink'], Prefer='odata.maxpagesize=5')
    assert len(page['value']) == 5
    answer = graph.request('GET', page['@odata.nextLink'], Prefer='odata.maxpagesize=2')
    assert answer.headers['Preference-Applied'] == 'odata.maxpagesize=2'
    assert len(answer.json()['value']) == 2
    assert len(graph.get(f'{DELTA}?$top=4', Prefer='odata.maxpagesize=9')['value']) == 4


def test_a_deleted_folder_keeps_its_id_and_its_delta_until_it_is_removed(graph: GraphClient, mailbox: Mailbox) -> None:
    folder = graph.post('/mailFolders', {'displayName': 'Phishing'})
    path = f'/mailFolders/{folder["id"]}'
    put(mailbox, 'first', folder=folder['id'])
    rows, link = round_of(graph, f'{path}/messages/delta')
    assert subjects(rows) == ['first']
    graph.delete(path)
    assert graph.get(path)['parentFolderId'] == graph.get('/mailFolders/deleteditems')['id']
    put(mailbox, 'second', folder=folder['id'])
    rows, link = round_of(graph, link)
    assert subjects(rows) == ['second']
    graph.delete(path)
    assert graph.error('GET', link) == (404, 'ErrorItemNotFound')
    assert graph.error('GET', f'{path}/messages/delta') == (404, 'ErrorItemNotFound')


def test_an_expired_token_restarts_with_the_same_ids(graph: GraphClient, mailbox: Mailbox) -> None:
    message = put(mailbox, 'x')
    _, link = round_of(graph, DELTA)
    mailbox.expire_delta_tokens()
    answer = graph.request('GET', link, **IMMUTABLE)
    error = answer.json()['error']
    assert (answer.status_code, error['code']) == (410, 'SyncStateNotFound')
    rows, link = round_of(graph, DELTA)
    assert [row['id'] for row in rows] == [message.immutable_id]
    assert round_of(graph, link)[0] == []


@pytest.mark.parametrize(
    'size, limit, pages', [(5, 12, [5, 5, 2]), (10, 10, [10]), (5, 10, [5, 5]), (50, 1, [1]), (10, 30, [10, 10, 5])]
)
def test_a_limited_first_round_ends_with_a_delta_link_though_there_is_more(
    graph: GraphClient, mailbox: Mailbox, size: int, limit: int, pages: list[int]
) -> None:
    mailbox.first_delta_sync_limit = limit
    found = graph.pages('/mailFolders/inbox/messages/delta?$select=subject', Prefer=f'odata.maxpagesize={size}')
    assert [len(page['value']) for page in found] == pages
    assert ['@odata.deltaLink' in page for page in found] == [False] * (len(pages) - 1) + [True]
    # later rounds have no limit, and do not bring what the first one left out
    for number in range(12):
        put(mailbox, f'new {number}', folder='inbox')
    rows, _ = round_of(graph, found[-1]['@odata.deltaLink'])
    assert subjects(rows) == [f'new {number}' for number in range(12)]


def test_a_mail_that_comes_and_goes_between_two_rounds_is_told_as_removed(graph: GraphClient, mailbox: Mailbox) -> None:
    _, created = round_of(graph, f'{DELTA}?changeType=created')
    _, all_kinds = round_of(graph, DELTA)
    message = put(mailbox, 'short web_app')
    mailbox.move(message, 'inbox')
    assert round_of(graph, created)[0] == []
    assert [row['id'] for row in round_of(graph, all_kinds)[0]] == [message.immutable_id]


def test_a_link_that_was_left_far_behind_expires(graph: GraphClient, mailbox: Mailbox) -> None:
    mailbox.delta_generations = 3
    links = [round_of(graph, DELTA)[1]]
    for _ in range(3):
        links.append(round_of(graph, links[-1])[1])
    # the latest answer is the third generation after the first one's: that is one too many
    assert graph.error('GET', links[0]) == (410, 'SyncStateNotFound')
    assert graph.get(links[1])['value'] == []
    # rounds know nothing of each other
    other = round_of(graph, DELTA)[1]
    put(mailbox, 'new')
    assert subjects(round_of(graph, links[-1])[0]) == subjects(round_of(graph, other)[0]) == ['new']


def test_the_same_link_may_be_asked_again(graph: GraphClient, mailbox: Mailbox) -> None:
    mailbox.delta_generations = 3
    _, link = round_of(graph, DELTA)
    put(mailbox, 'x')
    for _ in range(5):
        assert subjects(round_of(graph, link)[0]) == ['x']
