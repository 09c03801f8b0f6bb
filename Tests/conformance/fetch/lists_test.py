"""Small mails are read by lists with their attachments, all others in batches. Whatever a list does, every mail is read."""

from typing import Any

import pytest

from conformance.fetch.conftest import Instance
from conformance.fetch.fetching_platform import Platform
from conformance.fetch.mail_source import STRANGER, MailSource, attach, digests_of_attachments
from sandbox.microsoft.graph_mail.model import Message

LIST = r'/mailFolders/[^/]+/messages$'
KINDS = ('file', 'inline', 'nameless', 'item', 'reference')


@pytest.fixture
def platform(instance: Instance) -> Platform:
    """Return the platform of an instance that has fetched what was there."""
    platform = instance()
    platform.fetch()
    platform.fetch()
    return platform


def deliver(source: MailSource, count: int = 10, **more: Any) -> list[Message]:
    mails = [source.deliver(f'mail {number}', age=500 - number, **more) for number in range(count)]
    for number, mail in enumerate(mails):
        attach(source.mailbox, mail, KINDS[number % len(KINDS)])
    return mails


def expect_all(platform: Platform, mails: list[Message]) -> None:
    """Check that each mail became one incident, with its attachments."""
    by_id = {one.mail_id: one for one in platform.incidents}
    assert len(by_id) == len(platform.incidents)
    assert set(by_id) == {mail.immutable_id for mail in mails}
    for mail in mails:
        raw = by_id[mail.immutable_id].raw
        found = [one['SHA256'] for one in raw['AttachmentDetails'] if 'SHA256' in one]
        assert sorted(found) == sorted(digests_of_attachments(mail))
        assert mail.subject in raw['Body']


def test_fifty_mails_need_four_requests(source: MailSource, platform: Platform) -> None:
    mails = deliver(source, 50)
    assert platform.fetch().requests == 4, 'a delta query, their sizes, the mails, and the attached mails'
    expect_all(platform, mails)


@pytest.mark.parametrize('is_html', [True, False])
def test_mails_that_are_read_by_a_list_have_the_chosen_format(source: MailSource, instance: Instance, is_html: bool) -> None:
    platform = instance(fetch_html_formatting=is_html)
    platform.fetch()
    mails = deliver(source)
    platform.run_until_quiet(quiet=1)
    expect_all(platform, mails)
    html = [f'<p>{mail.subject}</p>' if is_html else '' for mail in mails]
    assert [one.raw['HTML'] for one in platform.incidents] == html
    assert {one.raw['BodyType'] for one in platform.incidents} == {'html' if is_html else 'text'}


def test_a_few_mails_need_no_list(source: MailSource, platform: Platform) -> None:
    mails = deliver(source, 4)
    assert platform.fetch().requests == 4, 'a delta query, the changed mails, the mails, and their files'
    expect_all(platform, mails)


@pytest.mark.parametrize(
    'fault',
    [
        {'status': 404, 'body': {'error': {'code': 'ErrorItemNotFound', 'message': 'The specified object was not found.'}}},
        {'status': 400},
        {'status': 500},
        {'status': 503, 'headers': {'Retry-After': '1'}},
        {'garbage': True},
        {'reset': True},
        {'reset_mid_body': True},
        {'truncated': True},
        {'replace': [['value'], None]},
        {'replace': [['value', 0], None]},
        {'replace': [['value', 3, 'id'], 5]},
        {'replace': [['value', 3, 'receivedDateTime'], 5]},
        {'replace': [['value', 3, 'singleValueExtendedProperties'], 'x']},
        {'replace': [['value', 3, 'subject'], 5]},
        {'replace': [['value', 3, 'body'], 5]},
        {'replace': [['value', 0, 'attachments', 0, 'contentBytes'], 'not base64!']},
        {'replace': [['value', 0, 'attachments', 0, 'contentBytes'], '']},
        {'replace': [['value', 0, 'attachments', 0, 'contentBytes'], 5]},
    ],
    ids=str,
)
@pytest.mark.parametrize('skip', [0, 1], ids=['sizes', 'mails'])
def test_what_a_list_does_not_read_is_read_in_batches(
    source: MailSource, platform: Platform, fault: dict[str, Any], skip: int
) -> None:
    mails = deliver(source)
    source.cloud.faults.add(service='graph', path=LIST, skip=skip, times=1, **fault)
    platform.run_until_quiet(quiet=1)
    by_id = {one.mail_id: one for one in platform.incidents}
    assert len(platform.incidents) == len(by_id) == len(mails)
    for mail in mails:
        raw = by_id[mail.immutable_id].raw
        found = [one['SHA256'] for one in raw['AttachmentDetails'] if 'SHA256' in one]
        assert sorted(found) == sorted(digests_of_attachments(mail))


def test_mails_between_those_that_are_wanted_are_not_fetched(source: MailSource, instance: Instance) -> None:
    platform = instance(fetch_from='partner.example')
    platform.fetch()
    mails = deliver(source)
    for number in range(5):
        source.deliver(f'other {number}', sender=STRANGER, age=495.5 - number)
    platform.run_until_quiet()
    expect_all(platform, mails)


def test_a_large_mail_is_not_read_by_a_list(source: MailSource, platform: Platform) -> None:
    mails = deliver(source)
    source.mailbox.attach_file(mails[5], 'large.bin', bytes(4_000_000), 'application/octet-stream')
    platform.run_until_quiet()
    expect_all(platform, mails)
    assert source.cloud.requests.of('graph', r'/attachments/[^/]+/\$value$'), 'it was downloaded by itself'


@pytest.mark.parametrize('kind', ['moved', 'removed'])
def test_a_mail_that_leaves_between_the_lists_is_read_in_a_batch(source: MailSource, platform: Platform, kind: str) -> None:
    mails = deliver(source)
    other = source.folder('Other')

    def meanwhile(number: int) -> None:
        if number == 2:
            source.mailbox.move(mails[3], other.folder_id) if kind == 'moved' else source.mailbox.remove(mails[3])

    platform.fetch(meanwhile=meanwhile)
    platform.run_until_quiet()
    expect_all(platform, mails if kind == 'moved' else [*mails[:3], *mails[4:]])
