"""Make the virtual environment that every target of the Makefile runs in, or leave a good one alone.

    python3 Tests/setup/make_environment.py [repository folder]

Reads `requirements-dev.txt`, writes `.venv`. The last thing written is a stamp that says what was installed, by which Python and
where: while it is true nothing is done again. Anything else in that place (an environment half made, moved, of other
requirements, of a Python that is gone, a link, a file) is removed and rebuilt, also if its own Python runs this script.
Exit status 0 means ready; otherwise the last line says what to install or change.

Needs nothing but Python's own library, and starts on Python 3.7, so that a Python that is too old is told so.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

OLDEST, NEWEST = (3, 10), (3, 14)
RUNNING = '.'.join(str(part) for part in sys.version_info[:3])
STAMP = 'made-of'
HEARTBEAT_SECONDS = 10.0

# settings of the caller that would send packages elsewhere than into the new environment
MISLEADING = ('PYTHONPATH', 'PYTHONHOME', 'PIP_USER', 'PIP_TARGET', 'PIP_PREFIX')

UNWRITABLE = 'The repository folder cannot be written to. Clone it to a folder of your own.'

# what the output of a failed step tells, and what to do about it: the first that fits is shown
REMEDIES = (
    (
        r'name resolution|Name or service not known|NewConnectionError|Network is unreachable|Connection refused|timed out',
        'No package index could be reached. Check the network; behind a proxy set HTTPS_PROXY, for a mirror set PIP_INDEX_URL.',
    ),
    (
        r'CERTIFICATE_VERIFY_FAILED|SSLError',
        'The certificate of the package index is not trusted here. Set PIP_CERT to the file of its certificate authority.',
    ),
    (r'No space left on device|Disk quota exceeded', 'The disk is full: the environment needs about 1 GB.'),
    (r'Permission denied', UNWRITABLE),
    (
        r'Python\.h|\bgcc\b|Failed building wheel|Failed to build',
        'A package has no ready build for this Python and machine: apt-get install build-essential python3-dev libffi-dev',
    ),
    (
        r'\(from versions: none\)',
        'No package index has this package. Name one that does with PIP_INDEX_URL, or unset PIP_NO_INDEX if that is set.',
    ),
    (
        r'No matching distribution found|Could not find a version',
        'The package index has no such version for this Python. Name another Python: PYTHON=python3.12 make setup',
    ),
    (r'ensurepip', 'Python cannot put pip into a new environment: apt-get install python3-venv'),
)


class SetupError(Exception):
    """The environment cannot be made; the message says what to do."""


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else '.').resolve()
    try:
        refuse_unfit_python()
        Environment(folder).ensure()
    except SetupError as error:
        print(f'setup: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('setup: stopped. Run it again: it starts from the beginning.', file=sys.stderr)
        return 130
    return 0


def base_interpreter() -> str:
    """Return the path of the Python outside of any virtual environment.

    The one that runs this script may lie in the `.venv` that is to be removed: Make looks for `python3` in PATH, where an
    activated environment comes first.
    """
    if sys.prefix == sys.base_prefix:
        return sys.executable
    found = Path(sys.base_prefix, 'bin', 'python{}.{}'.format(*sys.version_info))
    return str(found if found.exists() else Path(sys.executable).resolve())


def refuse_unfit_python() -> None:
    """Raise SetupError when this interpreter cannot make the environment."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        names = [f'python3.{minor}' for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
        here = [name for name in names if shutil.which(name)]
        advice = (
            f'Name one that is here: PYTHON={here[0]} make setup'
            if here
            else 'Install one and name it: PYTHON=python3.12 make setup'
        )
        raise SetupError(f'{sys.executable} is Python {RUNNING}; 3.{OLDEST[1]} to 3.{NEWEST[1]} is needed. {advice}')
    try:
        # Debian splits these off into a package of its own
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        raise SetupError(
            f'this Python cannot make virtual environments: apt-get install python3-venv (or python3.{sys.version_info[1]}-venv)'
        ) from None


