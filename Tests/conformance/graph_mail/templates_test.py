"""Texts with variables, and files whose contents are in arguments."""

from typing import Any

import pytest

import demistomock as demisto
from conformance.graph_mail.sending_commands_test import arrived, instance, question, war_room
from conformance.unified.instances import BOB, Instance
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import FileAttachment, Message

__all__ = ['instance', 'question', 'war_room']
MAIL = {'to': BOB, 'subject': 'Plan'}
CONTEXT = {'Case': {'Number': 7, 'Owner': ['Ada', 'Bob'], 'Empty': ''}, 'File': [{'Name': 'a.txt'}, {'Name': 'b.txt'}, {}]}
# What the platform finds there by a path: see its DT language.
FOUND = {'Case.Number': 7, 'Case.Owner': ['Ada', 'Bob'], 'File.Name': ['a.txt', 'b.txt']}


@pytest.fixture(autouse=True)
def context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demisto, 'context', lambda: CONTEXT)
    monkeypatch.setattr(demisto, 'dt', lambda context, path: FOUND.get(path, '') if context is CONTEXT else '')


def body_of(instance: Instance, mailbox: Mailbox, name: str, text: str, params: Any) -> str:
    instance.text('send-mail', **MAIL, templateParams=params, **{name: text})
    mail = arrived(mailbox)
    return str(mail.plain if name == 'body' else mail.html).strip()


@pytest.mark.parametrize(
    'text, params, filled',
    [
        ('Dear {name}', '{"name": {"value": "Ada"}}', 'Dear Ada'),
        ('Dear {name}', {'name': {'value': 'Ada'}}, 'Dear Ada'),
        ('Dear {name}', '{"name": "Ada"}', 'Dear Ada'),
        ('Case {n}: {n}', '{"n": {"key": "Case.Number"}}', 'Case 7: 7'),
        ('{o}', '{"o": {"key": "Case.Owner"}}', 'Ada, Bob'),
        ('{f}', '{"f": {"key": "File.Name"}}', 'a.txt, b.txt'),
        ('{v}', '{"v": {"value": "v", "key": "Case.Number"}}', 'v'),
        ('{a.b-c}', '{"a.b-c": "x"}', 'x'),
        ('{a}{b}', '{"a": "{b}", "b": "{a}"}', '{b}{a}'),
        ('{a}', '{"a": true, "unused": 1}', 'true'),
        ('{a}', '{"a": 0}', '0'),
        ('[{a}]', '{"a": {"value": ""}}', '[]'),
        ('{{a}} {a}', '{"a": "x"}', '{a} x'),
        ('{ a: 1 } {a}', '{"a": "x"}', '{ a: 1 } x'),
        ('{a} }', '{"a": "x"}', 'x }'),
        ('100% {a} %s \\1', '{"a": "x\\\\g<0>"}', '100% x\\g<0> %s \\1'),
        ('no variable {', '{"a": "x"}', 'no variable {'),
    ],
)
def test_variables_have_values(instance: Instance, bobs: Mailbox, text: str, params: Any, filled: str) -> None:
    assert body_of(instance, bobs, 'body', text, params) == filled


@pytest.mark.parametrize('comment', ['Do not click: {s}', 'Do <b>not</b> click: {s}'])
def test_a_value_in_a_comment_is_shown_as_it_is(instance: Instance, bobs: Mailbox, question: Message, comment: str) -> None:
    value = '<a href="https://evil.example">Reset password</a>'
    args = {'message_id': question.immutable_id, 'to': BOB, 'comment': comment, 'templateParams': {'s': value}}
    instance.text('msgraph-mail-forward', **args)
    assert '&lt;a href=' in arrived(bobs).html
    assert 'evil.example">' not in arrived(bobs).html


def test_styles_of_html_stay(instance: Instance, bobs: Mailbox) -> None:
    html = '<style>@media print {p {color: red}} a{}</style><p>{name}</p>'
    assert body_of(instance, bobs, 'htmlBody', html, '{"name": "<b>Ada</b>"}') == html.replace('{name}', '<b>Ada</b>')


def test_a_template_of_another_integration_may_double_its_braces(instance: Instance, bobs: Mailbox) -> None:
    html = '<style>p {{color: red}}</style><p>{name}</p>'
    assert body_of(instance, bobs, 'htmlBody', html, '{"name": "Ada"}') == '<style>p {color: red}</style><p>Ada</p>'


def test_without_values_nothing_is_a_variable(instance: Instance, bobs: Mailbox) -> None:
    assert body_of(instance, bobs, 'body', '{name} {{x}}', '') == '{name} {{x}}'


def test_an_expression_of_the_platform_is_a_key(instance: Instance, bobs: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demisto, 'dt', lambda context, key: (context is CONTEXT, key) == (True, 'File(val.Name)') and 'found')
    assert body_of(instance, bobs, 'body', '{f}', '{"f": {"key": "File(val.Name)"}}') == 'found'


