"""Read Azure for a user with a device code, without a tenant in the settings. Written for the public module."""

# mypy: ignore-errors
import demistomock as demisto
from CommonServerPython import *
from MicrosoftApiModule import *


class ClustersClient:
    def __init__(self, params):
        azure_cloud = get_azure_cloud(params, 'DeviceClusters')
        self.ms_client = MicrosoftClient(
            **assign_params(
                self_deployed=True,
                auth_id=params.get('app_id'),
                tenant_id=params.get('tenant_id'),
                token_retrieval_url=urljoin(azure_cloud.endpoints.active_directory, 'organizations/oauth2/v2.0/token'),
                grant_type=DEVICE_CODE,
                scope=f'{azure_cloud.endpoints.resource_manager}/user_impersonation offline_access user.read',
                base_url=azure_cloud.endpoints.resource_manager,
                azure_cloud=azure_cloud,
                verify=True,
            )
        )

    def subscriptions(self):
        return self.ms_client.http_request(
            method='GET', full_url=f'{self.ms_client._base_url}/subscriptions', params={'api-version': '2022-12-01'}, timeout=30
        )


def require_sign_in():
    if not (get_integration_context().get('access_token') or get_integration_context().get('current_refresh_token')):
        raise DemistoException('Run !clusters-auth-start and !clusters-auth-complete first.')


def main():
    params, command = demisto.params(), demisto.command()
    try:
        client = ClustersClient(params)
        if command == 'clusters-auth-start':
            return_results(CommandResults(readable_output=client.ms_client.start_auth('!clusters-auth-complete')))
        elif command == 'clusters-auth-complete':
            client.ms_client.get_access_token()
            return_results('Authorization completed.')
        elif command == 'clusters-auth-test':
            require_sign_in()
            client.ms_client.get_access_token()
            return_results('Success!')
        elif command == 'clusters-auth-reset':
            set_integration_context({})
            return_results('Reset.')
        elif command == 'clusters-list':
            return_results(CommandResults(outputs_prefix='Clusters', outputs=client.subscriptions()['value']))
    except Exception as error:
        return_error(str(error))


if __name__ in ('__main__', '__builtin__', 'builtins'):
    main()
