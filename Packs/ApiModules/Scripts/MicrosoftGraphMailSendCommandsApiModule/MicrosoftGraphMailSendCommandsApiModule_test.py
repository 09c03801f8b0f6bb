"""Arguments and outputs of the commands that send. Tests/conformance/graph_mail has the tests that need a mailbox."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import demistomock as demisto
from CommonServerPython import DemistoException
from MicrosoftGraphMailClientApiModule import EmailAddress
from MicrosoftGraphMailSendApiModule import OutgoingMail
from MicrosoftGraphMailSendCommandsApiModule import draft_outputs, mail_body, outgoing_files, sent_outputs

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
def test_the_preview_of_a_sent_mail_takes_linear_time(html: str, preview: str) -> None:
    assert sent_outputs(OutgoingMail(html=html)).get('bodyPreview', '') == preview


@pytest.mark.parametrize(
    'args, body',
    [
        ({'body': 'a'}, ('a', '')),
        ({'htmlBody': '<p>'}, ('', '<p>')),
        ({'body': 'a', 'htmlBody': '<p>'}, ('a', '<p>')),
        ({'body': 'a', 'htmlBody': '<p>', 'body_type': 'text'}, ('a', '')),
        ({'body': 'a', 'htmlBody': '<p>', 'body_type': 'html'}, ('', '<p>')),
        ({'body': '<p>', 'body_type': 'HTML'}, ('', '<p>')),
        ({'htmlBody': '<p>', 'body_type': 'Text'}, ('', '<p>')),
        ({}, ('', '')),
    ],
)
def test_the_body_type_selects_a_body(args: dict[str, Any], body: tuple[str, str]) -> None:
    assert mail_body(args) == body


def test_a_draft_has_addresses_in_the_context() -> None:
    outputs = draft_outputs({'id': 'd', 'from': BOB.as_json(), 'toRecipients': [BOB.as_json()], 'body': {'content': 'Hi'}})
    assert {name: outputs[name] for name in ('ID', 'From', 'To', 'Cc', 'Body', 'BodyType')} == {
        'ID': 'd',
        'From': BOB.address,
        'To': [BOB.address],
        'Cc': [],
        'Body': 'Hi',
        'BodyType': None,
    }


# endregion
# region files of the War Room

NAMES = ('attachIDs', 'attachNames', 'attachCIDs')


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
        ({'attachIDs': '1@7,2@7', 'attachCIDs': ',logo'}, '', [('plan.pdf', ''), ('logo.png', 'logo')]),
        ({'attachIDs': '1@7', 'attachCIDs': '2@7'}, 'cid:2@7', [('plan.pdf', ''), ('logo.png', '2@7')]),
        ({'attachCIDs': '2@7'}, 'cid:logo.png', [('logo.png', 'logo.png')]),
    ],
)
def test_files_are_named_by_entry_ids_and_content_ids(war_room: None, args: Any, html: str, files: Any) -> None:
    assert [(one.name, one.content_id) for one in outgoing_files(args, NAMES, html)] == files


@pytest.mark.parametrize(
    'args, sentence',
    [
        ({'attachIDs': '9@9'}, "The War Room has no file with the entry ID '9@9'. Copy the ID of a file."),
        (
            {'attachIDs': '1@7,2@7', 'attachNames': 'a.pdf'},
            'The arguments attachIDs and attachNames have 2 and 1 values. '
            'Enter one in attachNames for each in attachIDs, or remove attachNames.',
        ),
    ],
)
def test_files_that_cannot_be_found_are_named(war_room: None, args: Any, sentence: str) -> None:
    assert rejection(lambda: outgoing_files(args, NAMES)) == sentence


# endregion
