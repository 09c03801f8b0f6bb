"""Classifiers and mappers: the type and the fields of what is fetched."""

import json
from typing import Any

import pytest

from sandbox.tests.xsoar.xsoar_client import XsoarTestClient
from sandbox.xsoar.classifiers import CLASSIFIER, INCOMING_MAPPER, Classifier, classified, event_of, field_key, mapped
from sandbox.xsoar.errors import Refusal

EVENT: dict[str, Any] = {
    'Subject': 'Invoice',
    'To': ['ada@contoso.example', 'bob@contoso.example'],
    'Sender': {'Address': 'eve@partner.example'},
    'Headers': [{'name': 'X-Kind', 'value': ' One '}, {'name': 'x-kind', 'value': 'two'}, {'name': 'Other', 'value': 'three'}],
    'Empty': '',
}


def text(value: str) -> dict[str, Any]:
    return {'isContext': False, 'value': {'simple': value}}


def path(value: str) -> dict[str, Any]:
    return {'isContext': True, 'value': {'simple': value}}


def rule(root: str, *transformers: dict[str, Any], accessor: str = '', filters: Any = ()) -> dict[str, Any]:
    return {'complex': {'root': root, 'accessor': accessor, 'filters': list(filters), 'transformers': list(transformers)}}


def value_of(one: dict[str, Any]) -> Any:
    """Return what a mapper with one rule makes of the event."""
    mapper = Classifier('m', 'm', INCOMING_MAPPER, {'mapping': {'Phishing': {'internalMapping': {'A field': one}}}})
    result = mapped(mapper, 'Phishing', EVENT)
    assert not result.problems, result.problems
    return result.custom_fields.get('afield')


@pytest.mark.parametrize(
    'one, value',
    [
        ({'simple': 'Subject'}, 'Invoice'),
        ({'simple': 'Sender.Address'}, 'eve@partner.example'),
        ({'simple': 'Nothing'}, None),
        ({'simple': 'Empty'}, None),
        (rule('Headers', accessor='value'), [' One ', 'two', 'three']),
        (rule('To', {'operator': 'count'}), 2),
        (rule('Nothing', {'operator': 'count'}), 0),
        (rule('To', {'operator': 'join', 'args': {'separator': text(', ')}}), 'ada@contoso.example, bob@contoso.example'),
        (rule('To', {'operator': 'atIndex', 'args': {'index': text('1')}}), 'bob@contoso.example'),
        (rule('To', {'operator': 'atIndex', 'args': {'index': text('7')}}), None),
        (rule('Subject', {'operator': 'toUpperCase'}, {'operator': 'concat', 'args': {'suffix': text('!')}}), 'INVOICE!'),
        (rule('Subject', {'operator': 'concat', 'args': {'suffix': path('Sender.Address')}}), 'Invoiceeve@partner.example'),
        (rule('To', {'operator': 'replaceMatch', 'args': {'regex': text('@.*'), 'replaceWith': {}}}), ['ada', 'bob']),
        (rule('Subject', {'operator': 'split', 'args': {'delimiter': text('o')}}), ['Inv', 'ice']),
    ],
)
def test_a_rule_finds_and_transforms(one: dict[str, Any], value: Any) -> None:
    assert value_of(one) == value


@pytest.mark.parametrize(
    'operator, right, ignore_case, value',
    [
        ('isEqualString', 'X-Kind', False, ' One '),
        ('isEqualString', 'X-Kind', True, [' One ', 'two']),
        ('isNotEqualString', 'Other', False, [' One ', 'two']),
        ('containsString', 'kind', False, 'two'),
        ('startWith', 'O', False, 'three'),
        ('isEmpty', '', False, None),
    ],
)
def test_a_filter_leaves_the_items_that_meet_it(operator: str, right: str, ignore_case: bool, value: Any) -> None:
    condition = {'left': path('Headers.name'), 'operator': operator, 'right': text(right), 'ignoreCase': ignore_case}

    assert value_of(rule('Headers', accessor='value', filters=[[condition]])) == value


def test_conditions_of_one_filter_are_alternatives_and_filters_all_hold() -> None:
    def has(operator: str, right: str) -> dict[str, Any]:
        return {'left': path('Headers.name'), 'operator': operator, 'right': text(right)}

    either = [has('isEqualString', 'Other'), has('isEqualString', 'x-kind')]

    assert value_of(rule('Headers', accessor='value', filters=[either])) == ['two', 'three']
    assert value_of(rule('Headers', accessor='value', filters=[either, [has('startWith', 'O')]])) == 'three'


