"""The parameters of the fetch: folders, filters, first fetch time, limits, and invalid values."""

from typing import Any

import pytest

from conformance.fetch.conftest import Instance
from conformance.fetch.mail_source import DAY, PARTNER, STRANGER, MailSource, attach
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
def test_a_folder_is_found_by_its_path(source: MailSource, instance: Instance, written: str, real: str) -> None:
    source.deliver('inside', source.folder(real))
    source.deliver('elsewhere')
    assert names(instance, folder_to_fetch=f'{source.path}/{written}') == ['inside']


@pytest.mark.parametrize('code', ['BadRequest', 'RequestBroker--ParseUri', 'ErrorInvalidIdMalformed'])
def test_a_folder_is_found_by_its_name_whatever_error_graph_sends_for_a_name_as_id(
    source: MailSource, instance: Instance, code: str
) -> None:
    source.deliver('inside', source.mailbox.make_folder('A/B', 'msgfolderroot'))
    source.cloud.faults.add(
        service='graph',
        path=r'/mailFolders/A(/|%2F)B$',
        status=400,
        times=None,
        body={'error': {'code': code, 'message': 'Resource not found for the segment.'}},
    )
    assert names(instance, folder_to_fetch=r'A\/B') == ['inside']


def test_a_folder_is_found_by_its_id(source: MailSource, instance: Instance) -> None:
    cases = source.folder('Cases')
    source.deliver('inside', cases)
    assert names(instance, folder_to_fetch=cases.folder_id) == ['inside']


@pytest.mark.parametrize('name', ['inbox', 'Inbox', 'junkemail', 'archive', 'deleteditems', 'Junk Email', 'Sent Items'])
def test_a_folder_is_found_by_its_well_known_or_its_display_name(source: MailSource, instance: Instance, name: str) -> None:
    folder = next(
        one
        for one in source.mailbox.folders(source.inbox.parent_folder_id)
        if name.casefold() in (one.well_known_name, one.display_name.casefold())
    )
    source.deliver('inside', folder)
    assert names(instance, folder_to_fetch=name) == ['inside']


def test_several_folders_are_fetched_from(source: MailSource, instance: Instance) -> None:
    cases, slashed = source.folder('Cases'), source.folder('A/B, C')
    for subject, folder in (('1', cases), ('2', slashed), ('3', None), ('4', source.folder('Other'))):
        source.deliver(subject, folder)
    assert names(instance, folder_to_fetch=rf'Inbox, {source.path}/A\/B\, C ,,{cases.folder_id}', max_fetch='1') == [
        '1',
        '2',
        '3',
    ]


def test_a_folder_that_is_listed_twice_is_fetched_once(source: MailSource, instance: Instance) -> None:
    cases = source.folder('Cases')
    source.deliver('inside', cases)
    assert names(instance, folder_to_fetch=f'{source.path}/Cases, {cases.folder_id}, {source.path}/Cases') == ['inside']


@pytest.mark.parametrize('empty', ['', None, ' '])
def test_the_default_folder_is_the_inbox(source: MailSource, instance: Instance, empty: str | None) -> None:
    source.deliver('inside')
    assert names(instance, folder_to_fetch=empty) == ['inside']


def test_child_folders_are_not_fetched_from(source: MailSource, instance: Instance) -> None:
    source.deliver('below', source.folder('Cases'))
    assert names(instance) == []


@pytest.mark.parametrize('unknown', ['Nowhere', 'Inbox/Nowhere', 'AAMkAGVmMDEzMTM4LTZmYWUtNDdkNC1hMDZiAAA=', 'a/../b', '/', '\\'])
def test_a_folder_that_does_not_exist_is_named(source: MailSource, instance: Instance, unknown: str) -> None:
    run = instance(folder_to_fetch=unknown).fetch()
    said = run.error or ' '.join(run.health)
    assert unknown.replace('\\', '/').rpartition('/')[2] in said
    assert 'Folders to fetch from' in said
    assert 'folder' in said


def test_a_folder_that_does_not_exist_does_not_block_others(source: MailSource, instance: Instance) -> None:
    source.deliver('inside')
    run = instance(folder_to_fetch='Nowhere, Inbox').fetch()
    assert run.names == ['inside']
    assert 'Nowhere' in ' '.join(run.health)


def test_a_shared_mailbox_is_fetched_from(source: MailSource, instance: Instance) -> None:
    bob = source.cloud.mailbox('bob@contoso.example')
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
        ('tner.example', []),
        ('*.notpartner.example', ['of sub']),
        ('', ['of partner', 'of stranger', 'of sub']),
    ],
)
def test_senders(source: MailSource, instance: Instance, wanted: str, found: list[str]) -> None:
    source.deliver('of partner', sender=PARTNER)
    source.deliver('of stranger', sender=STRANGER)
    source.deliver('of sub', sender=EmailAddress('Sub', 'x@mail.notpartner.example'))
    assert names(instance, fetch_from=wanted) == found


