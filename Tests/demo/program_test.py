"""How the programs of this package end."""

import os
import signal
import sys
import time
from types import SimpleNamespace

import pytest

from demo import program


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_program_that_is_interrupted_ends_with_one_line(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        os.kill(os.getpid(), number)
        time.sleep(60)

    monkeypatch.setitem(sys.modules, 'interrupted', SimpleNamespace(main=main))
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with pytest.raises(SystemExit) as ended:
            program.run('interrupted')
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert ended.value.code == 130
    assert capsys.readouterr().err == 'Stopped. Nothing is left running.\n'
