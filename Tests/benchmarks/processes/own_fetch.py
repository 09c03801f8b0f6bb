"""Fetch mails by the integration in two runs, of which the second marks as read what the first brought. Print the seconds."""

import json
import os
import sys
import time
from typing import Any

import demistomock as demisto
import O365OutlookMailSingleUser

job = json.load(sys.stdin)
os.chdir(job['folder'])
found: list[Any] = []
demisto.setIntegrationContext(job['context'])
demisto.setLastRun(job['last_run'])
demisto.params = lambda: job['params']
demisto.command = lambda: 'fetch-incidents'
demisto.incidents = lambda incidents=None: found.extend(incidents or [])

begun = time.perf_counter()
for _ in range(2):
    O365OutlookMailSingleUser.main()
print(json.dumps({'seconds': time.perf_counter() - begun, 'mails': len(found)}))
