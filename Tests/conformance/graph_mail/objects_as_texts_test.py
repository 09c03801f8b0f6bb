"""Objects and lists of the context as texts of mails and as contents of files: they become JSON."""

import json
from typing import Any

import pytest

from conformance.unified import instances
from conformance.unified.instances import ADA, BOB, Instance
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

instance = instances.instance
MAIL = {'to': BOB, 'subject': 'Report'}
OBJECT = {'a': True, 'name': 'Zoë', 'none': None}
TEXT = '{"a": true, "name": "Zoë", "none": null}'


def arrived(instance: Instance) -> Message:
    return instance.cloud.mailbox(BOB).messages()[0]


@pytest.mark.parametrize(
    'given, expected',
    [
        (OBJECT, TEXT),
        ([OBJECT], TEXT),
        (['a', 'b'], '["a", "b"]'),
        (0, '0'),
        (False, 'false'),
        ('text, with a comma', 'text, with a comma'),
        ('["a,b"]', '["a,b"]'),
    ],
)
def test_contents_of_files_and_bodies(instance: Instance, given: Any, expected: str) -> None:
    instance.text('send-mail', **MAIL, body='x', transientFile='a.json', transientFileContent=given)
    assert arrived(instance).attachments[0].content.read().decode() == expected
    instance.text('send-mail', **MAIL, body=given)
    assert arrived(instance).text == expected


def test_contents_of_several_files(instance: Instance) -> None:
    contents = [OBJECT, 0, 'text']
    instance.text('send-mail', **MAIL, body='x', transientFile='a,b,c', transientFileContent=contents)
    assert [one.content.read().decode() for one in arrived(instance).attachments] == [TEXT, '0', 'text']


def test_no_content_is_an_empty_file(instance: Instance) -> None:
    instance.text('send-mail', **MAIL, body='x', transientFile='a.txt', transientFileContent='')
    assert arrived(instance).attachments[0].content.read() == b''


@pytest.mark.parametrize('value, expected', [(OBJECT, TEXT), ([OBJECT, 'b'], f'{TEXT}, b'), (True, 'true')])
def test_variables(instance: Instance, value: Any, expected: str) -> None:
    instance.text('send-mail', **MAIL, body='{x}', templateParams=json.dumps({'x': {'value': value}}))
    assert arrived(instance).text == expected


def test_a_comment(instance: Instance) -> None:
    adas = instance.cloud.mailbox(ADA)
    question = adas.deliver(Message('Status?', EmailAddress('Bob', BOB), adas.now(), to=[adas.owner]))
    instance.text('msgraph-mail-reply-to', message_id=question.immutable_id, to=BOB, comment=OBJECT)
    assert TEXT in arrived(instance).text
