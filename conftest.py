"""Fixtures and markers of the whole test suite, which runs on the platform's real CommonServerPython too.

``COMMON_SERVER_PYTHON=<its folder> make test``
"""

import gc
import importlib
import os
import random
import socketserver
import sys
import threading
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import coverage
import pytest

from sandbox.microsoft.fixtures import cloud, empty_mailbox, microsoft_cloud

__all__ = ['cloud', 'empty_mailbox', 'microsoft_cloud']
pytest_plugins = ['conformance.field_reports.report']
# What the tests of a folder are marked as, those with the longest files first. Made-up histories are marked as property too.
MARKERS = {
    'Tests/browser': 'browser',
    'Tests/e2e': 'e2e',
    'Tests/delivery': 'e2e',
    'Tests/live_check': 'contract',
    'Tests/setup': 'e2e',
    'Tests/benchmarks': 'e2e',
    'Tests/mutants': 'e2e',
    'Tests/sandbox': 'standin',
    'Tests/conformance': 'contract',
    'Tests/demo': 'unit',
    'Tests/reliability': 'unit',
    'docs/examples': 'unit',
    'Packs': 'unit',
}
# Tests of these run the product in processes of their own, or run what others have run already, often: measuring them is slow.
UNMEASURED = {'browser', 'e2e', 'standin', 'property', 'slow'}
# These repeat what the tests of the subject have covered: with what people reported, with faults, with odd and with many
# messages, and with each argument of the built script.
REPEATING = (
    'Tests/conformance/field_reports/',
    'Tests/conformance/faults/',
    'Tests/conformance/fetch/backlog_test.py',
    'Tests/conformance/fetch/changed_filters_test.py',
    'Tests/conformance/fetch/odd_mails_test.py',
    'Tests/conformance/token_cache/storage_faults_test.py',
    'Tests/conformance/unified/',
)
# Of the rows of a parametrized test of these, `make test` draws one of four, others each time. `make test-nightly` runs all of
# them, and so does pytest if files are named. A run prints its draw: `DRAW=<number> make test` takes the same rows again.
DRAWN_FROM = (
    *REPEATING,
    'Tests/conformance/api_client/deadline_test.py',
    'Tests/conformance/fetch/slow_service_test.py',
    'Tests/conformance/graph_mail/slow_lists_test.py',
    'Tests/conformance/graph_mail/unclear_sending_test.py',
    'Tests/conformance/token_cache/switched_methods_test.py',
    'Tests/sandbox/',
    'Tests/e2e/',
    'Tests/setup/',
)
SHARE = 4
DRAW = pytest.StashKey[int]()
FOLDER = os.environ.get('COMMON_SERVER_PYTHON')
if FOLDER:
    # absolute, since commands run as processes of their own in other working folders; first, so that it wins over the stub
    FOLDER = os.environ['COMMON_SERVER_PYTHON'] = str(Path(FOLDER).expanduser().resolve())
    sys.path.insert(0, FOLDER)


def pytest_configure(config: pytest.Config) -> None:
    if FOLDER and not Path(FOLDER, 'CommonServerPython.py').is_file():
        raise pytest.UsageError(f'There is no CommonServerPython.py in {FOLDER}: let COMMON_SERVER_PYTHON name its folder.')
    if getattr(config, 'workerinput', {}).get('is_measured'):
        measured = coverage.Coverage(data_suffix=True)
        measured.start()
        config.add_cleanup(measured.save)
        config.add_cleanup(measured.stop)
    elif coverage.Coverage.current() and config.getoption('dist', 'no') != 'no':
        _stop_tracing()  # this process only hands out the tests
    if coverage.Coverage.current():
        _leave_out_servers()


def _stop_tracing() -> None:
    sys.settrace(None)
    threading.settrace(None)


@contextmanager
def _untraced() -> Iterator[None]:
    of_this_thread, of_new_threads = sys.gettrace(), threading.gettrace()
    _stop_tracing()
    try:
        yield
    finally:
        sys.settrace(of_this_thread)
        threading.settrace(of_new_threads)


