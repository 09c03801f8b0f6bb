"""The log of commands: bounded, and without secrets, however they are written."""

import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from sandbox.xsoar.command_log import Blanker, CommandLog
from sandbox.xsoar.engine import secrets_in

PEM = '-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----'


def written(log: CommandLog, data: bytes, secrets: tuple[str, ...] = ()) -> list[str]:
    return log.copy(io.BytesIO(data), 'probe:', Blanker(list(secrets)))


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


def test_a_secret_cut_by_the_limit_is_not_written_in_part(tmp_path: Path) -> None:
    log = CommandLog(tmp_path / 'log', per_command=100)

    lines = written(log, b'x' * 95 + b'sesame-secret\n', ('sesame-secret',))

    assert not any('sesam' in line for line in lines)


def test_a_full_log_is_started_anew_and_the_old_one_kept(tmp_path: Path) -> None:
    log = CommandLog(tmp_path / 'command.log', largest=50)

    for word in (b'first ' * 10, b'second', b'third'):
        written(log, word)

    assert 'first' in (tmp_path / 'command.old').read_text()
    assert (tmp_path / 'command.log').read_text() == 'probe: second\nprobe: third\n'


@pytest.mark.parametrize('text', [PEM, json.dumps({'key': PEM}), repr(PEM), PEM.replace('\n', ' ')])
def test_a_secret_of_several_lines_is_blanked_however_it_is_written(text: str) -> None:
    blanked = Blanker([PEM])(text)

    assert not any(line in blanked for line in PEM.splitlines())


def test_a_longer_secret_is_blanked_before_one_that_it_holds() -> None:
    assert Blanker(['sesame', 'sesame-street'])('sesame-street sesame') == '***** *****'


def test_secrets_too_short_to_tell_from_words_stay() -> None:
    assert Blanker(['abc', ''])('abc') == 'abc'


@pytest.mark.parametrize(
    'context, expected',
    [
        ({'token': 'a-long-access-token-value'}, ['a-long-access-token-value']),
        ({'token': json.dumps({'access_token': 'a-long-access-token-value', 'valid_until': 5})}, ['a-long-access-token-value']),
        ({'list': [{'deep': 'another-long-token-value'}]}, ['another-long-token-value']),
        ({'url': 'https://graph.microsoft.com/v1.0/me', 'number': '7', 'none': None}, []),
        ({'broken': '{this is no JSON but long enough'}, ['{this is no JSON but long enough']),
    ],
)
def test_long_strings_of_the_integration_context_are_secrets(context: Any, expected: list[str]) -> None:
    assert secrets_in(context) == expected
