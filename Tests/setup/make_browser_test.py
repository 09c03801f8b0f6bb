"""What `make browser-test` says where there is no browser, or none that starts. `.ci/run` then leaves the tests out."""

from pathlib import Path

import make_browser
import pytest

LIKE_A_BROWSER = '#!/bin/sh\necho "<html><head></head><body></body></html>"\n'
NOT_INSTALLED = '#!/bin/sh\necho "chromium is not installed, but can be"\nexit 1\n'


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder in which programs are found."""
    monkeypatch.setenv('PATH', f'{tmp_path}')
    return tmp_path


def put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


@pytest.mark.parametrize('name', make_browser.BROWSERS)
def test_a_browser_that_starts_is_taken(programs: Path, name: str) -> None:
    put(programs, name, LIKE_A_BROWSER.replace('echo', '/bin/echo'))
    make_browser.need('chromium', make_browser.BROWSERS)
    make_browser.start_browser()


@pytest.mark.parametrize('script', [NOT_INSTALLED.replace('echo', '/bin/echo'), '#!/bin/sh\nexit 0\n', 'not a program'])
def test_a_browser_that_does_not_start_is_named(programs: Path, script: str) -> None:
    put(programs, 'chromium', script)
    with pytest.raises(make_browser.SetupError, match=r'chromium does not start\. Run it by hand to see why: .* --headless'):
        make_browser.start_browser()


def test_a_missing_browser_that_cannot_be_installed_ends_with_what_to_do(
    programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make_browser.main() == 1
    assert capsys.readouterr().err == 'browser-test: chromium is not installed. Install it as root: apt-get install chromium\n'
