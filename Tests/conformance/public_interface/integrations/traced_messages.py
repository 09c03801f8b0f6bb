"""Call `_http_request` with the token and the error handler of the base class. Written for the public module."""

# mypy: ignore-errors
import demistomock as demisto
from CommonServerPython import *
from MicrosoftApiModule import *


class TraceClient(MicrosoftClient):
    def http_request(self, *args, resp_type='json', headers=None, scope=None, resource='', **kwargs):
        token = self.get_access_token(resource=resource, scope=scope)
        default_headers = {'Authorization': f'Bearer {token}', 'Content-Type': 'application/json', 'Accept': 'application/json'}
        if self.timeout:
            kwargs['timeout'] = self.timeout
        response = super()._http_request(
            *args,
            resp_type='response',
            headers={**default_headers, **(headers or {})},
            error_handler=self.handle_error_with_metrics,
            **kwargs,
        )
        MicrosoftClient.create_api_metrics(response.status_code)
        return response.json() if resp_type == 'json' else response


def main():
    params = demisto.params()
    try:
        azure_cloud = get_azure_cloud(params, 'TracedMessages')
        client = TraceClient(
            tenant_id=params['tenant_id'],
            auth_id=params['client_id'],
            enc_key=params['client_secret'],
            self_deployed=True,
            scope=f'{azure_cloud.endpoints.microsoft_graph_resource_id}/.default',
            resource=Resources.graph,
            azure_cloud=azure_cloud,
            base_url=azure_cloud.endpoints.microsoft_graph_resource_id,
            verify=True,
            proxy=False,
        )
        page = client.http_request('GET', demisto.args()['path'], params={'$top': 20})
        while '@odata.nextLink' in page:
            page = client.http_request(method='GET', full_url=page['@odata.nextLink'], url_suffix='')
        return_results(CommandResults(outputs_prefix='Traced', outputs={'OnLastPage': len(page['value'])}))
    except Exception as error:
        return_error(str(error))


if __name__ in ('__main__', '__builtin__', 'builtins'):
    main()
