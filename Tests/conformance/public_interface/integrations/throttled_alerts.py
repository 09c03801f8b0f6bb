"""List alerts of a throttling API, as an application. Written for the public module."""

# mypy: ignore-errors
import demistomock as demisto
from CommonServerPython import *
from MicrosoftApiModule import *

INTEGRATION = 'ThrottledAlerts'


class AlertsClient:
    def __init__(self, params):
        endpoint, base_url = microsoft_defender_for_endpoint_get_base_url(
            params.get('endpoint_type'), params.get('url'), params.get('is_gcc')
        )
        self.endpoint = endpoint
        self.ms_client = MicrosoftClient(
            tenant_id=params['tenant_id'],
            auth_id=params['client_id'],
            enc_key=params['client_secret'],
            app_name=INTEGRATION,
            base_url=f'{base_url}/v1.0',
            verify=True,
            proxy=False,
            ok_codes=(200, 201, 202, 204),
            self_deployed=True,
            scope=f'{params["graph"]}/.default',
            azure_ad_endpoint=params['login'],
            retry_on_rate_limit=True,
            token_retrieval_url=f'{params["login"]}/{{tenant_id}}/oauth2/v2.0/token',
            command_prefix='alerts',
        )

    def list_alerts(self, overwrite_rate_limit_retry=False):
        return self.ms_client.http_request(
            method='GET', url_suffix='/users/ada@contoso.example/messages', overwrite_rate_limit_retry=overwrite_rate_limit_retry
        )['value']


def main():
    command = demisto.command()
    try:
        client = AlertsClient(demisto.params())
        if command == 'alerts-list':
            return_results(CommandResults(outputs_prefix='Alerts', outputs=client.list_alerts()))
        elif command == 'fetch-incidents':
            demisto.incidents([{'name': one['subject']} for one in client.list_alerts(overwrite_rate_limit_retry=True)])
    except Exception as error:
        return_error(f'Failed to execute {command} command. Error: {error}', error=error)


if __name__ in ('__main__', '__builtin__', 'builtins'):
    main()
