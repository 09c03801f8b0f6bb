"""List mail as an application, with every authentication method that needs no user. Written for the public module."""

# mypy: ignore-errors
import demistomock as demisto
from CommonServerPython import *

APP_NAME = 'ms-graph-mail'


class MailClient:
    def __init__(self, params):
        managed_identities_client_id = get_azure_managed_identities_client_id(params)
        azure_cloud = get_azure_cloud(params, 'ApplicationMail')
        certificate = params.get('creds_certificate') or {}
        self.ms_client = MicrosoftClient(
            tenant_id=params.get('creds_tenant_id', {}).get('password', ''),
            auth_id=params.get('creds_auth_id', {}).get('password', ''),
            enc_key=params.get('creds_enc_key', {}).get('password'),
            app_name=APP_NAME,
            base_url=urljoin(azure_cloud.endpoints.microsoft_graph_resource_id, '/v1.0/'),
            verify=not params.get('insecure', False),
            proxy=params.get('proxy', False),
            self_deployed=params.get('self_deployed', False) or managed_identities_client_id is not None,
            azure_cloud=azure_cloud,
            certificate_thumbprint=certificate.get('identifier'),
            private_key=replace_spaces_in_credential(certificate.get('password')),
            managed_identities_client_id=managed_identities_client_id,
            managed_identities_resource_uri=azure_cloud.endpoints.microsoft_graph_resource_id,
            command_prefix='application-mail',
            timeout=20,
        )

    def list_messages(self, user, since=None):
        params = {'$top': 5, '$orderby': 'receivedDateTime desc'}
        messages = self.ms_client.http_request(method='GET', url_suffix=f'users/{user}/messages', params=params)['value']
        return [one for one in messages if since is None or parse_date_string(one['receivedDateTime'][:19]) >= since]

    def folder(self, user, folder):
        return self.ms_client.http_request('GET', f'users/{user}/mailFolders/{folder}/messages')


def test_module(client):
    response = client.ms_client.http_request(method='GET', url_suffix='users/ada@contoso.example/messages', resp_type='response')
    return 'ok' if response.ok else response.text


def list_command(client, args):
    since = None
    minutes = re.match(r'(\d+) minutes', args.get('since', ''))
    if minutes:
        now = datetime(1970, 1, 1) + timedelta(seconds=client.ms_client.epoch_seconds())
        since = now - timedelta(minutes=int(minutes.group(1)))
    messages = client.list_messages(args['user'], since)
    subjects = json.dumps([one['subject'] for one in messages])
    outputs = {'Subjects': json.loads(subjects), 'Packed': base64.b64encode(subjects.encode()).decode(), 'Folder': os.sep}
    return CommandResults(outputs_prefix='ApplicationMail', outputs=outputs)


def folder_command(client, args):
    try:
        return CommandResults(outputs_prefix='Folder', outputs=client.folder(args['user'], args['folder'])['value'])
    except NotFoundError as error:
        return CommandResults(readable_output=f'There is no such folder: {error.message["error"]["code"]}')


def main():
    params, args, command = demisto.params(), demisto.args(), demisto.command()
    try:
        client = MailClient(params)
        if command == 'test-module':
            return_results(test_module(client))
        elif command == 'application-mail-list':
            return_results(list_command(client, args))
        elif command == 'application-mail-folder':
            return_results(folder_command(client, args))
        elif command == 'application-mail-auth-reset':
            return_results(reset_auth())
        else:
            raise NotImplementedError(command)
    except Exception as error:
        return_error(f'Failed to execute {command}. {error}')


from MicrosoftApiModule import *  # noqa: E402

if __name__ in ('__main__', '__builtin__', 'builtins'):
    main()
