"""What Graph shows of MIME that breaks the rules."""

import pytest

from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.tests.microsoft.graph_mail.graph_client import GraphClient
from sandbox.tests.microsoft.graph_mail.odd_mime import ODD_MAILS, odd_mail


@pytest.mark.parametrize('name', ODD_MAILS)
def test_an_odd_mail_is_shown_with_its_text_and_its_attachments(graph: GraphClient, mailbox: Mailbox, name: str) -> None:
    _, text, types = ODD_MAILS[name]
    path = f'/messages/{mailbox.deliver(mime.parse(odd_mail(name), 0)).message_id}'
    shown = graph.get(path)
    assert (shown['subject'], shown['from']['emailAddress']['address']) == (name, 'zoe@partner.example')
    assert text in shown['body']['content']
    attachments = graph.get(f'{path}/attachments')['value']
    assert tuple(one['contentType'] for one in attachments) == types
    for one in attachments:
        graph.content(f'{path}/attachments/{one["id"]}/$value')
    assert graph.content(f'{path}/$value') == odd_mail(name)
    assert {'name': 'Subject', 'value': name} in graph.get(f'{path}?$select=internetMessageHeaders')['internetMessageHeaders']


@pytest.mark.parametrize('name', ['an attached email in base64', 'an attached email in quoted-printable'])
def test_an_encoded_attached_email_is_opened(graph: GraphClient, mailbox: Mailbox, name: str) -> None:
    message = mailbox.deliver(mime.parse(odd_mail(name), 0))
    path = f'/messages/{message.message_id}/attachments'
    [attachment] = graph.get(path)['value']
    item = graph.get(f'{path}/{attachment["id"]}?$expand=microsoft.graph.itemattachment/item')['item']
    assert (item['subject'], item['bodyPreview']) == ('inner', 'hello')


def test_a_delivery_report_keeps_what_it_says(graph: GraphClient, mailbox: Mailbox) -> None:
    path = f'/messages/{mailbox.deliver(mime.parse(odd_mail("a delivery report"), 0)).message_id}/attachments'
    status = graph.content(f'{path}/{graph.get(path)["value"][0]["id"]}/$value')
    assert b'Reporting-MTA: dns; a' in status
    assert b'Action: failed' in status
