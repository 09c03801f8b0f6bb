"""No regular expression of the product takes more than linear time: what it is used on may come from an attacker."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from conformance.faults.expressions import Expression, expressions, hostile_texts
from MicrosoftHttpApiModule import json_or_none
from sandbox.tests.machine import limit

pytestmark = pytest.mark.slow
FOUND = expressions()
SIZES = (4000, 12_000, 40_000)  # characters
# A linear expression takes 10 times as long for a text that is 10 times as long, and a quadratic one 100 times.
MOST, QUADRATIC = 1.5, 2.0  # powers
SECONDS = limit(0.02)


FINDERS: dict[str, list[Callable[..., Any]]] = {
    'fullmatch': [re.Pattern.fullmatch],
    'match': [re.Pattern.match],
    'search': [lambda pattern, text: sum(1 for _ in pattern.finditer(text))],
    'compile': [re.Pattern.fullmatch, lambda pattern, text: sum(1 for _ in pattern.finditer(text))],
}


def slowest(pattern: 're.Pattern[str]', function: str = 'compile') -> tuple[float, str]:
    """Return the time of the slowest search in a hostile text, 0 if none takes more than linear time, and how the text starts."""
    for texts in zip(*(hostile_texts(pattern.pattern, size) for size in SIZES), strict=True):
        for find in FINDERS.get(function, FINDERS['search']):
            taken = seconds_if_slow(find, pattern, texts)
            if taken:
                return taken, repr(texts[-1][:40])
    return 0.0, ''


def seconds_if_slow(find: Callable[..., Any], pattern: 're.Pattern[str]', texts: tuple[Any, ...]) -> float:
    """Return the time of a search in a text that becomes longer, 0 if it takes no more than linear time."""
    first = seconds_of(find, pattern, texts[0])
    if first > SECONDS:
        return first
    if first * growth(SIZES[-1], QUADRATIC) < SECONDS:
        return 0.0  # if it is quadratic, the longest text takes less than SECONDS as well
    for size, text in zip(SIZES[1:], texts[1:], strict=True):
        taken = seconds_of(find, pattern, text)
        if taken > SECONDS and taken > first * growth(size, MOST):
            return taken
    return 0.0


def growth(size: int, power: float) -> float:
    return float((size / SIZES[0]) ** power)


def seconds_of(find: Callable[..., Any], pattern: 're.Pattern[str]', text: Any) -> float:
    def once() -> float:
        started = time.process_time()
        find(pattern, text)
        return time.process_time() - started

    taken = once()
    return taken if taken < SECONDS else min(taken, once())  # other processes disturb a measurement now and then


def test_the_expressions_are_found() -> None:
    assert len(FOUND) > 30
    assert {one.module for one in FOUND} >= {'MicrosoftCoreApiModule', 'MicrosoftTokenRequestApiModule'}


@pytest.mark.parametrize('expression', FOUND, ids=lambda one: f'{one.module}:{one.line}')
def test_an_expression_is_linear(expression: Expression) -> None:
    taken, text = slowest(expression.compiled, expression.function)
    assert taken <= SECONDS, f'{expression.pattern!r} takes {taken:.2f} s on {text}...'


@pytest.mark.parametrize(
    'slow',
    [
        r'\s*(?:Trace ID):',
        r'\beyJ[\w-]+\.[\w-]+\.[\w-]*',
        r'^.*?:\s(.*?\.)',
        r'(?s)-----BEGIN ([A-Z ]+)-----(.*?)-----END',
    ],
)
def test_expressions_that_were_slow_are_found_to_be_slow(slow: str) -> None:
    """Each was in the product: this shows that the hostile texts find its kind."""
    assert slowest(re.compile(slow))[0] > SECONDS


@pytest.mark.parametrize('end', ['', '\\', '"', '\\"', ','])
def test_json_with_a_text_without_an_end_is_rejected_in_linear_time(end: str) -> None:
    response = requests.Response()
    response._content = ('["' + '\\",' * 3_100_000 + end).encode()
    started = time.process_time()
    assert json_or_none(response) is None
    assert time.process_time() - started < limit(5)
