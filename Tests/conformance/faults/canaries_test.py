"""Secrets show nowhere, with debug logging on; and each mask is needed: without it, one shows.

Searched are entries, errors and tracebacks, logs (also what urllib3 logs), the health of the instance, the last run, arguments of
scheduled commands, files, and for the secrets of the parameters the integration context.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import CommonServerPython
import MicrosoftApiModule
import MicrosoftGraphMailSendApiModule
import MicrosoftInstanceApiModule
import MicrosoftTokenRequestApiModule
from authentication_methods import AUTHORIZATION_CODE, CLIENT_SECRET, CORTEX_APP, DEVICE_CODE, AuthenticationMethod
from conformance.faults.fault_environment import GIVEN_FILES, FaultEnvironment, Result
from conformance.faults.scenarios import BY_NAME, _signed_in
from conformance.faults.table import forms, secrets_of
from MicrosoftCoreApiModule import secret_forms
from sandbox.microsoft import MicrosoftCloud

pytestmark = pytest.mark.slow
SEARCHES = [0]
PROXY_PASSWORD = 'p%40ss/w+rd-of-the-proxy'


@contextmanager
def environment_of(cloud: MicrosoftCloud, method: AuthenticationMethod, folder: Path) -> Iterator[FaultEnvironment]:
    environment = FaultEnvironment(cloud, method, folder, lambda _environment: {})
    _signed_in(environment)
    yield environment


@pytest.fixture(scope='module', autouse=True)
def _count() -> Iterator[None]:
    yield
    folder = os.environ.get('RELIABILITY')
    if folder:
        Path(folder, f'canaries-{os.getpid()}.json').write_text(str(SEARCHES[0]))


@pytest.fixture
def environment(
    request: pytest.FixtureRequest, cloud: MicrosoftCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultEnvironment]:
    """An instance whose user, if it needs one, has signed in; in debug mode."""
    monkeypatch.setattr(CommonServerPython, 'is_debug_mode', lambda: True)
    with environment_of(cloud, getattr(request, 'param', CLIENT_SECRET), tmp_path) as made:
        yield made


def searched(environment: FaultEnvironment, result: Result) -> str:
    """Return everything in which a secret must not be, except for the integration context."""
    written = [file for file in environment.folder.rglob('*') if file.is_file() and file.name not in GIVEN_FILES]
    files = [file.read_bytes().decode('latin-1') for file in written]
    return '\n'.join([result.shown, json.dumps(environment.last_run), *files])


def parts(secret: str) -> list[str]:
    """Return parts of a secret: one that is cut is shown all the same."""
    return [secret[start : start + 32] for start in range(0, max(1, len(secret) - 31), 32)]


def shown_secrets(environment: FaultEnvironment, result: Result, more: tuple[str, ...] = ()) -> list[str]:
    """Return the secrets that are shown, in any form; those of the parameters also if they are in the context."""
    parameters = [str(value.get('password')) for value in environment.params.values() if isinstance(value, dict)]
    text, context = searched(environment, result), json.dumps(environment.context)
    SEARCHES[0] += len(secrets_of(environment)) + len(more)
    found = [
        one
        for one in (*secrets_of(environment), *more)
        if any(part in text for form in (one, *forms(one)) for part in parts(form))
    ]
    if environment.method not in (CORTEX_APP,):
        named = (
            environment.params.get('creds_auth_id', {}).get('password'),
            environment.params.get('creds_refresh_token', {}).get('password'),
        )
        found += [one for one in parameters if len(one) > 7 and one not in named and one in context]
    return found


def echo(
    environment: FaultEnvironment, service: str, secrets: list[str], form: Callable[[str], str] = str, status: int = 400
) -> None:
    """Have a service answer with the secrets in its error."""
    text = ' '.join(map(form, secrets))
    body = {'error': {'code': 'BadRequest', 'message': text}} if service == 'graph' else {'error': 'x', 'error_description': text}
    environment.cloud.faults.add(service=service, status=status, body=body, times=None)


# region nothing shows

FORMS: dict[str, Callable[[str], str]] = {
    'as it is': str,
    'in a URL': lambda one: forms(one)[0],
    'in JSON': lambda one: forms(one)[1],
    'in base64': lambda one: forms(one)[2],
    'in the base64 of more': lambda one: secret_forms(one)[-1],
    'twice in a URL': lambda one: forms(forms(one)[0])[0],
    'long': lambda one: f'{"x" * 480} {one} {one}',
}


@pytest.mark.parametrize(
    'form, status', [*((form, 400) for form in FORMS), *(('as it is', status) for status in (401, 403, 500))]
)
@pytest.mark.parametrize(
    'environment', [CLIENT_SECRET, AUTHORIZATION_CODE, CORTEX_APP, DEVICE_CODE], indirect=True, ids=lambda one: one.name
)
def test_a_service_that_echoes_secrets_does_not_show_them(environment: FaultEnvironment, form: str, status: int) -> None:
    environment.run('msgraph-mail-list-emails', {})
    for service in (environment.method.token_service, 'graph'):
        echo(environment, service, secrets_of(environment), FORMS[form], status)
    for command, args in (
        ('msgraph-mail-auth-test', {}),
        ('msgraph-mail-list-emails', {'page_size': '1'}),
        ('fetch-incidents', {}),
    ):
        result = environment.run(command, args)
        assert result.error_texts
        assert shown_secrets(environment, result) == []
    environment.cloud.clock.advance(7200)
    assert shown_secrets(environment, environment.run('msgraph-mail-auth-test', {})) == []


@pytest.mark.parametrize(
    'fault', [{'reset': True}, {'status': 500}, {'garbage': True}, {'status': 302, 'headers': {'Location': '/x'}}]
)
def test_the_secret_of_an_upload_url_is_not_shown(environment: FaultEnvironment, fault: dict[str, Any]) -> None:
    environment.cloud.faults.add(service='graph', path='AttachmentSessions', method='PUT', times=None, **fault)
    result = environment.run('send-mail', BY_NAME['send-mail, upload'].args(environment))
    assert result.error_texts
    assert shown_secrets(environment, result, upload_tokens(environment)) == []


# endregion
# region each mask is needed


def upload_tokens(environment: FaultEnvironment) -> tuple[str, ...]:
    """Return the secrets in the upload URLs that the command was given."""
    bodies = [
        one.body for one in environment.exchanges if one.path.endswith('createUploadSession') and isinstance(one.body, dict)
    ]
    tokens = tuple(str(one['uploadUrl']).partition('authtoken=')[2] for one in bodies if 'uploadUrl' in one)
    assert tokens
    return tokens


def _parameters(environment: FaultEnvironment) -> tuple[Result, tuple[str, ...]]:
    environment.run('msgraph-mail-list-emails', {})  # the next command has a token, so that only the parameters tell the secret
    echo(environment, 'graph', [environment.params['creds_enc_key']['password']])
    return environment.run('msgraph-mail-list-folders', {}), ()


def _token(environment: FaultEnvironment) -> tuple[Result, tuple[str, ...]]:
    environment.run('msgraph-mail-list-emails', {})
    echo(environment, 'graph', secrets_of(environment))
    return environment.run('msgraph-mail-list-folders', {}), ()


def _base64(environment: FaultEnvironment) -> tuple[Result, tuple[str, ...]]:
    environment.run('msgraph-mail-list-emails', {})
    echo(environment, 'graph', secrets_of(environment), FORMS['in base64'])
    return environment.run('msgraph-mail-list-folders', {}), ()


def _upload(environment: FaultEnvironment) -> tuple[Result, tuple[str, ...]]:
    return environment.run('send-mail', BY_NAME['send-mail, upload'].args(environment)), upload_tokens(environment)


def _proxy(environment: FaultEnvironment) -> tuple[Result, tuple[str, ...]]:
    environment.params['proxy'] = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('HTTPS_PROXY', f'http://user:{PROXY_PASSWORD}@127.0.0.1:1')
        patch.setenv('NO_PROXY', 'localhost')
        echo(environment, 'graph', [PROXY_PASSWORD])
        return environment.run('msgraph-mail-list-folders', {}), (PROXY_PASSWORD,)


def _traceback(environment: FaultEnvironment) -> tuple[Result, tuple[str, ...]]:
    """Let the product fail with an error that contains a secret."""
    environment.run('msgraph-mail-list-emails', {})
    secret = environment.params['creds_enc_key']['password']
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr('MicrosoftGraphMailClientApiModule.Mailbox.list_folders', lambda *_args: {}[secret])
        return environment.run('msgraph-mail-list-folders', {}), ()


class Mask(NamedTuple):
    """A mask: what provokes that it is needed, and what is put in its place to remove it."""

    provoke: Callable[[FaultEnvironment], tuple[Result, tuple[str, ...]]]
    place: Any
    name: str
    removed: Any


def _nothing(*_args: Any) -> None:
    """Mask nothing."""


MASKS = {
    'secrets of the parameters': Mask(_parameters, MicrosoftInstanceApiModule, 'mask_secret', _nothing),
    'access token': Mask(_token, MicrosoftTokenRequestApiModule.TokenClient, 'mask', _nothing),
    'every form of a secret': Mask(_base64, MicrosoftApiModule, 'secret_forms', lambda secret: [secret]),
    'every form of a token': Mask(_base64, MicrosoftTokenRequestApiModule, 'secret_forms', lambda secret: [secret]),
    'upload URL': Mask(_upload, MicrosoftGraphMailSendApiModule, 'mask_secret', _nothing),
    'password of the proxy': Mask(_proxy, MicrosoftApiModule, 'proxy_passwords', lambda _environment: []),
}


@pytest.mark.parametrize('is_removed', [False, True])
@pytest.mark.parametrize('mask', MASKS)
def test_a_mask_is_needed(environment: FaultEnvironment, monkeypatch: pytest.MonkeyPatch, mask: str, is_removed: bool) -> None:
    provoke, place, name, removed = MASKS[mask]
    if is_removed:
        monkeypatch.setattr(place, name, removed)
    result, more = provoke(environment)
    assert bool(shown_secrets(environment, result, more)) is is_removed


def test_an_unexpected_error_shows_its_type_only(environment: FaultEnvironment) -> None:
    result, _ = _traceback(environment)
    assert result.error_texts == [
        'An unexpected error occurred (KeyError). Run the command again with debug-mode=true, and report the error with the log.'
    ]
    assert 'Traceback' in result.shown
    assert shown_secrets(environment, result) == []


# endregion
