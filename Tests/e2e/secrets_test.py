"""No secret shows: not in the war room, not in what the server stores, logs and answers. Every instance here logs in debug mode.

The server masks nothing, so that what is not masked by the product is found.
"""

import json
import os
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

import authentication_methods
from authentication_methods import ADA, METHODS, AuthenticationMethod
from demo.administrator import Administrator, CommandFailed
from demo.method_check import MethodCheck
from e2e.war_room import WarRoom, texts
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.graph_mail.model import Message
from sandbox.servers import Sandbox

SHORTEST, END = 16, 24  # characters; what is shorter is a name
BODY, FILE = 'body-of-nobodys-business', 'file-of-nobodys-business'
LARGER_THAN_A_RANGE = 4_000_000  # bytes
# Arc's key folder takes root
TESTED = [method for method in METHODS if method.engine != 'arc' or os.geteuid() == 0]
LOG = 'integration-instance.log'


@pytest.fixture(scope='module')
def administrator(sandbox: Sandbox) -> Administrator:
    """Somebody who adds instances with the log level Debug."""
    return Administrator(sandbox.server.url, sandbox.server.api_key, log_level='Debug')


@pytest.fixture
def log(sandbox: Sandbox) -> Iterator['Log']:
    """What the commands of the test log; it has to be there, and holds no token and no body of a request."""
    log = Log(sandbox)
    yield log
    text = log.text()
    assert 'debug-mode started' in text
    assert '[urllib3.connectionpool]' in text
    assert not re.search(r'\beyJ[\w-]{20,}\.', text), 'a token is in the log'
    assert 'grant_type' not in text, 'the body of a token request is in the log'


