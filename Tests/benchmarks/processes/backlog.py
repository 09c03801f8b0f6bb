"""Fetch again and again, and print by how many bytes the peak of its memory is above what the process had before.

Prints besides how long the longest last run was, in bytes of JSON, and how many incidents came; their IDs go to a file.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import CommonServerPython
import demistomock as demisto
import MicrosoftGraphMailCursorApiModule
import O365OutlookMailSingleUser


def memory(name: str) -> int:
    """Return a size that Linux keeps of this process, in bytes: VmRSS is now, VmHWM the peak."""
    found = re.search(rf'^{name}:\s+(\d+) kB$', Path('/proc/self/status').read_text(), re.MULTILINE)
    assert found, name
    return int(found.group(1)) * 1024


job = json.load(sys.stdin)
os.chdir(job['folder'])
for name, value in job.get('sizes', {}).items():
    assert hasattr(MicrosoftGraphMailCursorApiModule, name), name
    setattr(MicrosoftGraphMailCursorApiModule, name, value)
kept: dict[str, Any] = {'last_run': '{}', 'longest': 0, 'incidents': 0}
ids = Path('ids').open('a')  # noqa: SIM115 - as long as the process


def take(incidents: list[Any] | None = None) -> Any:
    kept['incidents'] += len(incidents or [])
    ids.writelines(f'{one["dbotMirrorId"]}\n' for one in incidents or [])


def keep(obj: dict[str, Any]) -> None:
    kept['last_run'] = json.dumps(obj)
    kept['longest'] = max(kept['longest'], len(kept['last_run']))


demisto.params = lambda: job['params']
demisto.command = lambda: 'fetch-incidents'
demisto.getLastRun = lambda: json.loads(kept['last_run'])
demisto.setLastRun = keep
demisto.incidents = take

Path('/proc/self/clear_refs').write_text('5')  # the peak begins anew: that of the imports is not the fetch's
idle = memory('VmRSS')
for _ in range(job['runs']):
    O365OutlookMailSingleUser.main()
    # each run is a process of its own on the platform
    CommonServerPython.LOG.replace_strs, CommonServerPython.LOG.messages = [], []
ids.close()
print(json.dumps({'idle': idle, 'above': memory('VmHWM') - idle, 'longest': kept['longest'], 'incidents': kept['incidents']}))
