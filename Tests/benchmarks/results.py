"""The figures as a page, with plots beside it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from benchmarks import plots
from benchmarks.effort import LATENCY, Effort
from benchmarks.row import HEADINGS, Row

FOLDER = Path(__file__).parent
PAGE, BARS, LINE = 'results.md', 'results-fetch.svg', 'results-sizes.svg'
FETCH, SIZES = 'a fetch of 50 messages', 'the cost against size'  # the subjects that are drawn


def write(folder: Path, subjects: Mapping[str, list[Row]], effort: Effort) -> None:
    """Write PAGE and the plots into `folder`, over those of an earlier run.

    Args:
        subjects: the rows of each subject, by its name.
    """
    fetches = {row.what.partition(': ')[2]: row.value for row in subjects[FETCH] if row.figure.endswith(' s')}
    plots.bars(folder / BARS, 'A fetch of 50 messages', fetches)
    sizes = dict(zip(effort.sizes, (row.value for row in subjects[SIZES]), strict=False))
    plots.line(folder / LINE, 'The cost of a fetch against its size', sizes)
    rows = [row for of_subject in subjects.values() for row in of_subject]
    (folder / PAGE).write_text(page(rows, machine(), datetime.now(timezone.utc), effort))


def page(rows: list[Row], measured_on: str, when: datetime, effort: Effort) -> str:
    """Return the page as Markdown.

    Args:
        measured_on: what kind of machine it was.
        when: the run was.
    """
    missed = sum(not row.is_met for row in rows)
    return '\n'.join(
        [
            '# Figures',
            '',
            f'Written by `make bench` on {when:%Y-%m-%d} at {when:%H:%M} UTC; {measured_on}. All rows are of one run.',
            '',
            _conditions(effort),
            '',
            f'Goals: {sum(bool(row.goal) for row in rows) - missed} met, {missed} missed.',
            '',
            markdown_table(rows),
            '',
            f'![Seconds of a fetch of 50 messages, each way]({BARS})',
            '',
            f'![Seconds of a fetch against the number of messages]({LINE})',
            '',
        ]
    )


def markdown_table(rows: list[Row]) -> str:
    """Return the rows as a table of Markdown; a missed goal is set in bold."""
    lines = [HEADINGS, ('---',) * len(HEADINGS)]
    for row in rows:
        what, figure, ratio, goal, verdict, remark = row.cells
        lines.append((what, figure, ratio, goal, verdict if row.is_met else f'**{verdict}**', remark))
    return '\n'.join(f'| {" | ".join(cell.replace("|", chr(92) + "|") for cell in line)} |' for line in lines)


def machine() -> str:
    """Return what kind of machine this is, and nothing that tells which."""
    load = os.getloadavg()[2]
    common = 'the real CommonServerPython' if os.environ.get('COMMON_SERVER_PYTHON') else 'the stub of CommonServerPython'
    return (
        f'{platform.system()} on {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {common}, '
        f'load average {load:.1f} (above 2, other processes were running: then ignore ratios close to their goals)'
    )


def _conditions(effort: Effort) -> str:
    return (
        f'For fetches and large files, each request to the sandbox takes {1000 * LATENCY:.0f} ms more, and the mailbox accepts '
        'at most 4 requests at once; requests inside a batch take no extra time, except in the row that says so '
        f'(`Limits.item_latency`). Figures are medians: of {effort.times} runs where one takes seconds, of more where it takes '
        'milliseconds. Tokens and processes are measured without that delay, which would hide what they cost.'
    )
