"""What to try by hand: addresses, users, what to enter for each authentication method, incidents, and how to cause faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from authentication_methods import ADA, CORTEX_APP, METHODS, AuthenticationMethod, Settings, cloud_settings, consent_page
from demo.administrator import INTEGRATION
from sandbox.servers import Sandbox

_INDENT = '    '


def instructions(sandbox: Sandbox) -> str:
    """Return what `make sandbox` prints. All secrets in it are made up and only of this run."""
    labels = field_labels(sandbox.server.url, sandbox.server.api_key)
    parts = [_xsoar(sandbox), _cloud(sandbox), _users(sandbox), _every_instance(sandbox, labels)]
    parts += [_method(number, method, sandbox, labels) for number, method in enumerate(METHODS, 1)]
    return '\n\n'.join([*parts, _incidents(sandbox, labels), _examples(sandbox), _faults(sandbox)])


def _xsoar(sandbox: Sandbox) -> str:
    url, key = sandbox.server.url, sandbox.server.api_key
    return (
        _section('XSOAR', {'Pages': url, 'API key': key})
        + f"""
    The same from a shell:
      export DEMISTO_BASE_URL={url} DEMISTO_API_KEY={key}
      .venv/bin/demisto-sdk run -q '!msgraph-mail-auth-test using="<name of the instance>"'"""
    )


def _cloud(sandbox: Sandbox) -> str:
    cloud = sandbox.cloud
    return _section(
        'The local Microsoft cloud',
        {
            'Microsoft Entra ID': cloud.authority,
            'Microsoft Graph': cloud.graph,
            'Azure Resource Manager': cloud.resource_manager,
            'Defender for Endpoint': cloud.defender,
            'Token service of the Cortex app': cloud.token_service,
            'Instance metadata service': cloud.imds,
            'Its certificate authority': cloud.ca_file,
        },
    )


def _examples(sandbox: Sandbox) -> str:
    """What to enter for the examples: the cloud Custom with the addresses above, and an application."""
    directory = sandbox.cloud.directory
    applications = {'AzureSubscriptions': 'daemon', 'DefenderEndpointAlerts': 'defender', 'GraphUsers': 'directory'}
    values = {}
    for example, name in applications.items():
        application = directory.application(name)
        secret = f', Key {application.secret}' if application.secrets else ''
        values[f'make example NAME={example}'] = f'ID {application.client_id}, Token {application.tenant_id}{secret}'
    return _section('Examples of integrations: upload one, and enter the cloud Custom, its addresses, and', values)


def _users(sandbox: Sandbox) -> str:
    accounts = {user.user_principal_name: user.password for user in sandbox.cloud.directory.users if user.enabled}
    return (
        _section('Users who can sign in, and their passwords', accounts)
        + f"""
    Browsers warn of the certificate, unless they trust {sandbox.cloud.ca_file}"""
    )


def _every_instance(sandbox: Sandbox, labels: dict[str, str]) -> str:
    title = f'Add an instance: Integrations > {INTEGRATION} > Add instance. Each needs'
    return _section(title, _fields(cloud_settings(sandbox.cloud), labels))


def _method(number: int, method: AuthenticationMethod, sandbox: Sandbox, labels: dict[str, str]) -> str:
    title = section_title(number, method)
    if method is CORTEX_APP:
        return _section(title, {'ID, Token, Key': f'shown at the end of {consent_page(sandbox.cloud)}'})
    if method.engine == 'arc' and sandbox.without_arc:
        return _section(title, {'Not here': sandbox.without_arc})
    common = cloud_settings(sandbox.cloud)
    own = {name: value for name, value in method.settings(sandbox.cloud).items() if name not in common}
    fields = {'Engine': method.engine} if method.engine else {}
    fields |= _fields(_with_key_in_file(own, sandbox.folder / f'private-key-{number}.pem'), labels)
    if method.sign_in:
        fields['Then run'] = '!msgraph-mail-auth-start, which says what to do next'
    return _section(title, fields)


def section_title(number: int, method: AuthenticationMethod) -> str:
    """Return the title of the section on a method, which is the ``number``-th of all."""
    return f'{number}. {method.name}'


def _incidents(sandbox: Sandbox, labels: dict[str, str]) -> str:
    fields = _fields({'isFetch': True}, labels)
    fields['Then run'] = f'!send-mail to={ADA} subject=Invoice body="Please pay."'
    fields['The incident is on'] = f'{sandbox.server.url}/incidents within a minute'
    return _section('Mails as incidents: in any of these instances', fields)


def _with_key_in_file(settings: Settings, file: Path) -> Settings:
    """Replace a private key by a file that holds it: it has too many lines to be shown."""
    certificate = settings.get('creds_certificate')
    if not certificate:
        return settings
    file.write_text(certificate['password'])
    return {**settings, 'creds_certificate': {**certificate, 'password': f'the content of {file}'}}


def _fields(settings: Settings, labels: dict[str, str]) -> dict[str, str]:
    shown: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            shown |= {labels[f'{name}/{part}']: text for part, text in value.items() if text}
        else:
            shown[labels[name]] = 'select it' if value is True else str(value)
    return shown


def field_labels(url: str, api_key: str) -> dict[str, str]:
    """Return the label of each field of an instance by the parameter's name; credentials have two, ``<name>/identifier`` and
    ``<name>/password``.
    """
    http = requests.Session()
    http.trust_env = False
    answer = http.post(f'{url}/settings/integration/search', json={}, timeout=30, headers={'Authorization': api_key}).json()
    integration: dict[str, Any] = next(one for one in answer['configurations'] if one['id'] == INTEGRATION)
    labels = {}
    for field in integration['configuration']:
        if field['displayPassword']:
            labels[f'{field["name"]}/identifier'] = field['display']
            labels[f'{field["name"]}/password'] = field['displayPassword']
        else:
            labels[field['name']] = field['display']
    return labels


def _faults(sandbox: Sandbox) -> str:
    address = f'{sandbox.cloud.admin}/sandbox/faults'
    return f"""Cause faults
    curl {address} -d '{{"service": "entra", "path": "token", "status": 503, "times": 4}}'
    curl {address} -d '{{"service": "entra", "path": "token", "aadsts": 7000222}}'
    curl {address} -d '{{"service": "graph", "status": 429, "headers": {{"Retry-After": "2"}}, "times": 2}}'
    curl -X DELETE {address}"""


def _section(title: str, fields: dict[str, str]) -> str:
    width = max(map(len, fields))
    return '\n'.join([title, *(f'{_INDENT}{name:<{width}}  {value}' for name, value in fields.items())])
