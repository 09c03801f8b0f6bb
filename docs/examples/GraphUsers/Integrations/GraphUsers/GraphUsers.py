"""List the users of a tenant (Microsoft Graph) on behalf of a user who signs in with a device code."""

from typing import Any

import demistomock as demisto
from CommonServerPython import *
from MicrosoftApiModule import *
from MicrosoftInstanceApiModule import *

MAX_LIMIT = 10_000
MAX_PAGE_SIZE = 999
PROPERTIES = ['displayName', 'userPrincipalName', 'mail', 'jobTitle', 'id']


def make_client(settings: InstanceSettings) -> MicrosoftClient:
    graph = settings.cloud.endpoints.microsoft_graph_resource_id.rstrip('/')
    return MicrosoftClient(base_url=f'{graph}/v1.0', scope=f'{graph}/User.ReadBasic.All', **settings.client_keywords())


def list_users(client: MicrosoftClient, limit: int = 1) -> list[dict[str, Any]]:
    return list_items(client, '/users', limit, {'$top': min(limit, MAX_PAGE_SIZE), '$select': ','.join(PROPERTIES)})


def list_users_command(client: MicrosoftClient, args: dict[str, Any]) -> CommandResults:
    users = list_users(client, int_argument(args, 'limit', 50, MAX_LIMIT))
    return CommandResults(
        outputs_prefix='GraphUsers.User',
        outputs_key_field='id',
        outputs=users,
        readable_output=tableToMarkdown('Users', users, PROPERTIES, headerTransform=pascalToSpace),
    )


SPEC = IntegrationSpec(
    api='Microsoft Graph',
    command_prefix='graph-users',
    outputs_prefix='GraphUsersAuth',
    check=list_users,
    permissions=('User.ReadBasic.All',),
    methods=(METHOD_DEVICE_CODE,),
)

COMMANDS = {**auth_commands(SPEC), 'graph-users-list': list_users_command}


def main() -> None:
    run_integration(SPEC, COMMANDS, make_client)


if __name__ in ('__main__', '__builtin__', 'builtins'):
    main()
