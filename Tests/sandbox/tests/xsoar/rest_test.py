"""Each REST call: what it answers, and how it refuses."""

import io
import json
import select
import socket
import ssl
import zipfile
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from sandbox.tests.machine import limit
from sandbox.tests.xsoar.xsoar_client import XsoarTestClient
from sandbox.xsoar import XsoarServer

CALLS = [
    ('GET', '/health/server'),
    ('GET', '/about'),
    ('GET', '/user'),
    ('POST', '/contentpacks/installed/upload'),
    ('POST', '/settings/integration-conf/upload'),
    ('GET', '/contentpacks/metadata/installed'),
    ('POST', '/settings/integration/search'),
    ('PUT', '/settings/integration'),
    ('POST', '/settings/integration/test'),
    ('DELETE', '/settings/integration/x'),
    ('POST', '/investigations/search'),
    ('POST', '/entry/execute/sync'),
    ('POST', '/investigation/1/context'),
    ('POST', '/investigation/1'),
    ('POST', '/entry/upload/1'),
    ('GET', '/entry/download/1@1'),
    ('POST', '/incidents/search'),
    ('POST', '/incident'),
    ('GET', '/incident/load/1'),
    ('GET', '/xsoar/about'),
]


@pytest.mark.parametrize('key', ['wrong', '', 'ключ'])
def test_no_call_works_without_the_api_key(xsoar: XsoarTestClient, key: str) -> None:
    answers = [xsoar.request(method, path, headers={'Authorization': key.encode()}) for method, path in CALLS]

    assert {(each.status_code, each.json()['error']) for each in answers} == {
        (401, 'The API key is missing or wrong: send the one of this server in the Authorization header.')
    }


def test_about_holds_texts_only_as_demisto_sdk_needs(xsoar: XsoarTestClient) -> None:
    about = xsoar.call('GET', '/about')

    assert about == {'demistoVersion': '6.10.0', 'buildNum': '12345', 'productMode': 'xsoar', 'deploymentMode': 'opp'}


def test_health_of_the_process_needs_no_key(xsoar: XsoarTestClient) -> None:
    assert requests.get(f'{xsoar.server.url}/health', timeout=limit(10)).status_code == 200


def test_an_answer_waits_for_the_whole_request(xsoar: XsoarTestClient) -> None:
    with socket.create_connection(('127.0.0.1', int(xsoar.server.url.rpartition(':')[2])), timeout=limit(10)) as connection:
        head = (
            f'POST /settings/integration/search HTTP/1.0\r\nHost: localhost\r\nAuthorization: {xsoar.server.api_key}\r\n'
            'Content-Type: application/json\r\nContent-Length: 2\r\n\r\n'
        )
        connection.sendall(head.encode())
        assert not select.select([connection], [], [], 0.3)[0], 'it answered before it had the body'
        connection.sendall(b'{}')
        answer = b''.join(iter(lambda: connection.recv(65536), b''))

    assert 'configurations' in json.loads(answer.partition(b'\r\n\r\n')[2])


def test_user(xsoar: XsoarTestClient) -> None:
    assert xsoar.call('GET', '/user')['username'] == 'admin'


def test_a_client_of_version_8_may_put_xsoar_before_each_path(xsoar: XsoarTestClient) -> None:
    assert xsoar.call('GET', '/xsoar/about') == xsoar.call('GET', '/about')


@pytest.mark.parametrize('host', ['evil.example', 'evil.example:443', '10.0.0.1', '[::2]', ''])
def test_a_name_that_is_not_of_this_machine_is_refused(xsoar: XsoarTestClient, host: str) -> None:
    response = xsoar.request('GET', '/about', headers={'Host': host})

    assert response.status_code in (400, 403)


@pytest.mark.parametrize('host', ['localhost', '127.0.0.1:80', '[::1]:80'])
def test_names_of_this_machine_are_taken(xsoar: XsoarTestClient, host: str) -> None:
    assert xsoar.request('GET', '/about', headers={'Host': host}).status_code == 200


def test_an_unknown_path_says_so(xsoar: XsoarTestClient) -> None:
    response = xsoar.request('GET', '/nowhere')

    assert (response.status_code, response.json()['error']) == (
        404,
        'There is no /nowhere here: check the path of the REST call.',
    )


