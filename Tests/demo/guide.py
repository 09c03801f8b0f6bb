"""What to enter for each authentication method, and how to have incidents: chapters of the sandbox's start page."""

from __future__ import annotations

from typing import Any

import requests

from authentication_methods import ADA, WAYS, Settings, Way, consent_page, cortex_app, place
from demo.administrator import INTEGRATION
from sandbox.portal import Chapter
from sandbox.servers import Sandbox


def guide(sandbox: Sandbox) -> list[Chapter]:
    """Return the chapters. All secrets in them are made up and of this sandbox only."""
    labels = field_labels(sandbox.server.url, sandbox.server.api_key)
    title = 'Every instance: where the cloud is'
    note = f'Settings > {INTEGRATION} > Add instance has filled these in already.'
    return [
        Chapter(title, _fields(place(sandbox.cloud), labels), note),
        *(_way(number, way, sandbox, labels) for number, way in enumerate(WAYS, 1)),
        _incidents(sandbox, labels),
    ]


def _way(number: int, way: Way, sandbox: Sandbox, labels: dict[str, str]) -> Chapter:
    title = f'{number}. {way.name}'
    if way.settings is cortex_app:
        return Chapter(title, {'Consent page': consent_page(sandbox.cloud)}, 'Shows ID, Token and Key for one instance.')
    if way.engine == 'arc' and sandbox.without_arc:
        return Chapter(title, {'Not here': sandbox.without_arc})
    common = place(sandbox.cloud)
    own = {name: value for name, value in way.settings(sandbox.cloud).items() if name not in common}
    fields = {'Run on': way.engine} if way.engine else {}
    fields |= _fields(own, labels)
    if way.person:
        fields['Then run'] = '!msgraph-mail-auth-start'
    return Chapter(title, fields)


def _incidents(sandbox: Sandbox, labels: dict[str, str]) -> Chapter:
    fields = _fields({'isFetch': True}, labels)
    fields['Then run'] = f'!send-mail to={ADA} subject=Invoice body="Please pay."'
    fields['The incident is on'] = f'{sandbox.server.url}/incidents'
    return Chapter('Have mails as incidents', fields, 'In any of these instances. It takes up to a minute, or Fetch now.')


def _fields(settings: Settings, labels: dict[str, str]) -> dict[str, str]:
    shown: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            shown |= {labels[f'{name}/{part}']: text for part, text in value.items() if text}
        else:
            shown[labels[name]] = 'select it' if value is True else str(value)
    return shown


def field_labels(url: str, api_key: str) -> dict[str, str]:
    """What stands beside each field of an instance, by the parameter's name; credentials are two fields, ``<name>/password``."""
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
