"""A command that is refused: one error entry, no partial change; Tests/conformance/unified has each command and argument."""

import pytest

from e2e.analyst import BOB, Analyst


@pytest.mark.parametrize(
    'command, arguments, said',
    [
        ('msgraph-mail-get-email', {'message_id': '../../bob@contoso.example/messages'}, ''),
        ('msgraph-mail-delete-email', {'message_id': '..'}, "'..' is not a valid "),
        ('msgraph-mail-flag-email', {'message_ids': ' , '}, 'The argument message_ids contains no ID.'),
    ],
)
def test_a_refused_command_is_an_error_of_one_sentence(
    analyst: Analyst, command: str, arguments: dict[str, str], said: str
) -> None:
    before = [message.immutable_id for message in analyst.mailbox.messages()]
    error = analyst.error(command, **arguments)
    assert said in error
    assert 'Traceback' not in error
    assert '\n' not in error
    assert [message.immutable_id for message in analyst.mailbox.messages()] == before


def test_missing_file_entry(analyst: Analyst) -> None:
    there = analyst.upload('there.bin', b'there')
    files = f'{there},99999@{there.partition("@")[2]}'
    error = analyst.error('send-mail', to=BOB, subject='Mail', attachIDs=files)
    assert "has no file with the entry ID '99999@" in error
    assert [record for record in analyst.cloud.requests.of('graph') if record.method != 'GET'] == []
