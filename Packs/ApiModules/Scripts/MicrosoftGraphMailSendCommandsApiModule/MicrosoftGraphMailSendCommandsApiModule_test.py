"""Arguments and outputs of the commands that send. Tests/conformance/graph_mail has the tests that need a mailbox."""

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

import demistomock as demisto
from CommonServerPython import DemistoException
from MicrosoftGraphMailClientApiModule import EmailAddress
from MicrosoftGraphMailSendApiModule import OutgoingMail
from MicrosoftGraphMailSendCommandsApiModule import (
    draft_outputs,
    mail_body,
    outgoing_files,
    outgoing_mail,
    sent_outputs,
    sent_results,
    with_one_spelling,
)

BOB = EmailAddress('bob@contoso.example')


def rejection(make: Callable[[], Any]) -> str:
    with pytest.raises(DemistoException) as error:
        make()
    return str(error.value)


# region arguments and outputs


@pytest.mark.parametrize(
    'html, preview',
    [
        ('<head><title>No</title><style>p {}</style></head><p>See <b>it</b></p>and&nbsp;more', 'See it and more'),
        (f'{"x" * 300}', 'x' * 255),
        (f'<style>{"p {} " * 200_000}</style>See', 'See'),
        ('<style>' * 150_000, ''),  # takes 20 minutes where anything is scanned twice
    ],
)
def test_the_preview_of_a_sent_mail_is_the_beginning_of_its_text(html: str, preview: str) -> None:
    assert sent_outputs(OutgoingMail(html=html)).get('bodyPreview', '') == preview


@pytest.mark.parametrize(
    'args, body',
    [
        ({'body': 'a'}, ('a', '')),
        ({'htmlBody': '<p>'}, ('', '<p>')),
        ({'body': 'a', 'htmlBody': '<p>'}, ('', '<p>')),
        ({'body': 'a', 'htmlBody': '<p>', 'body_type': 'Text'}, ('a', '')),
        ({'body': 'a', 'htmlBody': '<p>', 'body_type': 'HTML'}, ('', '<p>')),
        ({'body': 'a', 'htmlBody': '<p>', 'bodyType': 'Text'}, ('a', '')),
        ({'body': 'a', 'htmlBody': '<p>', 'bodyType': 'HTML', 'body_type': ''}, ('', '<p>')),
        ({'body': '<p>', 'body_type': 'HTML'}, ('', '<p>')),
        ({'htmlBody': '<p>', 'body_type': 'Text'}, ('', '<p>')),
        ({}, ('', '')),
    ],
)
def test_the_body_type_selects_a_body(args: dict[str, Any], body: tuple[str, str]) -> None:
    assert mail_body(with_one_spelling(args)) == body


def test_a_draft_has_addresses_in_the_context() -> None:
    outputs = draft_outputs({'id': 'd', 'from': BOB.as_json(), 'toRecipients': [BOB.as_json()], 'body': {'content': 'Hi'}})
    assert {name for name, value in outputs.items() if value is None} == {
        *('CreatedTime', 'ModifiedTime', 'ReceivedTime', 'SentTime', 'Subject', 'Importance', 'ConversationID', 'IsRead'),
        *('IsDraft', 'MessageID', 'Headers', 'BodyType'),
    }
    assert {name: value for name, value in outputs.items() if value is not None} == {
        'ID': 'd',
        'From': BOB.address,
        'Sender': '',
        'To': [BOB.address],
        'Cc': [],
        'Bcc': [],
        'Body': 'Hi',
    }


def test_a_sent_mail_is_in_the_context_without_what_is_empty() -> None:
    mail = OutgoingMail(to=[BOB], text='x' * 300, send_at=datetime(2999, 1, 1, tzinfo=timezone.utc))
    assert sent_outputs(mail, 'm') == {
        'ID': 'm',
        'body': {'contentType': 'text', 'content': 'x' * 300},
        'bodyPreview': 'x' * 255,
        'toRecipients': [BOB.address],
        'importance': 'normal',
        'flag': {'flagStatus': 'notFlagged'},
    }


@pytest.mark.parametrize(
    'shown, importance, flag',
    [
        ({'importance': 'high', 'flag': {'flagStatus': 'flagged'}, 'subject': 'x'}, 'high', {'flagStatus': 'flagged'}),
        ({'id': 'm'}, None, None),
    ],
)
def test_the_context_of_a_reply_has_its_importance_as_graph_shows_it(shown: Any, importance: str | None, flag: Any) -> None:
    outputs = sent_outputs(OutgoingMail(text='x'), 'm', shown)
    assert (outputs.get('importance'), outputs.get('flag'), outputs.get('subject')) == (importance, flag, None)


