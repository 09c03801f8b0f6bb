"""The yml of the integration matches its code."""

import contextlib
from typing import Any

import pytest

import demistomock as demisto
from conformance.unified import integration_yml
from conformance.unified.instances import Instance, Params, with_methods
from conformance.unified.integration_yml import IN_YML, QUICK_ACTIONS, YML, enough_arguments, leaves
from conformance.unified.sources import INTEGRATION
from MicrosoftCoreApiModule import MicrosoftSignInError
from MicrosoftGraphMailCommandsApiModule import MAIL_COMMANDS
from MicrosoftGraphMailFetchOptionsApiModule import DEFAULT_FIRST_FETCH, FetchOptions
from MicrosoftGraphMailSearchApiModule import FetchLabel
from MicrosoftGraphMailSendCommandsApiModule import SENDING_COMMANDS
from MicrosoftInstanceApiModule import AUTH_METHODS, CLOUD_OPTIONS, InstanceSettings, ParameterLabel, run_command
from O365OutlookMailSingleUser import COMMANDS, MAILBOX_LABEL, SPEC, make_client

PARAMETERS: dict[str, dict[str, Any]] = {one['name']: one for one in YML['configuration']}

RECIPIENT = {'emailAddress': {'name': 'Ada', 'address': 'ada@contoso.example'}}
MESSAGE = {
    **dict.fromkeys(('createdDateTime', 'lastModifiedDateTime', 'receivedDateTime', 'sentDateTime'), '2026-01-31T23:59:59Z'),
    **{name: [RECIPIENT] for name in ('toRecipients', 'ccRecipients', 'bccRecipients', 'replyTo')},
    'id': 'AAMk',
    'conversationId': 'AAQk',
    'internetMessageId': '<1@mail.contoso.example>',
    'subject': 'Hello',
    'body': {'contentType': 'html', 'content': '<p>Hello</p>'},
    'sender': RECIPIENT,
    'from': RECIPIENT,
    'categories': ['Red category'],
    'hasAttachments': True,
    'isDraft': False,
    'isRead': True,
    'parentFolderId': 'AAMkF',
}
CREDENTIALS = ('creds_auth_id', 'creds_refresh_token')
TYPES = {**integration_yml.TYPES, 'Unknown': lambda value: isinstance(value, list)}