class Log:
    """The log of the commands from now on."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._file = sandbox.folder / 'xsoar' / LOG
        self._start = self._file.stat().st_size if self._file.exists() else 0

    def text(self) -> str:
        content = self._file.read_bytes()
        return content[self._start if len(content) > self._start else 0 :].decode()


def passwords_of(settings: dict[str, Any]) -> list[str]:
    """Return the secrets among the values of an instance; of a key the first line that is its own."""
    found = [value['password'] for value in settings.values() if isinstance(value, dict)]
    return [value.splitlines()[1] if value.startswith('-----BEGIN') else value for value in found]


def cached_secrets(sandbox: Sandbox, instance: str) -> list[str]:
    """Return the secrets that an instance stores between commands: tokens, and what belongs to a started sign-in."""
    return list(strings_in(sandbox.server.integration_context(instance)))


def access_token(sandbox: Sandbox, instance: str) -> str:
    """Return the access token that an instance keeps."""
    return next(value for value in cached_secrets(sandbox, instance) if value.startswith('ey'))


def strings_in(value: Any) -> Iterator[str]:
    """Yield the long strings in a value and in the JSON texts of it."""
    if isinstance(value, dict):
        for each in value.values():
            yield from strings_in(each)
    elif isinstance(value, str) and value.startswith('{'):
        yield from strings_in(json.loads(value))
    elif isinstance(value, str) and len(value) >= SHORTEST and ' ' not in value:
        yield value


def encoded(text: str) -> list[str]:
    """Return a text as it is, and its Base64 at each position in what is encoded."""
    shifted = [b64encode(b' ' * shift + text.encode() + b'   ').decode()[4 * (shift > 0) : -8] for shift in range(3)]
    return [text, *shifted]


def assert_hidden(secrets: list[str], sandbox: Sandbox, war_room: WarRoom) -> None:
    """Look for secrets, as they are and as part of a URL, in all that is shown, stored and logged.

    Of each secret the end is looked for: a part of it may be masked by chance, as the IDs in a token are.
    """
    __tracebackhide__ = True  # a failure is not to show them either
    forms = [form[-END:].encode() for secret in secrets for form in {secret, quote(secret, safe='')}]
    places = {'answers of the server': war_room.everything().encode()}
    places |= {
        f'last run of {name}': json.dumps(sandbox.server.last_run(name)).encode() for name in sandbox.server.instance_names()
    }
    places |= {str(path): path.read_bytes() for path in (sandbox.folder / 'xsoar').rglob('*') if path.is_file()}
    found = {name for name, content in places.items() for form in forms if form in content}
    assert not found, f'{len(found)} places show a secret: {", ".join(sorted(found))}'
    assert len(places) > 3


@pytest.mark.parametrize('method', TESTED, ids=[method.name for method in TESTED])
def test_sign_in_shows_no_secret(
    sandbox: Sandbox,
    cloud: MicrosoftCloud,
    administrator: Administrator,
    war_room: WarRoom,
    log: Log,
    method: AuthenticationMethod,
) -> None:
    if method.engine:
        cloud.host_environment(method.engine)
    settings = method.settings(cloud)
    result = MethodCheck(replace(method, settings=lambda _: settings), cloud, administrator).run()
    assert result.problems == []
    administrator.run('!msgraph-mail-list-emails page_size=1 debug-mode=true', method.name)
    kept = cached_secrets(sandbox, method.name)
    assert any(value.startswith('ey') for value in kept), 'the access token is not among what is looked for'
    public = {application.client_id for application in cloud.directory.applications}
    public |= {tenant.tenant_id for tenant in cloud.directory.tenants}
    public |= {identity.client_id for identity in cloud.directory.managed_identities}
    assert_hidden([one for one in (*passwords_of(settings), *kept) if one and one not in public], sandbox, war_room)


def test_codes_of_a_browser_sign_in_do_not_show(
    sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator, war_room: WarRoom, log: Log
) -> None:
    administrator.add_instance('Codes', authentication_methods.authorization_code(cloud))
    told = administrator.run('!msgraph-mail-auth-start', 'Codes')
    verifier = [one for one in cached_secrets(sandbox, 'Codes') if one not in told]
    ended_on = Browser(cloud, ADA).sign_in(told.split('](')[1].split(')')[0])
    administrator.run(f'!msgraph-mail-auth-complete code="{ended_on}"', 'Codes')
    code = parse_qs(urlsplit(ended_on).query)['code'][0]
    assert verifier
    assert_hidden([code, *verifier], sandbox, war_room)


def test_device_code_does_not_show(
    sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator, war_room: WarRoom, log: Log
) -> None:
    administrator.add_instance('Device', authentication_methods.device_code(cloud))
    told = administrator.run('!msgraph-mail-auth-start', 'Device')
    device_code = cached_secrets(sandbox, 'Device')
    Browser(cloud, ADA).enter_device_code(told.split('](')[1].split(')')[0], told.split('**')[1])
    administrator.run('!msgraph-mail-auth-complete', 'Device')
    assert device_code
    assert_hidden(device_code, sandbox, war_room)


@pytest.mark.parametrize('name', ['Client secret', 'Cortex app'])
def test_secret_that_the_sign_in_echoes_does_not_show(
    sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator, war_room: WarRoom, log: Log, name: str
) -> None:
    """Services and proxies sometimes say what they were sent; in debug mode the traceback of an error is logged."""
    settings = next(one for one in METHODS if one.name == name).settings(cloud)
    secret = settings['creds_enc_key' if name == 'Client secret' else 'creds_refresh_token']['password']
    administrator.add_instance('Echoed', settings)
    cloud.faults.add(
        service='entra' if name == 'Client secret' else 'token-service',
        status=400,
        body={'error': 'invalid_client', 'error_description': f"AADSTS7000215: '{secret}' is no secret of this application."},
    )
    with pytest.raises(CommandFailed, match='AADSTS7000215'):
        administrator.run('!msgraph-mail-auth-test', 'Echoed')
    assert 'Traceback' in log.text()
    assert_hidden([secret], sandbox, war_room)


@pytest.mark.parametrize('where', ['error', 'one of a batch', 'fetch'])
def test_token_that_graph_echoes_does_not_show(
    sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator, war_room: WarRoom, log: Log, where: str
) -> None:
    administrator.add_instance('Echoing', authentication_methods.client_secret(cloud))
    administrator.run('!msgraph-mail-auth-test', 'Echoing')
    token = access_token(sandbox, 'Echoing')
    mailbox = cloud.mailbox(ADA)
    first, second = (mailbox.deliver(Message('Plan', mailbox.owner, mailbox.now())).immutable_id for _ in range(2))
    body = {'error': {'code': 'BadToken', 'message': f"The access token '{token}' cannot be read."}}
    if where == 'one of a batch':
        cloud.faults.add(service='graph', path=f'messages/{first}', status=400, body=body)
        seen = texts(war_room.run(f'!msgraph-mail-flag-email message_ids="{first},{second}" status=flagged', 'Echoing'))
        assert 'Flags set' in seen
    else:
        cloud.faults.add(service='graph', times=None, status=400, body=body)
        seen = texts(war_room.run('!msgraph-mail-list-emails', 'Echoing')) if where == 'error' else ''
        seen = seen or sandbox.server.fetch_now('Echoing').error
    assert "BadToken: The access token '" in seen
    assert_hidden([token], sandbox, war_room)


def test_mails_and_attachments_do_not_show_in_debug_logs(
    cloud: MicrosoftCloud, administrator: Administrator, sandbox: Sandbox, log: Log
) -> None:
    administrator.add_instance('Debugged', {**authentication_methods.client_secret(cloud), 'isFetch': True})
    mailbox = cloud.mailbox(ADA)
    letter = mailbox.deliver(Message('Plan', mailbox.owner, mailbox.now(), html=f'<p>{BODY}</p>'))
    mailbox.attach_file(letter, 'plan.txt', FILE.encode())
    small, large = (administrator.upload_file('own.txt', (FILE + '\n').encode() * times) for times in (1, 180_000))
    mail = f'to="{ADA}" subject="Plan" attachIDs="{small},{large}"'
    for command in (
        f'msgraph-mail-get-email message_id="{letter.immutable_id}"',
        f'msgraph-mail-get-email-as-eml message_id="{letter.immutable_id}"',
        f'msgraph-mail-get-attachment message_id="{letter.immutable_id}"',
        'msgraph-mail-list-emails',
        f'send-mail {mail} htmlBody="<b>{BODY}</b>"',
        f'msgraph-mail-create-draft subject="Plan" attach_ids="{small},{large}" body="{BODY}"',
        f'msgraph-mail-reply-to message_id="{letter.immutable_id}" to="{ADA}" comment="{BODY}" attach_ids="{small}"',
    ):
        administrator.run(f'!{command}', 'Debugged')
    assert sandbox.server.fetch_now('Debugged').incidents
    logged = log.text() + json.dumps(sandbox.server.last_run('Debugged'))
    assert not [form for text in (BODY, FILE) for once in encoded(text) for form in encoded(once) if form in logged]
    assert 'createUploadSession' in logged
    assert not re.search('(?i)AttachmentSessions|authtoken', logged), 'the upload URL is in the log'


@pytest.mark.parametrize('tenant', ['contoso.example', ' Contoso.Example ', ''])
def test_the_name_of_a_tenant_is_no_secret(cloud: MicrosoftCloud, administrator: Administrator, log: Log, tenant: str) -> None:
    settings = authentication_methods.client_secret(cloud)
    tenant = tenant or settings['creds_refresh_token']['password']
    administrator.add_instance('Named', {**settings, 'creds_refresh_token': {'identifier': '', 'password': tenant}})
    with pytest.raises(CommandFailed) as failure:
        administrator.run(f'!msgraph-mail-list-emails user_id="nobody@{tenant.strip()}"', 'Named')
    assert f"'nobody@{tenant.strip()}' is invalid" in str(failure.value)
    client_id = settings['creds_auth_id']['password']
    cloud.faults.add(service='entra', status=400, body={'error': 'x', 'error_description': f'AADSTS700016: No {client_id}.'})
    administrator.run('!msgraph-mail-auth-reset', 'Named')
    with pytest.raises(CommandFailed, match=f'AADSTS700016: No {client_id}'):
        administrator.run('!msgraph-mail-auth-test', 'Named')


def test_looking_for_secrets_finds_them(sandbox: Sandbox, war_room: WarRoom) -> None:
    """The search of the tests above is no empty one."""
    war_room.run('A note about S8Q~a-secret-that-somebody-typed.', 'nobody')
    with pytest.raises(AssertionError, match=r'xsoar\.db.*answers of the server'):
        assert_hidden(['S8Q~a-secret-that-somebody-typed'], sandbox, war_room)


@pytest.mark.parametrize('before', range(4))
def test_encoded_text_is_found_wherever_it_stands(before: int) -> None:
    content = b64encode(b'x' * before + BODY.encode() + b'more').decode()
    assert any(form in content for form in encoded(BODY))
    assert any(form in b64encode(content.encode()).decode() for once in encoded(BODY) for form in encoded(once))