@pytest.mark.parametrize(
    'wanted, found', [("o'b", ["O'Brien (50%)"]), ('50%', ["O'Brien (50%)"]), ('[EXT]', ['[ext] hello']), ('none', [])]
)
def test_subjects(source: MailSource, instance: Instance, wanted: str, found: list[str]) -> None:
    for subject in ("O'Brien (50%)", '[ext] hello'):
        source.deliver(subject)
    assert names(instance, fetch_subject=wanted) == found


def test_unread_only(source: MailSource, instance: Instance) -> None:
    source.deliver('read', is_read=True)
    source.deliver('unread')
    platform = instance(fetch_unread_only=True)
    assert platform.fetch().names == ['unread']
    source.deliver('read later', is_read=True)
    source.deliver('unread later')
    assert platform.fetch().names == ['unread later']


def test_with_attachments_only(source: MailSource, instance: Instance) -> None:
    attach(source.mailbox, source.deliver('with'), 'file')
    attach(source.mailbox, source.deliver('with a picture'), 'inline')
    source.deliver('without')
    assert names(instance, fetch_with_attachments_only=True) == ['with']


@pytest.mark.parametrize('html', [False, True])
@pytest.mark.parametrize('option', [{'fetch_with_attachments_only': True}, {'fetch_search': 'hasattachment:true'}], ids=str)
@pytest.mark.parametrize('is_later', [False, True])
def test_inline_files_are_attachments_and_pictures_of_the_body_are_not(
    source: MailSource, instance: Instance, html: bool, option: dict[str, Any], is_later: bool
) -> None:
    """Apple Mail sends a PDF as an inline file. Graph then shows `hasAttachments` as false."""
    platform = instance(fetch_html_formatting=html, max_fetch='2', **option)
    if is_later:
        platform.fetch()
    for name, more in {
        'invoice.pdf': {'content_type': 'application/pdf'},
        'named.pdf': {'content_type': 'application/pdf', 'content_id': 'a@b'},
        'photo.jpg': {'content_type': 'image/jpeg'},
        'logo.png': {'content_type': 'image/png', 'content_id': 'logo@b'},
    }.items():
        message = source.deliver(name, html='<p>Hello <img src="cid:logo@b">')
        source.mailbox.attach_file(message, name, b'x', is_inline=True, **more)
        assert not message.has_attachments
    source.deliver('without')
    platform.run_until_quiet()
    assert sorted(one.name for one in platform.incidents) == ['invoice.pdf', 'named.pdf', 'photo.jpg']


def test_without_attachments(source: MailSource, instance: Instance) -> None:
    source.mailbox.attach_file(source.deliver('inline'), 'a.pdf', b'x', 'application/pdf', is_inline=True)
    attach(source.mailbox, source.deliver('with'), 'file')
    source.deliver('without')
    assert names(instance, fetch_search='hasattachment:false') == ['without']


def test_filters_apply_to_the_backlog_and_to_entering_mails(source: MailSource, instance: Instance) -> None:
    source.deliver('urgent, there')
    source.deliver('there')
    platform = instance(fetch_subject='urgent')
    assert platform.fetch().names == ['urgent, there']
    source.deliver('urgent, late', age=9 * DAY)
    source.deliver('late', age=9 * DAY)
    assert platform.fetch().names == ['urgent, late']


# endregion
# region first fetch time and limits


@pytest.mark.parametrize('first, found', [('1 hour', ['1']), ('5 hours', ['1', '2']), ('10 days', ['1', '2', '3']), ('', [])])
def test_the_first_fetch_time_limits_the_backlog(source: MailSource, instance: Instance, first: str, found: list[str]) -> None:
    for number, hours in enumerate((0.5, 2, 48, 800), 1):
        source.deliver(str(number), age=3600 * hours)
    assert names(instance, first_fetch=first) == found


def test_the_backlog_is_fetched_oldest_first(source: MailSource, instance: Instance) -> None:
    for number in (3, 1, 4, 2, 5):
        source.deliver(str(number), age=1000 - number)
    platform = instance(max_fetch='2')
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == ['1', '2', '3', '4', '5']


def test_the_backlog_does_not_block_entering_mails(source: MailSource, instance: Instance) -> None:
    for number in range(20):
        source.deliver(f'old {number}', age=5 * DAY - number)
    platform = instance(max_fetch='5')
    platform.fetch()
    source.deliver('late', age=10 * DAY)
    platform.fetch()
    assert 'late' in platform.fetch().names + [one.name for one in platform.incidents]


# endregion
# region invalid parameters


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
def test_an_invalid_parameter_is_named(source: MailSource, instance: Instance, params: dict[str, Any], field: str) -> None:
    run = instance(**params).fetch()
    said = run.error or ' '.join(run.health)
    assert field in said
    assert len(said) < 300
    assert run.incidents == []


def test_a_run_fetches_at_most_200_mails(source: MailSource, instance: Instance) -> None:
    for number in range(205):
        source.deliver(str(number))
    platform = instance(max_fetch='200', mark_fetched_read=True)
    assert len(platform.fetch().incidents) == 200
    assert len(platform.last_run) < 64 * 1024
    assert len(platform.fetch().incidents) == 5


# endregion