class RecordingDict(dict[str, Any]):
    """A dict that records which keys are read."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.read: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)


def displays(parameter: dict[str, Any]) -> list[str]:
    """Return what the administrator sees of a parameter, up to the parenthesis."""
    return [text.partition(' (')[0] for text in (parameter['display'], parameter.get('displaypassword')) if text]


# region commands


def test_the_yml_and_the_code_have_the_same_commands() -> None:
    assert {*IN_YML, *QUICK_ACTIONS, 'test-module', 'fetch-incidents'} == set(COMMANDS)


@pytest.mark.parametrize('name', QUICK_ACTIONS)
def test_a_quick_action_is_a_command_that_analysts_have_elsewhere(name: str) -> None:
    command = name.removesuffix('-quick-action')
    assert command != name
    own = {'name', 'prettyname', 'quickaction', 'description'}
    expected, found = (
        {key: value for key, value in one.items() if key not in own} for one in (IN_YML[command], QUICK_ACTIONS[name])
    )
    assert found == expected
    assert COMMANDS[name] is COMMANDS[command]
    assert f'`{name}`' in (INTEGRATION / 'README.md').read_text(encoding='utf-8')


def test_the_test_button_works_without_an_entry_in_the_yml(instance: Instance) -> None:
    assert 'test-module' not in IN_YML
    assert instance.run('test-module')['Contents'] == 'ok'


@pytest.mark.parametrize('command', IN_YML)
@with_methods('Authorization code')
def test_a_command_reads_exactly_the_arguments_of_the_yml(
    instance: Instance, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demisto, 'getFilePath', lambda _id: {'path': __file__, 'name': 'x'})
    args = RecordingDict(enough_arguments(command))
    for name, value in (('command', command), ('params', instance.params), ('args', args)):
        monkeypatch.setattr(demisto, name, lambda value=value: value)
    with contextlib.suppress(MicrosoftSignInError):  # no user has signed in
        run_command(SPEC, COMMANDS, make_client)
    # read only while a device sign-in is pending or Graph throttles
    rarely = {'hide_polling_output', 'ran_once_flag'}
    assert args.read | rarely == {argument['name'] for argument in IN_YML[command].get('arguments') or ()} | rarely


@pytest.mark.parametrize(
    'command, names',
    [
        ('msgraph-mail-list-emails', {'page_size', 'pages_to_pull', 'all_results'}),
        ('msgraph-mail-list-folders', {'limit'}),
        ('msgraph-mail-list-rules', {'limit'}),
    ],
)
def test_defaults_of_arguments_are_those_of_the_code(instance: Instance, command: str, names: set[str]) -> None:
    defaults = {
        argument['name']: argument['defaultValue'] for argument in IN_YML[command]['arguments'] if 'defaultValue' in argument
    }
    assert set(defaults) == names
    assert instance.run(command, **defaults) == instance.run(command)


def test_every_mail_command_accepts_another_mailbox() -> None:
    without = [
        name
        for name in (*MAIL_COMMANDS, *SENDING_COMMANDS)
        if 'user_id' not in {one['name'] for one in IN_YML[name]['arguments']}
    ]
    assert without == []


def test_arguments_with_choices_are_predefined_in_the_yml() -> None:
    every = [argument for command in IN_YML.values() for argument in command.get('arguments') or ()]
    assert [one['name'] for one in every if bool(one.get('predefined')) != (one.get('auto') == 'PREDEFINED')] == []
    assert [
        one['name']
        for one in every
        if one.get('predefined') and one.get('defaultValue', one['predefined'][0]) not in one['predefined']
    ] == []


def test_only_commands_that_can_be_rescheduled_are_polling() -> None:
    polling = {name for name, command in IN_YML.items() if command.get('polling')}
    assert polling == {'msgraph-mail-auth-complete', *MAIL_COMMANDS, *SENDING_COMMANDS}


@pytest.mark.parametrize('name, commands', [('ran_once_flag', MAIL_COMMANDS), ('resume_run', SENDING_COMMANDS)])
def test_the_arguments_of_a_scheduled_run_are_hidden(name: str, commands: dict[str, Any]) -> None:
    declared = {command: one for command, said in IN_YML.items() for one in said.get('arguments') or () if one['name'] == name}
    assert set(declared) == set(commands)
    assert all(one['deprecated'] for one in declared.values())


@pytest.mark.parametrize('command', ['msgraph-mail-auth-test', 'msgraph-mail-test', 'msgraph-mail-list-emails'])
def test_a_command_returns_exactly_the_outputs_of_the_yml(instance: Instance, command: str) -> None:
    instance.cloud.faults.add(service='graph', body={'value': [MESSAGE], '@odata.nextLink': f'{instance.cloud.graph}/v1.0/more'})
    context = instance.run(command)['EntryContext']
    given = {name: value for key, one in context.items() for name, value in leaves(key.partition('(')[0], one)}
    described = {output['contextPath']: output['type'] for output in IN_YML[command]['outputs']}
    assert set(given) == set(described)
    assert [path for path, value in given.items() if not TYPES[described[path]](value)] == []


@pytest.mark.parametrize('command', ['msgraph-mail-auth-start', 'msgraph-mail-auth-reset', 'msgraph-mail-generate-login-url'])
@with_methods('Authorization code')
def test_a_command_without_outputs_in_the_yml_returns_none(instance: Instance, command: str) -> None:
    assert 'outputs' not in IN_YML[command]
    assert instance.run(command)['EntryContext'] == {}


# endregion
# region parameters


def test_every_parameter_is_in_a_section_that_the_yml_orders() -> None:
    assert list(dict.fromkeys(parameter['section'] for parameter in PARAMETERS.values())) == YML['sectionorder']
    assert YML['sectionorder'] == ['Connect', 'Collect']


def test_exactly_the_parameters_of_the_yml_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    params = RecordingDict(
        {'self_deployed': True, 'auth_method': 'Device Code', **{name: {'password': 'x'} for name in CREDENTIALS}}
    )
    monkeypatch.setattr(demisto, 'params', lambda: params)
    make_client(InstanceSettings(params, SPEC))
    FetchOptions(params).first_fetch()
    assert params.read == set(PARAMETERS) - {'isFetch', 'incidentType', 'incidentFetchInterval'}  # the platform's own


def test_errors_name_every_parameter_by_its_label() -> None:
    connect, collect = (
        [text for parameter in PARAMETERS.values() if parameter['section'] == section for text in displays(parameter)]
        for section in YML['sectionorder']
    )
    labels = {MAILBOX_LABEL, SPEC.endpoint_label, *labels_in(ParameterLabel)}
    assert labels == {*connect} - {'Trust any certificate', 'Use system proxy settings'}
    assert labels_in(FetchLabel) <= {*collect}
    assert len({*connect, *collect}) == len(connect + collect)


def all_but_first_fetch(options: FetchOptions) -> Params:
    return {name: value for name, value in vars(options).items() if name != 'first_fetch'}


def labels_in(names: type) -> set[str]:
    return {value for name, value in vars(names).items() if name.isupper()}


@pytest.mark.parametrize('name, options', [('azure_cloud', {*CLOUD_OPTIONS, 'Custom'}), ('auth_method', {*AUTH_METHODS})])
def test_a_choice_has_the_options_of_the_code(name: str, options: set[str]) -> None:
    assert set(PARAMETERS[name]['options']) == options
    assert PARAMETERS[name]['type'] == 15


def test_defaults_of_parameters_are_those_of_the_code() -> None:
    defaults: Params = {name: parameter['defaultvalue'] for name, parameter in PARAMETERS.items() if 'defaultvalue' in parameter}
    assert set(defaults) == {
        'azure_cloud',
        'auth_method',
        'incidentFetchInterval',
        'folder_to_fetch',
        'first_fetch',
        'max_fetch',
        'max_attachment_size',
    }
    assert vars(InstanceSettings(defaults, SPEC)) == vars(InstanceSettings({}, SPEC))
    assert all_but_first_fetch(FetchOptions(defaults)) == all_but_first_fetch(FetchOptions({}))
    assert PARAMETERS['first_fetch']['defaultvalue'] == DEFAULT_FIRST_FETCH


def test_every_secret_is_a_credential() -> None:
    kinds = {name: parameter['type'] for name, parameter in PARAMETERS.items() if parameter['type'] not in (0, 8, 15)}
    assert kinds == {
        **dict.fromkeys(
            (
                'creds_auth_id',
                'creds_refresh_token',
                'creds_enc_key',
                'creds_auth_code',
                'creds_certificate',
                'managed_identities_client_id',
            ),
            9,
        ),
        'incidentType': 13,
        'incidentFetchInterval': 19,
    }


# endregion