def test_sent_mails_and_drafts_are_tables() -> None:
    sent = sent_results('Email sent', 'Sent', {'ID': 'm', 'subject': 'Plan', 'toRecipients': [BOB.address, 'al@a.example']})
    assert sent.readable_output == (
        f'### Email sent\n|Subject|To|ID|\n|---|---|---|\n| Plan | {BOB.address},<br>al@a.example | m |\n'
    )
    assert (sent.outputs_prefix, sent.outputs_key_field) == ('Sent', 'ID')
    assert sent_results('Email sent', 'Sent', {'subject': 'Plan'}).outputs_key_field is None


# endregion
# region mails


def test_arguments_become_a_mail() -> None:
    mail = outgoing_mail(
        {
            'to': f'Bob <{BOB.address}>',
            'cc': 'c@x.example',
            'bcc': 'b@x.example',
            'replyTo': 'r@x.example',
            'from': 'f@x.example',
            'subject': 'Plan',
            'body': 'See',
            'importance': 'High',
            'flag': 'flagged',
            'headers': 'x-a:b',
            'send_time': '2999-01-01T00:00:00Z',
        }
    )
    assert mail.as_json() == {
        'subject': 'Plan',
        'body': {'contentType': 'text', 'content': 'See'},
        'toRecipients': [EmailAddress(BOB.address, 'Bob').as_json()],
        'ccRecipients': [EmailAddress('c@x.example').as_json()],
        'bccRecipients': [EmailAddress('b@x.example').as_json()],
        'replyTo': [EmailAddress('r@x.example').as_json()],
        'from': EmailAddress('f@x.example').as_json(),
        'importance': 'high',
        'flag': {'flagStatus': 'flagged'},
        'internetMessageHeaders': [{'name': 'x-a', 'value': 'b'}],
        'singleValueExtendedProperties': [{'id': 'SystemTime 0x3FEF', 'value': '2999-01-01T00:00:00Z'}],
    }


@pytest.mark.parametrize(
    'args, subject, text, html',
    [
        ({'subject': 'Plan', 'body': 'a', 'htmlBody': '<p>'}, 'Re: Plan', '', '<p>'),
        ({'subject': 'RE: Plan', 'body': 'a'}, 'RE: Plan', 'a', ''),
    ],
)
def test_a_reply_has_a_prefix_and_one_body(args: dict[str, Any], subject: str, text: str, html: str) -> None:
    mail = outgoing_mail(args, is_reply=True)
    assert (mail.subject, mail.text, mail.html) == (subject, text, html)


# endregion
# region files of the War Room