@pytest.mark.parametrize(
    'one, sentence',
    [
        (rule('Subject', {'operator': 'BrewCoffee'}), "does not know the transformer 'BrewCoffee'"),
        (rule('To', filters=[[{'left': path('To'), 'operator': 'isTasty'}]]), "does not know the filter 'isTasty'"),
        (rule('Subject', {'operator': 'replaceMatch', 'args': {'regex': text('(')}}), 'unterminated subpattern'),
    ],
)
def test_a_rule_that_cannot_be_followed_is_named_and_the_others_are(one: dict[str, Any], sentence: str) -> None:
    rules = {'Wrong': one, 'Right': {'simple': 'Subject'}}
    mapper = Classifier('m', 'm', INCOMING_MAPPER, {'mapping': {'Phishing': {'internalMapping': rules}}})

    result = mapped(mapper, 'Phishing', EVENT)

    assert [sentence in each and each.startswith('The mapper leaves the field Wrong empty') for each in result.problems] == [True]
    assert result.custom_fields == {'right': 'Invoice'}


def test_what_is_not_mapped_becomes_labels() -> None:
    mapper = Classifier('m', 'm', INCOMING_MAPPER, {'mapping': {'Phishing': {'internalMapping': {'To': rule('To')}}}})

    labels = mapped(mapper, 'Phishing', EVENT).labels

    assert [each['type'] for each in labels] == ['Subject', 'Sender', 'Headers']
    assert labels[0]['value'] == 'Invoice'
    assert json.loads(labels[1]['value']) == EVENT['Sender']


@pytest.mark.parametrize('name, key', [('Email From', 'emailfrom'), ('dbotmirrorid', 'dbotMirrorId'), ('Severity', 'severity')])
def test_a_field_has_another_name_in_json(name: str, key: str) -> None:
    assert field_key(name) == key


@pytest.mark.parametrize('kind, incident_type', [('virus', 'Malware'), ('letter', 'Phishing'), (None, 'Phishing')])
def test_a_classifier_chooses_by_a_value(kind: str | None, incident_type: str) -> None:
    document = {'keyTypeMap': {'virus': 'Malware'}, 'defaultIncidentType': 'Phishing', 'transformer': {'simple': 'kind'}}

    assert classified(Classifier('c', 'c', CLASSIFIER, document), {'kind': kind}) == incident_type


@pytest.mark.parametrize('raw', ['', 'no JSON', '[1]', None])
def test_without_raw_json_the_incident_itself_is_looked_at(raw: Any) -> None:
    assert event_of({'name': 'x', 'rawJSON': raw}) == {'name': 'x', 'rawJSON': raw}


def test_a_file_that_is_no_classifier_is_refused() -> None:
    with pytest.raises(Refusal, match=r'Classifiers/x\.json is not a classifier or mapper'):
        Classifier.read([1], 'Classifiers/x.json')


# region in a fetch


def fetched(xsoar: XsoarTestClient, **settings: str) -> dict[str, Any]:
    """Return the first incident of a fetch, with the classifier and the mapper of the probe unless others are named."""
    instance = xsoar.add('fetcher', isFetch=True, fetch_does='mail', incidentType='Access')
    chosen = {'mappingId': 'Probe - Classifier', 'incomingMapperId': 'Probe - Incoming Mapper', **settings}
    xsoar.call('PUT', '/settings/integration', {**instance, **chosen})
    report = xsoar.server.fetch_now('fetcher')
    assert not report.error
    return report.incidents[0]


def test_a_fetched_mail_is_classified_and_mapped(xsoar: XsoarTestClient) -> None:
    incident = fetched(xsoar)

    assert (incident['type'], incident['severity'], incident['dbotMirrorId']) == ('Phishing', 3, 1)
    assert incident['CustomFields'] == {
        'emailfrom': 'eve@partner.example',
        'emailhtml': incident['CustomFields']['emailhtml'],
        'emailsubject': 'Invoice',
        'emailto': 'ada@contoso.example, bob@contoso.example',
    }
    assert incident['labels'] == []


def test_without_classifier_and_mapper_the_setting_tells_the_type(xsoar: XsoarTestClient) -> None:
    incident = fetched(xsoar, mappingId='', incomingMapperId='')

    assert (incident['type'], incident['CustomFields']) == ('Access', {})


def test_a_classifier_that_is_not_installed_changes_nothing(xsoar: XsoarTestClient) -> None:
    assert fetched(xsoar, mappingId='Another')['type'] == 'Access'


# endregion
