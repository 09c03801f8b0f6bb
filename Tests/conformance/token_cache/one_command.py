"""A command that requests a token, as a program: it prints ``token`` and the digest of it, or the error.

Its arguments are the keywords of the client as JSON, and the file of the integration context.
"""

import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import demistomock as demisto
from conformance.sign_in.processes import SharedContext
from MicrosoftApiModule import MicrosoftClient
from MicrosoftCoreApiModule import create_custom_azure_cloud
from MicrosoftTokenRequestApiModule import TokenClient


def main(settings: dict[str, Any], context: SharedContext) -> None:
    demisto.demistoVersion = lambda: {'version': '6.10.0', 'platform': 'xsoar'}
    demisto.getIntegrationContextVersioned = context.read
    demisto.setIntegrationContextVersioned = context.write
    if 'azure_cloud' in settings:
        settings['azure_cloud'] = create_custom_azure_cloud('sandbox', endpoints=settings['azure_cloud'])
    if 'STOP_BEFORE_SENDING' in os.environ:
        TokenClient._wait = lambda *_args: time.sleep(600)  # type: ignore[assignment]
    try:
        print('token', hashlib.sha256(MicrosoftClient(**settings).get_access_token().encode()).hexdigest())
    except Exception as error:
        print(error)


if __name__ == '__main__':
    main(json.loads(sys.argv[1]), SharedContext(Path(sys.argv[2])))
