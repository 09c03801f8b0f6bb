"""Work in one Outlook mailbox of Microsoft 365: the table of commands, and what differs from other Microsoft integrations."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import demistomock as demisto
from CommonServerPython import *
from MicrosoftApiModule import *
from MicrosoftInstanceApiModule import *
from MicrosoftMailMimeApiModule import *
from MicrosoftGraphClientApiModule import *
from MicrosoftGraphMailClientApiModule import *
from MicrosoftGraphMailArgumentsApiModule import *
from MicrosoftGraphMailCommandsApiModule import *
from MicrosoftGraphMailSendApiModule import *
from MicrosoftGraphMailSendCommandsApiModule import *
from MicrosoftGraphMailSearchApiModule import *
from MicrosoftGraphMailFetchOptionsApiModule import *
from MicrosoftGraphMailCursorApiModule import *
from MicrosoftGraphMailSelectionApiModule import *
from MicrosoftGraphMailFetchApiModule import *

with suppress(ImportError):  # in a built pack these names are already in the same file
    from CommonServerPython import CommandResults
    from MicrosoftCoreApiModule import CredentialError
    from MicrosoftInstanceApiModule import (
        CommandFunction,
        InstanceSettings,
        IntegrationSpec,
        auth_commands,
        auth_test_command,
        bool_argument,
        run_integration,
        check_instance,
        clean_mailbox,
    )
    from MicrosoftGraphMailClientApiModule import GraphMailClient
    from MicrosoftGraphMailArgumentsApiModule import checked_command
    from MicrosoftGraphMailCommandsApiModule import MAIL_COMMANDS
    from MicrosoftGraphMailSendCommandsApiModule import SENDING_COMMANDS
    from MicrosoftGraphMailFetchOptionsApiModule import FetchOptions, find_fetch_folder
    from MicrosoftGraphMailFetchApiModule import fetch_incidents

MAILBOX_LABEL = 'Email address of the mailbox'
# Commands of the quick actions that some platforms have. demisto-sdk removes them from packs for other platforms.
QUICK_ACTIONS = {
    f'{name}-quick-action': MAIL_COMMANDS[name] for name in ('msgraph-mail-delete-email', 'msgraph-mail-block-sender')
}


def fetched_folders() -> tuple[str, ...]:
    """Return the folders to fetch from, none if the instance does not fetch. Raise DemistoException if an option is invalid."""
    params = demisto.params()
    return FetchOptions(params).folders if bool_argument(params, 'isFetch') else ()


def shared_folders(client: GraphMailClient) -> Iterator[str]:
    """Yield the inbox and the IDs of the folders to fetch from: the rest of the mailbox may not be shared with the user."""
    yield 'inbox'
    for name in fetched_folders():
        yield find_fetch_folder(client.mailbox, name)


def check_mailbox(client: GraphMailClient) -> None:
    """Check that the mailbox can be read, or a folder of it."""
    client.mailbox.check(shared_folders(client))


SPEC = IntegrationSpec(
    api='Microsoft Graph',
    command_prefix='msgraph-mail',
    outputs_prefix='MSGraphMailAuth',
    check=check_mailbox,
    permissions=('Mail.ReadWrite', 'Mail.Send', 'MailboxSettings.ReadWrite'),
    access_advice='All required permissions are granted. Check that this account may open the mailbox. '
    'A user needs the .Shared permissions for the mailbox of another user.',
    app_name='ms-graph-mail-listener',
    account=lambda client: client.mailbox.address,
    details=lambda client: {'Mailbox': client.mailbox.address or 'mailbox of the signed-in user'},
)


def make_client(settings: InstanceSettings) -> GraphMailClient:
    """Return the client of an instance. Raise CredentialError when the mailbox is missing."""
    params = demisto.params()
    mailbox = clean_mailbox(params.get('mailbox_to_fetch'), MAILBOX_LABEL)
    if settings.acts_as_application and not mailbox:
        raise CredentialError(
            f"'{MAILBOX_LABEL}' is missing.",
            'An application or a managed identity has no mailbox of its own. Enter the address of the mailbox.',
        )
    can_wait = demisto.command() in {**MAIL_COMMANDS, **QUICK_ACTIONS}
    legacy_names = bool_argument(params, 'legacy_name')
    return GraphMailClient(mailbox, legacy_names, retry_on_rate_limit=can_wait, **settings.client_keywords())


def mail_auth_test_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Return the results of auth-test. In the context, Way repeats AuthenticationMethod, for playbooks that read it."""
    results = auth_test_command(SPEC, client, args)
    results.outputs['Way'] = results.outputs['AuthenticationMethod']
    return results


def check_instance_command(client: GraphMailClient, _args: dict[str, Any]) -> str:
    """Return ``ok`` if the instance works. If it fetches, check its options and look up its folders."""
    names = fetched_folders()

    def check(client: GraphMailClient) -> None:
        check_mailbox(client)
        for name in names:
            find_fetch_folder(client.mailbox, name)

    return check_instance(SPEC, client, check)


def fetch_incidents_command(client: GraphMailClient, _args: dict[str, Any]) -> None:
    fetch_incidents(client, FetchOptions(demisto.params()))


AUTH_COMMANDS = {
    **auth_commands(SPEC),
    'msgraph-mail-auth-test': mail_auth_test_command,
    'msgraph-mail-test': mail_auth_test_command,
}
AUTH_ARGUMENTS = {
    'msgraph-mail-auth-start': 'permissions[]',
    'msgraph-mail-auth-complete': 'code hide_polling_output',
    'msgraph-mail-auth-reset': 'discard_token',
    'msgraph-mail-generate-login-url': 'permissions[]',
}
COMMANDS: dict[str, CommandFunction] = {
    **{name: checked_command(function, AUTH_ARGUMENTS.get(name, '')) for name, function in AUTH_COMMANDS.items()},
    'test-module': check_instance_command,
    'fetch-incidents': fetch_incidents_command,
    **MAIL_COMMANDS,
    **SENDING_COMMANDS,
    **QUICK_ACTIONS,
}


def main() -> None:
    run_integration(SPEC, COMMANDS, make_client)


if __name__ in ('__main__', '__builtin__', 'builtins'):
    main()