class Environment:
    """The `.venv` of one repository.

    Args:
        folder: the repository, which has a `requirements-dev.txt`.
    Raises:
        SetupError: it has none.
    """

    def __init__(self, folder: Path) -> None:
        self.requirements = folder / 'requirements-dev.txt'
        self.path = folder / '.venv'
        self.python = self.path / 'bin' / 'python'
        self.stamp = self.path / STAMP
        if not self.requirements.is_file():
            raise SetupError(f'there is no requirements-dev.txt in {folder}. Run it from the root of the repository.')

    def ensure(self) -> None:
        """Make the environment unless it is ready; of two set-ups at once the second waits, and finds it made."""
        with self.requirements.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say('another one is at work in this folder, waiting for it')
                fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.is_ready():
                self.make()

    def is_ready(self) -> bool:
        """Return whether `.venv` is whole, works, and was made of the present requirements by a Python that suits."""
        question = 'import pip, platform; print(platform.python_version())'
        try:
            stamped = self.stamp.read_text()
            answer = subprocess.run([str(self.python), '-c', question], capture_output=True, text=True, check=True)
        except (OSError, UnicodeDecodeError, subprocess.CalledProcessError):
            return False
        version = answer.stdout.strip()
        # without PYTHON any version that the environment has will do
        wanted = RUNNING if os.environ.get('PYTHON') else version
        return stamped == self.description(version) and version == wanted

    def description(self, version: str) -> str:
        digest = hashlib.sha256(self.requirements.read_bytes()).hexdigest()
        return f'requirements {digest}\npython {version}\nfolder {self.path}\n'

    def make(self) -> None:
        """Remove what is there and make the environment, one line of progress for each step.

        Raises:
            SetupError: a step failed.
        """
        count = len(re.findall(r'^[\w.-]+ ?(?:==|@)', self.requirements.read_text(), re.MULTILINE))
        pip = [str(self.python), '-m', 'pip', '--disable-pip-version-check', '--no-input']
        # found before anything is removed
        interpreter = base_interpreter()
        if not os.access(self.path.parent, os.W_OK):
            raise SetupError(UNWRITABLE)
        started = time.monotonic()
        with Step(f'1/3 a new .venv with Python {RUNNING}'):
            self.remove()
            self.run([interpreter, '-m', 'venv', str(self.path)])
        with Step(f'2/3 {count} packages of requirements-dev.txt') as step:
            self.run([*pip, 'install', '--requirement', str(self.requirements)], Progress(step, count))
        with Step('3/3 do they fit together'):
            self.run([*pip, 'check'])
        self.stamp.write_text(self.description(RUNNING))
        say(f'ready in {time.monotonic() - started:.0f} s')

    def remove(self) -> None:
        """Remove whatever is in the place of the environment, and of a symlink only the link.

        Raises:
            SetupError: it cannot be removed.
        """
        try:
            if self.path.is_dir() and not self.path.is_symlink():
                # first, so that half an environment never has one
                if self.stamp.exists():
                    self.stamp.unlink()
                shutil.rmtree(self.path)
            elif os.path.lexists(self.path):
                self.path.unlink()
        except OSError as error:
            raise SetupError(f'{self.path} is in the way and cannot be removed ({error.strerror}). Remove it by hand.') from None

    def run(self, command: list[str], watch: Callable[[str], None] = lambda _line: None) -> None:
        """Run a command, its output into `.venv/setup.log`.

        Args:
            watch: is given each line of the output as it comes.
        Raises:
            SetupError: it failed; the reason in its own words, and what to do.
        """
        environment = {name: value for name, value in os.environ.items() if name not in MISLEADING}
        lines = []
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                watch(line)
        if self.path.is_dir():
            with (self.path / 'setup.log').open('a') as log:
                log.write('\n'.join(lines) + '\n')
        if process.returncode:
            raise SetupError(explanation(lines, process.returncode))


def explanation(lines: list[str], status: int) -> str:
    """Return what failed, in the words of the command, and what to do about it."""
    reasons = [line for line in lines if re.match(r'\s*(error|fatal)\b', line, re.IGNORECASE)] or lines[-5:]
    remedies = [advice for pattern, advice in REMEDIES if re.search(pattern, '\n'.join(lines))]
    advice = remedies[0] if remedies else 'The whole output is in .venv/setup.log'
    shown = [f'    {line.strip()[:300]}' for line in reasons[-6:]]
    return '\n'.join([f'failed with exit status {status}:', *shown, f'setup: {advice}'])


def say(sentence: str) -> None:
    print(f'setup: {sentence}', flush=True)


class Step:
    """One step of the work, which prints its name, then how long it took."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.started = time.monotonic()

    def __enter__(self) -> Step:
        say(f'{self.name} ...')
        return self

    def seconds(self) -> float:
        return time.monotonic() - self.started

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if kind is None:
            say(f'{self.name} ... {self.seconds():.1f} s')


class Progress:
    """Turn pip's wall of lines into one line every ten seconds."""

    def __init__(self, step: Step, count: int) -> None:
        self.step, self.count = step, count
        self.seen = 0
        self.said = 0.0

    def __call__(self, line: str) -> None:
        self.seen += line.startswith(('Collecting ', 'Processing '))
        unpacking = line.startswith('Installing collected')
        if unpacking or self.step.seconds() - self.said > HEARTBEAT_SECONDS:
            self.said = float('inf') if unpacking else self.step.seconds()
            what = 'all fetched, unpacking' if unpacking else f'{self.seen} of {self.count} packages'
            say(f'    {self.step.seconds():.0f} s, {what}')


if __name__ == '__main__':
    sys.exit(main())
