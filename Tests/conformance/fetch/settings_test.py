"""What an admin sets: folders, filters, how far back, how much; and the sentences about what cannot be."""

from typing import Any

import pytest

from conformance.fetch.conftest import Instance
from conformance.fetch.mailroom import DAY, PARTNER, STRANGER, Mailroom, attach
from sandbox.microsoft.graph_mail.model import EmailAddress


def names(instance: Instance, **params: Any) -> list[str]:
    platform = instance(**params)
    platform.run_until_quiet()
    return sorted(one.name for one in platform.incidents)


# region folders


@pytest.mark.parametrize(
    'written, real',
    [
        ('Cases', 'Cases'),
        ('cAsEs', 'Cases'),
        (r'A\/B', 'A/B'),
        (r'A\, B', 'A, B'),
        (r'C:\\Mail', r'C:\Mail'),
        ('Büro & Co', 'Büro & Co'),
        ("Bob's", "Bob's"),
        ('50% off?', '50% off?'),
        ('..', '..'),
    ],
)
def test_a_folder_is_found_by_its_path(room: Mailroom, instance: Instance, written: str, real: str) -> None:
    room.mail('inside', room.folder(real))
    room.mail('elsewhere')
    assert names(instance, folder_to_fetch=f'{room.path}/{written}') == ['inside']


@pytest.mark.parametrize('code', ['BadRequest', 'RequestBroker--ParseUri', 'ErrorInvalidIdMalformed'])
def test_a_folder_is_found_by_its_name_whatever_graph_says_of_a_name_as_an_id(
    room: Mailroom, instance: Instance, code: str
) -> None:
    room.mail('inside', room.mailbox.make_folder('A/B', 'msgfolderroot'))
    room.cloud.faults.add(
        service='graph',
        path=r'/mailFolders/A(/|%2F)B$',
        status=400,
        times=None,
        body={'error': {'code': code, 'message': 'Resource not found for the segment.'}},
    )
    assert names(instance, folder_to_fetch=r'A\/B') == ['inside']


def test_a_folder_is_found_by_its_id(room: Mailroom, instance: Instance) -> None:
    cases = room.folder('Cases')
    room.mail('inside', cases)
    assert names(instance, folder_to_fetch=cases.folder_id) == ['inside']


@pytest.mark.parametrize('name', ['inbox', 'Inbox', 'junkemail', 'archive', 'deleteditems', 'Junk Email', 'Sent Items'])
def test_a_folder_is_found_by_its_well_known_or_its_display_name(room: Mailroom, instance: Instance, name: str) -> None:
    folder = next(
        one
        for one in room.mailbox.folders(room.inbox.parent_folder_id)
        if name.casefold() in (one.well_known_name, one.display_name.casefold())
    )
    room.mail('inside', folder)
    assert names(instance, folder_to_fetch=name) == ['inside']


def test_several_folders_are_fetched_from(room: Mailroom, instance: Instance) -> None:
    cases, slashed = room.folder('Cases'), room.folder('A/B, C')
    for subject, folder in (('1', cases), ('2', slashed), ('3', None), ('4', room.folder('Other'))):
        room.mail(subject, folder)
    assert names(instance, folder_to_fetch=rf'Inbox, {room.path}/A\/B\, C ,,{cases.folder_id}', max_fetch='1') == ['1', '2', '3']


def test_a_folder_that_is_named_twice_is_fetched_once(room: Mailroom, instance: Instance) -> None:
    cases = room.folder('Cases')
    room.mail('inside', cases)
    assert names(instance, folder_to_fetch=f'{room.path}/Cases, {cases.folder_id}, {room.path}/Cases') == ['inside']


@pytest.mark.parametrize('empty', ['', None, ' '])
def test_without_a_folder_it_is_the_inbox(room: Mailroom, instance: Instance, empty: str | None) -> None:
    room.mail('inside')
    assert names(instance, folder_to_fetch=empty) == ['inside']


def test_folders_below_the_named_one_are_not_fetched_from(room: Mailroom, instance: Instance) -> None:
    room.mail('below', room.folder('Cases'))
    assert names(instance) == []


@pytest.mark.parametrize('unknown', ['Nowhere', 'Inbox/Nowhere', 'AAMkAGVmMDEzMTM4LTZmYWUtNDdkNC1hMDZiAAA=', 'a/../b', '/', '\\'])
def test_a_folder_that_is_not_there_is_named(room: Mailroom, instance: Instance, unknown: str) -> None:
    run = instance(folder_to_fetch=unknown).fetch()
    said = run.error or ' '.join(run.health)
    assert unknown.rpartition('/')[2] in said
    assert 'folder' in said


def test_a_folder_that_is_not_there_blocks_none_of_the_others(room: Mailroom, instance: Instance) -> None:
    room.mail('inside')
    run = instance(folder_to_fetch='Nowhere, Inbox').fetch()
    assert run.names == ['inside']
    assert 'Nowhere' in ' '.join(run.health)


def test_a_shared_mailbox_is_fetched_from(room: Mailroom, instance: Instance) -> None:
    bob = room.cloud.mailbox('bob@contoso.example')
    assert len(names(instance, mailbox_to_fetch='bob@contoso.example')) == len(bob.messages())


