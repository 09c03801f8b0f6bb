"""List Azure subscriptions of a user, with an authorization code at the v1 token endpoint. Written for the public module."""

# mypy: ignore-errors
import demistomock as demisto
from CommonServerPython import *
from MicrosoftApiModule import *

API_VERSION = '2022-12-01'


class AzureClient:
    def __init__(self, params):
        azure_cloud = get_azure_cloud(params, 'AzureSubscriptions')
        self.login_url = azure_cloud.endpoints.active_directory
        tenant_id = params['credentials_tenant']['password']
        auth_code = (params.get('auth_code') or {}).get('password', '')
        self.ms_client = MicrosoftClient(
            self_deployed=True,
            tenant_id=tenant_id,
            token_retrieval_url=urljoin(azure_cloud.endpoints.active_directory, f'/{tenant_id}/oauth2/token'),
            auth_id=params['credentials']['identifier'],
            enc_key=params['credentials']['password'],
            grant_type=AUTHORIZATION_CODE if auth_code else CLIENT_CREDENTIALS,
            auth_code=auth_code,
            redirect_uri=params['redirect_uri'],
            resource=azure_cloud.endpoints.resource_manager,
            scope='',
            azure_ad_endpoint=azure_cloud.endpoints.active_directory,
            azure_cloud=azure_cloud,
            base_url=azure_cloud.endpoints.resource_manager,
            ok_codes=(200, 201, 202, 204),
            verify=True,
            proxy=False,
        )

    def subscriptions(self):
        return self.ms_client.http_request('GET', '/subscriptions', params={'api-version': API_VERSION})['value']


def list_command(client, args, params):
    subscription_id = get_from_args_or_params(args, params, 'subscription_id')
    tag = azure_tag_formatter(args['tag']) if args.get('tag') else None
    found = [one for one in client.subscriptions() if one['subscriptionId'] == subscription_id]
    return CommandResults(outputs_prefix='Azure.Subscription', outputs=[{**one, 'filter': tag} for one in found])


def main():
    params, args, command = demisto.params(), demisto.args(), demisto.command()
    try:
        client = AzureClient(params)
        if command == 'test-module':
            if client.ms_client.grant_type == AUTHORIZATION_CODE:
                raise DemistoException('Run !azure-auth-test instead.')
            client.ms_client.get_access_token()
            return_results('ok')
        elif command == 'azure-generate-login-url':
            return_results(generate_login_url(client.ms_client, client.login_url))
        elif command == 'azure-auth-test':
            client.ms_client.get_access_token()
            return_results('Success!')
        elif command == 'azure-subscriptions-list':
            return_results(list_command(client, args, params))
    except Exception as error:
        return_error(str(error))


if __name__ in ('__main__', '__builtin__', 'builtins'):
    main()
