"""Read the mail of a user who consented to the Cortex XSOAR application.

Written for the public module, for which the integration reads the latest refresh token from the integration context.
"""

# mypy: ignore-errors
import demistomock as demisto
from CommonServerPython import *

APP_NAME = 'ms-graph-mail-listener'


def main():
    params, args, command = demisto.params(), demisto.args(), demisto.command()
    try:
        refresh_token = get_integration_context().get('current_refresh_token') or params['creds_refresh_token']['password']
        client = MicrosoftClient(
            self_deployed=False,
            tenant_id='',
            auth_id=params['creds_auth_id']['password'],
            enc_key=params['creds_enc_key']['password'],
            refresh_token=refresh_token,
            app_name=APP_NAME,
            base_url=urljoin(params['url'], '/v1.0'),
            verify=True,
            proxy=False,
            ok_codes=(200, 201, 202, 204),
        )
        if command == 'cortex-mail-list':
            answer = client.http_request('GET', '/me/messages', params={'$top': args.get('limit', 2)})
            return_results(CommandResults(outputs_prefix='CortexMail', outputs=answer['value']))
    except Exception as error:
        return_error(str(error))


from MicrosoftApiModule import *  # noqa: E402

if __name__ in ('__main__', '__builtin__', 'builtins'):
    main()
