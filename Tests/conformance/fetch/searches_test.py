"""Searches in KQL, which only the whole mail decides, and the new text of replies."""

from typing import Any

import pytest

from conformance.fetch.conftest import Instance
from conformance.fetch.mail_source import PARTNER, STRANGER, MailSource, attach
from sandbox.microsoft.graph_mail.model import HTML_QUOTE_MARK

QUOTE = f'<p>Yes, do.</p>{HTML_QUOTE_MARK}<p><b>From:</b> Bob</p><p>Shall I pay?</p>'


def deliver_all(source: MailSource) -> None:
    source.deliver('plain', html='<p>Pay<b>pal</b> account</p>')
    source.deliver('stranger', sender=STRANGER, is_read=True)
    report = source.deliver('report', html='<p>See the file</p>', importance='high')
    attach(source.mailbox, report, 'file')
    source.deliver('large', html='<p>x</p>' * 20_000)


@pytest.mark.parametrize(
    'search, found',
    [
        ('paypal', ['plain']),
        ('body:account', ['plain']),
        ('NOT body:paypal from:partner.example', ['large', 'report']),
        ('attachment:report.pdf', ['report']),
        ('hasattachment:true', ['report']),
        ('importance:high OR isread:true', ['report', 'stranger']),
        ('isread:true OR body:paypal', ['plain', 'stranger']),
        ('size>100KB', ['large']),
        ('kind:email', ['large', 'plain', 'report', 'stranger']),
        ('kind:meetings', []),
        ('received:today received:yesterday', ['large', 'plain', 'report', 'stranger']),
        ('received<2020-01-01', []),
        ('to:nobody@contoso.example', []),
    ],
)
@pytest.mark.parametrize('is_backlog', [True, False])
def test_a_search_decides_what_becomes_an_incident(
    source: MailSource, instance: Instance, search: str, found: list[str], is_backlog: bool
) -> None:
    platform = instance(fetch_search=search)
    if not is_backlog:
        platform.fetch()
    deliver_all(source)
    platform.run_until_quiet(quiet=1)
    assert sorted(one.name for one in platform.incidents) == found


@pytest.mark.parametrize('search, is_found', [('body:invoice', True), ('"attached invoice"', True), ('evil', False)])
@pytest.mark.parametrize('html', [False, True])
def test_a_search_finds_words_in_cells_and_none_in_links(
    source: MailSource, instance: Instance, search: str, is_found: bool, html: bool
) -> None:
    link = '<a href="https://evil.example">here</a>' if html else ''  # in a text of Graph, the link is a part of the text
    source.deliver('table', html=f'<table><tr><td>attached</td><td>invoice</td><td>next</td></tr></table>{link}')
    assert instance(fetch_search=search, fetch_html_formatting=html).fetch().names == ['table'] * is_found


def test_a_mail_that_is_not_found_does_not_block_the_others_and_is_read_once(source: MailSource, instance: Instance) -> None:
    platform = instance(fetch_search='body:needle', max_fetch='2')
    for number in range(9):
        source.deliver(f'hay {number}')
    source.deliver('found', html='<p>needle</p>', age=30)
    runs = platform.run_until_quiet(quiet=6)
    assert [one.name for one in platform.incidents] == ['found']
    # one of two runs may check where the folder is
    assert min(run.requests for run in runs[-2:]) < runs[0].requests, 'nothing is read again'


@pytest.mark.parametrize(
    'params',
    [
        {'fetch_unread_only': True, 'fetch_with_attachments_only': True},
        {'fetch_unread_only': True, 'fetch_search': 'body:needle'},
        {'fetch_filter': "importance ne 'low'", 'fetch_search': 'body:needle'},
        {'fetch_search': 'category:blue OR body:needle', 'fetch_with_attachments_only': True},
    ],
)
@pytest.mark.parametrize('names', [('A',), ('A', 'B')])
def test_more_mails_than_one_run_reads_that_are_not_found_do_not_block_the_others(
    source: MailSource, instance: Instance, params: dict[str, Any], names: tuple[str, ...]
) -> None:
    """They may be found in a later state, so they cannot be remembered as done."""
    source.cloud.clock.stop()
    folders = [source.folder(name) for name in names]
    platform = instance(folder_to_fetch=','.join(f'{source.path}/{name}' for name in names), max_fetch='10', **params)
    platform.run_until_quiet()
    for folder in folders:
        for number in range(25):
            source.deliver(f'hay {number}', folder, age=30 - number)
        attach(source.mailbox, source.deliver(f'needle in {folder.display_name}', folder, age=0), 'file')
    for _ in range(12):
        platform.fetch()
        source.cloud.clock.advance(60)
    assert sorted(one.name for one in platform.incidents) == [f'needle in {name}' for name in names]


def test_a_mail_that_matches_only_later_is_an_incident_then(source: MailSource, instance: Instance) -> None:
    platform = instance(fetch_search='category:wanted body:needle')
    platform.fetch()
    mail = source.deliver('found', html='<p>needle</p>')
    platform.fetch()
    assert not platform.incidents
    mail.categories = ['wanted']
    source.mailbox.touch(mail, 'categories')
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == ['found']


@pytest.mark.parametrize('search', ['body:anything', 'size>1MB OR body:x', 'attachment:pdf'])
def test_a_mail_that_cannot_be_read_is_an_incident(source: MailSource, instance: Instance, search: str) -> None:
    mail = source.deliver('unreadable')
    source.deliver('other')
    source.cloud.faults.add(service='graph', path=mail.immutable_id, status=500, times=None)
    platform = instance(fetch_search=search)
    for _ in range(8):
        platform.fetch()
        source.cloud.clock.advance(600)
    assert [one.name for one in platform.incidents] == ['unreadable']
    assert 'The body, the headers and the attachments of this email are missing.' in str(platform.incidents[0].raw['Missing'])


@pytest.mark.parametrize('is_html', [True, False])
def test_the_new_text_of_a_reply(source: MailSource, instance: Instance, is_html: bool) -> None:
    source.deliver('Re: bill', sender=PARTNER, html=QUOTE)
    platform = instance(fetch_unique_body=True, fetch_html_formatting=is_html)
    requests = platform.fetch().requests
    [incident] = platform.incidents
    assert incident.raw['Unique'] == 'Yes, do.'
    assert 'Shall I pay?' in incident.raw['Text']
    assert not [label for label in incident.labels if label[0] == 'Email/Unique']
    plain = instance(fetch_html_formatting=is_html)
    assert plain.fetch().requests == requests, 'it costs no request'
    assert 'Unique' not in plain.incidents[0].raw
