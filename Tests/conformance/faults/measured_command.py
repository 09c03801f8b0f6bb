"""A command of the integration, as a program that prints how much memory it needed. Its argument is the command as JSON."""

import json
import sys
from pathlib import Path
from typing import Any

import demistomock as demisto
import O365OutlookMailSingleUser


def _memory(name: str) -> float:
    """Return a figure of the kernel about this process in MB: VmRSS now, VmHWM at most since the last reset."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def main(given: dict[str, Any]) -> None:
    """Run a command, and print its errors and how many MB it needed above those of the process before it."""
    said: list[str] = []
    demisto.command = lambda: given['command']
    demisto.params = lambda: given['params']
    demisto.args = lambda: given['args']
    demisto.demistoVersion = lambda: {'version': '6.10.0', 'platform': 'xsoar'}
    demisto.results = lambda entry: said.append(str(entry.get('Contents')) if entry.get('Type') == 4 else '')
    demisto.updateModuleHealth = lambda text, **_more: said.append(str(text))
    Path('/proc/self/clear_refs').write_text('5')
    before = _memory('VmRSS')
    try:
        O365OutlookMailSingleUser.main()
    except (Exception, SystemExit) as error:
        said.append(str(error))
    print(json.dumps(['\n'.join(said).strip(), round(_memory('VmHWM') - before, 1)]))


if __name__ == '__main__':
    main(json.loads(sys.argv[1]))
