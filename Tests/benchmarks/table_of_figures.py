"""Measures all subjects, one after another, and prints a table of figures and their goals."""
import argparse

from benchmarks import assertions, cold_token, imports, memory, warm_command, warm_modules
from benchmarks.row import Row, table
from sandbox.demo.progress import complain, say, step
from sandbox.demo.servers import Sandbox
from sandbox.demo.upload import UploadError

SUBJECTS = {
    'imports': imports.rows,
    'modules of a warm command': warm_modules.rows,
    'assertions': assertions.rows,
    'a cold token': cold_token.rows,
    'a warm command': warm_command.rows,
    'the memory that large files take': memory.rows,
}


def main() -> int:
    """Returns the exit status: 0 if all was measured, whatever the figures; 2 if not."""
    argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__).parse_args()
    try:
        rows = measure()
    except (UploadError, RuntimeError, OSError) as error:
        complain(f'The benchmark could not be run. {error}')
        return 2
    say(f'\n{table(rows)}')
    return 0


def measure() -> list[Row]:
    """All rows, measured one after another."""
    with Sandbox(fetches=False) as sandbox:
        with step('Building the pack with demisto-sdk and uploading it to a local XSOAR server'):
            sandbox.upload()
        rows = []
        for subject, measured in SUBJECTS.items():
            with step(f'Measuring {subject}'):
                rows += measured(sandbox)
    return rows
