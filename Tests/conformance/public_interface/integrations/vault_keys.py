"""Call two resources with separate tokens, as an application or managed identity. Written for the public module."""

# mypy: ignore-errors
import demistomock as demisto
from CommonServerPython import *
from MicrosoftApiModule import *


class VaultClient:
    def __init__(self, params):
        self.azure_cloud = get_azure_cloud(params, 'VaultKeys')
        self.management = self.azure_cloud.endpoints.resource_manager
        self.graph = self.azure_cloud.endpoints.microsoft_graph_resource_id
        tenant_id = params.get('tenant_id')
        managed_identities_client_id = get_azure_managed_identities_client_id(params)
        self.ms_client = MicrosoftClient(
            self_deployed=True,
            auth_id=params.get('client_id'),
            enc_key=params.get('client_secret'),
            token_retrieval_url=urljoin(self.azure_cloud.endpoints.active_directory, f'/{tenant_id}/oauth2/token'),
            base_url=self.management,
            verify=True,
            multi_resource=True,
            resources=[self.management, self.graph],
            resource='',
            scope='',
            tenant_id=tenant_id,
            ok_codes=(200, 201, 202, 204, 400, 401, 403, 404),
            managed_identities_client_id=managed_identities_client_id,
            command_prefix='vault',
            azure_cloud=self.azure_cloud,
        )

    def http_request(self, method, url_suffix=None, full_url=None, resource=None, params=None):
        answer = self.ms_client.http_request(
            method, url_suffix=url_suffix, full_url=full_url, params=params, resource=resource, resp_type='response'
        )
        if not answer.ok:
            raise DemistoException(f'{answer.status_code}: {answer.json()["error"]["code"]}')
        return answer.json()


def main():
    try:
        client = VaultClient(demisto.params())
        version = {'api-version': '2022-12-01'}
        subscriptions = client.http_request('GET', '/subscriptions', resource=client.management, params=version)
        mailbox = f'{client.graph}/v1.0/users/ada@contoso.example/messages'
        mail = client.http_request('GET', full_url=mailbox, resource=client.graph)
        return_results(
            CommandResults(
                outputs_prefix='Vault', outputs={'Subscriptions': len(subscriptions['value']), 'Mail': len(mail['value'])}
            )
        )
    except Exception as error:
        return_error(str(error))


if __name__ in ('__main__', '__builtin__', 'builtins'):
    main()