def _leave_out_servers() -> None:
    """Do not measure the threads of servers: they run the sandbox, not the product."""

    def unmeasured(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            sys.settrace(None)
            return function(*args, **kwargs)

        return call

    for server, name in ((socketserver.ThreadingMixIn, 'process_request_thread'), (socketserver.BaseServer, 'serve_forever')):
        setattr(server, name, unmeasured(getattr(server, name)))


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, Any, Any]:
    """Measure the import of the packs, and not that of 12,000 tests."""
    if not coverage.Coverage.current():
        return (yield)
    for path in sorted(session.config.rootpath.glob('Packs/*/*/*/*.py')):
        if path.stem == path.parent.name:
            importlib.import_module(path.stem)
    with _untraced():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Measure the coverage of a test unless it is UNMEASURED. Debuggers, which trace as well, go on in any test."""
    is_unmeasured = item.nodeid.startswith(REPEATING) or any(one.name in UNMEASURED for one in item.iter_markers())
    if not coverage.Coverage.current() or not is_unmeasured:
        return (yield)
    with _untraced():
        return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Let the workers of pytest-xdist measure coverage if this process does (``coverage run -m pytest -n 2``)."""
    node.workerinput['is_measured'] = coverage.Coverage.current() is not None
    node.workerinput['draw'] = _draw(node.config)


def _draw(config: pytest.Config) -> int | None:
    """Return the number that decides which rows run; None if all do, as if someone looks for certain tests.

    All processes of a run have the same one.
    """
    if 'draw' in getattr(config, 'workerinput', {}):
        return config.workerinput['draw']
    if config.args_source != pytest.Config.ArgsSource.TESTPATHS or config.option.keyword or config.getoption('lf', False):
        return None
    return config.stash.setdefault(DRAW, int(os.environ.get('DRAW') or random.getrandbits(16)))


def pytest_report_header(config: pytest.Config) -> str:
    draw = _draw(config)
    return 'rows: all' if draw is None else f'rows: one of {SHARE} of {", ".join(DRAWN_FROM)}; DRAW={draw} takes the same again'


def _leave_out_rows(items: list[pytest.Item], draw: int | None, is_nightly: bool) -> None:
    """Mark the rows that are not drawn as nightly, or all of them in a nightly run. The table of field reports stays complete."""
    rows: dict[str, list[pytest.Item]] = {}
    for item in items:
        if hasattr(item, 'callspec') and item.nodeid.startswith(DRAWN_FROM) and 'field_report' not in item.fixturenames:
            rows.setdefault(item.nodeid.partition('[')[0], []).append(item)
    for name, each in rows.items():
        left_out = len(each) if is_nightly else len(each) - -(-len(each) // SHARE)
        for item in random.Random(f'{draw} {name}').sample(each, left_out):  # noqa: S311 - no secret
            item.add_marker('nightly')


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test by its folder, and begin with what takes longest, so that no worker waits for it in the end."""
    order = ['property', *dict.fromkeys(MARKERS.values())]
    for item in items:
        path = item.path.relative_to(item.config.rootpath).as_posix()
        marker = next((marker for folder, marker in MARKERS.items() if path.startswith(f'{folder}/')), None)
        if not marker:
            raise pytest.UsageError(f'{path} has no marker: add its folder to MARKERS in conftest.py.')
        item.add_marker(marker)
    draw = _draw(config)
    if draw is not None:
        _leave_out_rows(items, draw, 'not nightly' not in config.option.markexpr)
    items.sort(key=lambda item: min(order.index(marker.name) for marker in item.iter_markers() if marker.name in order))


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what lasts as long as the process: thousands of tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _new_instance(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test as a new process on a current server. In half of the tests, versions of the context are objects.

    CommonServerPython holds the registered secrets and the version of the server for the whole process: the secrets of one test
    would be masked in the next.
    """
    from instance_memory import remember_versions

    import CommonServerPython
    import demistomock as demisto

    monkeypatch.setattr(CommonServerPython.LOG, 'replace_strs', [])
    monkeypatch.setattr(CommonServerPython.LOG, 'messages', [])
    monkeypatch.setattr(CommonServerPython.get_demisto_version, '_version', None)
    remember_versions(demisto, monkeypatch)
    is_object = zlib.crc32(request.node.nodeid.encode()) % 2 == 0
    monkeypatch.setattr(demisto, 'versions_are_objects', is_object, raising=False)
