"""The page on reliability, from what a run of the tests wrote."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

Row = dict[str, Any]
OUTCOMES = ('handled', 'rejected cleanly', 'fell short')
PARTS = ('Commands', 'Fetch', 'Sign-in')
_TEMPLATE = """# Reliability

How the integration behaves when services fail. `make report` runs the tests and writes this page; no figure is entered by hand.

Every request of every command and every authentication method is run against every fault: statuses with and without bodies,
redirects, malformed JSON, echoed secrets, broken, slow, silent and endless connections, decompression bombs, TLS faults and
killed processes. In addition, each field of each response is replaced by values of other types, and by a text with Markdown, HTML
and invisible characters. Each row is judged by what users see. It falls short if

- a secret is shown, or a request goes to another host;
- the command takes longer than the platform allows;
- an error is a raw Python error, or does not name its cause;
- external text becomes an image or a link;
- a command that only reads gives up after one fault;
- something is done twice;
- success is reported without its effect or its content, or failure although the effect is there.

[The rules](../Tests/conformance/faults/table.py) do not depend on the integration, and
[tests](../Tests/conformance/faults/rules_test.py) break the integration to verify that the rules notice.

## Rows

{sample}

{rows}

## Slowest commands

Times are virtual: the run skips waits, and speeds up slow services. A command or a fetch has 175 seconds, including the
removal of a draft that could not be sent. The platform ends it after three minutes by default.

{slowest}

## Rows that fell short

{short}

## Memory

The memory that a command needs in addition to its process if a response is huge. A response may have 64 MB after decompression.

{memory}

## What else was tried

{others}
"""


class Results(NamedTuple):
    """What a run wrote.

    Args:
        sample: of so many rows of the table, one was run.
        rows: of the table.
        memory: the largest growth of a process, in MB, by scenario.
        fuzz: examples by kind of value.
        canaries: number of searches for secrets.
        breaches: number of planted defects that the rules detected, by section.
        huge: the memory that a command needs, in MB, by the kind of a huge response.
    """

    sample: int
    rows: list[Row]
    memory: dict[str, float]
    fuzz: dict[str, int]
    canaries: int
    breaches: dict[str, int]
    huge: dict[str, float]


def read(folder: Path) -> Results:
    """Return what the tests wrote to a folder."""

    def contents(pattern: str) -> list[Any]:
        return [json.loads(file.read_text()) for file in sorted(folder.glob(pattern))]

    faults = contents('faults-*.json')
    return Results(
        max((one['sample'] for one in faults), default=1),
        [row for one in faults for row in one['rows']],
        {one['scenario']: one['memory'] for one in faults},
        {one['name']: one['examples'] for one in contents('fuzz-*.json')},
        sum(contents('canaries-*.json')),
        dict(Counter(contents('breach-*.json'))),
        {one['name']: one['memory'] for one in contents('memory-*.json')},
    )


def section_of(row: Row) -> str:
    """Return the part of the product that a row is about."""
    scenario = str(row['scenario'])
    return 'Sign-in' if ': ' in scenario else 'Fetch' if scenario.startswith('fetch') else 'Commands'


def page(results: Results) -> str:
    """Return the page as Markdown."""
    number = results.sample
    sample = 'All rows were run.' if number == 1 else f'One of {number} rows was run: `make report` runs all.'
    return _TEMPLATE.format(
        sample=sample,
        rows=_rows(results.rows),
        slowest=_slowest(results.rows),
        short=_short(results.rows),
        memory=_table(['Response', 'Memory'], [[name, f'{needed:.0f} MB'] for name, needed in results.huge.items()]),
        others=_others(results),
    )


def _table(head: list[str], rows: list[list[Any]]) -> str:
    lines = [head, ['---'] * len(head), *rows]
    return '\n'.join(f'| {" | ".join(map(str, line))} |' for line in lines)


def _rows(rows: list[Row]) -> str:
    counted = {name: Counter(row['outcome'] for row in rows if section_of(row) == name) for name in PARTS}
    total: Counter[str] = sum(counted.values(), Counter())
    lines = [[name, sum(one.values()), *(one[outcome] for outcome in OUTCOMES)] for name, one in counted.items()]
    lines.append(['**all**', sum(total.values()), *(total[outcome] for outcome in OUTCOMES)])
    return _table(['Part', 'Rows', 'Handled', 'Rejected cleanly', 'Fell short'], lines)


def _slowest(rows: list[Row]) -> str:
    lines = []
    for name in PARTS:
        found = max((row for row in rows if section_of(row) == name), key=lambda row: row['seconds'], default=None)
        if found:
            lines.append([name, found['scenario'], found['fault'], f'{found["seconds"]:.0f} s'])
    return _table(['Part', 'Command', 'Fault', 'Time'], lines)


def _short(rows: list[Row]) -> str:
    short = [row for row in rows if row['outcome'] == 'fell short']
    if not short:
        return 'None.'
    kinds = Counter((section_of(row), str(row['why']).split(':')[0].split(', but')[0][:60]) for row in short)
    return _table(['Part', 'Reason', 'Rows'], [[part, why, count] for (part, why), count in kinds.most_common()])


def _others(results: Results) -> str:
    killed = [row for row in results.rows if str(row['fault']).startswith('killed')]
    survived = sum(row['outcome'] != 'fell short' for row in killed)
    lines: list[list[Any]] = [
        ['Processes killed before or after a request; the next one worked', f'{survived} of {len(killed)}'],
        *([f'Defects planted in the code that the rules detected: {name}', seen] for name, seen in results.breaches.items()),
        ['Searches for secrets in all that is shown, logged and stored, with debug logging', results.canaries],
        ['Examples of parameters, arguments, responses and stored data', sum(results.fuzz.values())],
        ['Largest growth of the memory of a process, sandbox included', f'{max(results.memory.values(), default=0):.0f} MB'],
    ]
    return _table(['What', 'Result'], lines)
