"""Secrets: sealed at rest and never sent back. What commands show and log themselves is not masked, as on a real server."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from sandbox.tests.xsoar.xsoar_client import XsoarTestClient
from sandbox.xsoar.errors import Refusal
from sandbox.xsoar.vault import Vault

PASSWORD, API_KEY, TOKEN, WORD = (
    'sesame-password-1',
    'sesame-api-key-22',
    'sesame-token-of-the-context-333',
    'sesame-argument-4444',
)
CERTIFICATE = (
    '-----BEGIN PRIVATE KEY-----\nsesameMIIEvQIBADANBgkqhkiG9w0BAQEF\nsesameAASCBKcwggSjAgEAAoIBAQ\n-----END PRIVATE KEY-----'
)
SECRETS = [PASSWORD, API_KEY, TOKEN, WORD, *CERTIFICATE.splitlines()[1:3]]


@pytest.fixture
def full(xsoar: XsoarTestClient) -> XsoarTestClient:
    """A server whose instance has a secret of every kind, and has used them."""
    xsoar.call('DELETE', f'/settings/integration/{xsoar.instance()["id"]}')
    xsoar.add(credentials={'identifier': 'ada', 'password': PASSWORD}, api_key=API_KEY, certificate=CERTIFICATE)
    xsoar.run(f'!probe-remember text={TOKEN}')
    xsoar.run(f'!probe-echo text=x password="{WORD}"')
    xsoar.run(f'!probe-poll left=100 word={WORD}')
    return xsoar


def answers(xsoar: XsoarTestClient) -> str:
    instance = xsoar.instance()
    everything = [
        xsoar.call('POST', '/settings/integration/search', {}),
        xsoar.call('PUT', '/settings/integration', instance),
        xsoar.call('POST', '/settings/integration/test', xsoar.instance()),
        xsoar.entries(),
        xsoar.context(),
        xsoar.call('POST', '/incidents/search', {}),
        xsoar.call('GET', '/contentpacks/metadata/installed'),
    ]
    return json.dumps(everything, ensure_ascii=False)


def stored(folder: Path) -> bytes:
    return b''.join(each.read_bytes() for each in folder.rglob('*') if each.is_file())


def test_no_secret_is_found_in_any_file_or_answer(full: XsoarTestClient) -> None:
    said, kept = answers(full), stored(full.server.data_folder)

    assert [each for each in SECRETS if each in said] == []
    assert [each for each in SECRETS if each.encode() in kept] == []
    assert full.server.api_key.encode() not in kept


def test_what_a_command_shows_is_not_masked(full: XsoarTestClient) -> None:
    """A server that masked it would hide that an integration does not."""
    full.run('!probe-leak how=log')
    sentence = full.say('!probe-leak how=crash')

    log = (full.server.data_folder / 'integration-instance.log').read_text()

    assert sentence.startswith(f"The command crashed: ValueError: crash ['{PASSWORD}', '{API_KEY}', ")
    assert f"debug: debug ['{PASSWORD}', '{API_KEY}', " in log
    assert f'info: info {PASSWORD} {API_KEY} ' in log


def secrets_of_a_command(xsoar: XsoarTestClient) -> tuple[str, str, str]:
    params = json.loads(xsoar.say('!probe-platform'))['params']
    return params['credentials']['password'], params['api_key'], params['certificate']


def test_secrets_reach_the_command(full: XsoarTestClient) -> None:
    assert secrets_of_a_command(full) == (PASSWORD, API_KEY, CERTIFICATE)


def test_a_stored_secret_is_only_said_to_be_there(full: XsoarTestClient) -> None:
    shown = {each['name']: (each['value'], each['hasvalue']) for each in full.instance()['data']}

    assert shown['credentials'] == ({'credential': '', 'identifier': 'ada', 'password': '', 'passwordChanged': False}, True)
    assert (shown['api_key'], shown['certificate']) == (('', True), ('', True))


def test_saving_an_instance_as_it_was_shown_keeps_its_secrets(full: XsoarTestClient) -> None:
    full.call('PUT', '/settings/integration', full.instance())

    assert secrets_of_a_command(full) == (PASSWORD, API_KEY, CERTIFICATE)


@pytest.mark.parametrize(
    'change, password, api_key',
    [
        ({'credentials': ({'identifier': 'eve', 'password': ''}, True)}, PASSWORD, API_KEY),
        ({'credentials': ({'identifier': 'ada', 'password': 'new'}, True)}, 'new', API_KEY),
        ({'credentials': ({'identifier': 'ada', 'password': '', 'passwordChanged': True}, True)}, '', API_KEY),
        ({'credentials': (None, False), 'api_key': ('', False)}, '', ''),
        ({'api_key': ('newer', True)}, PASSWORD, 'newer'),
    ],
)
def test_secrets_can_be_changed_and_cleared(full: XsoarTestClient, change: dict[str, Any], password: str, api_key: str) -> None:
    data = [{'name': name, 'value': value, 'hasvalue': has_value} for name, (value, has_value) in change.items()]
    full.call('PUT', '/settings/integration', {**full.instance(), 'data': data})

    params = json.loads(full.say('!probe-platform'))['params']

    assert (params['credentials']['password'], params['api_key'], params['certificate']) == (password, api_key, CERTIFICATE)


def test_secret_arguments_are_blanked_in_the_war_room(full: XsoarTestClient) -> None:
    assert '!probe-echo text=x password=*****' in [each['contents'] for each in full.entries()]


def test_files_are_for_their_owner_only(full: XsoarTestClient) -> None:
    folder = full.server.data_folder

    modes = {
        name: stat.S_IMODE(os.stat(folder / name).st_mode) for name in ('xsoar.key', 'xsoar.db', 'files', 'scripts', 'work', '.')
    }

    assert modes == {'xsoar.key': 0o600, 'xsoar.db': 0o600, 'files': 0o700, 'scripts': 0o700, 'work': 0o700, '.': 0o700}


def test_a_vault_opens_what_it_sealed_at_the_same_place_only(tmp_path: Path) -> None:
    vault = Vault(tmp_path / 'key')
    sealed = vault.seal({'a': ['ключ', 1]}, 'instances/1')

    assert Vault(tmp_path / 'key').unseal(sealed, 'instances/1') == {'a': ['ключ', 1]}
    assert vault.seal({'a': ['ключ', 1]}, 'instances/1') != sealed
    for value, place in [(sealed, 'instances/2'), (sealed[:-1] + bytes([sealed[-1] ^ 1]), 'instances/1'), (b'', 'instances/1')]:
        with pytest.raises(Refusal, match='put the right key file back'):
            vault.unseal(value, place)


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    sealed = Vault(tmp_path / 'key').seal('x', 'p')

    with pytest.raises(Refusal, match='put the right key file back'):
        Vault(tmp_path / 'other').unseal(sealed, 'p')


def test_a_key_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'key').write_text('not a key')

    with pytest.raises(Refusal, match='is not a key of this server'):
        Vault(tmp_path / 'key')
