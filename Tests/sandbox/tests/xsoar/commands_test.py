"""Command lines: how they are taken apart, completed and refused."""

import pytest

from sandbox.xsoar.commands import bind, parse
from sandbox.xsoar.content import Argument
from sandbox.xsoar.errors import Refusal


def words(text: str) -> dict[str, str]:
    return {word.name: word.value for word in parse(text).words}


@pytest.mark.parametrize(
    'text, expected',
    [
        ('!do', {}),
        ('  !do  ', {}),
        ('!do a=1', {'a': '1'}),
        ('!do a=1 b=2', {'a': '1', 'b': '2'}),
        ('!do a=1\n\tb=2', {'a': '1', 'b': '2'}),
        ('!do a="one two"', {'a': 'one two'}),
        ('!do a=""', {'a': ''}),
        ('!do a=', {'a': ''}),
        ('!do a= b=2', {'a': '', 'b': '2'}),
        (r'!do a="say \"hi\" now"', {'a': 'say "hi" now'}),
        (r'!do a="C:\\temp\\" b=x', {'a': 'C:\\temp\\', 'b': 'x'}),
        (r'!do a="one\ntwo\tthree\r"', {'a': 'one\ntwo\tthree\r'}),
        (r'!do a="one\\ntwo"', {'a': r'one\ntwo'}),
        (r'!do a="a\:b\,c\ d\^\'e"', {'a': "a:b,c d^'e"}),
        (r'!do a="\d+\."', {'a': r'\d+\.'}),
        (r'!do a=one\ntwo', {'a': r'one\ntwo'}),
        (r'!do a=`one\ntwo`', {'a': r'one\ntwo'}),
        ("!do a='two words' b=2", {'a': 'two words', 'b': '2'}),
        ('!do a=\'say "hi"\' b="it\'s"', {'a': 'say "hi"', 'b': "it's"}),
        (r"!do a='it\'s' b='one\ntwo'", {'a': "it's", 'b': 'one\ntwo'}),
        ("!do a='' b=2", {'a': '', 'b': '2'}),
        ("!do 'two words' a=1", {'': 'two words', 'a': '1'}),
        ("!do 'a=b c'", {'': 'a=b c'}),
        ("!do a=it's b=2", {'a': "it's", 'b': '2'}),
        ("!do a='tis b=2", {'a': "'tis", 'b': '2'}),
        ("!do 'tis a=1", {'': "'tis", 'a': '1'}),
        ("!do a='tis b=it's", {'a': "'tis", 'b': "it's"}),
        ("!do a='tis b=two's' c=3", {'a': "'tis", 'b': "two's'", 'c': '3'}),
        ("!do a='tis b='two words'", {'a': "'tis", 'b': 'two words'}),
        ('!do a="two\nlines"', {'a': 'two\nlines'}),
        ('!do a=`one "two" three` b=4', {'a': 'one "two" three', 'b': '4'}),
        ('!do a={"k": "v } x"} b=2', {'a': '{"k": "v } x"}', 'b': '2'}),
        ('!do a=["x y", 2] b=2', {'a': '["x y", 2]', 'b': '2'}),
        ('!do a=\'open"', {'a': '\'open"'}),
        ('!do a=[urgent] b=2', {'a': '[urgent]', 'b': '2'}),
        ('!do a={"k":1}x b=2', {'a': '{"k":1}x', 'b': '2'}),
        ('!do a=b=c', {'a': 'b=c'}),
        ('!do code=https://x/?code=1&state=2', {'code': 'https://x/?code=1&state=2'}),
        ('!do word', {'': 'word'}),
        ('!do "two words" a=1', {'': 'two words', 'a': '1'}),
        ('!do {"k": 1}', {'': '{"k": 1}'}),
        ('!do =x', {'': '=x'}),
        ('!do using="my instance" a=1', {'using': 'my instance', 'a': '1'}),
        ('!do a="ключ" b=😀', {'a': 'ключ', 'b': '😀'}),
    ],
)
def test_values_are_words_quotes_backticks_or_json(text: str, expected: dict[str, str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    'text, sentence',
    [
        ('', 'A command is an exclamation mark and a name'),
        ('!', 'A command is an exclamation mark and a name'),
        ('! do', 'A command is an exclamation mark and a name'),
        ('do a=1', 'A command is an exclamation mark and a name'),
        ('!do a="open', 'The quote at character 7 is not closed'),
        ('!do a=`open', 'The backtick at character 7 is not closed'),
    ],
)
def test_what_is_no_command_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        parse(text)


def argument(name: str, **facts: object) -> Argument:
    return Argument.read({'name': name, **facts})


ARGUMENTS = [
    argument('text', default=True),
    argument('limit', defaultValue='50'),
    argument('colour', predefined=['red', 'green']),
    argument('tags', isArray=True, predefined=['a', 'b']),
    argument('word', secret=True),
    argument('old', deprecated=True),
]


@pytest.mark.parametrize(
    'text, expected',
    [
        ('!do', {'limit': '50'}),
        ('!do hello', {'text': 'hello', 'limit': '50'}),
        ('!do limit=5 colour=red', {'limit': '5', 'colour': 'red'}),
        ('!do tags="a, b"', {'limit': '50', 'tags': 'a, b'}),
        ('!do using=one debug-mode=true execution-timeout=5', {'limit': '50'}),
        ('!do colour=', {'limit': '50', 'colour': ''}),
        ('!do typo=1 limit=5 raw-response=true', {'limit': '5'}),
    ],
)
def test_defaults_complete_what_was_typed(text: str, expected: dict[str, str]) -> None:
    assert parse(text).bind(ARGUMENTS) == expected


@pytest.mark.parametrize(
    'text, sentence',
    [
        ('!do a b', 'The argument text of !do is given twice'),
        ('!do limit=1 limit=2', 'The argument limit of !do is given twice'),
        ('!do colour=blue', "The argument colour of !do cannot be 'blue': choose one of red, green."),
        ('!do tags=a,c', "The argument tags of !do cannot be 'c'"),
    ],
)
def test_wrong_arguments_are_refused_by_name(text: str, sentence: str) -> None:
    with pytest.raises(Refusal) as refusal:
        parse(text).bind(ARGUMENTS)
    assert sentence in str(refusal.value)


def test_a_command_that_declares_no_argument_gets_all_that_was_typed() -> None:
    assert parse('!do typo=1 using=one').bind([]) == {'typo': '1'}


@pytest.mark.parametrize('text', ['!do', '!do to=', '!do to=""'])
def test_a_required_argument_cannot_be_left_out(text: str) -> None:
    with pytest.raises(Refusal, match='!do needs the argument to: write to=<value>'):
        parse(text).bind([argument('to', required=True)])


def test_a_value_without_a_name_needs_a_default_argument() -> None:
    with pytest.raises(Refusal, match='!do has no default argument: write argument=x'):
        parse('!do x').bind([argument('to')])


def test_arguments_of_a_scheduled_command_keep_their_types() -> None:
    assert bind('do', ARGUMENTS, {'limit': 5, 'text': ['a']}) == {'limit': 5, 'text': ['a']}


@pytest.mark.parametrize(
    'text, shown',
    [
        ('!do text=a word="top secret" limit=1', '!do text=a word=***** limit=1'),
        ('!do word=`x`', '!do word=*****'),
        ('!do text=top', '!do text=top'),
    ],
)
def test_secret_arguments_are_blanked_for_the_war_room(text: str, shown: str) -> None:
    assert parse(text).masked(ARGUMENTS) == shown


CONTEXT = {'A': {'Text': 'x', 'Number': 7, 'Texts': ['a', 'b'], 'Item': {'k': 'é'}, 'No': False}}


@pytest.mark.parametrize(
    'typed, value',
    [
        ('${A.Text}', 'x'),
        ('${A.Number}', 7),
        ('${A.Texts}', ['a', 'b']),
        ('${A.Item}', {'k': 'é'}),
        ('${A.No}', False),
        ('${A.Missing}', ''),
        ('"${ A.Text }"', 'x'),
        ('"see ${A.Text}!"', 'see x!'),
        ("'see ${A.Text}, ${A.Number} and ${A.Missing}.'", 'see x, 7 and .'),
        ('`see ${A.Text}`', 'see x'),
        ('"${A.Text}${A.Text}"', 'xx'),
        ('"to ${A.Texts}"', 'to a,b'),
        ('"an ${A.Item} is ${A.No}"', 'an {"k": "é"} is false'),
        ('"$A {A.Text} ${A.Text"', '$A {A.Text} ${A.Text'),
    ],
)
def test_expressions_stand_for_what_is_in_the_context(typed: str, value: object) -> None:
    assert parse(f'!do text={typed}').resolved(CONTEXT).bind(ARGUMENTS) == {'text': value, 'limit': '50'}


def test_what_an_expression_stands_for_is_not_resolved_again() -> None:
    line = parse('!do text="${A} ${B}"').resolved({'A': '${B}', 'B': 'b'})

    assert line.bind(ARGUMENTS)['text'] == '${B} b'


@pytest.mark.parametrize(
    'typed',
    ['"x ${A(val.k)}"', '`x ${A={"a": val.k}} y`', '${A.[0]}', '"${A.x(1)} ${A.Text}"', '${A.Texts=>val.length}', '"x ${A=val}"'],
)
def test_an_expression_that_is_not_supported_is_refused(typed: str) -> None:
    with pytest.raises(Refusal, match='is not supported here'):
        parse(f'!do text={typed}').resolved(CONTEXT)


def test_options_are_compared_with_what_an_expression_stands_for() -> None:
    line = parse('!do colour=${A} tags=${B}')

    assert line.resolved({'A': 'red', 'B': ['a', 'b']}).bind(ARGUMENTS)['tags'] == ['a', 'b']
    with pytest.raises(Refusal, match="The argument colour of !do cannot be 'blue'"):
        line.resolved({'A': 'blue'}).bind(ARGUMENTS)


def test_a_secret_default_argument_is_blanked_too() -> None:
    assert parse('!do sesame').masked([argument('word', secret=True, default=True)]) == '!do *****'