# endregion
# region filters


@pytest.mark.parametrize(
    'wanted, found',
    [
        ('partner.example', ['of partner']),
        ('@partner.example', ['of partner']),
        ('QUENTIN@Partner.Example', ['of partner']),
        ('elsewhere.example, quentin@partner.example', ['of partner', 'of stranger']),
        ('example', []),
        ('tner.example', []),
        ('', ['of partner', 'of stranger', 'of sub']),
    ],
)
def test_senders(room: Mailroom, instance: Instance, wanted: str, found: list[str]) -> None:
    room.mail('of partner', sender=PARTNER)
    room.mail('of stranger', sender=STRANGER)
    room.mail('of sub', sender=EmailAddress('Sub', 'x@mail.notpartner.example'))
    assert names(instance, fetch_from=wanted) == found


@pytest.mark.parametrize(
    'wanted, found', [("o'b", ["O'Brien (50%)"]), ('50%', ["O'Brien (50%)"]), ('[EXT]', ['[ext] hello']), ('none', [])]
)
def test_subjects(room: Mailroom, instance: Instance, wanted: str, found: list[str]) -> None:
    for subject in ("O'Brien (50%)", '[ext] hello'):
        room.mail(subject)
    assert names(instance, fetch_subject=wanted) == found


def test_unread_only(room: Mailroom, instance: Instance) -> None:
    room.mail('read', is_read=True)
    room.mail('unread')
    platform = instance(fetch_unread_only=True)
    assert platform.fetch().names == ['unread']
    room.mail('read later', is_read=True)
    room.mail('unread later')
    assert platform.fetch().names == ['unread later']


def test_with_attachments_only(room: Mailroom, instance: Instance) -> None:
    attach(room.mailbox, room.mail('with'), 'file')
    attach(room.mailbox, room.mail('with a picture'), 'inline')
    room.mail('without')
    assert names(instance, fetch_with_attachments_only=True) == ['with']


def test_filters_hold_for_what_enters_and_for_what_was_there(room: Mailroom, instance: Instance) -> None:
    room.mail('urgent, there')
    room.mail('there')
    platform = instance(fetch_subject='urgent')
    assert platform.fetch().names == ['urgent, there']
    room.mail('urgent, late', age=9 * DAY)
    room.mail('late', age=9 * DAY)
    assert platform.fetch().names == ['urgent, late']


# endregion
# region how far back, how much


@pytest.mark.parametrize('first, found', [('1 hour', ['1']), ('5 hours', ['1', '2']), ('10 days', ['1', '2', '3']), ('', [])])
def test_the_first_fetch_goes_back_as_far_as_it_says(room: Mailroom, instance: Instance, first: str, found: list[str]) -> None:
    for number, hours in enumerate((0.5, 2, 48, 800), 1):
        room.mail(str(number), age=3600 * hours)
    assert names(instance, first_fetch=first) == found


def test_the_backlog_comes_oldest_first(room: Mailroom, instance: Instance) -> None:
    for number in (3, 1, 4, 2, 5):
        room.mail(str(number), age=1000 - number)
    platform = instance(max_fetch='2')
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == ['1', '2', '3', '4', '5']


def test_what_enters_is_not_kept_waiting_by_the_backlog_for_ever(room: Mailroom, instance: Instance) -> None:
    for number in range(20):
        room.mail(f'old {number}', age=5 * DAY - number)
    platform = instance(max_fetch='5')
    platform.fetch()
    room.mail('late', age=10 * DAY)
    platform.fetch()
    assert 'late' in platform.fetch().names + [one.name for one in platform.incidents]


# endregion
# region what cannot be


@pytest.mark.parametrize(
    'params, field',
    [
        ({'max_fetch': 'many'}, 'Maximum number'),
        ({'max_fetch': '0'}, 'Maximum number'),
        ({'max_fetch': '-1'}, 'Maximum number'),
        ({'max_fetch': '201'}, 'Maximum number'),
        ({'max_fetch': '2.5'}, 'Maximum number'),
        ({'max_fetch': '', 'fetch_limit': 'x'}, 'Maximum number'),
        ({'first_fetch': 'long ago'}, 'First fetch'),
        ({'max_attachment_size': 'big'}, 'Maximum attachment'),
        ({'max_attachment_size': '-3'}, 'Maximum attachment'),
        ({'mailbox_to_fetch': ''}, 'Email address of the mailbox'),
    ],
)
def test_a_bad_value_gives_one_sentence_that_names_the_field(
    room: Mailroom, instance: Instance, params: dict[str, Any], field: str
) -> None:
    run = instance(**params).fetch()
    said = run.error or ' '.join(run.health)
    assert field in said
    assert len(said) < 300
    assert run.incidents == []


def test_200_mails_is_the_most_of_a_run(room: Mailroom, instance: Instance) -> None:
    for number in range(205):
        room.mail(str(number))
    platform = instance(max_fetch='200', mark_fetched_read=True)
    assert len(platform.fetch().incidents) == 200
    assert len(platform.last_run) < 64 * 1024
    assert len(platform.fetch().incidents) == 5


# endregion
