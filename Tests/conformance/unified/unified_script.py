"""Run a command of a unified script as the platform does, and print its results. This runs in its own process.

``python -I unified_script.py``, with a JSON object on standard input: ``script`` and ``common_server`` (texts), ``mock`` (path of
demistomock.py), ``context`` (of the integration), ``command``, ``params``, ``args``. Prints a JSON object: ``results``, and the
``modules`` that were loaded.
"""

import importlib.util
import json
import re
import sys
import types
from typing import Any

_FILE_IMPORTS = re.compile(r'^(import demistomock as demisto|from CommonServerPython import \*).*$', re.MULTILINE)


def demisto_of(job: dict[str, Any], results: list[Any]) -> types.ModuleType:
    """Return the stub of ``demisto``, loaded by its path: nothing else in its folder can be imported."""
    spec = importlib.util.spec_from_file_location('demistomock', job['mock'])
    assert spec
    assert spec.loader
    demisto: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demisto)
    demisto.command, demisto.params, demisto.args = (lambda: job['command']), (lambda: job['params']), (lambda: job['args'])
    demisto.integrationContext = job['context']
    demisto.results = results.append
    return demisto


def main() -> None:
    job = json.load(sys.stdin)
    results: list[Any] = []
    text = _FILE_IMPORTS.sub('', job['common_server']) + '\n' + job['script']
    module = types.ModuleType('__main__')
    module.__dict__['demisto'] = demisto_of(job, results)
    sys.modules['__main__'] = module
    try:
        exec(compile(text, '<string>', 'exec'), module.__dict__)  # noqa: S102 - that is what it is for
    except SystemExit as end:
        if end.code:
            raise
    print(json.dumps({'results': results, 'modules': sorted(sys.modules)}))


if __name__ == '__main__':
    main()
