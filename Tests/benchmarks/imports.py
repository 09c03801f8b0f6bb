"""How much longer a command takes to start because it imports the shared scripts."""

from statistics import median

from benchmarks import fresh_process
from benchmarks.effort import Effort
from benchmarks.row import Row, at_most
from sandbox.servers import Sandbox


def rows(sandbox: Sandbox, effort: Effort) -> list[Row]:
    fresh_process.run('imports.py', sandbox.folder)  # compiles
    measured = [fresh_process.run('imports.py', sandbox.folder) for _ in range(effort.often)]
    platform, shared = (median(one[name] for one in measured) for name in ('platform', 'shared'))
    return [
        at_most('Import of the shared scripts, processor time', shared, 15, 'ms', f'on top of {platform:.0f} ms without them')
    ]
