"""No regular expression of the product takes more than linear time: what it is used on may come from an attacker."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from conformance.faults.expressions import Expression, expressions, hostile_texts
from sandbox.tests.machine import limit

pytestmark = pytest.mark.slow
FOUND = expressions()
SMALL, LARGE = 4000, 40_000  # characters
MOST_GROWTH = 30  # a linear expression takes 10 times as long for the large text, and a quadratic one 100 times
SECONDS = limit(0.02)


FINDERS: dict[str, list[Callable[..., Any]]] = {
    'fullmatch': [re.Pattern.fullmatch],
    'match': [re.Pattern.match],
    'search': [lambda pattern, text: sum(1 for _ in pattern.finditer(text))],
    'compile': [re.Pattern.fullmatch, lambda pattern, text: sum(1 for _ in pattern.finditer(text))],
}


def slowest(pattern: 're.Pattern[str]', function: str = 'compile') -> tuple[float, str]:
    """Return the time of the slowest search in a hostile text, 0 if none takes more than linear time, and how the text starts."""
    for short, text in zip(hostile_texts(pattern.pattern, SMALL), hostile_texts(pattern.pattern, LARGE), strict=True):
        for find in FINDERS.get(function, FINDERS['search']):
            before, taken = seconds_of(find, pattern, short), 0.0
            if before < SECONDS:
                taken = seconds_of(find, pattern, text)
            if before > SECONDS or (taken > SECONDS and taken > MOST_GROWTH * before):
                return max(before, taken), repr(text[:40])
    return 0.0, ''


def seconds_of(find: Callable[..., Any], pattern: 're.Pattern[str]', text: Any) -> float:
    def once() -> float:
        started = time.process_time()
        find(pattern, text)
        return time.process_time() - started

    taken = once()
    return taken if taken < SECONDS else min(taken, once())  # other processes disturb a measurement now and then


def test_the_expressions_are_found() -> None:
    assert len(FOUND) > 30
    assert {one.module for one in FOUND} >= {'MicrosoftCoreApiModule', 'MicrosoftCredentialsApiModule'}


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
