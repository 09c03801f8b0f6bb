"""The tables at the end of the demo."""

from __future__ import annotations

import textwrap

from demo.method_check import MethodResult
from demo.tour import TourStep

WIDTH = 100
_HEADINGS = ('Method', 'Test button', 'auth-test', 'Requests', 'Milliseconds')
_RULES = (36, 18, 10, 8, 12)
_TOUR_HEADINGS = ('Step', 'Command', 'Seen', 'Milliseconds')
_TOUR_RULES = (27, 30, 25, 12)


def method_table(results: list[MethodResult]) -> str:
    """Return the results as text, at most 100 columns wide, followed by the sentences of what went wrong."""
    lines = [_line(*_HEADINGS), _line(*('-' * width for width in _RULES))]
    for result in results:
        if result.note:
            lines.append(_line(result.method, 'left out', 'left out', '', ''))
        else:
            lines.append(
                _line(result.method, result.test_button, result.auth_test, str(result.requests), f'{result.milliseconds:.0f}')
            )
    for result in results:
        for sentence in filter(None, (*result.problems, result.note)):
            lines += ['', *_wrapped(f'{result.method}: {sentence}')]
    return '\n'.join(lines)


def method_verdict(results: list[MethodResult]) -> str:
    """Return one sentence: how many of the methods work."""
    checked = [result for result in results if not result.note]
    broken = [result for result in checked if result.problems]
    left_out = f' {len(results) - len(checked)} was left out.' if len(checked) < len(results) else ''
    if broken:
        return f'{len(broken)} of {len(checked)} authentication methods do not work.{left_out}'
    return f'All {len(checked)} authentication methods work.{left_out}'


def tour_table(steps: list[TourStep]) -> str:
    """Return the steps of the tour as text, followed by the sentence of the one that failed."""
    lines = [_tour_line(*_TOUR_HEADINGS), _tour_line(*('-' * width for width in _TOUR_RULES))]
    lines += [
        _tour_line(step.what, step.command, step.seen, f'{step.milliseconds:.0f}' if step.milliseconds else '') for step in steps
    ]
    for step in steps:
        if step.problem:
            lines += ['', *_wrapped(f'{step.what}: {step.problem}')]
    return '\n'.join(lines)


def tour_verdict(steps: list[TourStep]) -> str:
    """Return one sentence: whether the tour reached its end."""
    if steps[-1].problem:
        return f'The tour of the mailbox ended at step {len(steps)}: {steps[-1].what}.'
    return f'All {len(steps)} steps of the tour work.'


def _line(method: str, test_button: str, auth_test: str, requests: str, milliseconds: str) -> str:
    return f'{method:<38}{test_button:<20}{auth_test:<12}{requests:>10}{milliseconds:>14}'.rstrip()


def _tour_line(what: str, command: str, seen: str, milliseconds: str) -> str:
    return f'{what:<29}{command:<32}{seen:<27}{milliseconds:>12}'.rstrip()


def _wrapped(text: str) -> list[str]:
    return [line for part in text.splitlines() for line in textwrap.wrap(part, WIDTH, subsequent_indent='  ')]
