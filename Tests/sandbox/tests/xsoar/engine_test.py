"""Commands as processes: however one ends, the server answers and goes on."""

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox.tests.machine import limit, wait_until
from sandbox.tests.xsoar.xsoar_client import XsoarTestClient, processes_in
from sandbox.xsoar.process import CommandProcess, Outcome

CRASHES = {
    'exception': 'The command crashed: IndexError: pop from empty list',
    'error': 'it went wrong',
    'exit': 'The command crashed: its process ended with exit status 1.',
    'exit after error': 'the reason',
    'exit with a text': 'The command crashed: its process ended with exit status 1.',
    'kill': 'The command crashed: its process was ended by signal 9 (SIGKILL).',
    'kill the supervisor': 'The command crashed: its process was ended by signal 9 (SIGKILL).',
    'segfault': 'The command crashed: its process was ended by signal 11 (SIGSEGV).',
    'garbage': 'The command was stopped: what it sent to the server cannot be read.',
    'wrong message': 'The command was stopped: what it sent to the server cannot be read.',
    'unknown question': "The command crashed: ValueError: The platform cannot answer the weather: 'the weather'.",
    'endless results': 'The command was stopped: its results are larger than 128 MB.',
    'no JSON': 'The command crashed: TypeError: Object of type bytes is not JSON serializable',
    'recursion': 'The command crashed: RecursionError: maximum recursion depth exceeded',
    'thread': 'The command crashed: RuntimeError: A thread called demisto: call support_multithreading() before it starts.',
    'missing function': 'The command crashed: AttributeError: demisto.executeCommand is not offered by this server',
    'missing file': "The command named a file '../../xsoar.key' that it did not write: make files with fileResult.",
    'bad entry': 'The command sent an entry that cannot be read: use CommandResults, or the fields of an entry.',
    'bad context': "The condition 'val.x > 3' of a context key cannot be read: use val.X, and val.X == obj.X.",
}


@pytest.mark.parametrize('how, sentence', CRASHES.items())
def test_a_command_that_ends_badly_is_an_error_entry(xsoar: XsoarTestClient, how: str, sentence: str) -> None:
    entries = xsoar.run(f'!probe-crash how="{how}"')

    assert [(each['type'], each['contents']) for each in entries if each['type'] == 4] == [(4, sentence)]
    assert xsoar.say('!probe-echo alive') == 'echo alive'


@pytest.mark.parametrize('how', ['hang', 'hang with children', 'endless print', 'endless line'])
def test_a_command_over_its_time_limit_is_stopped_with_all_that_it_started(xsoar: XsoarTestClient, how: str) -> None:
    began = time.monotonic()

    sentence = xsoar.say(f'!probe-crash how="{how}" execution-timeout=1')

    assert sentence == 'The command was stopped: it took longer than its limit of 1 seconds.'
    assert time.monotonic() - began < limit(3)
    wait_until(lambda: not processes_in(xsoar.server.data_folder))


def test_threads_may_log_after_support_multithreading(xsoar: XsoarTestClient) -> None:
    assert xsoar.say('!probe-crash how="announced thread"') == 'logged'


def test_a_process_that_a_command_leaves_behind_is_ended(xsoar: XsoarTestClient) -> None:
    assert xsoar.say('!probe-crash how="leave a child"') == 'left'

    wait_until(lambda: not processes_in(xsoar.server.data_folder))


def test_commands_run_after_the_fork_server_was_killed(xsoar: XsoarTestClient) -> None:
    assert xsoar.say('!probe-crash how="kill the fork server"') == 'killed'

    assert wait_until(lambda: xsoar.say('!probe-echo alive') == 'echo alive')


def test_the_time_limit_of_the_server_holds_where_nothing_else_is_said(start: Callable[..., XsoarTestClient]) -> None:
    xsoar = start(time_limit=0.5)
    xsoar.add()

    assert xsoar.say('!probe-crash how=hang') == 'The command was stopped: it took longer than its limit of 0.5 seconds.'


