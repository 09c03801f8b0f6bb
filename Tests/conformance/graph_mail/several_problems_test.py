"""What is wrong with the arguments of a command is told at once, before anything is sent."""

import pytest

from conformance.unified import instances
from conformance.unified.instances import Instance

instance = instances.instance
NOT_TRUE = "'maybe' is neither true nor false. Change {}."
NOT_AN_ADDRESS = "'bob' is not an email address. Write {0} as bob@example.com, or Bob <bob@example.com>."


@pytest.mark.parametrize(
    'command, args, sentences',
    [
        ('msgraph-mail-get-email', {}, 'The argument message_id is empty. Enter a value for it.'),
        (
            'msgraph-mail-move-email',
            {},
            'The arguments message_id and destination_folder_id are empty. Enter a value for each.',
        ),
        (
            'msgraph-mail-move-email',
            {'message_id': ' , ', 'destination_folder_id': ''},
            'The argument destination_folder_id is empty. Enter a value for it.',
        ),
        (
            'msgraph-mail-update-folder',
            {'folder_id': '', 'new_display_name': ' '},
            'The arguments folder_id and new_display_name are empty. Enter a value for each.',
        ),
        (
            'msgraph-mail-create-rule',
            {'sequence': '0', 'conditions': '[]', 'is_enabled': 'maybe'},
            'The arguments display_name and actions are empty. Enter a value for each. '
            'The argument conditions is not a JSON object. Write it as {"name": value}. '
            "'0' is not a whole number from 1 to 10000. Change sequence. " + NOT_TRUE.format('is_enabled'),
        ),
        (
            'msgraph-mail-delete-email',
            {'permanent': 'maybe'},
            'The argument message_id is empty. Enter a value for it. ' + NOT_TRUE.format('permanent'),
        ),
        (
            'msgraph-mail-get-email',
            {'body': 'half', 'body_type': 'rtf'},
            'The argument message_id is empty. Enter a value for it. '
            "'rtf' is not one of HTML, text. Change body_type. 'half' is not one of full, unique. Change body.",
        ),
        (
            'msgraph-update-email-status',
            {'message_ids': 'x', 'status': 'Seen'},
            "'Seen' is not one of Read, Unread. Change status.",
        ),
        (
            'msgraph-mail-list-emails',
            {'page_size': '0', 'limit': 'x', 'all_results': 'maybe'},
            "'0' is not a whole number from 1 to 1000. Change page_size. "
            f"{NOT_TRUE.format('all_results')} 'x' is not a whole number from 1 to 100000. Change limit.",
        ),
        (
            'msgraph-mail-find-email',
            {'sender': 'bob', 'recipient': 'bob', 'received_time': 'lunch'},
            "'lunch' is not a time. Write received_time as 2030-01-31T08:00:00Z, or as 3 days ago. "
            f'{NOT_AN_ADDRESS.format("sender")} {NOT_AN_ADDRESS.format("recipient")}',
        ),
        (
            'send-mail',
            {'to': 'bob', 'cc': 'bob', 'importance': 'urgent', 'headers': 'x', 'renderBody': 'maybe'},
            "The header 'x' has no value. Write headers as x-name:value, separated by commas. "
            f'{NOT_AN_ADDRESS.format("to")} {NOT_AN_ADDRESS.format("cc")} '
            f"'urgent' is not one of Low, Normal, High. Change importance. {NOT_TRUE.format('renderBody')}",
        ),
        (
            'msgraph-mail-list-emails',
            {'page_size': 'the valid limit', 'limit': 'argument pages_to_pull', 'pages_to_pull': 'x'},
            "'the valid limit' is not a whole number from 1 to 1000. Change page_size. "
            "'x' is not a whole number from 1 to 1000. Change pages_to_pull. "
            "'argument pages_to_pull' is not a whole number from 1 to 100000. Change limit.",
        ),
        (
            'msgraph-mail-get-email',
            {'message_id': 'x', 'body_type': 'Change body', 'body': 'Write body_type'},
            "'Change body' is not one of HTML, text. Change body_type. "
            "'Write body_type' is not one of full, unique. Change body.",
        ),
        (
            'msgraph-mail-find-email',
            {'received_time': 'argument sender', 'sender': 'Write recipient', 'recipient': 'bob', 'limit': '2000'},
            "'2000' is not a whole number from 1 to 1000. Change limit. "
            "'Write recipient' is not an email address. Write sender as bob@example.com, or Bob <bob@example.com>. "
            f'{NOT_AN_ADDRESS.format("recipient")} '
            "'argument sender' is not a time. Write received_time as 2030-01-31T08:00:00Z, or as 3 days ago.",
        ),
        (
            'send-mail',
            {'to': 'bob', 'headers': 'the argument to', 'importance': 'a valid flag', 'flag': 'x'},
            f'{NOT_AN_ADDRESS.format("to")} '
            "'a valid flag' is not one of Low, Normal, High. Change importance. "
            "'x' is not one of notFlagged, complete, flagged. Change flag. "
            "The header 'the argument to' has no value. Write headers as x-name:value, separated by commas.",
        ),
        (
            'msgraph-mail-remove-draft-attachment',
            {},
            'The arguments draft_id and attachment_id are empty. Enter a value for each.',
        ),
        (
            'msgraph-mail-reply-to',
            {'cc': 'bob', 'attach_names': 'x'},
            'The argument message_id is empty. Enter a value for it. ' + NOT_AN_ADDRESS.format('cc'),
        ),
    ],
)
def test_all_problems_are_told_at_once(instance: Instance, command: str, args: dict[str, str], sentences: str) -> None:
    told = instance.error(command, **args)
    assert sorted(f'{told} '.split('. ')) == sorted(f'{sentences} '.split('. '))  # in any order
    assert told.partition('.')[0] == sentences.partition('.')[0] or 'empty' not in sentences
    assert not list(instance.cloud.requests)


def test_an_argument_that_is_right_is_not_blamed(instance: Instance) -> None:
    told = instance.error('send-mail', to='bob@contoso.example', cc='bob', subject='x', importance='low')
    assert told == NOT_AN_ADDRESS.format('cc')
