"""An integration that the tests of the local XSOAR server run: each command does one thing that a test looks at."""

import base64
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import demistomock as demisto
from CommonServerPython import *
from CommonServerUserPython import *

Args = dict[str, Any]
PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
MAIL = {
    'kind': 'letter',
    'from': 'eve@partner.example',
    'to': ['ada@contoso.example', 'bob@contoso.example'],
    'subject': 'Invoice',
    'severity': 3,
    'html': '<p>Please <b>pay</b>.</p><script>parent.document.title = "taken"</script>'
    '<img src="cid:logo@mail"><img src="cid:missing@mail"><img src="https://tracker.example/x.png">',
}


def echo(args: Args) -> CommandResults:
    outputs = {'ID': args['id'], **{name.capitalize(): value for name, value in args.items() if name not in ('id', 'password')}}
    readable = f'echo {args.get("text")}'
    return CommandResults(outputs_prefix='Probe.Echo', outputs_key_field='ID', outputs=outputs, readable_output=readable)


def need(args: Args) -> str:
    return f'got {args["what"]}'


def crash(args: Args) -> None:
    """End in one of the ways in which commands end badly."""
    BAD_ENDINGS[args['how']]()


def exit_after_error() -> None:
    demisto.results({'Type': 4, 'ContentsFormat': 'text', 'Contents': 'the reason'})
    sys.exit(1)


def leave_a_child() -> None:
    subprocess.Popen(['sleep', '600'])
    demisto.results('left')


def send_raw(line: bytes) -> None:
    """Write to the server past the platform's functions."""
    descriptors = [each for each in range(3, 64) if os.path.exists(f'/proc/self/fd/{each}')]
    channel = next(each for each in descriptors if os.readlink(f'/proc/self/fd/{each}').startswith('socket:'))
    os.write(channel, line)


def endless(act: Any) -> None:
    while True:
        act()


def kill_the_fork_server() -> None:
    os.kill(os.getsid(0), signal.SIGKILL)  # it leads the session of all commands
    demisto.results('killed')


def ask_about_the_weather() -> None:
    server: Any = demisto
    server._ask('the weather')


def log_in_a_thread(is_announced: bool) -> None:
    """Show what happens to a thread that logs."""
    if is_announced:
        support_multithreading()
    with ThreadPoolExecutor(1) as threads:
        threads.submit(demisto.debug, 'from a thread').result()
    demisto.results('logged')


def recurse() -> None:
    recurse()


BAD_ENDINGS: dict[str, Any] = {
    'exception': lambda: [].pop(),
    'error': partial(return_error, 'it went wrong', error='why'),
    'exit': partial(sys.exit, 1),
    'exit after error': exit_after_error,
    'exit with a text': partial(sys.exit, 'a text'),
    'kill': lambda: os.kill(os.getpid(), signal.SIGKILL),
    'segfault': lambda: ctypes.string_at(0),
    'hang': lambda: threading.Event().wait(),
    'hang with children': lambda: subprocess.run(['sleep', '600'], check=False),
    'leave a child': leave_a_child,
    'kill the fork server': kill_the_fork_server,
    'kill the supervisor': lambda: os.kill(os.getppid(), signal.SIGKILL),
    'garbage': lambda: send_raw(b'this is no JSON\n'),
    'wrong message': lambda: send_raw(b'{"tell": "incidents", "value": [1]}\n'),
    'unknown question': ask_about_the_weather,
    'endless print': lambda: endless(lambda: print('x' * 1000)),
    'endless line': lambda: endless(lambda: sys.stdout.write('x' * 100000)),
    'endless results': lambda: endless(lambda: demisto.results('x' * 1000000)),
    'no JSON': lambda: demisto.results(b'bytes'),
    'recursion': recurse,
    'thread': lambda: log_in_a_thread(False),
    'announced thread': lambda: log_in_a_thread(True),
    'missing function': lambda: demisto.executeCommand('x', {}),
    'missing file': lambda: demisto.results({'Type': 3, 'File': 'a.txt', 'FileID': '../../xsoar.key', 'Contents': ''}),
    'bad entry': lambda: demisto.results({'Type': 'three', 'Contents': ''}),
    'bad context': lambda: demisto.results({'Type': 1, 'Contents': '', 'EntryContext': {'A(val.x > 3)': 1}}),
}


def leak(args: Args) -> None:
    params = demisto.params()
    secrets = [params['credentials']['password'], params['api_key'], params['certificate'], json.dumps(params)]
    secrets += list(demisto.getIntegrationContext().values())
    if args['how'] != 'log':
        raise ValueError(f'crash {secrets}')
    print(*secrets)
    print(*secrets, file=sys.stderr)
    demisto.debug(f'debug {secrets}')
    demisto.info('info', *secrets)
    demisto.error(f'error {secrets}')


def count(args: Args) -> Args:
    """Add one, and begin again when another command was faster. Nothing is written before two commands have read."""
    conflicts = 0
    while True:
        current = demisto.getIntegrationContextVersioned()
        number = int(current['context'].get('number', '0'))
        wait_for_another(Path(args['folder']))
        try:
            demisto.setIntegrationContextVersioned({**current['context'], 'number': str(number + 1)}, current['version'])
        except ValueError:
            conflicts += 1
        else:
            return {'number': number + 1, 'conflicts': conflicts}


