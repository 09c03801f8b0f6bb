"""Measure all subjects, one after another, print a table of figures and their goals, and write it as a page with plots."""

import argparse
from pathlib import Path

from benchmarks import (
    assertions,
    cold_token,
    compile_time,
    expired_token,
    fetch_sizes,
    imports,
    large_files,
    mail_fetch,
    memory,
    results,
    warm_command,
    warm_modules,
)
from benchmarks.effort import QUICK, THOROUGH, Effort
from benchmarks.row import Row, table
from demo.progress import complain, say, step
from demo.upload import UploadError, upload_to
from sandbox.servers import Sandbox

SUBJECTS = {
    results.FETCH: mail_fetch.rows,
    'imports': imports.rows,
    'compile time': compile_time.rows,
    'modules of a warm command': warm_modules.rows,
    'assertions': assertions.rows,
    'a cold token': cold_token.rows,
    'a warm command': warm_command.rows,
    'many processes on an expired token': expired_token.rows,
    'large files': large_files.rows,
    'the memory that large files take': memory.rows,
    results.SIZES: fetch_sizes.rows,
}


def main() -> int:
    """Return the exit status: 0 if all was measured, whatever the figures; 2 if not."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)
    parser.add_argument('--quick', action='store_true', help='measure once and less of it: shows that it runs, not how fast')
    parser.add_argument('--results', type=Path, default=results.FOLDER, metavar='FOLDER', help='where the page and its plots go')
    arguments = parser.parse_args()
    effort = QUICK if arguments.quick else THOROUGH
    try:
        subjects = measure(effort)
        results.write(arguments.results, subjects, effort)
    except (UploadError, RuntimeError, OSError) as error:
        complain(f'The benchmark could not be run. {error}')
        return 2
    say(f'\n{table([row for rows in subjects.values() for row in rows])}')
    say(f'\nThe same as a page, with plots: {arguments.results / results.PAGE}')
    return 0


def measure(effort: Effort) -> dict[str, list[Row]]:
    """Return the rows of each subject, measured one after another."""
    with Sandbox(fetches=False, concurrency=max(effort.processes)) as sandbox:
        with step('Building the pack with demisto-sdk and uploading it to a local XSOAR server'):
            upload_to(sandbox)
        subjects = {}
        for subject, measured in SUBJECTS.items():
            with step(f'Measuring {subject}'):
                subjects[subject] = measured(sandbox, effort)
    return subjects
