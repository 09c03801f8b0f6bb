"""List alerts and machines of Microsoft Defender for Endpoint, in any of its geographies."""

from typing import Any

import demistomock as demisto
from CommonServerPython import *
from MicrosoftApiModule import *
from MicrosoftInstanceApiModule import *

MAX_LIMIT = 10_000  # of one page, and so of one request
SEVERITIES = ('High', 'Medium', 'Low', 'Informational')
RATE_LIMITED = ('defender-endpoint-alerts-list', 'defender-endpoint-machines-list')  # commands with `polling` in the yml
GOVERNMENT_CLOUDS = ('gcc-high', 'dod')
GOVERNMENT_SCOPE = 'https://securitycenter.onmicrosoft.us/windowsatpservice/.default'
ALERT_COLUMNS = ['title', 'severity', 'status', 'category', 'computerDnsName', 'alertCreationTime', 'id']
MACHINE_COLUMNS = ['computerDnsName', 'osPlatform', 'healthStatus', 'riskScore', 'lastSeen', 'id']


def make_client(settings: InstanceSettings) -> MicrosoftClient:
    geography, base_url = microsoft_defender_for_endpoint_get_base_url(settings.cloud_name, settings.api_endpoint)
    scope = GOVERNMENT_SCOPE if geography in GOVERNMENT_CLOUDS else Scopes.security_center_apt_service
    may_run_again = demisto.command() in RATE_LIMITED  # when Defender throttles it for long
    return MicrosoftClient(base_url=base_url, scope=scope, retry_on_rate_limit=may_run_again, **settings.client_keywords())


def list_entities(client: MicrosoftClient, name: str, limit: int, conditions: dict[str, str]) -> list[dict[str, Any]]:
    """Return alerts or machines.

    Args:
        conditions: required values by property; empty values are left out.
    """
    quoted = {key: value.replace("'", "''") for key, value in conditions.items() if value}
    query: dict[str, Any] = {'$top': limit}
    if quoted:
        query['$filter'] = ' and '.join(f"{key} eq '{value}'" for key, value in quoted.items())
    try:
        return list_items(client, f'/api/{name}', limit, query)
    except NotFoundError:  # Defender answers 404 if there is no machine
        return []


def list_alerts_command(client: MicrosoftClient, args: dict[str, Any]) -> CommandResults:
    severity = choice_argument(args, 'severity', ('', *SEVERITIES))
    limit = int_argument(args, 'limit', 50, MAX_LIMIT)
    alerts = list_entities(client, 'alerts', limit, {'severity': severity, 'status': clean_value(args.get('status'))})
    return CommandResults(
        outputs_prefix='DefenderEndpoint.Alert',
        outputs_key_field='id',
        outputs=alerts,
        readable_output=tableToMarkdown('Alerts', alerts, ALERT_COLUMNS, headerTransform=pascalToSpace),
    )


def list_machines_command(client: MicrosoftClient, args: dict[str, Any]) -> CommandResults:
    limit = int_argument(args, 'limit', 50, MAX_LIMIT)
    machines = list_entities(client, 'machines', limit, {'computerDnsName': clean_value(args.get('hostname'))})
    return CommandResults(
        outputs_prefix='DefenderEndpoint.Machine',
        outputs_key_field='id',
        outputs=machines,
        readable_output=tableToMarkdown('Machines', machines, MACHINE_COLUMNS, headerTransform=pascalToSpace),
    )


SPEC = IntegrationSpec(
    api='Microsoft Defender for Endpoint',
    command_prefix='defender-endpoint',
    outputs_prefix='DefenderEndpointAuth',
    check=lambda client: list_entities(client, 'alerts', 1, {}),
    permissions=('Alert.Read.All', 'Machine.Read.All'),
    app_name='ms-defender-atp',
    methods=(METHOD_CLIENT_CREDENTIALS,),
    endpoint_parameter='url',
    endpoint_label='Defender for Endpoint URL',
    cloud_parameter='endpoint_type',
    cloud_label='Endpoint type',
    clouds=MICROSOFT_DEFENDER_FOR_ENDPOINT_TYPE,
)

COMMANDS = {
    **auth_commands(SPEC),
    'defender-endpoint-alerts-list': list_alerts_command,
    'defender-endpoint-machines-list': list_machines_command,
}


def main() -> None:
    run_integration(SPEC, COMMANDS, make_client)


if __name__ in ('__main__', '__builtin__', 'builtins'):
    main()
