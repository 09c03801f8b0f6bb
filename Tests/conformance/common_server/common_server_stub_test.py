"""The stub itself: it can be joined to an integration as text, as the platform does, and costs little to import."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import CommonServerPython
from conformance.common_server.recording import STUB
from conformance.common_server.scripted_server import ScriptedServer
from sandbox.tests.machine import limit

MOCK = STUB.parents[1] / 'demistomock'
# what both do alike is tested on both
FOLDERS = list(dict.fromkeys([STUB.parent, Path(CommonServerPython.__file__).resolve().parent]))
IMPORT_OF_THE_MOCK = 'import demistomock as demisto'

# what demisto-sdk makes of an integration of 5 lines that imports an API module of 4 in its second line
JOINED = """\
register_module_line('Some Integration', 'start', __line__())
first = 1

### GENERATED CODE ###: from SomeApiModule import *
# This code was inserted in place of an API module.
register_module_line('SomeApiModule', 'start', __line__(), wrapper=-3)
def fail_in_the_module():
    nothing = 0

    return 1 / nothing

register_module_line('SomeApiModule', 'end', __line__(), wrapper=1)
### END GENERATED CODE ###
def main():
    fail_in_the_module()
main()

register_module_line('Some Integration', 'end', __line__())
"""

PLATFORM = """\
import sys, traceback
sys.path.insert(0, {mock!r})
import demistomock
namespace = {{'demisto': demistomock, '__name__': '__main__'}}
try:
    exec(compile(sys.stdin.read(), '<string>', 'exec'), namespace)
except ZeroDivisionError:
    print(namespace['fix_traceback_line_numbers'](traceback.format_exc()))
"""


def run(code: str, text: str = '', path: Path = STUB.parent) -> str:
    """Return what a process of its own prints."""
    done = subprocess.run(
        [sys.executable, '-c', code],
        input=text,
        capture_output=True,
        text=True,
        timeout=limit(15),
        check=False,
        env={'PATH': os.environ['PATH'], 'PYTHONPATH': f'{path}{os.pathsep}{MOCK}'},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_text() -> str:
    """Return the stub as the platform joins it to an integration."""
    return STUB.read_text(encoding='utf-8').replace(f'{IMPORT_OF_THE_MOCK}\n', '\n')


def test_one_line_of_its_own_imports_the_mock() -> None:
    lines = STUB.read_text(encoding='utf-8').splitlines()
    assert [line for line in lines if 'demistomock' in line and 'import ' in line and '``' not in line] == [IMPORT_OF_THE_MOCK]


def test_a_traceback_of_the_joined_script_names_the_files_of_the_repository() -> None:
    output = run(PLATFORM.format(mock=str(MOCK)), as_text() + '\n' + JOINED)
    assert [line.strip() for line in output.splitlines() if 'line ' in line][1:] == [
        'File "<Some Integration>", line 5, in <module>',
        'File "<Some Integration>", line 4, in main',
        'File "<SomeApiModule>", line 4, in fail_in_the_module',
    ]


def test_a_line_of_the_library_itself_keeps_its_number() -> None:
    number = next(number for number, line in enumerate(as_text().splitlines(), 1) if line.startswith('def batch('))
    output = run(PLATFORM.format(mock=str(MOCK)), f'{as_text()}\nprint(_source_line({number}))\n')
    assert output.strip() == f"('CommonServerPython', {number})"


def test_an_import_loads_nothing_that_costs_much() -> None:
    loaded = run('import sys, CommonServerPython; print(*sys.modules)').split()
    assert 'requests' in loaded
    assert not {'dateparser', 'defusedxml', 'cryptography', 'jwt', 'xml.etree.ElementTree'} & set(loaded)


def test_the_mock_is_a_server_that_polls_and_takes_metrics() -> None:
    code = 'from CommonServerPython import *; print(ScheduledCommand.supports_polling(), ExecutionMetrics.is_supported())'
    assert run(code) == 'True True\n'


@pytest.mark.parametrize('folder', FOLDERS)
def test_debug_mode_shows_the_traffic_with_bodies_and_without_tokens(folder: Path) -> None:
    code = textwrap.dedent("""
        import demistomock
        demistomock.is_debug = True
        demistomock.params = lambda: {'creds': {'password': 'secret-of-params'}}
        demistomock.info = lambda text, *args: print('INFO', text)
        import CommonServerPython
        client = CommonServerPython.BaseClient('%s')
        CommonServerPython.add_sensitive_log_strs('registered')
        headers = {'Authorization': 'Bearer top-secret-token', 'X-Test': 'shown'}
        client._http_request('POST', 'x/registered', headers=headers, data='the body')
    """)
    with ScriptedServer([(200, {}, '{}')]) as service:
        output = run(code % service.url, path=folder)
    assert 'X-Test: shown' in output
    assert "INFO send: b'the body'" in output
    assert '"POST /x/<XX_REPLACED> HTTP/1.1" 200' in output
    assert 'Params' in output
    for hidden in ('top-secret-token', 'secret-of-params', 'registered'):
        assert hidden not in output


def test_threads_ask_the_platform_one_at_a_time() -> None:
    code = textwrap.dedent("""
        import threading, time
        import demistomock
        busy, most = [], []

        def ask(command):
            busy.append(command)
            most.append(len(busy))
            time.sleep(0.005)
            busy.pop()

        demistomock._Demisto__do = ask
        import CommonServerPython
        CommonServerPython.support_multithreading()
        CommonServerPython.support_multithreading()
        threads = [threading.Thread(target=lambda: demistomock._Demisto__do({})) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print(max(most), len(most))
    """)
    assert run(code) == '1 8\n'


@pytest.mark.parametrize('seconds,ending', [(0.01, 'slept'), (61, 'refused')])
def test_a_sleep_that_the_platform_would_end_is_refused(seconds: float, ending: str) -> None:
    code = textwrap.dedent(f"""
        import demistomock
        demistomock.callingContext = {{'context': {{'runDuration': 1}}}}
        import CommonServerPython
        try:
            CommonServerPython.safe_sleep({seconds})
            print('slept')
        except ValueError:
            print('refused')
    """)
    assert run(code) == f'{ending}\n'


@pytest.mark.parametrize(
    'text, expected', [('someValue', 'some_value'), ('SomeURLOfA2B', 'some_url_of_a2_b'), ('some Value', 'some _value'), ('', '')]
)
def test_camel_case_becomes_underscores(text: str, expected: str) -> None:
    assert CommonServerPython.camel_case_to_underscore(text) == expected
