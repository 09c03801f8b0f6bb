"""What to enter for each authentication method, incidents and examples: the chapters of the sandbox's start page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests
import yaml

from authentication_methods import ADA, CORTEX_APP, METHODS, AuthenticationMethod, Settings, cloud_settings, consent_page
from demo.administrator import INTEGRATION
from demo.upload import EXAMPLES, example_names
from sandbox.portal import Chapter
from sandbox.servers import Sandbox

if TYPE_CHECKING:
    from sandbox.microsoft import MicrosoftCloud

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
        *(_example(name, sandbox.cloud) for name in example_names()),
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


def example_title(name: str) -> str:
    """Return the title of the chapter on an example."""
    return f'Example: {name}'


def _example(name: str, cloud: MicrosoftCloud) -> Chapter:
    """Return what to enter for an example: the addresses of the sandbox, and an application."""
    yml = yaml.safe_load((EXAMPLES / name / 'Integrations' / name / f'{name}.yml').read_text(encoding='utf-8'))
    settings = _example_settings(cloud)[name]
    fields = {'First run': f'make example NAME={name}', 'Add an instance of': yml['name']}
    fields |= _fields(settings, _labels(yml['configuration'], 'displaypassword'))
    if 'creds_enc_key' not in settings:
        [start] = [each['name'] for each in yml['script']['commands'] if each['name'].endswith('-auth-start')]
        fields['Then run'] = f'!{start}'
    return Chapter(example_title(name), fields)


def _example_settings(cloud: MicrosoftCloud) -> dict[str, Settings]:
    """Return the parameters of an instance of each example."""
    addresses = cloud_settings(cloud)
    entra = addresses['azure_ad_endpoint']
    return {
        'AzureSubscriptions': {
            'azure_cloud': 'Custom',
            'azure_ad_endpoint': entra,
            'server_url': cloud.resource_manager,
            **_application(cloud, 'daemon'),
        },
        'DefenderEndpointAlerts': {
            'endpoint_type': 'Custom',
            'azure_ad_endpoint': entra,
            'url': cloud.defender,
            'self_deployed': True,
            **_application(cloud, 'defender'),
        },
        'GraphUsers': {**addresses, **_application(cloud, 'directory')},
    }


def _application(cloud: MicrosoftCloud, name: str) -> Settings:
    """Return ID, Token and Key of an application; no Key for one without a secret."""
    application = cloud.directory.application(name)
    values = {'creds_auth_id': application.client_id, 'creds_refresh_token': application.tenant_id}
    if application.secrets:
        values['creds_enc_key'] = application.secret
    return {parameter: {'identifier': '', 'password': value} for parameter, value in values.items()}


def _fields(settings: Settings, labels: dict[str, str]) -> dict[str, str]:
    shown: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            shown |= {labels[f'{name}/{part}']: text for part, text in value.items() if text}
        else:
            shown[labels[name]] = 'select it' if value is True else str(value)
    return shown


def field_labels(url: str, api_key: str, integration: str = INTEGRATION) -> dict[str, str]:
    """Return the label of each field of an instance by the parameter's name; credentials have two, ``<name>/identifier`` and
    ``<name>/password``.
    """
    http = requests.Session()
    http.trust_env = False
    answer = http.post(f'{url}/settings/integration/search', json={}, timeout=30, headers={'Authorization': api_key}).json()
    found: dict[str, Any] = next(one for one in answer['configurations'] if one['id'] == integration)
    return _labels(found['configuration'], 'displayPassword')


def _labels(configuration: list[dict[str, Any]], password: str) -> dict[str, str]:
    labels = {}
    for field in configuration:
        if field.get(password):
            labels[f'{field["name"]}/identifier'] = field['display']
            labels[f'{field["name"]}/password'] = field[password]
        else:
            labels[field['name']] = field['display']
    return labels
