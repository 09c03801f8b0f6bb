"""The log of commands: bounded, and as they wrote it."""

import io
import stat
from pathlib import Path

from sandbox.xsoar.command_log import CommandLog


def written(log: CommandLog, data: bytes) -> list[str]:
    return log.copy(io.BytesIO(data), 'probe:')


def test_lines_carry_their_title(tmp_path: Path) -> None:
    lines = written(CommandLog(tmp_path / 'log'), b'one\ntwo \xff\n\nlast')

    assert lines == ['one', 'two \ufffd', '', 'last']
    assert (tmp_path / 'log').read_text() == 'probe: one\nprobe: two \ufffd\nprobe: \nprobe: last\n'
    assert stat.S_IMODE((tmp_path / 'log').stat().st_mode) == 0o600


def test_a_command_that_says_nothing_writes_nothing(tmp_path: Path) -> None:
    assert written(CommandLog(tmp_path / 'log'), b'') == []
    assert not (tmp_path / 'log').exists()


def test_a_command_can_write_only_so_much(tmp_path: Path) -> None:
    log = CommandLog(tmp_path / 'log', per_command=100)

    assert written(log, b'12345678\n' * 20)[-2:] == ['12345678', '(8 more lines are not kept)']
    assert written(log, b'before\n' + b'x' * 1000 + b'\nafter\n') == ['before', '(11 more lines are not kept)']


def test_a_line_cut_by_the_limit_is_not_written_in_part(tmp_path: Path) -> None:
    log = CommandLog(tmp_path / 'log', per_command=100)

    lines = written(log, b'x' * 95 + b'sesame-secret\n')

    assert not any('sesam' in line for line in lines)


def test_a_full_log_is_started_anew_and_the_old_one_kept(tmp_path: Path) -> None:
    log = CommandLog(tmp_path / 'command.log', max_bytes=50)

    for word in (b'first ' * 10, b'second', b'third'):
        written(log, word)

    assert 'first' in (tmp_path / 'command.old').read_text()
    assert (tmp_path / 'command.log').read_text() == 'probe: second\nprobe: third\n'
