"""The integration replaces the one of the marketplace, and says where it differs."""

import re

import pytest

from conformance.unified import marketplace
from conformance.unified.integration_yml import IN_YML, README
from conformance.unified.marketplace import COMMANDS, OF_ORGANIZATION

HARMFUL = {
    'msgraph-mail-auth-reset',
    'msgraph-mail-delete-email',
    'msgraph-mail-create-folder',
    'msgraph-mail-update-folder',
    'msgraph-mail-delete-folder',
    'msgraph-mail-create-rule',
    'msgraph-mail-update-rule',
    'msgraph-mail-delete-rule',
    'msgraph-mail-block-sender',
    'msgraph-mail-respond-to-invitation',
    'msgraph-mail-set-automatic-replies',
}


def test_the_readme_lists_the_differences() -> None:
    [documented] = re.findall(r'<!-- differences: [^>]*-->\n\n(.*?)\n\n<!-- end of differences -->', README, re.DOTALL)
    assert documented == marketplace.as_markdown()


def test_nothing_of_the_marketplace_is_missing() -> None:
    assert [one for one in marketplace.differences() if one.here == 'missing'] == []


@pytest.mark.parametrize('name', ['msgraph-mail-create-draft', 'send-mail', 'msgraph-mail-get-settings', 'reply-mail'])
def test_what_is_missing_would_be_listed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    command = {**COMMANDS, **OF_ORGANIZATION}[name]
    fewer = {**IN_YML[name], 'arguments': IN_YML[name]['arguments'][1:], 'outputs': []}
    monkeypatch.setitem(IN_YML, name, fewer)
    told = {one.what for one in marketplace.differences() if one.command == name and one.here == 'missing'}
    assert set(command.outputs) <= told


def test_exactly_the_commands_that_delete_or_change_settings_ask_before_they_run() -> None:
    assert {name for name, command in IN_YML.items() if command.get('execution')} == HARMFUL


def test_the_workaround_names_this_integration() -> None:
    text = README.partition('### PreprocessEmail')[2].partition('\n## ')[0]
    assert "'O365 Outlook Mail Single User'" in text
    assert "'command': 'msgraph-mail-get-attachment'" in text
