"""Run ``msgraph-mail-list-emails`` and print the integration context after it, and which modules for signing it loaded."""

import json
import sys
from typing import Any

import demistomock as demisto
import O365OutlookMailSingleUser

job = json.load(sys.stdin)
said: list[Any] = []
demisto.setIntegrationContext(job['context'])
demisto.params = lambda: job['params']
demisto.command = lambda: 'msgraph-mail-list-emails'
demisto.results = lambda results: said.append(results)

O365OutlookMailSingleUser.main()
if not said or said[-1]['Type'] == 4:
    sys.exit(f'The command failed: {said}')
loaded = [name for name in ('cryptography', 'jwt') if name in sys.modules]
print(json.dumps({'context': demisto.getIntegrationContext(), 'loaded': loaded}))
