"""`make smoke`: run `!msgraph-mail-auth-test` on the XSOAR that the pack was uploaded to, with demisto-sdk's client."""

from __future__ import annotations

import os
import sys

COMMAND = '!msgraph-mail-auth-test'
_ERROR = 4
_VARIABLES = ('DEMISTO_BASE_URL', 'DEMISTO_API_KEY')


def main() -> int:
    """Print what the command says, and return the exit status.

    Environment:
        DEMISTO_BASE_URL, DEMISTO_API_KEY, XSIAM_AUTH_ID, DEMISTO_VERIFY_SSL: as for `make upload`.
        INSTANCE: the instance to use; without it every enabled instance answers.
        INVESTIGATION: the investigation to run the command in; XSOAR 8 needs one, XSOAR 6 takes the playground.
    """
    if not all(os.environ.get(name) for name in _VARIABLES):
        return _failed(f'Set {" and ".join(_VARIABLES)} as for make upload.')
    # It reads .env of the working folder when it is imported.
    from demisto_client.demisto_api.rest import ApiException
    from demisto_sdk.commands.common.clients import get_client_from_server_type
    from demisto_sdk.commands.common.clients.errors import UnAuthorized, UnHealthyServer
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    instance = os.environ.get('INSTANCE')
    command = f'{COMMAND} using="{instance}"' if instance else COMMAND
    try:
        client = get_client_from_server_type()
        investigation = os.environ.get('INVESTIGATION') or client.get_playground_id()
        entries, _ = client.run_cli_command(command, investigation, should_delete_context=False)
    except UnAuthorized:
        return _failed('The server does not take the API key. Create one under Settings > Integrations > API Keys.')
    except (UnHealthyServer, RequestException, HTTPError):
        return _failed('The server cannot be reached. Check DEMISTO_BASE_URL.')
    except (RuntimeError, ValueError):
        return _failed('No playground was found. Set INVESTIGATION to the ID of an investigation.')
    except ApiException as error:
        return _failed(f'The server does not run the command: {error.reason}. Is the pack uploaded, and an instance enabled?')
    shown = [entry for entry in entries if entry.contents]
    print('\n'.join(str(entry.contents) for entry in shown))
    if not shown or any(entry.type == _ERROR for entry in shown):
        return _failed(f'{command} failed.' if shown else f'{command} gave no result. Is an instance enabled?')
    print(f'smoke: {command} passed')
    return 0


def _failed(sentence: str) -> int:
    print(f'smoke: {sentence}', file=sys.stderr)
    return 1


if __name__ == '__main__':
    sys.exit(main())
