"""Setup as users run it: through `make`, in small repositories of its own. Real virtual environments, real pip, no network."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import zipfile
from pathlib import Path

import pytest
from make_environment import Environment, SetupError, explanation

from sandbox.tests.machine import interruptible_children, limit

SCRIPT = Path(__file__).with_name('make_environment.py')
MAKEFILE = SCRIPT.parents[2] / 'Makefile'
# a target that needs the environment, as most do
TARGET = '\nuse: setup\n\t@$(BIN)/python -c "import tool; print(\'tool\', tool.version)"\n'
STEPS = ['1/3', '2/3', '3/3']
# settings of the make that runs these tests, and of a pip of another environment
OF_OTHERS = ('MAKE', 'MFLAGS', 'PIP_', 'PYTHON', 'VIRTUAL_ENV')


def command_and_environment(folder, variables):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OF_OTHERS)}
    offline = {'PIP_NO_INDEX': '1', 'PIP_FIND_LINKS': str(folder / 'wheels'), 'PIP_CONFIG_FILE': os.devnull}
    return ['make', '--no-print-directory', '-C', str(folder), 'use'], {**inherited, **offline, **variables}


def make_use(folder, **variables):
    """Run a target that sets up first, then prints the version of the package that was installed."""
    command, environment = command_and_environment(folder, variables)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def steps_of(answer):
    return [line.split()[1] for line in answer.stdout.splitlines() if line.endswith('...')]


def new_repository(folder, requirements):
    """Write a repository with what setup needs."""
    (folder / 'Tests' / 'setup').mkdir(parents=True)
    (folder / 'Makefile').write_text(MAKEFILE.read_text() + TARGET)
    shutil.copy(SCRIPT, folder / 'Tests' / 'setup')
    (folder / 'requirements-dev.txt').write_text(requirements)
    return folder


def add_wheel(folder, name, version):
    """Write a package with one module, as an index would offer it."""
    (folder / 'wheels').mkdir(exist_ok=True)
    info = f'{name}-{version}.dist-info'
    with zipfile.ZipFile(folder / 'wheels' / f'{name}-{version}-py3-none-any.whl', 'w') as wheel:
        wheel.writestr(f'{name}.py', f'version = {version!r}\n')
        wheel.writestr(f'{info}/METADATA', f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')
        wheel.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
        wheel.writestr(f'{info}/RECORD', '')


@pytest.fixture(scope='module')
def repository(tmp_path_factory):
    """A repository with an environment, made by a user whose pip installs elsewhere. Tests damage it and leave it whole."""
    folder = new_repository(tmp_path_factory.mktemp('clone') / 'repository', 'tool==1.0\n')
    add_wheel(folder, 'tool', '1.0')
    answer = make_use(folder, PIP_TARGET=str(folder / 'elsewhere'), PIP_USER='1')
    assert answer.returncode == 0, answer.stderr
    (folder / 'output').write_text(answer.stdout)
    return folder


def test_a_fresh_clone_gets_its_environment_and_sees_each_step(repository):
    lines = (repository / 'output').read_text().splitlines()
    assert [line.split()[1] for line in lines if line.endswith('...')] == STEPS
    assert len(lines) < 13
    assert lines[-1] == 'tool 1.0'


def test_a_good_environment_is_left_alone(repository):
    before = (repository / '.venv' / 'made-of').stat().st_mtime_ns
    answer = make_use(repository)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, 'tool 1.0\n', '')
    assert (repository / '.venv' / 'made-of').stat().st_mtime_ns == before


def test_the_second_of_two_set_ups_waits_and_finds_it_made(repository):
    command, environment = command_and_environment(repository, {})
    with (repository / 'requirements-dev.txt').open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as second:
            assert second.stdout
            assert second.stdout.readline() == 'setup: another one is at work in this folder, waiting for it\n'
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert second.communicate(timeout=limit(60)) == ('tool 1.0\n', None)


def change_pins(folder):
    with (folder / 'requirements-dev.txt').open('a') as requirements:
        requirements.write('# changed\n')


def interpreter_of_another_machine(folder):
    for python in (folder / '.venv' / 'bin').glob('python*'):
        python.unlink()
        python.write_text('of another processor')
        python.chmod(0o755)


def leave_a_symlink(folder):
    (folder / '.venv').rename(folder / 'linked')
    (folder / '.venv').symlink_to('linked')
    change_pins(folder)


@pytest.mark.parametrize(
    'damage, variables',
    [
        (interpreter_of_another_machine, {}),
        (leave_a_symlink, {'PYTHON': '.venv/bin/python'}),
    ],
)
def test_whatever_is_left_is_rebuilt_once(repository, damage, variables):
    damage(repository)
    answer = make_use(repository, **variables)
    assert (answer.returncode, answer.stderr, steps_of(answer)) == (0, '', STEPS)
    assert make_use(repository).stdout == 'tool 1.0\n'


def from_another_folder(stamp):
    stamp.write_text(stamp.read_text().replace('folder /', 'folder /some/where/else/'))


def of_another_python(stamp):
    stamp.write_text(stamp.read_text().replace('python 3.', 'python 3.1'))


def not_a_text(stamp):
    stamp.write_bytes(b'\xff\xfe')


@pytest.mark.parametrize('damage', [from_another_folder, of_another_python, not_a_text])
def test_untrue_stamp_means_not_ready(repository, damage):
    environment = Environment(repository)
    stamp = environment.stamp.read_bytes()
    assert environment.is_ready()
    try:
        damage(environment.stamp)
        assert not environment.is_ready()
    finally:
        environment.stamp.write_bytes(stamp)


def test_stamp_is_removed_before_what_it_describes(tmp_path, monkeypatch):
    """Otherwise setup that is interrupted while it removes would leave half an environment that passes for a whole one."""
    (tmp_path / 'requirements-dev.txt').touch()
    environment = Environment(tmp_path)
    environment.path.mkdir()
    environment.stamp.touch()
    left = []
    monkeypatch.setattr(shutil, 'rmtree', lambda folder: left.extend(folder.iterdir()))
    environment.remove()
    assert left == []


@pytest.mark.parametrize('leave', [os.mkfifo, Path.touch, lambda path: path.symlink_to('nowhere')])
def test_anything_in_the_place_of_the_folder_is_removed(tmp_path, leave):
    (tmp_path / 'requirements-dev.txt').touch()
    environment = Environment(tmp_path)
    leave(environment.path)
    environment.remove()
    assert not os.path.lexists(environment.path)


def test_setup_that_was_interrupted_or_failed_starts_from_the_beginning_next_time(repository):
    (repository / 'requirements-dev.txt').write_text('tool==2.0\n')
    with socket.create_server(('127.0.0.1', 0)) as silent_index:
        silent_index.settimeout(limit(60))
        index = f'http://127.0.0.1:{silent_index.getsockname()[1]}/'
        command, environment = command_and_environment(repository, {'PIP_INDEX_URL': index, 'PIP_FIND_LINKS': ''})
        del environment['PIP_NO_INDEX']
        with interruptible_children():
            made = subprocess.Popen(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        with made, silent_index.accept()[0]:
            os.killpg(made.pid, signal.SIGINT)
            output, _ = made.communicate(timeout=limit(60))
    assert made.returncode != 0
    assert 'setup: stopped. Run it again: it starts from the beginning.' in output.splitlines()
    assert 'Traceback' not in output

    answer = make_use(repository)
    assert answer.returncode != 0
    assert 'No matching distribution found for tool==2.0' in answer.stderr
    assert any(line.startswith('setup: The package index has no such version') for line in answer.stderr.splitlines())
    assert 'tool' not in answer.stdout

    add_wheel(repository, 'tool', '2.0')
    answer = make_use(repository)
    assert (answer.returncode, answer.stderr, steps_of(answer)) == (0, '', STEPS)
    assert make_use(repository).stdout == 'tool 2.0\n'


@pytest.mark.parametrize(
    'line, advice',
    [
        ("WARNING: Retrying after connection broken by 'NewConnectionError(...)': /simple/flask/", 'Check the network'),
        ('  error: [Errno -3] Temporary failure in name resolution', 'Check the network'),
        ("WARNING: Retrying after connection broken by 'SSLError(1, CERTIFICATE_VERIFY_FAILED)'", 'PIP_CERT'),
        ('ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device', 'The disk is full'),
        ("ERROR: Could not install packages: [Errno 13] Permission denied: 'x'", 'Clone it to a folder of your own'),
        ("  error: command 'gcc' failed: No such file or directory", 'apt-get install build-essential'),
        ('ERROR: Could not find a version that satisfies the requirement x==1 (from versions: none)', 'unset PIP_NO_INDEX'),
        ('ERROR: Could not find a version that satisfies the requirement x==1 (from versions: 2)', 'Name another Python'),
        ('ERROR: something that nobody has seen before', '.venv/setup.log'),
    ],
)
def test_each_kind_of_failure_has_its_advice(line, advice):
    last = ['ERROR: No matching distribution found for flask'] if 'Retrying' in line else []
    explained = explanation(['Collecting flask==3.1.3', line, *last], 1)
    assert advice in explained.splitlines()[-1]


def test_a_python_without_ensurepip_says_what_to_install(tmp_path):
    folder = new_repository(tmp_path / 'repository', '')
    (tmp_path / 'split').mkdir()
    (tmp_path / 'split' / 'ensurepip.py').write_text('raise ImportError\n')
    answer = make_use(folder, PYTHONPATH=str(tmp_path / 'split'))
    assert answer.returncode != 0
    assert 'apt-get install python3-venv' in answer.stderr
    assert not (folder / '.venv').exists()


def test_an_interpreter_that_is_not_there_is_said_to_be(tmp_path):
    folder = new_repository(tmp_path / 'repository', '')
    answer = make_use(folder, PYTHON='python3.99')
    assert answer.returncode != 0
    assert 'setup: there is no python3.99 here. Name another: PYTHON=python3 make setup' in answer.stderr.splitlines()


def test_a_python_that_cannot_read_the_script_is_told_to_be_too_old(tmp_path):
    folder = new_repository(tmp_path / 'repository', '')
    old = tmp_path / 'python3.6'
    old.write_text('#!/bin/sh\nexit 1\n')
    old.chmod(0o755)
    answer = make_use(folder, PYTHON=str(old))
    assert answer.returncode != 0
    assert f'setup: {old} is too old: Python 3.10 to 3.14 is needed.' in answer.stderr


def test_in_a_folder_of_another_user_nothing_is_begun(tmp_path, monkeypatch):
    (tmp_path / 'requirements-dev.txt').touch()
    environment = Environment(tmp_path)
    environment.path.mkdir()
    # root, who runs tests in containers, may write everywhere
    monkeypatch.setattr(os, 'access', lambda path, mode: (path, mode) != (tmp_path, os.W_OK))
    with pytest.raises(SetupError, match='Clone it to a folder of your own'):
        environment.ensure()
    assert environment.path.exists()


def test_a_folder_without_requirements_is_refused(tmp_path):
    folder = new_repository(tmp_path / 'repository', '')
    (folder / 'requirements-dev.txt').unlink()
    answer = make_use(folder)
    assert answer.returncode != 0
    assert 'Run it from the root of the repository' in answer.stderr
