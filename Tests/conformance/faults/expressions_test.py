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
SIZES = (500, 4000, 40_000)
SECONDS = limit(0.02)


FINDERS: dict[str, list[Callable[..., Any]]] = {
    'fullmatch': [re.Pattern.fullmatch],
    'match': [re.Pattern.match],
    'search': [lambda pattern, text: sum(1 for _ in pattern.finditer(text))],
    'compile': [re.Pattern.fullmatch, lambda pattern, text: sum(1 for _ in pattern.finditer(text))],
}


def slowest(pattern: 're.Pattern[str]', function: str = 'compile') -> tuple[float, str]:
    """Return the longest time that a search in a hostile text takes, and how the text starts. Stop at a slow one."""
    most, worst = 0.0, ''
    for size in SIZES:
        for text in hostile_texts(pattern.pattern, size):
            for find in FINDERS.get(function, FINDERS['search']):
                started = time.process_time()
                find(pattern, text)
                taken = time.process_time() - started
                if taken > most:
                    most, worst = taken, repr(text[:40])
                if taken > SECONDS:
                    return most, worst
    return most, worst


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
