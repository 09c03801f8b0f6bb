"""The set-up, run as `make setup` runs it, on small repositories of its own: real virtual environments, real pip, no network."""

import fcntl
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from make_environment import explanation

SCRIPT = Path(__file__).with_name('make_environment.py')


def setup(folder, **environment):
    offline = {'PIP_NO_INDEX': '1', 'PIP_FIND_LINKS': str(folder / 'wheels'), 'PIP_CONFIG_FILE': os.devnull, 'PYTHON': ''}
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(folder)],
        env={**os.environ, **offline, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def add_wheel(folder, name, version):
    """Writes a package with one module, as an index would offer it."""
    (folder / 'wheels').mkdir(exist_ok=True)
    info = f'{name}-{version}.dist-info'
    with zipfile.ZipFile(folder / 'wheels' / f'{name}-{version}-py3-none-any.whl', 'w') as wheel:
        wheel.writestr(f'{name}.py', f'version = {version!r}\n')
        wheel.writestr(f'{info}/METADATA', f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')
        wheel.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
        wheel.writestr(f'{info}/RECORD', '')


def installed_version(folder):
    command = [folder / '.venv' / 'bin' / 'python', '-c', 'import tool; print(tool.version)']
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope='module')
def repository(tmp_path_factory):
    """A repository with an environment, made by somebody whose pip installs elsewhere. Tests damage it and leave it whole."""
    folder = tmp_path_factory.mktemp('clone') / 'repository'
    folder.mkdir()
    add_wheel(folder, 'tool', '1.0')
    (folder / 'requirements-dev.txt').write_text('tool==1.0\n')
    answer = setup(folder, PIP_TARGET=str(folder / 'elsewhere'), PIP_USER='1')
    assert answer.returncode == 0, answer.stderr
    (folder / 'steps').write_text(answer.stdout)
    return folder


def test_a_fresh_clone_gets_its_environment_and_sees_each_step(repository):
    steps = (repository / 'steps').read_text().splitlines()
    assert [line.split()[1] for line in steps if line.endswith('...')] == ['1/3', '2/3', '3/3']
    assert len(steps) < 12
    assert installed_version(repository) == '1.0'


def test_a_good_environment_is_left_alone(repository):
    before = (repository / '.venv' / 'made-of').stat().st_mtime_ns
    answer = setup(repository)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, '', '')
    assert (repository / '.venv' / 'made-of').stat().st_mtime_ns == before


def test_the_second_of_two_set_ups_waits_and_finds_it_made(repository):
    with (repository / 'requirements-dev.txt').open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen([sys.executable, str(SCRIPT), str(repository)], stdout=subprocess.PIPE, text=True) as second:
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(timeout=1)
            fcntl.flock(lock, fcntl.LOCK_UN)
            said, _ = second.communicate(timeout=60)
    assert (second.returncode, said) == (0, 'setup: another one is at work in this folder, waiting for it\n')


def break_interpreter(folder):
    python = folder / '.venv' / 'bin' / 'python'
    python.unlink()
    python.symlink_to('/no/such/python')


def stop_half_way(folder):
    (folder / '.venv' / 'made-of').unlink()
    next((folder / '.venv').glob('lib/python3*/site-packages/tool.py')).unlink()


def bring_it_from_another_folder(folder):
    stamp = folder / '.venv' / 'made-of'
    stamp.write_text(stamp.read_text().replace(str(folder), '/some/where/else'))


@pytest.mark.parametrize('damage', [break_interpreter, stop_half_way, bring_it_from_another_folder])
def test_a_damaged_environment_is_made_anew(repository, damage):
    damage(repository)
    assert '1/3' in setup(repository).stdout
    assert installed_version(repository) == '1.0'


def test_a_failure_is_shown_with_what_to_do_and_the_next_try_starts_anew(repository):
    (repository / 'requirements-dev.txt').write_text('tool==2.0\n')
    answer = setup(repository)
    assert answer.returncode == 1
    assert 'No matching distribution found for tool==2.0' in answer.stderr
    assert answer.stderr.splitlines()[-1].startswith('setup: The package index has no such version')
    assert not (repository / '.venv' / 'made-of').exists()

    add_wheel(repository, 'tool', '2.0')
    assert setup(repository).returncode == 0
    assert installed_version(repository) == '2.0'


@pytest.mark.parametrize(
    'line, advice',
    [
        ("WARNING: Retrying after connection broken by 'NewConnectionError(...)': /simple/flask/", 'Check the network'),
        ('  error: [Errno -3] Temporary failure in name resolution', 'Check the network'),
        ("WARNING: Retrying after connection broken by 'SSLError(1, CERTIFICATE_VERIFY_FAILED)'", 'PIP_CERT'),
        ('ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device', 'The disk is full'),
        ("ERROR: Could not install packages: [Errno 13] Permission denied: 'x'", 'Clone it to a folder of your own'),
        ("  error: command 'gcc' failed: No such file or directory", 'apt-get install build-essential'),
        ('ERROR: something that nobody has seen before', '.venv/setup.log'),
    ],
)
def test_each_kind_of_failure_has_its_advice(line, advice):
    last = ['ERROR: No matching distribution found for flask'] if 'Retrying' in line else []
    explained = explanation(['Collecting flask==3.1.3', line, *last], 1)
    assert advice in explained.splitlines()[-1]


def test_a_python_without_ensurepip_says_what_to_install(tmp_path):
    (tmp_path / 'requirements-dev.txt').write_text('')
    (tmp_path / 'split').mkdir()
    (tmp_path / 'split' / 'ensurepip.py').write_text('raise ImportError\n')
    answer = setup(tmp_path, PYTHONPATH=str(tmp_path / 'split'))
    assert answer.returncode == 1
    assert 'apt-get install python3-venv' in answer.stderr
    assert not (tmp_path / '.venv').exists()


def test_a_folder_without_requirements_is_refused(tmp_path):
    answer = setup(tmp_path)
    assert answer.returncode == 1
    assert 'Run it from the root of the repository' in answer.stderr