def test_a_wrong_method_says_so(xsoar: XsoarTestClient) -> None:
    response = xsoar.request('DELETE', '/about')

    assert (response.status_code, response.json()['error'][:27]) == (405, '/about does not take DELETE')


def test_a_body_that_is_no_object_is_refused(xsoar: XsoarTestClient) -> None:
    response = xsoar.request('POST', '/entry/execute/sync', json=['!probe-echo'])

    assert (response.status_code, response.reason) == (400, 'Bad Request')
    assert response.json()['error'].startswith('/entry/execute/sync takes a JSON object')


@pytest.mark.parametrize(
    'method, path, body, sentence',
    [
        ('POST', '/entry/execute/sync', {'investigationId': '1', 'data': ' '}, 'There is nothing to run'),
        ('POST', '/incidents/search', {'filter': [1]}, 'The filter of a search is an object'),
        ('POST', '/incidents/search', {'filter': {'page': 'first'}}, "page cannot be 'first': send a whole number."),
        ('POST', '/investigations/search', {'filter': {'size': {}}}, 'size cannot be {}: send a whole number.'),
        ('PUT', '/settings/integration', {'name': 'x', 'brand': 'Probe', 'version': 'new'}, "version cannot be 'new'"),
    ],
)
def test_a_wrong_value_in_a_body_is_named(xsoar: XsoarTestClient, method: str, path: str, body: Any, sentence: str) -> None:
    response = xsoar.request(method, path, json=body)

    assert (response.status_code, sentence in response.json()['error']) == (400, True), response.text


def test_installed_packs_are_listed(xsoar: XsoarTestClient) -> None:
    packs = xsoar.call('GET', '/contentpacks/metadata/installed')

    assert [(each['id'], each['name'], each['currentVersion']) for each in packs] == [('Probe', 'Probe', '1.0.0')]


def test_a_pack_can_be_uploaded_again_and_keeps_its_instances(xsoar: XsoarTestClient, probe_pack: Path) -> None:
    xsoar.upload(probe_pack)

    assert len(xsoar.call('GET', '/contentpacks/metadata/installed')) == 1
    assert xsoar.say('!probe-echo again') == 'echo again'


@pytest.mark.parametrize(
    'version, sentence',
    [
        ('99.0.0', 'Broken is for servers from 99.0.0 on, and this one is 6.10.0: lower its serverMinVersion.'),
        ('6.10.1', 'Broken is for servers from 6.10.1 on'),
        ('new', "The serverMinVersion of Broken cannot be 'new': write a version such as 6.10.0."),
    ],
)
def test_a_pack_for_newer_servers_is_refused(xsoar: XsoarTestClient, version: str, sentence: str) -> None:
    pack = zip_of({'pack_metadata.json': json.dumps({'name': 'Broken', 'serverMinVersion': version})})

    answer = xsoar.request('POST', '/contentpacks/installed/upload', files={'file': ('Broken.zip', pack)})

    assert (answer.status_code, sentence in answer.json()['error']) == (400, True), answer.text


def test_a_pack_for_older_servers_is_taken(xsoar: XsoarTestClient) -> None:
    for version in ('6.9.0', '6.10.0', '6.10', ''):
        pack = zip_of({'pack_metadata.json': json.dumps({'name': 'Other', 'serverMinVersion': version})})
        answer = xsoar.request('POST', '/contentpacks/installed/upload', files={'file': ('Other.zip', pack)})
        assert answer.status_code == 200, answer.text


def test_a_zip_of_zips_brings_each_pack(xsoar: XsoarTestClient, probe_pack: Path, tmp_path: Path) -> None:
    outer = tmp_path / 'uploadable_packs.zip'
    with zipfile.ZipFile(outer, 'w') as archive:
        archive.write(probe_pack, 'Probe.zip')
        archive.writestr('Other.zip', zip_of({'pack_metadata.json': json.dumps({'name': 'Other', 'id': 'Other'})}))

    xsoar.upload(outer)

    assert [each['name'] for each in xsoar.call('GET', '/contentpacks/metadata/installed')] == ['Other', 'Probe']


