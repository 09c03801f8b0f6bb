"""The classifier and the incoming mapper match the incidents of the fetch."""

import json
import re
from datetime import datetime
from typing import Any

import pytest

from conformance.unified.incident_keys import EMAIL, SHA256
from conformance.unified.integration_yml import YML
from conformance.unified.sources import INTEGRATION
from sandbox.xsoar import classifiers

FOLDER = INTEGRATION.parents[1] / 'Classifiers'
CLASSIFIER: dict[str, Any] = json.loads((FOLDER / f'classifier-{INTEGRATION.name}.json').read_text(encoding='utf-8'))
MAPPER: dict[str, Any] = json.loads((FOLDER / f'classifier-mapper-incoming-{INTEGRATION.name}.json').read_text(encoding='utf-8'))

FIELDS: dict[str, dict[str, dict[str, Any]]] = {
    incident_type: mapping['internalMapping'] for incident_type, mapping in MAPPER['mapping'].items()
}
RULES = [
    pytest.param(rule, id=f'{incident_type}-{field}') for incident_type, rules in FIELDS.items() for field, rule in rules.items()
]

OF_EMAILS = {
    'Attachment Count': 2,
    'Attachment Extension': 'gz',
    'Attachment Hash': SHA256,
    'Attachment ID': 'AAMkAGI2THVSAAABEgAQAA=,AAMkAGI2THVSAAABEgAQAB=',
    'Attachment Name': 'invoice.tar.gz,README',
    'Attachment size': '1024,9',
    'Attachment type': 'application/gzip,text/plain',
    'Email BCC': 'dan@contoso.example',
    'Email Body': 'Please pay.',
    'Email Body Format': 'html',
    'Email Body HTML': '<p>Please pay.</p>',
    'Email CC': 'carol@contoso.example',
    'Email From': 'ada@contoso.example',
    'Email HTML': '<p>Please pay.</p>',
    'Email Headers': EMAIL['HeaderRows'],
    'Email In Reply To': '<0@mail.contoso.example>',
    'Email Internal Message ID': EMAIL['ID'],
    'Email Received': '2026-01-31T23:59:57Z',
    'Email Reply To': 'billing@contoso.example',
    'Email Return Path': 'ada@contoso.example',
    'Email Sender IP': '192.0.2.7',
    'Email Subject': 'Invoice',
    'Email To': 'soc@contoso.example,bob@contoso.example',
    'Email To Count': 2,
}
MAPPED: dict[str, dict[str, Any]] = {
    'Phishing': {
        **OF_EMAILS,
        'Email Message ID': '<1@mail.contoso.example>',
        'Email Recipients Count': 2,
        'Phishing Reporter Email Headers': EMAIL['HeaderRows'],
    },
    # The scripts of this type answer by these IDs, and reply-mail takes that of Graph.
    'Email Communication': {**OF_EMAILS, 'Email Message ID': EMAIL['ID'], 'Email Latest Message': EMAIL['ID']},
    'dbot_classification_incident_type_all': {
        'dbotMirrorId': EMAIL['ID'],
        'occurred': '2026-01-31T23:59:57Z',
        'External Link': EMAIL['WebLink'],
        'Categories': ['Red category', 'Blue category'],
    },
}

# The types of the fields in github.com/demisto/content: Packs/Phishing/IncidentFields and Packs/CommonTypes/IncidentFields.
TYPES = {
    'shortText': (
        'Attachment Extension, Attachment Hash, Attachment ID, Attachment Name, Attachment size, Attachment type, Email BCC, '
        'Email Body Format, Email CC, Email From, Email In Reply To, Email Internal Message ID, Email Latest Message, '
        'Email Message ID, Email Received, Email Reply To, Email Return Path, Email Sender IP, Email Subject, Email To, '
        'Email To Count, dbotMirrorId'
    ),
    'longText': 'Email Body, Email HTML',
    'html': 'Email Body HTML',
    'number': 'Attachment Count, Email Recipients Count',
    'date': 'occurred',
    'multiSelect': 'Categories, External Link',  # a text is one choice
    'grid': 'Email Headers, Phishing Reporter Email Headers',
}
TYPE_OF_FIELD = {field: kind for kind, fields in TYPES.items() for field in fields.split(', ')}
# The keys of the rows of a grid are those of its columns. Scripts read them too, as incident.emailheaders.headername.
COLUMNS = {'Email Headers': {'headername', 'headervalue'}, 'Phishing Reporter Email Headers': {'headername'}}


def argument(document: dict[str, Any]) -> str:
    """Return the value of an argument of a filter or a transformer; the editor of the platform saves empty ones without it."""
    return str(document.get('value', {}).get('simple', ''))


def paths_of(rule: dict[str, Any]) -> list[str]:
    """Return the paths of an incident that a rule reads."""
    if 'simple' in rule:
        return [rule['simple']]
    source = rule['complex']
    filtered = [one['left']['value']['simple'] for choices in source['filters'] for one in choices]
    return ['.'.join(filter(None, (source['root'], source.get('accessor')))), *filtered]


def operators_of(rule: dict[str, Any]) -> set[str]:
    source = rule.get('complex', {'filters': [], 'transformers': []})
    return {one['operator'] for each in (*source['filters'], source['transformers']) for one in each}


def passes(item: dict[str, Any], condition: dict[str, Any]) -> bool:
    """Return whether an item of a list passes a filter of the mapper, as the platform applies it."""
    left, right = str(item[condition['left']['value']['simple'].rpartition('.')[2]]), argument(condition['right'])
    if condition.get('ignoreCase'):
        left, right = left.lower(), right.lower()
    return left == right if condition['operator'] == 'isEqualString' else right in left


