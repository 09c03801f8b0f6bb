"""Run one command and print its seconds, and by how many bytes its peak memory is above what the process had before it."""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import demistomock as demisto
import O365OutlookMailSingleUser


def memory(name: str) -> int:
    """Return a size that Linux keeps of this process, in bytes: VmRSS is now, VmHWM the peak."""
    found = re.search(rf'^{name}:\s+(\d+) kB$', Path('/proc/self/status').read_text(), re.MULTILINE)
    assert found, name
    return int(found.group(1)) * 1024


job = json.load(sys.stdin)
os.chdir(job['folder'])
said: list[Any] = []
demisto.params = lambda: job['params']
demisto.command = lambda: job['command']
demisto.args = lambda: job['args']
demisto.results = lambda results: said.append(results)
demisto.getFilePath = lambda path: {'path': path, 'name': Path(path).name}

Path('/proc/self/clear_refs').write_text('5')  # the peak begins anew: that of the imports is not the command's
idle = memory('VmRSS')
begun = time.perf_counter()
O365OutlookMailSingleUser.main()
seconds = time.perf_counter() - begun
if not said or said[-1]['Type'] == 4:
    sys.exit(f'The command failed: {said}')
print(json.dumps({'seconds': seconds, 'idle': idle, 'above': memory('VmHWM') - idle}))
