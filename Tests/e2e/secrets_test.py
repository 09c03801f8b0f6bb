"""No secret is shown: in the War Room, in what the server stores or logs, or in its responses."""

import json
import os
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
from e2e.war_room import WarRoom
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.graph_mail.model import Message
from sandbox.servers import Sandbox

SHORTEST = 16  # characters; what is shorter is a name
# Arc's key folder takes root
TESTED = [method for method in METHODS if method.engine != 'arc' or os.geteuid() == 0]


def passwords_of(settings: dict[str, Any]) -> list[str]:
    """Return the secrets among the parameters of an instance; of a key, its first distinctive line."""
    found = [value['password'] for value in settings.values() if isinstance(value, dict)]
    return [value.splitlines()[1] if value.startswith('-----BEGIN') else value for value in found]


def seen(sandbox: Sandbox, instance: str) -> list[str]:
    """Return the secrets that an instance caches: tokens, and the data of a pending sign-in."""
    return list(strings_in(sandbox.server.integration_context(instance)))


def strings_in(value: Any) -> Iterator[str]:
    """Yield the long strings in a value, also in its JSON texts."""
    if isinstance(value, dict):
        for each in value.values():
            yield from strings_in(each)
    elif isinstance(value, str) and value.startswith('{'):
        yield from strings_in(json.loads(value))
    elif isinstance(value, str) and len(value) >= SHORTEST and ' ' not in value:
        yield value


def assert_hidden(secrets: list[str], sandbox: Sandbox, war_room: WarRoom) -> None:
    """Searches for secrets, as they are and URL-encoded, in everything that is shown, stored and logged."""
    __tracebackhide__ = True  # a failure is not to show them either
    forms = [form.encode() for secret in secrets for form in {secret, quote(secret, safe='')}]
    places = {'answers of the server': war_room.everything().encode()}
    places |= {str(path): path.read_bytes() for path in (sandbox.folder / 'xsoar').rglob('*') if path.is_file()}
    found = {name for name, content in places.items() for form in forms if form in content}
    assert not found, f'{len(found)} places show a secret: {", ".join(sorted(found))}'
    assert len(places) > 3


@pytest.mark.parametrize('method', TESTED, ids=[method.name for method in TESTED])
def test_sign_in_shows_no_secret(
    sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator, war_room: WarRoom, method: AuthenticationMethod
) -> None:
    if method.engine:
        cloud.host_environment(method.engine)
    settings = method.settings(cloud)
    result = MethodCheck(replace(method, settings=lambda _: settings), cloud, administrator).run()
    assert result.problems == []
    administrator.run('!msgraph-mail-list-emails page_size=1 debug-mode=true', method.name)
    kept = seen(sandbox, method.name)
    assert any(value.startswith('ey') for value in kept), 'the access token is not among what is looked for'
    public = {cloud.directory.application(name).client_id for name in ('web', 'daemon', 'device')}
    public |= {tenant.tenant_id for tenant in cloud.directory.tenants}
    public |= {identity.client_id for identity in cloud.directory.managed_identities}
    assert_hidden([one for one in (*passwords_of(settings), *kept) if one and one not in public], sandbox, war_room)


def test_a_browser_sign_in_shows_no_code(
    sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator, war_room: WarRoom
) -> None:
    administrator.add_instance('Codes', authentication_methods.authorization_code(cloud))
    told = administrator.run('!msgraph-mail-auth-start', 'Codes')
    verifier = [one for one in seen(sandbox, 'Codes') if one not in told]
    redirected_to = Browser(cloud, authentication_methods.ADA).sign_in(told.split('](')[1].split(')')[0])
    administrator.run(f'!msgraph-mail-auth-complete code="{redirected_to}"', 'Codes')
    code = parse_qs(urlsplit(redirected_to).query)['code'][0]
    assert verifier
    assert_hidden([code, *verifier], sandbox, war_room)


def test_an_echoed_secret_is_not_shown(
    sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator, war_room: WarRoom
) -> None:
    """Services and proxies sometimes repeat what they received."""
    secret = cloud.directory.application('daemon').secret
    administrator.add_instance('Echoed', authentication_methods.client_secret(cloud))
    cloud.faults.add(
        service='entra',
        status=400,
        body={'error': 'invalid_client', 'error_description': f"AADSTS7000215: '{secret}' is no secret of this application."},
    )
    with pytest.raises(CommandFailed, match='AADSTS7000215'):
        administrator.run('!msgraph-mail-auth-test', 'Echoed')
    assert_hidden([secret], sandbox, war_room)


def test_debug_logs_contain_no_mails_and_attachments(
    sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator
) -> None:
    administrator.add_instance('Debugged', authentication_methods.client_secret(cloud))
    mailbox = cloud.mailbox(authentication_methods.ADA)
    message = mailbox.deliver(Message('Plan', mailbox.owner, mailbox.now(), html='<p>body-that-is-nobodys-business</p>'))
    mailbox.attach_file(message, 'plan.txt', b'file-that-is-nobodys-business')
    entry_id = administrator.upload_file('own.txt', b'file-that-is-nobodys-business')
    for command in (
        f'msgraph-mail-get-email message_id="{message.immutable_id}"',
        f'msgraph-mail-get-email-as-eml message_id="{message.immutable_id}"',
        f'msgraph-mail-get-attachment message_id="{message.immutable_id}"',
        f'msgraph-mail-reply-to message_id="{message.immutable_id}" to="{ADA}" comment="x" attach_ids="{entry_id}"',
    ):
        administrator.run(f'!{command} debug-mode=true', 'Debugged')
    logs = [path for path in (sandbox.folder / 'xsoar').rglob('*') if path.name.endswith(('.log', '_debug'))]
    logged = b''.join(path.read_bytes() for path in logs)
    assert b'msgraph-mail-get-email' in logged
    for text in (b'that-is-nobodys-business', b64encode(b'file-that-is-nobodys-business')):
        assert text not in logged


def test_the_search_finds_secrets(sandbox: Sandbox, war_room: WarRoom) -> None:
    """The search of the tests above can fail."""
    war_room.run('A note about S8Q~a-secret-that-somebody-typed.', 'nobody')
    with pytest.raises(AssertionError, match=r'xsoar\.db.*answers of the server'):
        assert_hidden(['S8Q~a-secret-that-somebody-typed'], sandbox, war_room)