def zip_of(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


METADATA = '{"name": "Broken", "id": "Broken"}'
BROKEN = [
    (b'', 'is not a whole zip file'),
    (b'no zip at all', 'is not a whole zip file'),
    (zip_of({'pack_metadata.json': METADATA})[:-30], 'is not a whole zip file'),
    (zip_of({'a.txt': 'a'}), 'holds no pack_metadata.json'),
    (zip_of({'pack_metadata.json': '{'}), 'is no JSON object'),
    (zip_of({'pack_metadata.json': '[]'}), 'is no JSON object'),
    (zip_of({'pack_metadata.json': METADATA, 'Integrations/i.yml': 'a: [b'}), 'Integrations/i.yml is not valid yml'),
    (zip_of({'pack_metadata.json': METADATA, 'Integrations/i.yml': 'when: 2001-99-99'}), 'Integrations/i.yml is not valid yml'),
    (
        zip_of({'pack_metadata.json': METADATA, 'Integrations/i.yml': '[]'}),
        'Integrations/i.yml cannot be used, because it is no integration',
    ),
    (zip_of({'pack_metadata.json': METADATA, 'Integrations/i.yml': 'name: I'}), 'is not a unified integration'),
    (
        zip_of(
            {
                'pack_metadata.json': METADATA,
                'Integrations/i.yml': ('commonfields: {id: I}\nname: I\nscript: {type: python, script: "-"}'),
            }
        ),
        'holds no Python script',
    ),
    (
        zip_of(
            {
                'pack_metadata.json': METADATA,
                'Integrations/i.yml': ('commonfields: {id: I}\nname: Probe\nscript: {type: python, script: "pass"}'),
            }
        ),
        'Another pack already has an integration',
    ),
    (zip_of({'Broken.zip': 'no zip'}), 'is not a whole zip file'),
]


@pytest.mark.parametrize('data, sentence', BROKEN)
def test_a_broken_pack_is_refused_with_a_sentence_and_changes_nothing(xsoar: XsoarTestClient, data: bytes, sentence: str) -> None:
    response = xsoar.request('POST', '/contentpacks/installed/upload', files={'file': ('Broken.zip', data)})

    assert response.status_code == 400
    assert sentence in response.json()['error']
    assert [each['id'] for each in xsoar.call('GET', '/contentpacks/metadata/installed')] == ['Probe']
    assert xsoar.say('!probe-echo still') == 'echo still'


def test_a_pack_that_unpacks_to_too_much_is_refused_unread(xsoar: XsoarTestClient) -> None:
    bomb = zip_of({'pack_metadata.json': METADATA, 'large.bin': '0' * (257 << 20)})

    response = xsoar.request('POST', '/contentpacks/installed/upload', files={'file': ('Bomb.zip', bomb)})

    assert (response.status_code, 'unpacks to more than 256 MB' in response.json()['error']) == (400, True)


@pytest.mark.parametrize('path', ['/contentpacks/installed/upload', '/settings/integration-conf/upload'])
def test_an_upload_without_a_file_is_refused(xsoar: XsoarTestClient, path: str) -> None:
    response = xsoar.request('POST', path, data={'skipVerify': 'true'})

    assert (response.status_code, 'part named file' in response.json()['error']) == (400, True)


def test_one_integration_can_be_uploaded_and_replaced(xsoar: XsoarTestClient) -> None:
    for word in ('one', 'two'):
        yml = (
            'commonfields: {id: Alone}\nname: Alone\ncategory: Utilities\nconfiguration: []\n'
            f'script: {{type: python, script: "demisto.results(\'{word}\')", commands: [{{name: alone}}]}}'
        )
        answer = xsoar.request('POST', '/settings/integration-conf/upload', files={'file': ('integration-Alone.yml', yml)})
        assert (answer.status_code, answer.json()['name']) == (200, 'Alone')
    xsoar.call('PUT', '/settings/integration', {'name': 'alone', 'brand': 'Alone'})

    assert xsoar.say('!alone') == 'two'


def yml_of(configuration: str = '[]', commands: str = '[]', more: str = '', script: str = '') -> str:
    return (
        f'commonfields: {{id: Alone}}\nname: Alone\n{more}\nconfiguration: {configuration}\n'
        f'script: {{type: python, script: "pass", {script} commands: {commands}}}'
    )


FAULTY_YML = [
    (yml_of(commands='foo'), 'the commands are no list'),
    (yml_of(commands='[foo]'), 'the command 1 has no name'),
    (yml_of(commands='[{name: a}, {description: d}]'), 'the command 2 has no name'),
    (yml_of(commands='[{name: ""}]'), 'the command 1 has no name'),
    (yml_of(commands='[{name: 404}]'), 'the command 1 has no name that is a text'),
    (yml_of(commands='[{name: no}]'), 'the command 1 has no name that is a text'),
    (yml_of(commands='[{name: two words}]'), 'the name of the command two words holds a space'),
    (yml_of(commands='[{name: a}, {name: a}]'), 'the command a is there twice'),
    (yml_of(commands='[{name: a, description: [d]}]'), 'description of the command a is not a single value'),
    (yml_of(commands='[{name: a, timeout: soon}]'), 'the timeout of the command a is not a number of seconds'),
    (yml_of(commands='[{name: a, timeout: -1}]'), 'the timeout of the command a is not a number of seconds'),
    (yml_of(commands='[{name: a, timeout: .inf}]'), 'the timeout of the command a is not a number of seconds'),
    (yml_of(commands='[{name: a, timeout: [1]}]'), 'the timeout of the command a is not a number of seconds'),
    (yml_of(commands='[{name: a, arguments: {name: b}}]'), 'the arguments of the command a are no list'),
    (yml_of(commands='[{name: a, arguments: [{required: true}]}]'), 'the argument 1 of the command a has no name'),
    (yml_of(commands='[{name: a, arguments: [{name: b}, {name: b}]}]'), 'the argument b of the command a is there twice'),
    (
        yml_of(commands='[{name: a, arguments: [{name: b, predefined: c}]}]'),
        'predefined of the argument b of the command a is not a list',
    ),
    (yml_of(commands='[{name: a, arguments: [{name: b, predefined: [{c: d}]}]}]'), 'holds more than single values'),
    (
        yml_of(commands='[{name: a, arguments: [{name: b, defaultValue: [1]}]}]'),
        'defaultValue of the argument b of the command a',
    ),
    (yml_of(commands='[{name: a, outputs: text}]'), 'the outputs of the command a are no list'),
    (yml_of(commands='[{name: a, outputs: [text]}]'), 'the output 1 of the command a has no contextPath'),
    (yml_of(commands='[{name: a, outputs: [{contextPath: 7}]}]'), 'the output 1 of the command a has no contextPath'),
    (yml_of(configuration='foo'), 'the parameters are no list'),
    (yml_of(configuration='[{type: 0}]'), 'the parameter 1 has no name'),
    (yml_of(configuration='[{name: p}, {name: p}]'), 'the parameter p is there twice'),
    (yml_of(configuration='[{name: p, type: text}]'), 'the type of the parameter p is not a number'),
    (yml_of(configuration='[{name: p, type: 8.5}]'), 'the type of the parameter p is not a number'),
    (yml_of(configuration='[{name: p, options: 7}]'), 'options of the parameter p is not a list'),
    (yml_of(configuration='[{name: p, defaultvalue: [a]}]'), 'defaultvalue of the parameter p is not a single value'),
    (yml_of(configuration='[{name: p, type: 16, defaultvalue: [[a]]}]'), 'defaultvalue of the parameter p holds more'),
    (yml_of(configuration='[{name: p, type: 19, defaultvalue: -5}]'), 'the defaultvalue of the parameter p is no whole number'),
    (yml_of(more='display: [a]'), 'display of the integration is not a single value'),
    (yml_of(more='sectionorder: Connect'), 'sectionorder of the integration is not a list'),
    (yml_of(more='2001-01-01: a'), 'it holds something that JSON cannot express'),
    (yml_of(more='more: &a [*a]'), 'it holds something that JSON cannot express'),
    (yml_of(script='script: [1],'), 'it is not a unified integration'),
    ('commonfields: {id: 7}\nname: A\nscript: {type: python, script: pass}', 'it is not a unified integration'),
    ('commonfields: foo\nname: A\nscript: pass', 'it is not a unified integration'),
]


@pytest.mark.parametrize('yml, problem', FAULTY_YML)
def test_a_faulty_yml_is_refused_and_breaks_nothing(xsoar: XsoarTestClient, yml: str, problem: str) -> None:
    alone = xsoar.request('POST', '/settings/integration-conf/upload', files={'file': ('integration-Alone.yml', yml)})
    pack = zip_of({'pack_metadata.json': METADATA, 'Integrations/integration-Alone.yml': yml})
    packed = xsoar.request('POST', '/contentpacks/installed/upload', files={'file': ('Broken.zip', pack)})

    for answer in (alone, packed):
        said = answer.json().get('error', '')
        assert (answer.status_code, 'integration-Alone.yml cannot be used, because' in said) == (400, True), answer.text
        assert problem in said
    assert xsoar.say('!probe-echo still') == 'echo still'


FAULTY_MAPPERS = [
    ({'mapping': 'foo'}, 'mapping of the classifier is not an object'),
    ({'mapping': {'Phishing': 'foo'}}, 'the mapping of Phishing is not an object'),
    ({'mapping': {'Phishing': {'internalMapping': ['foo']}}}, 'internalMapping of the mapping of Phishing is not an object'),
    ({'mapping': {'P': {'internalMapping': {'F': {'complex': {'filters': [{}]}}}}}}, 'the filters of F in the mapping of P'),
    (
        {'mapping': {'P': {'internalMapping': {'F': {'complex': {'transformers': 'x'}}}}}},
        'the transformers of F in the mapping of P',
    ),
    ({'mapping': {'P': {'internalMapping': {'F': {'simple': ['x']}}}}}, 'simple of F in the mapping of P is not a single value'),
    (
        {'mapping': {'P': {'internalMapping': {'F': {'complex': {'transformers': [{'args': {'a': {'value': 'x'}}}]}}}}}},
        'value of F in the mapping of P is not an object',
    ),
    ({'transformer': {'complex': {'filters': 7}}}, 'the filters of the transformer'),
    ({'keyTypeMap': ['x']}, 'keyTypeMap of the classifier is not an object'),
]


@pytest.mark.parametrize('faulty, problem', FAULTY_MAPPERS)
def test_a_faulty_mapper_is_refused_and_breaks_nothing(xsoar: XsoarTestClient, faulty: Any, problem: str) -> None:
    mapper = json.dumps({'id': 'M', 'type': 'mapping-incoming', **faulty})
    pack = zip_of({'pack_metadata.json': METADATA, 'Classifiers/classifier-mapper-M.json': mapper})

    answer = xsoar.request('POST', '/contentpacks/installed/upload', files={'file': ('Broken.zip', pack)})

    assert answer.status_code == 400, answer.text
    assert f'Classifiers/classifier-mapper-M.json cannot be used, because {problem}' in answer.json()['error']


FIELDS = {
    'name': 'Phish',
    'severity': 3,
    'labels': [{'type': 'Email/from', 'value': 'eve@partner.example'}, 'odd'],
    'CustomFields': {'emailsubject': 'Invoice', 'recipients': ['ada', 'bob'], 'name': 'not this one'},
}


def test_expressions_in_an_incident_stand_for_its_fields(xsoar: XsoarTestClient) -> None:
    incident = xsoar.call('POST', '/incident', FIELDS)['id']

    def say(text: str) -> str:
        return str(xsoar.run(text, incident)[0]['contents'])

    assert say('!probe-echo text="${incident.id}: ${incident.name}, ${incident.severity}"') == f'echo {incident}: Phish, 3'
    assert say('!Print ${incident.emailsubject}') == 'Invoice'
    assert say('!Print "to ${incident.recipients}"') == 'to ada,bob'
    assert say('!Print ${incident.labels.Email/from}') == 'eve@partner.example'
    assert say('!Print "-${incident.nothing}-"') == '--'
    assert say('!probe-need what=${incident.dbotMirrorId}') == '!probe-need needs the argument what: write what=<value>.'
    shown = xsoar.call('POST', f'/investigation/{incident}/context', {'query': '${.}'})
    assert (shown['incident']['name'], shown['Probe']['Echo']['ID']) == ('Phish', '1')
    assert xsoar.context() == {}


def test_an_incident_with_odd_fields_still_runs_commands(xsoar: XsoarTestClient) -> None:
    incident = xsoar.call('POST', '/incident', {'name': 'odd', 'labels': 'text', 'CustomFields': ['x']})['id']

    assert xsoar.run('!Print ${incident.name}', incident)[0]['contents'] == 'odd'


@pytest.mark.parametrize('interval', ['0', '-5', 'abc', 0, -5, 0.5, '1.5', True, '1' * 9, 'inf', '٣'])
def test_a_fetch_interval_is_a_whole_number_of_minutes(xsoar: XsoarTestClient, interval: Any) -> None:
    data = [{'name': 'incidentFetchInterval', 'value': interval}]
    answer = xsoar.request('PUT', '/settings/integration', json={'name': 'odd', 'brand': 'Probe', 'data': data})

    assert answer.status_code == 400, answer.text
    said = f'Incidents Fetch Interval cannot be {interval!r}: enter a whole number of minutes from 1 to 999999.'
    assert answer.json()['error'] == said


@pytest.mark.parametrize('interval', ['', '1', 7, ' 15 ', '010', None])
def test_a_whole_number_of_minutes_or_nothing_is_taken(xsoar: XsoarTestClient, interval: Any) -> None:
    assert xsoar.add('odd', incidentFetchInterval=interval)['name'] == 'odd'


def test_integrations_are_described_with_all_that_a_form_needs(xsoar: XsoarTestClient) -> None:
    probe = xsoar.call('POST', '/settings/integration/search', {})['configurations'][0]

    assert (probe['id'], probe['name'], probe['category']) == ('Probe', 'Probe', 'Utilities')
    assert '## How to set up a probe' in probe['detailedDescription']
    url = probe['configuration'][0]
    assert {key: url[key] for key in ('name', 'type', 'display', 'defaultValue', 'required', 'section', 'info')} == {
        'name': 'url',
        'type': 0,
        'display': 'Server',
        'defaultValue': 'https://probe.example',
        'required': True,
        'section': 'Connect',
        'info': 'Where the probe would go.',
    }


def test_the_commands_of_an_integration_are_not_repeated_in_its_instances(xsoar: XsoarTestClient) -> None:
    saved = xsoar.add('second')
    found = xsoar.call('POST', '/settings/integration/search', {})

    assert found['configurations'][0]['integrationScript']['commands']
    scripts = [one['configuration']['integrationScript'] for one in (saved, *found['instances'])]
    assert [(one['type'], one['commands']) for one in scripts] == 3 * [('python', [])]


def test_an_instance_takes_the_defaults_that_are_not_sent(xsoar: XsoarTestClient) -> None:
    shown = {each['name']: each['value'] for each in xsoar.instance()['data']}

    assert (shown['url'], shown['test_answer'], shown['isFetch'], shown['incidentFetchInterval']) == (
        'https://probe.example',
        'ok',
        '',
        '1',
    )


@pytest.mark.parametrize(
    'body, sentence',
    [
        ({'brand': 'Probe'}, 'The instance has no name'),
        ({'brand': 'Probe', 'name': 'probe'}, "There is already an instance named 'probe'"),
        ({'brand': 'Probe', 'name': 'x', 'engine': 'moon'}, "There is no engine 'moon'"),
        ({'brand': 'Probe', 'name': 'x', 'data': [{'name': 'typo', 'value': 1}]}, "Probe has no parameter 'typo'"),
        (
            {'brand': 'Probe', 'name': 'x', 'data': [{'name': 'credentials', 'value': 'text'}]},
            'The parameter credentials takes credentials',
        ),
        (
            {'brand': 'Probe', 'name': 'x', 'data': [{'name': 'url', 'value': {'a': 1}}]},
            'The parameter url takes a text, not dict',
        ),
        ({'brand': 'Probe', 'name': 'x', 'data': {'url': 1}}, 'The data of an instance is a list'),
    ],
)
def test_a_wrong_instance_is_refused(xsoar: XsoarTestClient, body: dict[str, Any], sentence: str) -> None:
    response = xsoar.request('PUT', '/settings/integration', json=body)

    assert (response.status_code, sentence in response.json()['error']) == (400, True), response.text
    assert len(xsoar.call('POST', '/settings/integration/search', {})['instances']) == 1


def test_an_unknown_integration_or_instance_is_not_found(xsoar: XsoarTestClient) -> None:
    assert xsoar.request('PUT', '/settings/integration', json={'brand': 'None', 'name': 'x'}).status_code == 404
    assert xsoar.request('PUT', '/settings/integration', json={'brand': 'Probe', 'name': 'x', 'id': 'none'}).status_code == 404
    assert xsoar.request('DELETE', '/settings/integration/none').status_code == 404


def test_an_instance_can_be_changed_and_disabled(xsoar: XsoarTestClient) -> None:
    instance = xsoar.instance()

    changed = xsoar.call('PUT', '/settings/integration', {**instance, 'name': 'renamed', 'enabled': 'false', 'version': -1})

    assert (changed['name'], changed['enabled'], changed['version']) == ('renamed', 'false', instance['version'] + 1)
    assert 'No instance of Probe is enabled' in xsoar.say('!probe-echo x')


def test_a_change_of_an_old_version_is_refused(xsoar: XsoarTestClient) -> None:
    old = xsoar.instance()
    xsoar.call('PUT', '/settings/integration', old)

    response = xsoar.request('PUT', '/settings/integration', json=old)

    assert (response.status_code, 'read it again' in response.json()['error']) == (409, True)


def test_a_deleted_instance_is_gone_with_what_it_remembered(xsoar: XsoarTestClient) -> None:
    xsoar.run('!probe-remember text=old')
    xsoar.call('DELETE', f'/settings/integration/{xsoar.instance()["id"]}')
    assert 'No instance of Probe is enabled' in xsoar.say('!probe-recall')
    xsoar.add()

    assert json.loads(xsoar.say('!probe-recall'))['context'] == {}


@pytest.mark.parametrize(
    'answer, success, message',
    [
        ('ok', True, ''),
        ('text', False, 'something else'),
        ('error', False, 'the server cannot be reached'),
        ('crash', False, 'The command crashed: RuntimeError: the Test button broke'),
        ('remembers', False, 'sees {}'),
    ],
)
def test_the_test_button(xsoar: XsoarTestClient, answer: str, success: bool, message: str) -> None:
    instance = xsoar.instance()
    for each in instance['data']:
        if each['name'] == 'test_answer':
            each['value'] = answer

    assert xsoar.call('POST', '/settings/integration/test', instance) == {'success': success, 'message': message}
    assert xsoar.instance()['version'] == instance['version'], 'a test stores nothing'


def test_the_test_button_neither_sees_nor_stores_the_integration_context(xsoar: XsoarTestClient) -> None:
    xsoar.run('!probe-remember text=kept')
    instance = xsoar.instance()
    next(each for each in instance['data'] if each['name'] == 'test_answer')['value'] = 'remembers'

    assert xsoar.call('POST', '/settings/integration/test', instance)['message'] == 'sees {}'
    assert json.loads(xsoar.say('!probe-recall'))['context'] == {'text': 'kept'}


def test_there_is_one_playground(xsoar: XsoarTestClient) -> None:
    found = xsoar.call('POST', '/investigations/search', {'filter': {'type': [9], 'page': 0}})

    assert (found['total'], found['data'][0]['name'], found['data'][0]['type']) == (1, 'Playground', 9)


def test_an_investigation_that_does_not_exist_is_not_found(xsoar: XsoarTestClient) -> None:
    for path, body in [
        ('/entry/execute/sync', {'investigationId': '7', 'data': '!x'}),
        ('/investigation/7/context', {'query': '${.}'}),
        ('/investigation/7', {}),
    ]:
        response = xsoar.request('POST', path, json=body)
        assert (response.status_code, "There is no investigation '7'" in response.json()['error']) == (404, True)
    assert xsoar.request('POST', '/entry/upload/7', files={'file': b'x'}).status_code == 404


def test_the_context_can_be_asked_for_a_path(xsoar: XsoarTestClient) -> None:
    xsoar.run('!probe-echo text=one id=1')
    xsoar.run('!probe-echo text=two id=2')

    assert xsoar.context('${Probe.Echo.Text}') == ['one', 'two']
    assert xsoar.context('Probe.Nothing') is None
    assert (
        xsoar.request('POST', f'/investigation/{xsoar.playground}/context', json={'query': '${Probe(val.ID)}'}).status_code == 400
    )


def test_the_context_can_be_deleted_whole_or_in_part(xsoar: XsoarTestClient) -> None:
    xsoar.run('!probe-echo text=one')
    xsoar.run('!probe-file name=a.txt text=x')

    xsoar.run('!DeleteContext key=Probe.Echo')
    assert (xsoar.context()['Probe'], xsoar.context()['File']['Name']) == ({}, 'a.txt')
    xsoar.run('!DeleteContext all=yes')
    assert xsoar.context() == {}
    assert 'needs to know what to delete' in xsoar.say('!DeleteContext')
    xsoar.run('!probe-echo text=one')
    for path in ('nope', 'Probe.nope', 'Probe.Echo.Text.nope'):
        assert f'There is no {path} in the context' in xsoar.say(f'!DeleteContext key={path}')
    assert 'cannot be' in xsoar.say('!DeleteContext all=maybe')
    assert 'has no default argument' in xsoar.say('!DeleteContext Probe')
    assert xsoar.say('!Print value="It is done."') == 'It is done.'
    assert xsoar.say("!Print value='two words'") == 'two words'
    assert 'The argument value of !Print is given twice' in xsoar.say('!Print a b c')


def test_a_file_goes_into_the_war_room_and_comes_back_byte_for_byte(xsoar: XsoarTestClient) -> None:
    data = bytes(range(256)) * 5000

    entry = xsoar.request(
        'POST',
        f'/entry/upload/{xsoar.playground}',
        data={'fileName': '../a b.bin', 'fileComment': 'look'},
        files={'file': ('x', data)},
    ).json()

    assert (entry['type'], entry['file'], entry['contents'], entry['fileMetadata']['size']) == (3, 'a b.bin', 'look', len(data))
    assert xsoar.request('GET', f'/entry/download/{entry["id"]}').content == data
    assert xsoar.context('${File.EntryID}') == entry['id']


def test_only_files_can_be_downloaded(xsoar: XsoarTestClient) -> None:
    note = xsoar.run('only a note')[0]

    assert xsoar.request('GET', f'/entry/download/{note["id"]}').status_code == 400
    assert xsoar.request('GET', '/entry/download/99@1').status_code == 404
    assert xsoar.request('GET', '/entry/download/nonsense').status_code == 404


def test_a_text_without_a_command_is_a_note(xsoar: XsoarTestClient) -> None:
    assert xsoar.run('call Ada')[0]['contents'] == 'call Ada'
    assert [each['contents'] for each in xsoar.entries()] == ['call Ada']


def test_incidents_are_created_searched_and_loaded(xsoar: XsoarTestClient) -> None:
    first = xsoar.call('POST', '/incident', {'name': 'Phish', 'type': 'Phishing', 'createInvestigation': True})
    second = xsoar.call('POST', '/incident', {'name': 'Other'})

    def names(**wanted: object) -> list[str]:
        return [each['name'] for each in xsoar.call('POST', '/incidents/search', {'filter': wanted})['data']]

    assert names() == ['Phish', 'Other']
    assert names(id=[second['id']]) == ['Other']
    assert names(type=['Phishing']) == ['Phish']
    assert names(sourceInstance='probe') == []
    assert names(fromDate='2020-01-01T00:00:00.000+00:00') == ['Phish', 'Other']
    assert names(fromDate='2120-01-01T00:00:00.000+00:00') == []
    assert names(toDate='2020-01-01T00:00:00Z') == []
    assert names(page=1, size=1) == ['Other']
    assert xsoar.call('GET', f'/incident/load/{first["id"]}')['type'] == 'Phishing'
    assert xsoar.request('GET', '/incident/load/99').status_code == 404
    assert xsoar.request('GET', '/incident/load/x').status_code == 404
    assert xsoar.request('POST', '/incidents/search', json={'filter': {'query': 'name:x'}}).status_code == 400


def test_commands_run_in_the_war_room_of_an_incident(xsoar: XsoarTestClient) -> None:
    incident = xsoar.call('POST', '/incident', {'name': 'Phish'})

    entries = xsoar.run('!probe-platform', incident['id'])

    seen = json.loads(entries[0]['contents'])
    assert (seen['investigation']['id'], seen['incident']['name']) == (incident['id'], 'Phish')
    assert xsoar.entries() == []


def test_the_server_speaks_tls_when_it_is_given_a_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert('localhost').configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / 'ca.pem')
    with XsoarServer(tmp_path / 'tls', tls=context) as server:
        about = requests.get(
            f'{server.url}/about', headers={'Authorization': server.api_key}, verify=str(tmp_path / 'ca.pem'), timeout=limit(10)
        )

    assert (server.url.startswith('https://localhost:'), about.status_code) == (True, 200)