def test_the_time_limit_of_a_command_in_the_yml_holds(xsoar: XsoarTestClient) -> None:
    yml = (
        'commonfields: {id: Slow}\nname: Slow\nscript: {type: python, commands: [{name: other}, {name: slow, timeout: 1}], '
        'script: "import time; time.sleep(60)"}'
    )
    xsoar.request('POST', '/settings/integration-conf/upload', files={'file': ('Slow.yml', yml)})
    xsoar.call('PUT', '/settings/integration', {'name': 'slow', 'brand': 'Slow'})

    assert xsoar.say('!slow') == 'The command was stopped: it took longer than its limit of 1 seconds.'


def test_a_script_with_a_syntax_error_is_an_error_entry(xsoar: XsoarTestClient) -> None:
    yml = 'commonfields: {id: Odd}\nname: Odd\nscript: {type: python, commands: [{name: odd}], script: "def x(:"}'
    xsoar.request('POST', '/settings/integration-conf/upload', files={'file': ('Odd.yml', yml)})
    xsoar.call('PUT', '/settings/integration', {'name': 'odd', 'brand': 'Odd'})

    assert xsoar.say('!odd').startswith('The command crashed: SyntaxError: ')


def platform(xsoar: XsoarTestClient, text: str = '!probe-platform') -> Any:
    return json.loads(xsoar.say(text))