@pytest.fixture
def war_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files with the entry IDs 1@7 and 2@7."""
    for name in ('plan.pdf', 'logo.png'):
        (tmp_path / name).write_bytes(b'x')
    files = {'1@7': 'plan.pdf', '2@7': 'logo.png'}
    monkeypatch.setattr(
        demisto, 'getFilePath', lambda entry_id: {'path': str(tmp_path / files[entry_id]), 'name': files[entry_id]}
    )


@pytest.mark.parametrize(
    'args, html, files',
    [
        ({}, '', []),
        ({'attachIDs': '1@7, 2@7', 'attachNames': 'a.pdf,b.png'}, '', [('a.pdf', ''), ('b.png', '')]),
        ({'attachIDs': '1@7', 'attachNames': 'Plan, final.pdf'}, '', [('Plan, final.pdf', '')]),
        ({'attachIDs': ['1@7'], 'attachNames': '"Plan, final.pdf" '}, '', [('Plan, final.pdf', '')]),
        ({'attach_ids': '1@7', 'attach_names': '[draft] Plan, final.pdf'}, '', [('[draft] Plan, final.pdf', '')]),
        ({'attachIDs': '1@7', 'attachNames': '["Plan, final.pdf"]'}, '', [('Plan, final.pdf', '')]),
        ({'attachIDs': '1@7', 'attachNames': ['Plan, final.pdf']}, '', [('Plan, final.pdf', '')]),
        ({'attachIDs': '1@7', 'attachNames': 'a,b.pdf', 'attachCIDs': '2@7'}, '', [('a,b.pdf', ''), ('logo.png', '2@7')]),
        ({'attachIDs': '1@7', 'attachNames': ' '}, '', [('plan.pdf', '')]),
        ({'attachIDs': '1@7,2@7', 'attachCIDs': ',logo'}, '', [('plan.pdf', ''), ('logo.png', 'logo')]),
        ({'attachIDs': '1@7', 'attachCIDs': '2@7'}, 'cid:2@7', [('plan.pdf', ''), ('logo.png', '2@7')]),
        ({'attachCIDs': '2@7'}, 'cid:logo.png', [('logo.png', 'logo.png')]),
        ({'attachCIDs': '2@7'}, 'cid:logo.png cid:2@7', [('logo.png', '2@7')]),
        ({'attachCIDs': '2@7'}, '', [('logo.png', '2@7')]),
    ],
)
def test_files_are_named_by_entry_ids_and_content_ids(war_room: None, args: Any, html: str, files: Any) -> None:
    assert [(one.name, one.content_id) for one in outgoing_files(with_one_spelling(args), html)] == files


@pytest.mark.parametrize(
    'args, files',
    [
        ({'transientFile': 'a.csv', 'transientFileContent': 'x,y'}, [('a.csv', b'x,y', 'text/csv', '')]),
        ({'transientFile': 'Plan, final.csv', 'transientFileContent': 'x'}, [('Plan, final.csv', b'x', 'text/csv', '')]),
        (
            {'transientFile': 'a, b.txt', 'transientFileContent': ['x, y'], 'transientFileCID': '1'},
            [('a, b.txt', b'x, y', 'text/plain', '1')],
        ),
        ({'transientFile': ['a, b'], 'transientFileContent': 'x, y'}, [('a, b', b'x, y', 'text/plain', '')]),
        ({'transientFile': 'notes', 'transientFileContent': 'x'}, [('notes', b'x', 'text/plain', '')]),
        ({'transientFile': 'a.eml', 'transientFileContent': 'x'}, [('a.eml', b'x', 'application/octet-stream', '')]),
        *(
            ({'transientFile': given, 'transientFileContent': 'x'}, [(name, b'x', 'text/plain', '')])
            for given, name in (
                ('my\u200cname.txt', 'my\u200cname.txt'),
                (' 👩\u200d👩\u200d👧.txt\u200d', '👩\u200d👩\u200d👧.txt'),
                ('Capture à\xa0midi.txt\u200b', 'Capture à\xa0midi.txt'),
                ('"invoice\u202etxt.txt"', 'invoicetxt.txt'),
            )
        ),
        ({'transientFile': 'notes', 'transientFileContent': 'a\ud800b'}, [('notes', b'a?b', 'text/plain', '')]),
        (
            {'transientFile': 'a.txt,b.png', 'transientFileContent': 'x,y', 'transientFileCID': 'cid:1'},
            [('a.txt', b'x', 'text/plain', '1'), ('b.png', b'y', 'image/png', '')],
        ),
    ],
)
def test_the_content_of_a_file_may_be_an_argument(args: Any, files: Any) -> None:
    found = outgoing_files(with_one_spelling(args))
    assert [(one.name, one.content, one.content_type, one.content_id) for one in found] == files


@pytest.mark.parametrize(
    'args, sentence',
    [
        (
            {'transientFile': 'a,b,c', 'transientFileContent': 'x,y'},
            'transientFile, transientFileContent and transientFileCID have 3, 2 and 0 values. '
            'Enter a name and a content for each file; a JSON list can have commas in its values.',
        ),
        ({'attachIDs': '9@9'}, "The War Room has no file with the entry ID '9@9'. Copy the ID of a file."),
        (
            {'attachIDs': '1@7,2@7', 'attachNames': 'a.pdf'},
            'The arguments attach_ids and attach_names have 2 and 1 values. '
            'Enter one in attach_names for each in attach_ids, or remove attach_names.',
        ),
        (
            {'attachIDs': '1@7', 'attachNames': '["a.pdf", "b.pdf"]'},
            'The arguments attach_ids and attach_names have 1 and 2 values. '
            'Enter one in attach_names for each in attach_ids, or remove attach_names.',
        ),
        (
            {'attachIDs': '1@7', 'attachNames': ['a.pdf', 'b.pdf']},
            'The arguments attach_ids and attach_names have 1 and 2 values. '
            'Enter one in attach_names for each in attach_ids, or remove attach_names.',
        ),
    ],
)
def test_files_that_cannot_be_found_are_named(war_room: None, args: Any, sentence: str) -> None:
    assert rejection(lambda: outgoing_files(with_one_spelling(args))) == sentence


# endregion
