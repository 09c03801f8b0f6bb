"""The context: how outputs are merged, and how it is asked."""

from typing import Any

import pytest

from sandbox.xsoar.context import ask, merge
from sandbox.xsoar.errors import Refusal

BY_ID = 'A.B(val.ID && val.ID == obj.ID)'
BY_TWO = 'A(val.ID && val.ID == obj.ID && val.Sub.Key && val.Sub.Key == obj.Sub.Key)'
HAS_LINK = "A(val.Next.indexOf('http')>=0)"
HAS_TEXT = "A(val.Next.indexOf('')>=0)"
BY_HASH = 'File(val.MD5 && val.MD5 == obj.MD5 || val.SHA1 && val.SHA1 == obj.SHA1)'


@pytest.mark.parametrize(
    'steps, expected',
    [
        ([{'A.B': {'x': 1}}], {'A': {'B': {'x': 1}}}),
        ([{'A.B': 'text'}], {'A': {'B': 'text'}}),
        ([{'A': None}], {}),
        ([{'A': 1}, {'A': 2}], {'A': [1, 2]}),
        ([{'A': [1]}, {'A': [2, 3]}], {'A': [1, 2, 3]}),
        ([{BY_ID: {'ID': 1, 'x': 1}}, {BY_ID: {'ID': 1, 'y': 2}}], {'A': {'B': {'ID': 1, 'x': 1, 'y': 2}}}),
        ([{BY_ID: {'ID': 1, 'x': 1}}, {BY_ID: {'ID': 1, 'x': 2}}], {'A': {'B': {'ID': 1, 'x': 2}}}),
        ([{BY_ID: {'ID': 1}}, {BY_ID: {'ID': 2}}], {'A': {'B': [{'ID': 1}, {'ID': 2}]}}),
        (
            [{BY_ID: [{'ID': 1}, {'ID': 2}]}, {BY_ID: [{'ID': 2, 'x': 1}, {'ID': 3}]}],
            {'A': {'B': [{'ID': 1}, {'ID': 2, 'x': 1}, {'ID': 3}]}},
        ),
        ([{BY_ID: [{'ID': 1}]}, {BY_ID: [{'ID': 1, 'x': 1}]}], {'A': {'B': [{'ID': 1, 'x': 1}]}}),
        ([{BY_ID: {'x': 1}}, {BY_ID: {'x': 1}}], {'A': {'B': [{'x': 1}, {'x': 1}]}}),
        (
            [{BY_TWO: {'ID': 1, 'Sub': {'Key': 1}}}, {BY_TWO: {'ID': 1, 'Sub': {'Key': 2}}}],
            {'A': [{'ID': 1, 'Sub': {'Key': 1}}, {'ID': 1, 'Sub': {'Key': 2}}]},
        ),
        (
            [{BY_TWO: {'ID': 1, 'Sub': {'Key': 1}}}, {BY_TWO: {'ID': 1, 'Sub': {'Key': 1}, 'x': 1}}],
            {'A': {'ID': 1, 'Sub': {'Key': 1}, 'x': 1}},
        ),
        (
            [{BY_HASH: {'MD5': 'm', 'SHA1': 's'}}, {BY_HASH: {'SHA1': 's', 'Name': 'n'}}],
            {'File': {'MD5': 'm', 'SHA1': 's', 'Name': 'n'}},
        ),
        ([{'A(true)': {'Next': 1, 'x': 1}}, {'A(true)': {'Next': 2}}], {'A': {'Next': 2, 'x': 1}}),
        ([{'A': {'x': 1}}, {'A.y': 2}], {'A': {'x': 1, 'y': 2}}),
        ([{'A': [{'x': 1}, {'x': 2}]}, {'A.y': 3}], {'A': [{'x': 1}, {'x': 2, 'y': 3}]}),
        (
            [{'A(val.Name === obj.Name)': {'Name': 'n'}}, {'A(val.Name === obj.Name)': {'Name': 'n', 'x': 1}}],
            {'A': {'Name': 'n', 'x': 1}},
        ),
        (
            [{'A': [{'ID': 1}]}, {HAS_LINK: {'Next': 'http://1'}}, {'A': {'ID': 2}}, {HAS_LINK: {'Next': 'http://2'}}],
            {'A': [{'ID': 1}, {'Next': 'http://2'}, {'ID': 2}]},
        ),
        (
            [{HAS_LINK: {'Next': 'http://1'}}, {HAS_LINK: {'Next': ''}}, {HAS_LINK: {'Next': 'http://2'}}],
            {'A': [{'Next': ''}, {'Next': 'http://2'}]},
        ),
        ([{HAS_TEXT: {'Next': ''}}, {HAS_TEXT: {'Next': 'http://1'}}, {HAS_TEXT: {'Next': ''}}], {'A': {'Next': ''}}),
        ([{'A': {'Next': 1}}, {HAS_TEXT: {'Next': 'a'}}], {'A': [{'Next': 1}, {'Next': 'a'}]}),
    ],
)
def test_outputs_are_merged(steps: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    context: dict[str, Any] = {}

    for outputs in steps:
        merge(context, outputs)

    assert context == expected


@pytest.mark.parametrize(
    'outputs, sentence',
    [
        ({'A(val.x > 3)': 1}, r"The condition 'val.x > 3' of a context key cannot be read"),
        ({'A(val.ID == obj.ID).B': 1}, 'The context key .* cannot be read'),
        ({'A.x.y': 1}, 'The context path A.x.y leads through x, which holds a plain value'),
    ],
)
def test_keys_that_cannot_be_read_are_refused(outputs: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        merge({'A': {'x': 1}}, outputs)


@pytest.mark.parametrize(
    'query, expected',
    [
        ('${.}', {'A': {'B': [{'x': 1}, {'x': 2, 'y': 3}, 4]}}),
        ('', {'A': {'B': [{'x': 1}, {'x': 2, 'y': 3}, 4]}}),
        ('${A.B.x}', [1, 2]),
        ('${ A.B.y }', [3]),
        ('A.B.z', None),
        ('${A.C}', None),
        ('${A.B.x.y}', None),
    ],
)
def test_questions(query: str, expected: Any) -> None:
    assert ask({'A': {'B': [{'x': 1}, {'x': 2, 'y': 3}, 4]}}, query) == expected


@pytest.mark.parametrize('query', ['${A(val.x == 1)}', '${A.[0]}', '${A', '${A} and ${B}'])
def test_other_questions_are_refused(query: str) -> None:
    with pytest.raises(Refusal, match='is not supported here'):
        ask({'A': 1}, query)