@pytest.mark.parametrize(
    'text, params, sentences',
    [
        (
            'Dear {name}',
            '{"other": "x"}',
            'templateParams has no value for name in body. Add it, or correct the text.',
        ),
        ('{a} {b} {a}', '{}', 'templateParams has no value for a, b in body. Add it, or correct the text.'),
        ('x', '{"a"', 'The argument templateParams is not a JSON object. Write it as {"name": value}.'),
        ('x', '["a"]', 'The argument templateParams is not a JSON object. Write it as {"name": value}.'),
        (
            'x',
            '{"a": {"key": "Case.Nothing"}}',
            "The context has nothing at 'Case.Nothing'. Change the key of a in templateParams.",
        ),
        ('x', '{"a": {"key": "Case.Empty"}}', "The context has nothing at 'Case.Empty'. Change the key of a in templateParams."),
        (
            'x',
            '{"a": {"val": "x"}}',
            'templateParams has neither a value nor a key for a. Write {"a": {"value": "x"}}.',
        ),
        ('x', '{"a": null}', 'templateParams has neither a value nor a key for a. Write {"a": {"value": "x"}}.'),
    ],
)
@pytest.mark.parametrize('command', ['send-mail', 'msgraph-mail-create-draft'])
def test_what_cannot_be_filled_is_refused_before_a_request(
    instance: Instance, command: str, text: str, params: str, sentences: str
) -> None:
    assert instance.error(command, **MAIL, body=text, templateParams=params) == sentences
    assert not list(instance.cloud.requests)


@pytest.mark.parametrize('command', ['msgraph-mail-reply-to', 'msgraph-mail-forward'])
def test_a_comment_and_a_subject_have_variables(instance: Instance, question: Message, bobs: Mailbox, command: str) -> None:
    instance.text(command, message_id=question.immutable_id, to=BOB, comment='Dear {name}', templateParams='{"name": "Bob"}')
    assert 'Dear Bob' in str(arrived(bobs).html)


def test_a_subject_has_variables(instance: Instance, bobs: Mailbox) -> None:
    instance.text('send-mail', to=BOB, subject='Case {n}', body='x', templateParams='{"n": 7}')
    assert arrived(bobs).subject == 'Case 7'


# region files


def files_of(mail: Message) -> list[tuple[Any, ...]]:
    found = [one for one in mail.attachments if isinstance(one, FileAttachment)]
    return [(one.name, one.content.read(), one.content_id, one.is_inline) for one in found]


@pytest.mark.parametrize(
    'names, contents, ids, files',
    [
        ('a.txt', 'one, two', '', [('a.txt', b'one, two', None, False)]),
        (
            'a.txt,b.html',
            'one,<p>Größe</p>',
            '',
            [('a.txt', b'one', None, False), ('b.html', '<p>Größe</p>'.encode(), None, False)],
        ),
        ('a.txt, b.txt', '["1,2", "3"]', 'x@y', [('a.txt', b'1,2', 'x@y', True), ('b.txt', b'3', None, False)]),
        ('a.txt,b.txt', '1,2', '<x@y>,cid:z', [('a.txt', b'1', 'x@y', True), ('b.txt', b'2', 'z', True)]),
        ('a, b.txt', 'one', None, [('a, b.txt', b'one', None, False)]),
        (['a.txt'], ['one, two'], None, [('a.txt', b'one, two', None, False)]),
        ('a,b', ['', 5], '', [('a', b'', None, False), ('b', b'5', None, False)]),
    ],
)
def test_contents_become_files(instance: Instance, bobs: Mailbox, names: Any, contents: Any, ids: Any, files: Any) -> None:
    given = {'transientFile': names, 'transientFileContent': contents, 'transientFileCID': ids}
    instance.text('send-mail', **MAIL, htmlBody='<img src="cid:x@y">', **given)
    assert files_of(arrived(bobs)) == files


def test_they_come_after_files_of_the_war_room(instance: Instance, bobs: Mailbox) -> None:
    instance.text('send-mail', **MAIL, body='x', attachIDs='1@7', transientFile='a.txt', transientFileContent='a')
    assert [one[0] for one in files_of(arrived(bobs))] == ['plan.pdf', 'a.txt']


@pytest.mark.parametrize(
    'given, counts',
    [
        ({'transientFile': '["a.txt", "b.txt"]', 'transientFileContent': 'one'}, '2, 1 and 0'),
        ({'transientFile': 'a.txt,b.txt', 'transientFileContent': 'one, two, three'}, '2, 3 and 0'),
        ({'transientFileContent': 'one'}, '0, 1 and 0'),
        ({'transientFileCID': 'one'}, '0, 0 and 1'),
        ({'transientFile': 'a.txt', 'transientFileContent': 'one', 'transientFileCID': 'a,b'}, '1, 1 and 2'),
        ({'transientFile': ',b.txt', 'transientFileContent': 'one,two'}, '2, 2 and 0'),
    ],
)
def test_files_that_do_not_fit_are_refused_before_a_request(instance: Instance, given: dict[str, str], counts: str) -> None:
    assert instance.error('send-mail', **MAIL, body='x', **given) == (
        f'transientFile, transientFileContent and transientFileCID have {counts} values. '
        'Enter a name and a content for each file; a JSON list can have commas in its values.'
    )
    assert not list(instance.cloud.requests)


# endregion
