"""The commands whose requests are made to fail: of each authentication method, and each command of the integration.

They come from the registry of the methods and the table of the commands: one that is added there appears here.
"""

import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from authentication_methods import ARC, BY_DEVICE_CODE, CLIENT_SECRET, CORTEX_APP, METHODS, AuthenticationMethod
from conformance.faults.fault_environment import ADA, FaultEnvironment
from conformance.unified.integration_yml import IN_YML, enough_arguments
from O365OutlookMailSingleUser import MAIL_COMMANDS, SENDING_COMMANDS
from sandbox.microsoft.browser import Browser

Args = dict[str, str]
TWO_HOURS = 7200.0


class Scenario(NamedTuple):
    """A command in a situation.

    Args:
        services: whose requests fail.
        args: returns the arguments of the command.
        prepare: is called before the requests are counted.
        params: returns parameters of the instance besides those of the method.
    """

    name: str
    command: str
    services: tuple[str, ...] = ('graph',)
    args: Callable[[FaultEnvironment], Args] = lambda _environment: {}
    prepare: Callable[[FaultEnvironment], Any] = lambda _environment: None
    method: AuthenticationMethod = CLIENT_SECRET
    params: Callable[[FaultEnvironment], dict[str, Any]] = lambda _environment: {}


# region authentication


def _signed_in(environment: FaultEnvironment) -> None:
    """Have a user sign in if the method needs one; the access token has expired since."""
    started = environment.text('msgraph-mail-auth-start') if environment.method.sign_in else ''
    if environment.method.sign_in:
        environment.args = _finish_in_browser(environment, started)
        environment.text('msgraph-mail-auth-complete', **environment.args)
        environment.cloud.clock.advance(TWO_HOURS)


def _started(environment: FaultEnvironment) -> None:
    """Have a user do in a browser what auth-start says."""
    environment.args = _finish_in_browser(environment, environment.text('msgraph-mail-auth-start'))


def _finish_in_browser(environment: FaultEnvironment, said: str) -> Args:
    browser = Browser(environment.cloud, ADA)
    login_url = re.search(r'\[login URL]\(([^)]+)\)', said)
    if login_url:
        return {'code': browser.sign_in(login_url[1])}
    device = re.search(r'\[(https:[^]]+)].* code \*\*(\S+)\*\*', said)
    assert device, said
    browser.enter_device_code(device[1], device[2])
    return {}


def _of_method(method: AuthenticationMethod) -> list[Scenario]:
    services = (method.token_service, 'graph')
    found = [Scenario(f'{method.name}: token', 'msgraph-mail-auth-test', services, prepare=_signed_in, method=method)]
    if method.sign_in:
        found.append(
            Scenario(
                f'{method.name}: complete',
                'msgraph-mail-auth-complete',
                (method.token_service,),
                lambda environment: environment.args,
                _started,
                method,
            )
        )
    elif method is not CORTEX_APP:  # its Test button says in any case what it did not check
        found.append(Scenario(f'{method.name}: Test button', 'test-module', services, method=method))
    if method.sign_in == BY_DEVICE_CODE:
        found.append(Scenario(f'{method.name}: start', 'msgraph-mail-auth-start', (method.token_service,), method=method))
    return found


# endregion
# region mail


def _arguments(command: str) -> Callable[[FaultEnvironment], Args]:
    """Return what gives a command the IDs of things that exist."""

    def args(environment: FaultEnvironment) -> Args:
        arguments = IN_YML[command].get('arguments') or ()
        named = {one['name'] for one in arguments if one.get('required') or not one['name'].startswith('attach_')}
        known = environment.ids()
        ids = {name: value for name, value in known.items() if name in named}
        if {'draft_id', 'attachment_id'} <= named:
            ids['attachment_id'] = known['attachment_id of a draft']
        if command in ('msgraph-mail-respond-to-invitation', 'msgraph-mail-get-invitation-as-ics'):
            ids['message_id'] = environment.invitation()
        if 'folder_id' in ids and command not in ('msgraph-mail-update-folder', 'msgraph-mail-delete-folder'):
            ids['folder_id'] = 'inbox'
        return {**enough_arguments(command), **ids, **_MORE.get(command, {})}

    return args


_MORE: dict[str, Args] = {
    'send-mail': {'to': 'bob@contoso.example', 'subject': 'Findings', 'body': 'Text', 'attachIDs': 'small'},
    'reply-mail': {'to': 'bob@contoso.example', 'htmlBody': '<p>Thank you.</p>'},
    'msgraph-mail-create-draft': {'to': 'bob@contoso.example', 'subject': 'Findings', 'body': 'Text', 'attach_ids': 'small'},
    'msgraph-mail-add-draft-attachment': {'attach_ids': 'small'},
    'msgraph-mail-reply-to': {'to': 'bob@contoso.example', 'comment': 'Thanks.'},
    'msgraph-mail-forward': {'to': 'bob@contoso.example', 'comment': 'Look.'},
    'msgraph-mail-list-emails': {'page_size': '2'},
    'msgraph-mail-find-email': {'subject': 'Report', 'message_id': '', 'received_after': '2000-01-01'},
    'msgraph-mail-update-folder': {'new_display_name': 'Renamed'},
    'msgraph-mail-create-folder': {'new_folder_name': 'New'},
    'msgraph-mail-get-mailtips': {'email_addresses': 'bob@contoso.example'},
    'msgraph-mail-set-categories': {'categories': 'Phishing', 'clear': 'false'},
    'msgraph-mail-get-conversation': {'conversation_id': ''},
    'msgraph-mail-list-attachments': {'include_hash': 'true'},
}
_MAIL = {**MAIL_COMMANDS, **SENDING_COMMANDS}


def _variant(name: str, command: str, **args: str) -> Scenario:
    """Return another situation of a command: `args` are added, an empty one is removed."""

    def all_args(environment: FaultEnvironment) -> Args:
        return {name: value for name, value in {**_arguments(command)(environment), **args}.items() if value}

    return Scenario(f'{command}, {name}', command, args=all_args)


def _fetched_once(environment: FaultEnvironment) -> None:
    environment.fetch()
    environment.add_mail()


def _fetch_params(_environment: FaultEnvironment) -> dict[str, Any]:
    return {
        'isFetch': True,
        'first_fetch': '10 years',
        'max_fetch': '5',
        'fetch_eml': True,
        'mark_fetched_read': True,
        'folder_to_fetch': 'Inbox,Inbox/Old',
    }


VARIANTS = [
    _variant('pages', 'msgraph-mail-list-emails', page_size='1', all_results='true', limit='3', folder_id=''),
    _variant('all files', 'msgraph-mail-get-attachment', attachment_id=''),
    _variant('upload', 'send-mail', attachIDs='large'),
    _variant('no copy', 'send-mail', save_to_sent_items='false'),
    _variant('permanent', 'msgraph-mail-delete-email', permanent='true'),
    _variant('upload', 'msgraph-mail-reply-to', attach_ids='large'),
    Scenario('fetch, first run', 'fetch-incidents', params=_fetch_params),
    Scenario('fetch, next run', 'fetch-incidents', prepare=_fetched_once, params=_fetch_params),
]

# endregion

SCENARIOS = [
    # the key folder of Azure Arc takes root
    *(one for method in METHODS if method is not ARC or os.geteuid() == 0 for one in _of_method(method)),
    *(Scenario(command, command, args=_arguments(command)) for command in _MAIL),
    *VARIANTS,
]
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