def wait_for_another(folder: Path) -> None:
    """Wait until another command was here too."""
    (folder / str(os.getpid())).touch()
    while len(os.listdir(folder)) < 2:
        time.sleep(0.01)


def remember(args: Args) -> str:
    version: Any = int(args.get('version', -1))
    current = demisto.getIntegrationContextVersioned()['version']
    if isinstance(current, dict) and version >= 0:
        version = {**current, 'version': version, 'sequenceNumber': version}
    demisto.setIntegrationContextVersioned({'text': args['text']}, version)
    return 'remembered'


def recall(_: Args) -> Args:
    return demisto.getIntegrationContextVersioned(refresh=True)


def http(_: Args) -> str:
    return f'{requests.post(demisto.demistoUrls()["server"] + "/about", data="the-body-of-a-request", timeout=10)}'


def make_file(args: Args) -> Args:
    return fileResult(args['name'], args['text'])


def read_file(args: Args) -> str:
    file = demisto.getFilePath(args['entry_id'])
    with open(file['path']) as opened:
        return f'{file["name"]}: {opened.read()}'


def poll(args: Args) -> CommandResults:
    left = int(args['left'])
    if left <= 0:
        return CommandResults(readable_output='counted down', outputs_prefix='Probe.Poll', outputs={'Word': args.get('word', '')})
    again = ScheduledCommand('probe-poll', 10, {**args, 'left': left - 1}, timeout_in_seconds=int(args['timeout']))
    return CommandResults(readable_output=f'{left} left', scheduled_command=again)


def platform(_: Args) -> Args:
    return {
        'params': demisto.params(),
        'args': demisto.args(),
        'environment': dict(os.environ),
        'folder': os.getcwd(),
        'files': os.listdir('.'),
        'argv': sys.argv,
        'path': sys.path,
        'version': demisto.demistoVersion(),
        'urls': demisto.demistoUrls(),
        'investigation': demisto.investigation(),
        'incident': demisto.incident(),
        'instance': demisto.integrationInstance(),
        'calling': demisto.callingContext,
        'name': __name__,
        'unique': demisto.uniqueFile(),
        'context': demisto.context(),
        'param': demisto.getParam('url'),
        'deep': demisto.get({'a': {'b': 1}}, 'a.b'),
        'last_run': demisto.getLastRun(),
    }


def send(args: Args) -> Any:
    return json.loads(args['result'])


def fetch() -> None:
    """Hand over two incidents per run; the parameter names other things that a fetch may do."""
    does, first = demisto.params()['fetch_does'], demisto.getLastRun().get('next', 1)
    incidents: list[Args] = [
        {'name': f'incident {number}', 'occurred': '2024-05-01T10:00:00Z', 'rawJSON': json.dumps({'number': number})}
        for number in (first, first + 1)
    ]
    if does == 'attach':
        file = fileResult('note.txt', 'attached text')
        incidents[0]['attachment'] = [{'path': file['FileID'], 'name': 'note.txt'}]
    if does == 'mail':
        incidents[0].update(details='Please pay.', rawJSON=json.dumps({**MAIL, 'number': first}))
        file = fileResult('logo.png', base64.b64decode(PIXEL))
        incidents[0]['attachment'] = [{'path': file['FileID'], 'name': 'logo@mail-attachmentName-logo.png', 'type': 'image/png'}]
    if does == 'attach nothing':
        incidents[1]['attachment'] = [{'path': 'missing', 'name': 'note.txt'}]
    if does in ('say', 'say nothing', 'say an error'):
        demisto.updateModuleHealth('' if does == 'say nothing' else 'a folder is missing', is_error=does == 'say an error')
    if does == 'slow':
        threading.Event().wait(0.5)
    demisto.incidents(incidents)
    demisto.setLastRun({'next': first + 2})
    if does == 'crash':
        raise RuntimeError('after the hand-over')
    if does == 'error':
        return_error('the mailbox is locked')


def test_module() -> str:
    answer = demisto.params()['test_answer']
    if answer == 'remembers':
        demisto.setIntegrationContext({'text': 'from the Test button'})
        return f'sees {demisto.getIntegrationContext()}'
    if answer == 'crash':
        raise RuntimeError('the Test button broke')
    if answer == 'error':
        return_error('the server cannot be reached')
    return 'ok' if answer == 'ok' else 'something else'


COMMANDS = {
    'probe-echo': echo,
    'probe-need': need,
    'probe-crash': crash,
    'probe-leak': leak,
    'probe-count': count,
    'probe-remember': remember,
    'probe-recall': recall,
    'probe-http': http,
    'probe-file': make_file,
    'probe-read-file': read_file,
    'probe-poll': poll,
    'probe-platform': platform,
    'probe-send': send,
}


def main() -> None:
    command = demisto.command()
    if command == 'test-module':
        return_results(test_module())
    elif command == 'fetch-incidents':
        fetch()
    else:
        return_results(COMMANDS[command](demisto.args()))


if __name__ in ('__main__', '__builtin__', 'builtins'):
    main()
