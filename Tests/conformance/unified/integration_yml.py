"""The yml of the integration, its commands, those of quick actions apart, and helpers that compare a context with it."""

import re
from collections.abc import Iterator
from typing import Any

from conformance.unified.sources import INTEGRATION, loaded_yml

# What the file holds, read once: tests leave it as it is.
YML: dict[str, Any] = loaded_yml(INTEGRATION / f'{INTEGRATION.name}.yml')
_ALL = YML['script']['commands']
IN_YML: dict[str, dict[str, Any]] = {one['name']: one for one in _ALL if not one.get('quickaction')}
QUICK_ACTIONS: dict[str, dict[str, Any]] = {one['name']: one for one in _ALL if one.get('quickaction')}
TYPES = {
    'String': lambda value: isinstance(value, str),
    'Boolean': lambda value: isinstance(value, bool),
    'Number': lambda value: type(value) is int,
    'Date': lambda value: bool(re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', value)),
    'Unknown': lambda value: True,
}
# Arguments that a command needs, besides the required ones or in a special format, before it calls Graph.
ENOUGH = {
    **{
        name: {'to': 'bob@contoso.example'}
        for name in ('send-mail', 'reply-mail', 'msgraph-mail-reply-to', 'msgraph-mail-forward')
    },
    **{f'msgraph-mail-{verb}-email': {'destination_folder_id': 'archive'} for verb in ('move', 'copy')},
    **{
        f'msgraph-mail-{name}': {'parent_folder_id' if 'child' in name else 'folder_id': 'inbox'}
        for name in ('list-child-folders', 'update-folder', 'delete-folder')
    },
    'msgraph-mail-create-draft': {'subject': 'x'},
    'msgraph-mail-add-draft-attachment': {'attach_ids': '1@7'},
    'msgraph-mail-update-draft': {'subject': 'x'},
    'msgraph-mail-get-mailtips': {'email_addresses': 'bob@contoso.example'},
    'msgraph-mail-find-email': {'message_id': '<a@contoso.example>'},
    'msgraph-mail-set-categories': {'clear': 'true'},
    'msgraph-mail-block-sender': {'sender': 'eve@partner.example'},
    'msgraph-mail-get-conversation': {'conversation_id': 'AAQkAD='},
    'msgraph-mail-create-rule': {'actions': '{"markAsRead": true}'},
    'msgraph-mail-update-rule': {'display_name': 'Invoices'},
}


README = (INTEGRATION / 'README.md').read_text(encoding='utf-8')


def readme_title(command: str) -> str:
    """Return the title of the output of a command that the README shows, without its count."""
    section = README.partition(f'\n### {command}\n')[2].partition('\n### ')[0]
    return title_of(section.partition('#### Human Readable Output')[2].strip().removeprefix('>'))


def title_of(readable: str) -> str:
    """Return the title of an output, without its count."""
    return readable.partition('\n')[0].partition(' (')[0]


def enough_arguments(command: str) -> dict[str, str]:
    """Return arguments with which a command gets as far as calling Graph."""
    required = [argument for argument in IN_YML[command].get('arguments') or () if argument.get('required')]
    return {
        **{argument['name']: (argument.get('predefined') or ['AAMkAD='])[0] for argument in required},
        **ENOUGH.get(command, {}),
    }


def leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the paths of a context with their values. A list of objects is one path, any other list is a value."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from leaves(f'{path}.{name}', below)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for below in value:
            yield from leaves(path, below)
    else:
        yield path, value


def cut_at(described: set[str], path: str) -> str:
    """Return the longest path of the type Unknown that a path is below, or the path itself."""
    return max((known for known in described if path == known or path.startswith(f'{known}.')), key=len, default=path)


def covered(described: set[str], path: str) -> set[str]:
    """Return the described paths that a value gives: the one of `cut_at`, and those that it is below."""
    return {cut_at(described, path)} | {known for known in described if path.startswith(f'{known}.')}
