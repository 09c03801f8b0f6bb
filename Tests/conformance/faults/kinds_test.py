"""Rows of each kind that fell short before: the sample of faults_test.py may miss them."""

from collections.abc import Iterator

import pytest

from conformance.faults.scenarios import BY_NAME
from conformance.faults.shortcomings import KNOWN
from conformance.faults.table import FELL_SHORT, Table, table
from sandbox.microsoft import MicrosoftCloud

pytestmark = pytest.mark.slow
# Scenarios and faults.
ROWS = {
    'wrong types in an email': (
        ('msgraph-mail-get-email', 'field from.emailAddress is number'),
        ('msgraph-mail-get-email', 'field toRecipients.0 is null'),
        ('msgraph-mail-get-email', 'field body.content is list'),
        ('msgraph-mail-list-emails', 'field value.0.parentFolderId is object'),
        ('msgraph-mail-list-emails', 'field value.0.sender is text'),
        ('msgraph-mail-get-conversation', 'field value.0.uniqueBody is number'),
        ('msgraph-mail-get-conversation', 'field value.0.conversationIndex is negative'),
    ),
    'wrong types in other objects': (
        ('msgraph-mail-get-attachment', 'field size is text'),
        ('msgraph-mail-list-attachments', 'field value.0.contentId is object'),
        ('msgraph-mail-get-mailtips', 'field value.0.automaticReplies is null'),
        ('msgraph-mail-respond-to-invitation', 'field event.organizer is text'),
        ('msgraph-mail-set-automatic-replies', 'field automaticRepliesSetting.scheduledEndDateTime is list'),
        ('send-mail', 'field id is object'),
        ('reply-mail', 'body huge number'),
    ),
    'wrong types in a token': (
        ('Device code: complete', 'field refresh_token is object'),
        ('Authorization code: token', 'field refresh_token is list'),
    ),
    'wrong types in a batch': (
        ('msgraph-mail-set-categories', 'field responses is text'),
        ('msgraph-mail-set-categories', 'field responses.0 is null'),
        ('msgraph-mail-move-email', 'field responses.0.id is object'),
        ('msgraph-mail-flag-email', 'field responses.0.headers is list'),
        ('msgraph-mail-delete-email', 'body numbers for objects'),
        ('msgraph-mail-add-categories', 'field responses.0.body.categories is text'),
    ),
    'leases that outlive their holder': tuple(
        (f'{method}: token', f'killed {moment} the request')
        for method in (
            'Client secret',
            'Certificate, PS256',
            'Device code',
            'Authorization code',
            'Cortex app',
            'Managed identity, App Service',
        )
        for moment in ('before', 'after')
    ),
    'success without content': (
        ('msgraph-mail-list-emails', 'body nulls'),
        ('msgraph-mail-list-emails', 'body a link elsewhere'),
        ('msgraph-mail-list-folders', 'body numbers for objects'),
        ('msgraph-mail-get-settings', 'body an object'),
        ('msgraph-mail-get-settings', 'echo 200'),
        ('msgraph-mail-create-rule', 'body control characters'),
        ('msgraph-mail-delete-folder', 'body an object'),
        ('msgraph-mail-delete-rule', 'empty 202'),
        ('msgraph-mail-respond-to-invitation', 'empty 204'),
        ('reply-mail', 'empty 204'),
        ('send-mail', 'empty 204'),
    ),
    'given up after one fault': (
        ('msgraph-mail-get-email-as-eml', 'once reset_mid_body'),
        ('msgraph-mail-get-email-as-eml', 'once truncated'),
        ('msgraph-mail-list-attachments', 'once reset_mid_body'),
        ('msgraph-mail-get-attachment', 'once reset_mid_body'),
        ('msgraph-mail-get-attachment, all files', 'once truncated'),
        ('msgraph-mail-get-invitation-as-ics', 'once reset_mid_body'),
    ),
    'hostile texts': (
        ('msgraph-mail-get-settings', 'field workingHours.timeZone.name is hostile'),
        ('msgraph-mail-get-mailtips', 'field value.0.automaticReplies.message is hostile'),
        ('msgraph-mail-get-attachment', 'field name is hostile'),
        ('msgraph-mail-get-email', 'field webLink is hostile'),
        ('msgraph-mail-list-folders', 'hostile error 400'),
        ('Client secret: token', 'hostile description 400'),
        ('Authorization code: token', 'field scope is hostile'),
        ('Managed identity, Azure Arc: token', 'field error is hostile'),
    ),
    'done, but reported as failed': (
        ('msgraph-mail-create-draft', 'status 503'),
        ('msgraph-mail-create-draft', 'body a link elsewhere'),
        ('msgraph-mail-add-draft-attachment', 'status 400'),
        ('msgraph-mail-add-draft-attachment', 'once 408'),
        ('msgraph-mail-add-draft-attachment', 'truncated'),
        ('msgraph-mail-add-draft-attachment', 'field id is list'),
        ('msgraph-mail-remove-draft-attachment', 'empty 204'),
        ('msgraph-mail-remove-draft-attachment', 'body control characters'),
        ('msgraph-mail-get-attachment, all files', 'status 404'),
    ),
}


@pytest.fixture
def rows_of(cloud: MicrosoftCloud) -> Iterator[Table]:
    with table(cloud) as made:
        yield made


@pytest.mark.parametrize('name, fault', [row for rows in ROWS.values() for row in rows])
def test_a_row_of_a_kind_does_not_fall_short(rows_of: Table, name: str, fault: str) -> None:
    rows = list(rows_of.rows_of_fault(BY_NAME[name], fault, lambda: None))
    assert rows
    assert [row for row in rows if row.outcome == FELL_SHORT] == []


def test_what_is_known_to_fall_short_still_does(rows_of: Table) -> None:
    for known in KNOWN:
        name, fault = known.example
        rows = list(rows_of.rows_of_fault(BY_NAME[name], fault, lambda: None))
        assert any(row.outcome == FELL_SHORT and known.matches(row) for row in rows)
