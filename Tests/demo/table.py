"""The tables at the end of the demo."""

from __future__ import annotations

import textwrap

from demo.tour import Stop
from demo.walk import Row

WIDTH = 100
_HEADINGS = ('Way', 'Test button', 'auth-test', 'Requests', 'Milliseconds')
_RULES = (36, 18, 10, 8, 12)
_TOUR_HEADINGS = ('Step', 'Command', 'Seen', 'Milliseconds')
_TOUR_RULES = (27, 30, 25, 12)


def table(rows: list[Row]) -> str:
    """The rows as text, at most 100 columns wide, with the sentences of what went wrong beneath."""
    lines = [_line(*_HEADINGS), _line(*('-' * width for width in _RULES))]
    for row in rows:
        if row.note:
            lines.append(_line(row.way, 'left out', 'left out', '', ''))
        else:
            lines.append(_line(row.way, row.test_button, row.auth_test, str(row.requests), f'{row.milliseconds:.0f}'))
    for row in rows:
        for sentence in filter(None, (*row.problems, row.note)):
            lines += ['', *_wrapped(f'{row.way}: {sentence}')]
    return '\n'.join(lines)


def verdict(rows: list[Row]) -> str:
    """One sentence: how many of the ways hold."""
    walked = [row for row in rows if not row.note]
    broken = [row for row in walked if row.problems]
    left_out = f' {len(rows) - len(walked)} was left out.' if len(walked) < len(rows) else ''
    if broken:
        return f'{len(broken)} of {len(walked)} ways to sign in do not hold.{left_out}'
    return f'All {len(walked)} ways to sign in hold.{left_out}'


def tour_table(stops: list[Stop]) -> str:
    """The steps of the tour as text, with the sentence of the one that does not hold beneath."""
    lines = [_tour_line(*_TOUR_HEADINGS), _tour_line(*('-' * width for width in _TOUR_RULES))]
    lines += [
        _tour_line(stop.what, stop.command, stop.seen, f'{stop.milliseconds:.0f}' if stop.milliseconds else '') for stop in stops
    ]
    for stop in stops:
        if stop.problem:
            lines += ['', *_wrapped(f'{stop.what}: {stop.problem}')]
    return '\n'.join(lines)


def tour_verdict(stops: list[Stop]) -> str:
    """One sentence: whether the tour came to its end."""
    if stops[-1].problem:
        return f'The tour of the mailbox ended at step {len(stops)}, which does not hold.'
    return f'All {len(stops)} steps of the tour hold.'


def _line(way: str, test_button: str, auth_test: str, requests: str, milliseconds: str) -> str:
    return f'{way:<38}{test_button:<20}{auth_test:<12}{requests:>10}{milliseconds:>14}'.rstrip()


def _tour_line(what: str, command: str, seen: str, milliseconds: str) -> str:
    return f'{what:<29}{command:<32}{seen:<27}{milliseconds:>12}'.rstrip()


def _wrapped(text: str) -> list[str]:
    return [line for part in text.splitlines() for line in textwrap.wrap(part, WIDTH, subsequent_indent='  ')]
