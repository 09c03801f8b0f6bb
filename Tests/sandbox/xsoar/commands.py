"""Read what a user types in the war room: ``!command argument=value other="two words"``."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from .content import Argument
from .context import as_text, resolve
from .errors import Refusal

# Arguments that every command takes: the server reads them, the integration does not get them.
PLATFORM_ARGUMENTS = (
    'using',
    'using-brand',
    'debug-mode',
    'execution-timeout',
    'raw-response',
    'ignore-outputs',
    'ignore-output',
    'extend-context',
)
_MASK = '*****'
# What a backslash and a character stand for in quotes; before any other character, the backslash is one.
_ESCAPES = {'n': '\n', 't': '\t', 'r': '\r', **{character: character for character in '\\"\'^:, '}}


@dataclass(frozen=True)
class Word:
    """A value of a command line, a text until it is resolved; ``start`` and ``end`` are where it stands, with its quotes."""

    name: str
    value: Any
    start: int
    end: int


@dataclass(frozen=True)
class CommandLine:
    """A command with its arguments as typed; a word of the empty name is the default argument."""

    text: str
    name: str
    words: tuple[Word, ...]

    def platform_argument(self, name: str) -> str:
        return next((as_text(word.value) for word in self.words if word.name == name), '')

    def flag(self, name: str) -> bool:
        """Return whether an argument of the platform is true.

        Raises:
            Refusal: it is neither true nor false.
        """
        value = self.platform_argument(name)
        if value.lower() not in ('', 'true', 'false'):
            raise Refusal(f'{name} cannot be {value!r}: write true or false.')
        return value.lower() == 'true'

    def resolved(self, context: dict[str, Any]) -> 'CommandLine':
        """Return the line with what is in the context for expressions such as ``${File.EntryID}``.

        Raises:
            Refusal: an expression is of a kind that is not supported here.
        """
        return replace(self, words=tuple(replace(word, value=resolve(word.value, context)) for word in self.words))

    def bind(self, arguments: list[Argument]) -> dict[str, Any]:
        """Return the arguments that the integration gets.

        Raises:
            Refusal: one is given twice, missing, or has a value that is not allowed.
        """
        default = next((argument.name for argument in arguments if argument.is_default), '')
        given: dict[str, Any] = {}
        for word in self.words:
            name = word.name or default
            if not name:
                raise Refusal(
                    f'{word.value!r} has no name, and !{self.name} has no default argument: write argument={word.value}.'
                )
            if name in given:
                raise Refusal(f'The argument {name} of !{self.name} is given twice: give it once.')
            if name not in PLATFORM_ARGUMENTS:
                given[name] = word.value
        return bind(self.name, arguments, given)

    def masked(self, arguments: list[Argument]) -> str:
        """Return the text with the values of secret arguments blanked, for the war room."""
        secret = {argument.name for argument in arguments if argument.is_secret}
        secret |= {'' for argument in arguments if argument.is_secret and argument.is_default}
        return self._blanked(lambda word: word.name in secret)

    def masked_unless(self, plain: set[str]) -> str:
        """Return the text with the values of all arguments blanked but those of some names."""
        return self._blanked(lambda word: word.name not in plain)

    def _blanked(self, is_secret: Callable[[Word], bool]) -> str:
        text = self.text
        for word in reversed(self.words):
            if is_secret(word):
                text = text[: word.start] + _MASK + text[word.end :]
        return text


def bind(command: str, arguments: list[Argument], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that the integration gets: those that the yml declares, or all if it declares none.

    Raises:
        Refusal: one is missing, or has a value that is not allowed.
    """
    declared = {argument.name for argument in arguments}
    bound = {argument.name: argument.default for argument in arguments if argument.default not in (None, '')}
    bound.update({name: value for name, value in given.items() if name in declared or not declared})
    for argument in arguments:
        value = bound.get(argument.name)
        if argument.required and value in (None, ''):
            raise Refusal(f'!{command} needs the argument {argument.name}: write {argument.name}=<value>.')
        if argument.options and value not in (None, ''):
            _check_options(command, argument, value)
    return bound


def _check_options(command: str, argument: Argument, value: Any) -> None:
    values = as_text(value).split(',') if argument.is_list else [as_text(value)]
    wrong = [each.strip() for each in values if each.strip() not in argument.options]
    if wrong:
        raise Refusal(
            f'The argument {argument.name} of !{command} cannot be {wrong[0]!r}: choose one of {", ".join(argument.options)}.'
        )


def parse(text: str) -> CommandLine:
    """Take a command line apart.

    A value is one word, or is in single or double quotes (see `_ESCAPES`), in backticks (nothing is special), or is JSON
    that begins with a brace or bracket.

    Raises:
        Refusal: it is not a command, or a quote is not closed.
    """
    stripped = text.strip()
    name = stripped[1:].split(maxsplit=1)[0] if stripped[1:].strip() else ''
    if not stripped.startswith('!') or not name or stripped[1].isspace():
        raise Refusal('A command is an exclamation mark and a name: write !command argument=value.')
    words, position = [], 1 + len(name)
    while position < len(stripped):
        if stripped[position].isspace():
            position += 1
            continue
        word = _read_word(stripped, position)
        words.append(word)
        position = word.end
    return CommandLine(stripped, name, tuple(words))


def _read_word(text: str, start: int) -> Word:
    position = start
    while position < len(text) and not text[position].isspace() and text[position] not in '="\'`{[':
        position += 1
    if position > start and text[position : position + 1] == '=':
        value, end = _read_value(text, position + 1)
        return Word(text[start:position], value, position + 1, end)
    value, end = _read_value(text, start)
    return Word('', value, start, end)


def _read_value(text: str, start: int) -> tuple[str, int]:
    first = text[start : start + 1]
    if first == '"':
        return _read_quoted(text, start)
    if first == '`':
        end = text.find('`', start + 1)
        if end < 0:
            raise Refusal(f'The backtick at character {start + 1} is not closed: end the value with a backtick.')
        return text[start + 1 : end], end + 1
    readers = {"'": _read_quoted, '{': _read_json, '[': _read_json}
    if first in readers:
        with suppress(Refusal, json.JSONDecodeError):
            value, end = readers[first](text, start)
            if end == len(text) or text[end].isspace():  # otherwise it is a text such as 'tis or [urgent]
                return value, end
    end = start
    while end < len(text) and not text[end].isspace():
        end += 1
    return text[start:end], end


def _read_json(text: str, start: int) -> tuple[str, int]:
    _, end = json.JSONDecoder().raw_decode(text, start)
    return text[start:end], end


def _read_quoted(text: str, start: int) -> tuple[str, int]:
    quote, characters, position = text[start], list[str](), start + 1
    while position < len(text):
        character = text[position]
        if character == quote:
            return ''.join(characters), position + 1
        if character == '\\' and text[position + 1 : position + 2] in _ESCAPES:
            position += 1
            character = _ESCAPES[text[position]]
        characters.append(character)
        position += 1
    raise Refusal(f'The quote at character {start + 1} is not closed: end the value with the same quote.')
