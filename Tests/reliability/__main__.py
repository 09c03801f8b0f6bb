"""Run the table of faults, the breaches, the canaries and the fuzz tests, and write docs/reliability.md from what they did."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from reliability.page import page, read

ROOT = Path(__file__).parents[2]
PAGE = ROOT / 'docs' / 'reliability.md'
TESTS = 'Tests/conformance/faults'


def main() -> int:
    """Return the exit code of the tests; the page is written all the same, since it says what fell short."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {'FAULTS': '1', 'FUZZ': '100000', **os.environ, 'RELIABILITY': folder}
        workers = ['--numprocesses=logical', '--maxprocesses=8', '--dist=load']
        command = [sys.executable, '-m', 'pytest', '-q', '--no-header', '-m', 'contract', *workers, TESTS, *sys.argv[1:]]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
        PAGE.write_text(page(read(Path(folder))), encoding='utf-8')
    print(f'Written: {PAGE.relative_to(ROOT)}')
    return done.returncode


if __name__ == '__main__':
    sys.exit(main())