def test_a_command_sees_only_the_environment_it_is_given(
    start: Callable[..., XsoarTestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('SECRET_OF_THE_HOST', 'x')
    monkeypatch.setenv('PYTHONPATH', '/somewhere')
    xsoar = start(
        environment={'REQUESTS_CA_BUNDLE': '/ca.pem'}, engines={'azure-vm': {'IMDS': 'http://127.0.0.1:1'}, 'other': {'X': '1'}}
    )
    xsoar.add('here')
    xsoar.add('there', engine='azure-vm')

    here, there = platform(xsoar, '!probe-platform using=here'), platform(xsoar, '!probe-platform using=there')

    names = {'PATH', 'LANG', 'HOME', 'TMPDIR', 'REQUESTS_CA_BUNDLE', 'LC_CTYPE'}
    assert set(here['environment']) <= names
    assert set(there['environment']) - {'IMDS'} <= names
    assert there['environment']['IMDS'] == 'http://127.0.0.1:1'


def test_a_command_runs_as_the_main_module_in_a_folder_of_its_own(xsoar: XsoarTestClient) -> None:
    seen, again = platform(xsoar), platform(xsoar)

    assert (seen['name'], seen['argv'], seen['files']) == ('__main__', [''], [])
    assert seen['folder'] == seen['environment']['TMPDIR'] != again['folder']
    assert not os.path.exists(seen['folder'])
    assert not any('Tests/sandbox' in each for each in seen['path'])
    assert seen['unique'] != again['unique']


def test_a_command_sees_its_parameters_as_the_platform_gives_them(xsoar: XsoarTestClient) -> None:
    xsoar.add(
        'full',
        url='https://x',
        credentials={'identifier': 'ada', 'password': 'sesame'},
        api_key='key',
        insecure=True,
        colours='red,green',
    )

    params = platform(xsoar, '!probe-platform using=full')['params']

    assert (params['url'], params['api_key'], params['insecure'], params['isFetch']) == ('https://x', 'key', True, False)
    assert (params['colours'], params['certificate'], params['incidentFetchInterval']) == (['red', 'green'], '', '1')
    credentials = params['credentials']
    assert (credentials['identifier'], credentials['password'], credentials['credential']) == ('ada', 'sesame', '')


def test_parameters_that_were_never_set_have_the_empty_value_of_their_type(xsoar: XsoarTestClient) -> None:
    params = platform(xsoar)['params']

    assert (params['api_key'], params['insecure'], params['colours']) == ('', False, [])
    assert (params['credentials']['identifier'], params['credentials']['password']) == ('', '')


def test_a_command_knows_where_it_runs(xsoar: XsoarTestClient) -> None:
    seen = platform(xsoar)

    assert (seen['version']['version'], seen['urls']['server'], seen['instance']) == ('6.10.0', xsoar.server.url, 'probe')
    assert seen['investigation']['id'] == xsoar.playground
    assert seen['calling']['context']['IntegrationBrand'] == 'Probe'
    assert seen['calling']['context']['IntegrationInstance'] == 'probe'
    assert seen['calling']['context']['ExecutedCommands'] == [{'moduleBrand': 'Probe', 'name': 'probe-platform'}]
    assert (seen['param'], seen['deep'], seen['last_run'], seen['context']) == ('https://probe.example', 1, {}, {})


def test_outputs_of_commands_reach_the_context(xsoar: XsoarTestClient) -> None:
    xsoar.run('!probe-echo text=one id=1 colour=red')
    xsoar.run('!probe-echo text=two id=1')

    assert xsoar.context() == {'Probe': {'Echo': {'ID': '1', 'Text': 'two', 'Colour': 'red'}}}


def test_an_argument_can_name_a_value_of_the_context(xsoar: XsoarTestClient) -> None:
    xsoar.run('!probe-echo text=one id=1')

    assert xsoar.say('!probe-need what=${Probe.Echo.Text}') == 'got one'
    assert xsoar.say('!Print value="hello ${Probe.Echo.Text}"') == 'hello one'
    assert json.loads(xsoar.say('!Print ${.}'))['Probe']['Echo']['Text'] == 'one'
    assert xsoar.say('!probe-need what=${Probe.Nothing}') == '!probe-need needs the argument what: write what=<value>.'


def test_a_command_runs_on_every_enabled_instance_unless_one_is_named(xsoar: XsoarTestClient) -> None:
    xsoar.add('second')
    xsoar.add('third', enabled=False)

    assert sorted(each['instance'] for each in xsoar.run('!probe-echo x')) == ['probe', 'second']
    assert [each['instance'] for each in xsoar.run('!probe-echo x using=second')] == ['second']
    assert len(xsoar.run('!probe-echo x using-brand=Probe')) == 2
    assert (
        xsoar.say('!probe-echo x using=third') == "!probe-echo cannot run using 'third': the enabled instances are probe, second."
    )


@pytest.mark.parametrize(
    'text, sentence',
    [
        ('!probe-ecko x', 'There is no command !probe-ecko. Did you mean !probe-echo?'),
        ('!probe-need', '!probe-need needs the argument what: write what=<value>.'),
        ('!probe-echo colour=blue', "The argument colour of !probe-echo cannot be 'blue': choose one of red, green."),
        ('!probe-echo text="open', 'The quote at character 18 is not closed: end the value with the same quote.'),
        ('!probe-echo x execution-timeout=long', "execution-timeout cannot be 'long': give a number of seconds."),
        ('!probe-echo x execution-timeout=1e99', "execution-timeout cannot be '1e99': give a number of seconds."),
        ('!', 'A command is an exclamation mark and a name: write !command argument=value.'),
    ],
)
def test_a_mistake_in_a_command_is_an_error_entry(xsoar: XsoarTestClient, text: str, sentence: str) -> None:
    entries = xsoar.run(text)

    assert [(each['type'], each['contents']) for each in entries] == [(4, sentence)]


def test_an_argument_that_the_command_does_not_declare_does_not_reach_it(xsoar: XsoarTestClient) -> None:
    assert xsoar.say('!probe-echo hello typo=1') == 'echo hello'


def test_an_entry_tells_the_command_that_it_answers(xsoar: XsoarTestClient) -> None:
    entry = xsoar.run('!probe-echo hello')[0]

    assert (entry['parentContent'], entry['brand'], entry['instance'], entry['format']) == (
        '!probe-echo hello',
        'Probe',
        'probe',
        'markdown',
    )
    parent = xsoar.entries()[0]
    assert (parent['id'], parent['contents'], parent['user']) == (entry['parentId'], '!probe-echo hello', 'admin')


def test_files_go_from_command_to_command(xsoar: XsoarTestClient) -> None:
    entry = xsoar.run('!probe-file name="päckchen.txt" text="what is in it"')[0]

    assert (entry['type'], entry['file']) == (3, 'päckchen.txt')
    assert xsoar.request('GET', f'/entry/download/{entry["id"]}').content == b'what is in it'
    assert xsoar.say(f'!probe-read-file entry_id={entry["id"]}') == 'päckchen.txt: what is in it'
    assert xsoar.say('!probe-read-file entry_id=${File.EntryID}') == 'päckchen.txt: what is in it'
    assert "There is no entry '99@1'" in xsoar.say('!probe-read-file entry_id=99@1')


def test_the_log_of_a_command_can_be_asked_for(xsoar: XsoarTestClient) -> None:
    entries = xsoar.run('!probe-leak how=log debug-mode=true')

    assert [each['type'] for each in entries] == [16]
    log = xsoar.request('GET', f'/entry/download/{entries[0]["id"]}').text
    assert 'debug: debug' in log
    assert log.partition('Full Integration Log:\n')[2] in (
        xsoar.server.data_folder / 'integration-instance.log'
    ).read_text().replace('probe probe-leak: ', '')


RAW = json.dumps(
    {
        'Type': 1,
        'ContentsFormat': 'json',
        'Contents': {'people': [{'name': 'Ada', 'id': 1}, {'name': 'Bob', 'id': 2}], 'next': None},
        'HumanReadable': 'two people',
        'EntryContext': {'Probe.Count(val.ID == obj.ID)': {'ID': 2}},
    }
)


@pytest.mark.parametrize(
    'options, contents, context',
    [
        ('', 'two people', {'Probe': {'Count': {'ID': 2}}}),
        ('raw-response=true', json.dumps(json.loads(RAW)['Contents']), {'Probe': {'Count': {'ID': 2}}}),
        ('raw-response=false ignore-outputs=false', 'two people', {'Probe': {'Count': {'ID': 2}}}),
        ('ignore-outputs=true', 'two people', {}),
        ('extend-context=Names=people.name', 'two people', {'Probe': {'Count': {'ID': 2}}, 'Names': ['Ada', 'Bob']}),
        (
            'extend-context="A.Names=people.name::A.IDs=people.id" ignore-outputs=true',
            'two people',
            {'A': {'Names': ['Ada', 'Bob'], 'IDs': [1, 2]}},
        ),
        ('extend-context=All= ignore-output=true', 'two people', {'All': json.loads(RAW)['Contents']}),
        ('extend-context=No=people.nothing ignore-outputs=true', 'two people', {}),
    ],
)
def test_results_can_be_shown_raw_and_put_elsewhere(
    xsoar: XsoarTestClient, options: str, contents: str, context: dict[str, Any]
) -> None:
    assert xsoar.say(f'!probe-send result=`{RAW}` {options}') == contents
    assert xsoar.context() == context


@pytest.mark.parametrize(
    'options, sentence',
    [
        ('raw-response=maybe', "raw-response cannot be 'maybe': write true or false."),
        ('debug-mode=1', "debug-mode cannot be '1': write true or false."),
        ('extend-context=Names', "extend-context cannot be 'Names': write key=path, with :: between several."),
        ('extend-context=a=b::=c', "extend-context cannot be 'a=b::=c'"),
        ('extend-context=`a=.={"x": val.x}`', 'is not supported here'),
    ],
)
def test_options_of_results_that_cannot_be_used_are_refused(xsoar: XsoarTestClient, options: str, sentence: str) -> None:
    assert sentence in xsoar.say(f'!probe-send result=`{RAW}` {options}')
    assert xsoar.context() == {}


def test_commands_of_the_server_have_no_outputs(xsoar: XsoarTestClient) -> None:
    assert '!Print has no outputs here' in xsoar.say('!Print x extend-context=a=b')
    assert xsoar.say('!Print x raw-response=true') == 'x'


@pytest.mark.parametrize(
    'level, argument, is_debug',
    [('', '', False), ('', ' debug-mode=true', True), ('Debug', '', True), ('Verbose', '', True)],
)
def test_debug_mode_comes_from_the_command_or_from_the_log_level(
    xsoar: XsoarTestClient, level: str, argument: str, is_debug: bool
) -> None:
    xsoar.call('PUT', '/settings/integration', {**xsoar.instance(), 'integrationLogLevel': level})

    entries = xsoar.run(f'!probe-http{argument}')

    log = (xsoar.server.data_folder / 'integration-instance.log').read_text()
    assert ('POST /about' in log, 'the-body-of-a-request' in log) == (is_debug, is_debug)
    assert [each['type'] for each in entries] == [1, 16] if argument else [1]


def test_the_log_level_can_be_changed_back(xsoar: XsoarTestClient) -> None:
    for level in ('Debug', ''):
        xsoar.call('PUT', '/settings/integration', {**xsoar.instance(), 'integrationLogLevel': level})
        assert xsoar.instance()['integrationLogLevel'] == level


def test_an_unknown_log_level_is_refused(xsoar: XsoarTestClient) -> None:
    answer = xsoar.request('PUT', '/settings/integration', json={**xsoar.instance(), 'integrationLogLevel': 'Loud'})

    assert answer.status_code == 400
    assert "'Loud' is not a log level. Use Debug or Verbose" in answer.text


def test_no_more_commands_run_at_once_than_allowed_and_all_are_answered(
    start: Callable[..., XsoarTestClient], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    xsoar = start(concurrency=2)
    xsoar.add()
    run, running, counts = CommandProcess.run, [], []

    def record(self: CommandProcess, *values: Any) -> Outcome:
        running.append(self)
        counts.append(len(running))
        try:
            return run(self, *values)
        finally:
            running.remove(self)

    monkeypatch.setattr(CommandProcess, 'run', record)
    (tmp_path / 'met').mkdir()
    with ThreadPoolExecutor(8) as users:  # the first command waits for the second
        counted = users.map(xsoar.say, [f'!probe-count folder="{tmp_path / "met"}"'] * 8)
    assert sorted(json.loads(each)['number'] for each in counted) == list(range(1, 9))
    assert max(counts) == 2


def test_stopping_the_server_ends_what_runs(start: Callable[..., XsoarTestClient]) -> None:
    xsoar = start()
    xsoar.add()
    with ThreadPoolExecutor(1) as users:
        running = users.submit(
            xsoar.request,
            'POST',
            '/entry/execute/sync',
            json={'investigationId': xsoar.playground, 'data': '!probe-crash how=hang'},
        )
        wait_until(lambda: processes_in(xsoar.server.data_folder))
        xsoar.server.stop()
        assert running.result().json()[0]['contents'] == 'The command was stopped with the server.'
    assert not processes_in(xsoar.server.data_folder)


def test_a_missing_common_server_python_says_what_to_set(
    start: Callable[..., XsoarTestClient], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv('COMMON_SERVER_PYTHON', str(tmp_path / 'nowhere'))
    xsoar = start()
    xsoar.add()

    assert xsoar.say('!probe-echo x') == (
        f'{tmp_path / "nowhere"}/CommonServerPython.py does not exist: let COMMON_SERVER_PYTHON name the folder that holds it.'
    )


def test_the_common_server_python_of_a_folder_is_used(
    start: Callable[..., XsoarTestClient], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / 'CommonServerPython.py').write_text(
        'from __future__ import print_function\nimport demistomock as demisto  # noqa\nWORD = "mine"\n'
        'def register_module_line(*args): pass\ndef __line__(): return 0\n'
    )
    (tmp_path / 'CommonServerUserPython.py').write_text('from CommonServerPython import *\nWORD += " and yours"\n')
    monkeypatch.setenv('COMMON_SERVER_PYTHON', str(tmp_path))
    xsoar = start()
    yml = (
        'commonfields: {id: Word}\nname: Word\nscript: {type: python, commands: [{name: word}], script: "demisto.results(WORD)"}'
    )
    xsoar.request('POST', '/settings/integration-conf/upload', files={'file': ('Word.yml', yml)})
    xsoar.call('PUT', '/settings/integration', {'name': 'word', 'brand': 'Word'})

    assert xsoar.say('!word') == 'mine and yours'