def transformed(value: Any, transformer: dict[str, Any]) -> Any:
    """Return the result of a transformer of the mapper, as the platform applies it."""
    arguments = transformer.get('args', {})
    if transformer['operator'] == 'count':
        return len(value)
    if transformer['operator'] == 'join':
        return argument(arguments['separator']).join(map(str, value))
    return [re.sub(argument(arguments['regex']), argument(arguments['replaceWith']), one) for one in value]


def mapped(rule: dict[str, Any], email: dict[str, Any] = EMAIL) -> Any:
    """Return the value of a field after the mapper. A list of one value is that value."""
    if 'simple' in rule:
        return email[rule['simple']]
    source = rule['complex']
    value = email[source['root']]
    for choices in source['filters']:
        value = [item for item in value if any(passes(item, one) for one in choices)]
    if 'accessor' in source:
        value = [item[source['accessor']] for item in value if source['accessor'] in item]
    for transformer in source['transformers']:
        value = transformed(value, transformer)
    return value[0] if isinstance(value, list) and len(value) == 1 else value


# region they belong together


def test_the_integration_names_its_classifier_and_its_mapper() -> None:
    assert (YML['defaultclassifier'], YML['defaultmapperin']) == (CLASSIFIER['id'], MAPPER['id'])
    assert YML['script']['isfetch'] is True


@pytest.mark.parametrize('item, kind', [(CLASSIFIER, 'classification'), (MAPPER, 'mapping-incoming')])
def test_classifier_and_mapper_are_for_the_versions_of_the_integration(item: dict[str, Any], kind: str) -> None:
    assert (item['type'], item['id'], item['fromVersion']) == (kind, item['name'], YML['fromversion'])


# endregion
# region classifier


def test_an_email_becomes_a_phishing_incident() -> None:
    assert CLASSIFIER['defaultIncidentType'] == 'Phishing'
    assert CLASSIFIER['defaultIncidentType'] in FIELDS


def test_a_copy_of_the_classifier_can_distinguish_folders() -> None:
    assert CLASSIFIER['transformer'] == {'simple': 'Folder'}
    assert isinstance(EMAIL['Folder'], str)
    assert CLASSIFIER['keyTypeMap'] == {}


# endregion
# region mapper


@pytest.mark.parametrize('rule', RULES)
def test_the_mapper_reads_only_what_incidents_have(rule: dict[str, Any]) -> None:
    for path in paths_of(rule):
        root, _, key = path.partition('.')
        assert root in EMAIL
        assert not key or any(key in item for item in EMAIL[root])


@pytest.mark.parametrize('rule', RULES)
def test_the_mapper_needs_no_script_of_another_pack(rule: dict[str, Any]) -> None:
    assert operators_of(rule) <= {'isEqualString', 'containsString', 'count', 'join', 'replaceMatch'}


@pytest.mark.parametrize(
    'incident_type, field, value',
    [(incident_type, field, value) for incident_type, fields in MAPPED.items() for field, value in fields.items()],
)
def test_a_field_of_a_layout_has_a_value(incident_type: str, field: str, value: Any) -> None:
    assert mapped(FIELDS[incident_type][field]) == value


@pytest.mark.parametrize('incident_type', ['Phishing', 'Email Communication'])
def test_an_email_whose_body_is_text_has_its_fields(incident_type: str) -> None:
    text = 'Please close the case.'
    email = {**EMAIL, 'Body': text, 'Text': text, 'HTML': '', 'BodyType': 'text'}
    # The scripts of Email Communication read Email HTML, whatever the format.
    values = {field: mapped(FIELDS[incident_type][field], email) for field in ('Email Body', 'Email HTML', 'Email Body Format')}
    assert values == {'Email Body': text, 'Email HTML': text, 'Email Body Format': 'text'}


@pytest.mark.parametrize('incident_type', ['Phishing', 'Email Communication', 'Malware'])
@pytest.mark.parametrize('body_type', ['text', 'html'])
def test_no_label_contains_a_body(incident_type: str, body_type: str) -> None:
    long = 'word ' * 50_000
    bodies = {'Body': long, 'Text': long, 'Unique': long, 'HTML': long if body_type == 'html' else '', 'BodyType': body_type}
    incident = classifiers.mapped(
        classifiers.Classifier(MAPPER['id'], MAPPER['name'], MAPPER['type'], MAPPER), incident_type, {**EMAIL, **bodies}
    )
    assert [label['type'] for label in incident.labels if len(label['value']) > 10_000] == []


@pytest.mark.parametrize(
    'field, rule',
    [pytest.param(field, rule, id=f'{kind}-{field}') for kind, rules in FIELDS.items() for field, rule in rules.items()],
)
def test_a_value_is_of_the_type_of_its_field(field: str, rule: dict[str, Any]) -> None:
    value, kind = mapped(rule), TYPE_OF_FIELD[field]
    if kind == 'grid':
        assert all(set(row) >= COLUMNS[field] and {type(cell) for cell in row.values()} == {str} for row in value)
    elif kind == 'multiSelect':
        assert {type(choice) for choice in (value if isinstance(value, list) else [value])} == {str}
    elif kind == 'date':
        assert datetime.fromisoformat(value).tzinfo
    else:
        assert isinstance(value, int if kind == 'number' else (str, int))


def test_no_field_is_mapped_untested() -> None:
    assert {incident_type: set(fields) for incident_type, fields in FIELDS.items()} == {
        incident_type: set(fields) for incident_type, fields in MAPPED.items()
    }


# endregion
