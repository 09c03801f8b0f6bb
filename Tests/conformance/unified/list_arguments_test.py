"""Arguments that a playbook passes as a list, as the platform does for ``${MSGraphMail.ID}`` of one email."""

from typing import Any

import pytest

from conformance.unified import instances
from conformance.unified.instances import ADA, BOB, Instance
from conformance.unified.integration_yml import IN_YML
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

instance = instances.instance
LISTS = {'headers'}  # in JSON of a playbook; the platform itself passes a text
ARGUMENTS = [
    (name, one['name'], bool(one.get('isArray')) or one['name'] in LISTS)
    for name, command in IN_YML.items()
    for one in command.get('arguments') or ()
    if not one.get('deprecated')
]


@pytest.fixture
def adas(instance: Instance) -> Mailbox:
    return instance.cloud.mailbox(ADA)


TEXTS = {'body', 'htmlBody', 'comment', 'internal_message', 'external_message'}


@pytest.fixture
def message(adas: Mailbox) -> Message:
    return adas.deliver(Message(subject='Alert', sender=EmailAddress('Bob', BOB), received=adas.now(), to=[adas.owner]))


@pytest.mark.parametrize('command, name, is_list', ARGUMENTS)
def test_only_an_argument_for_lists_accepts_several_values(instance: Instance, command: str, name: str, is_list: bool) -> None:
    entry = instance.entries(command, **{name: ['x', 'y']})[0]
    said = str(entry['Contents'])
    is_text = name in TEXTS  # a list is JSON then
    assert (f'The argument {name} has 2 values. Enter one.' in said) is not (is_list or is_text)
    if not (is_list or is_text):
        assert not instance.cloud.requests.of('graph')


def test_a_list_of_one_is_its_value(instance: Instance, message: Message) -> None:
    found = instance.context('msgraph-mail-get-email', message_id=[message.immutable_id], body_type=['text'], folder_id=[])
    assert (found['ID'], found['Subject']) == (message.immutable_id, 'Alert')
    listed = instance.context('msgraph-mail-list-emails', limit=['1'], odata=['$select=subject'], all_results=[True])
    assert [one['Subject'] for one in listed if 'ID' in one] == ['Alert']
    rule = instance.context('msgraph-mail-create-rule', display_name=['R'], actions=[{'markAsRead': True}])
    assert (rule['displayName'], rule['actions']['markAsRead']) == ('R', True)


def test_texts_in_a_list_are_sent_as_texts(instance: Instance) -> None:
    values: dict[str, Any] = {'subject': ['Alert'], 'body': ['Look.'], 'importance': ['High'], 'to': [BOB]}
    sent = instance.context('send-mail', **values)
    assert (sent['subject'], sent['body']['content'], sent['importance']) == ('Alert', 'Look.', 'high')
    instance.text('msgraph-mail-reply-to', message_id=[sent['ID']], comment=['Seen.'], to=[{'Address': BOB}])
    instance.text('send-mail', to=BOB, subject=['Case {n}'], body='x', templateParams=[{'n': {'value': '7'}}])
    subjects = [one.subject for one in instance.cloud.mailbox(BOB).messages()]
    assert {'Alert', 'RE: Alert', 'Case 7'} <= set(subjects)


def test_every_list_that_is_too_long_is_named(instance: Instance) -> None:
    said = instance.error('send-mail', to=[BOB, ADA], subject=['a', 'b'], importance=['a', 'b', 'c'])
    assert said == 'The argument subject has 2 values. Enter one. The argument importance has 3 values. Enter one.'
    assert not list(instance.cloud.requests)
