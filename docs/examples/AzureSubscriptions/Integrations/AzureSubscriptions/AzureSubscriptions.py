"""List the Azure subscriptions of an application or a managed identity (Azure Resource Manager)."""

from typing import Any

import demistomock as demisto
from CommonServerPython import *
from MicrosoftApiModule import *
from MicrosoftInstanceApiModule import *

MAX_LIMIT = 1000


def make_client(settings: InstanceSettings) -> MicrosoftClient:
    resource_manager = settings.cloud.endpoints.resource_manager.rstrip('/')
    return MicrosoftClient(
        base_url=resource_manager,
        scope=f'{resource_manager}/.default',
        managed_identities_resource_uri=resource_manager,
        **settings.client_keywords(),
    )


def list_subscriptions(client: MicrosoftClient, limit: int = 1) -> list[dict[str, Any]]:
    return list_items(client, '/subscriptions', limit, {'api-version': '2022-12-01'})


def list_subscriptions_command(client: MicrosoftClient, args: dict[str, Any]) -> CommandResults:
    subscriptions = list_subscriptions(client, int_argument(args, 'limit', 50, MAX_LIMIT))
    columns = ['displayName', 'state', 'subscriptionId', 'tenantId']
    return CommandResults(
        outputs_prefix='Azure.Subscription',
        outputs_key_field='subscriptionId',
        outputs=subscriptions,
        readable_output=tableToMarkdown('Azure subscriptions', subscriptions, columns, headerTransform=pascalToSpace),
    )


SPEC = IntegrationSpec(
    api='Azure Resource Manager',
    command_prefix='azure-subscriptions',
    outputs_prefix='AzureSubscriptionsAuth',
    check=list_subscriptions,
    access_advice='Assign the role Reader on the subscription to this account.',
    methods=(METHOD_CLIENT_CREDENTIALS,),
    endpoint_parameter='server_url',
    endpoint_label='Azure Resource Manager endpoint',
)

COMMANDS = {**auth_commands(SPEC), 'azure-subscriptions-list': list_subscriptions_command}


def main() -> None:
    run_integration(SPEC, COMMANDS, make_client)


if __name__ in ('__main__', '__builtin__', 'builtins'):
    main()
