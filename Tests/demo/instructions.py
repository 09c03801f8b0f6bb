"""What to enter for each authentication method, incidents and examples: the chapters of the sandbox's start page."""

from __future__ import annotations

from typing import Any

import requests

from authentication_methods import ADA, CORTEX_APP, METHODS, AuthenticationMethod, Settings, cloud_settings, consent_page
from demo.administrator import INTEGRATION
from sandbox.portal import Chapter
from sandbox.servers import Sandbox

EVERY_INSTANCE = 'Every instance: where the cloud is'
INCIDENTS = 'Mails as incidents'


def instructions(sandbox: Sandbox) -> list[Chapter]:
    """Return the chapters. All secrets in them are made up and only of this sandbox."""
    labels = field_labels(sandbox.server.url, sandbox.server.api_key)
    note = f'Settings > Integrations > {INTEGRATION} > Add instance has filled these in.'
    return [
        Chapter(EVERY_INSTANCE, _fields(cloud_settings(sandbox.cloud), labels), note),
        *(_method(number, method, sandbox, labels) for number, method in enumerate(METHODS, 1)),
        _incidents(sandbox, labels),
        _examples(sandbox),
    ]


def _method(number: int, method: AuthenticationMethod, sandbox: Sandbox, labels: dict[str, str]) -> Chapter:
    title = section_title(number, method)
    if method is CORTEX_APP:
        return Chapter(title, {'Consent page': consent_page(sandbox.cloud)}, 'It shows ID, Token and Key for one instance.')
    if method.engine == 'arc' and sandbox.without_arc:
        return Chapter(title, {'Not here': sandbox.without_arc})
    common = cloud_settings(sandbox.cloud)
    own = {name: value for name, value in method.settings(sandbox.cloud).items() if name not in common}
    fields = {'Run on': method.engine} if method.engine else {}
    fields |= _fields(own, labels)
    if method.sign_in:
        fields['Then run'] = '!msgraph-mail-auth-start'
    return Chapter(title, fields)


def section_title(number: int, method: AuthenticationMethod) -> str:
    """Return the title of the chapter on a method, which is the ``number``-th of all."""
    return f'{number}. {method.name}'


def _incidents(sandbox: Sandbox, labels: dict[str, str]) -> Chapter:
    fields = _fields({'isFetch': True}, labels)
    fields['Then run'] = f'!send-mail to={ADA} subject=Invoice body="Please pay."'
    fields['The incident is on'] = f'{sandbox.server.url}/incidents'
    return Chapter(INCIDENTS, fields, 'In any of these instances. It takes up to a minute, or press Fetch now.')


def _examples(sandbox: Sandbox) -> Chapter:
    """Return what to enter for the examples: the cloud Custom with the addresses of the sandbox, and an application."""
    directory = sandbox.cloud.directory
    applications = {'AzureSubscriptions': 'daemon', 'DefenderEndpointAlerts': 'defender', 'GraphUsers': 'directory'}
    values = {}
    for example, name in applications.items():
        application = directory.application(name)
        secret = f', Key {application.secret}' if application.secrets else ''
        values[f'make example NAME={example}'] = f'ID {application.client_id}, Token {application.tenant_id}{secret}'
    return Chapter(
        'Examples of integrations', values, 'Upload one, and enter the cloud Custom with the addresses below, and these.'
    )


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
