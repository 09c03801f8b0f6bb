"""One line of the table of figures, and the table."""
from __future__ import annotations

from dataclasses import dataclass

_HEADINGS = ('What', 'Figure', 'Goal', '', '')


@dataclass(frozen=True)
class Row:
    """A figure.

    Attributes:
        what: what was measured.
        figure: the figure as it is shown, with its unit.
        goal: what it shall be, as it is shown; empty where there is no goal.
        is_met: whether it is.
        remark: what helps to judge the figure.
    """
    what: str
    figure: str
    goal: str = ''
    is_met: bool = True
    remark: str = ''

    @property
    def verdict(self) -> str:
        return ('met' if self.is_met else 'missed') if self.goal else ''


def at_most(what: str, value: float, goal: float, unit: str, remark: str = '') -> Row:
    """A figure that shall not be larger than `goal`, both in `unit`; a ratio has none."""
    return Row(what, f'{value:.2f} {unit}'.rstrip(), f'{goal:g} {unit}'.rstrip(), value <= goal, remark)


def table(rows: list[Row]) -> str:
    """The rows as text, in columns as wide as they need to be."""
    lines: list[tuple[str, ...]] = [_HEADINGS, *((row.what, row.figure, row.goal, row.verdict, row.remark) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
    lines.insert(1, tuple('-' * width for width in widths))
    return '\n'.join('  '.join(f'{cell:<{width}}' for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
