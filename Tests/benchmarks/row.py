"""One line of the table of figures, and the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

HEADINGS = ('What', 'Figure', 'Ratio to the row above', 'Goal', '', '')


@dataclass(frozen=True)
class Row:
    """A figure.

    Attributes:
        what: what was measured.
        figure: the figure as it is shown, with its unit.
        goal: what it shall be, as it is shown; empty where there is no goal.
        is_met: whether it is.
        remark: what helps to judge the figure.
        value: the figure as a number.
        ratio: the figure : that of the row above, as it is shown; empty where they are not the same kind of thing.
    """

    what: str
    figure: str
    goal: str = ''
    is_met: bool = True
    remark: str = ''
    value: float = 0.0
    ratio: str = ''

    @property
    def verdict(self) -> str:
        return ('met' if self.is_met else 'missed') if self.goal else ''

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands under HEADINGS."""
        return self.what, self.figure, self.ratio, self.goal, self.verdict, self.remark


def plain(what: str, value: float, unit: str, remark: str = '') -> Row:
    """Return a figure without a goal."""
    return Row(what, _shown(value, unit), remark=remark, value=value)


def at_most(what: str, value: float, goal: float, unit: str, remark: str = '') -> Row:
    """Return a figure that shall not be larger than `goal`, both in `unit`; a ratio has none."""
    return Row(what, _shown(value, unit), f'{goal:g} {unit}'.rstrip(), value <= goal, remark, value)


def at_least(what: str, value: float, goal: float, unit: str, remark: str = '') -> Row:
    """Return a figure that shall not be smaller than `goal`."""
    return Row(what, _shown(value, unit), f'at least {goal:g} {unit}'.rstrip(), value >= goal, remark, value)


def count(what: str, value: int, goal: int, remark: str = '') -> Row:
    """Return how many there were, of which there shall not be more than `goal`."""
    return Row(what, str(value), str(goal), value <= goal, remark, value)


def compared(rows: Sequence[Row]) -> list[Row]:
    """Return rows of the same kind, in one unit: each but the first with its ratio to the row above."""
    rest = [replace(row, ratio=f'{row.value / above.value:.2f}') for above, row in pairwise(rows)]
    return [*rows[:1], *rest]


def table(rows: list[Row]) -> str:
    """Return the rows as text, in columns as wide as they need to be."""
    lines = [HEADINGS, *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    lines.insert(1, tuple('-' * width for width in widths))
    return '\n'.join('  '.join(f'{cell:<{width}}' for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def _shown(value: float, unit: str) -> str:
    return f'{value:.2f} {unit}'.rstrip()
