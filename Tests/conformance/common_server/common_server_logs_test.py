"""Logs without the secrets of the instance."""

import base64
from typing import Any

import pytest

import CommonServerPython
from CommonServerPython import IntegrationLogger, add_sensitive_log_strs, demisto, logger

SECRET = 'k?>~pq/2 "w+'
PARAMS = {'url': 'https://service.example', 'creds_enc_key': {'identifier': 'ada', 'password': SECRET}, 'api_token': 'tok-123456'}


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written to the server's log."""
    lines: list[str] = []
    for level in ('info', 'debug', 'error', 'log'):
        monkeypatch.setattr(demisto, level, lambda text, *args: lines.append(text))
    return lines


@pytest.fixture
def own_logger(monkeypatch: pytest.MonkeyPatch) -> IntegrationLogger:
    """The logger of a command of an instance that has secrets."""
    monkeypatch.setattr(demisto, 'params', lambda: PARAMS)
    logger_ = IntegrationLogger()
    monkeypatch.setattr(CommonServerPython, 'LOG', logger_)
    return logger_


@pytest.mark.parametrize(
    'form',
    [
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        'k%3F%3E~pq%2F2+%22w%2B',
        'k?>~pq/2 \\"w+',
        'tok-123456',
    ],
    ids=['plain', 'base64', 'url', 'json', 'top level'],
)
def test_a_secret_parameter_is_blanked_in_every_form(own_logger: IntegrationLogger, log: list[str], form: str) -> None:
    own_logger(f'before {form} after')
    own_logger.print_log()
    assert len(log) == 1
    assert log[0].splitlines()[1] == 'before <XX_REPLACED> after'


def test_what_is_no_secret_stays(own_logger: IntegrationLogger, log: list[str]) -> None:
    own_logger('https://service.example asked as ada')
    own_logger.print_log()
    assert log[0].splitlines()[1] == 'https://service.example asked as ada'


def test_a_secret_that_was_added_is_blanked(own_logger: IntegrationLogger, log: list[str]) -> None:
    add_sensitive_log_strs('a-token-of-today')
    own_logger('got a-token-of-today')
    own_logger.print_log()
    assert 'a-token-of-today' not in log[0]


def test_what_was_sent_is_not_sent_again(own_logger: IntegrationLogger, log: list[str]) -> None:
    own_logger('once')
    own_logger.print_log()
    own_logger.print_log()
    assert len(log) == 1


def test_in_debug_mode_each_message_goes_out_at_once(log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demisto, 'params', lambda: PARAMS)
    IntegrationLogger(debug_logging=True)(f'with {SECRET}')
    assert [text.splitlines()[0] for text in log] == ['with <XX_REPLACED>']


def test_a_decorated_function_is_noted(own_logger: IntegrationLogger, log: list[str]) -> None:
    @logger
    def list_emails(folder: str, **kwargs: Any) -> str:
        return folder

    assert list_emails('Inbox', key=SECRET) == 'Inbox'
    own_logger.print_log()
    assert 'list_emails' in log[0]
    assert SECRET not in log[0]


def test_an_error_is_shown_and_logged_without_the_secret(
    own_logger: IntegrationLogger, log: list[str], results: list[Any]
) -> None:
    assert own_logger is CommonServerPython.LOG
    with pytest.raises(SystemExit):
        CommonServerPython.return_error(f'The key {SECRET} failed.', error=f'the key {SECRET} is wrong')
    assert results[0]['Contents'] == 'The key <XX_REPLACED> failed.'
    assert 'the key <XX_REPLACED> is wrong' in '\n'.join(log)


def test_in_debug_mode_an_error_shows_its_traceback_as_it_is(
    own_logger: IntegrationLogger, log: list[str], results: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demisto, 'is_debug', True)
    try:
        raise ValueError(f'the key {SECRET} is wrong')
    except ValueError as error:
        with pytest.raises(SystemExit):
            CommonServerPython.return_error(str(error))
    first, *others = results[0]['Contents'].splitlines()
    assert first == 'the key <XX_REPLACED> is wrong'
    assert others[-1] == f'ValueError: the key {SECRET} is wrong'
    assert SECRET not in '\n'.join(log)


def test_a_fetch_that_fails_shows_no_secret(own_logger: IntegrationLogger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demisto, 'command', lambda: 'fetch-incidents')
    with pytest.raises(Exception, match=r'^The key <XX_REPLACED> failed\.$'):
        CommonServerPython.return_error(f'The key {SECRET} failed.')


def test_a_long_error_is_shortened(results: list[Any]) -> None:
    with pytest.raises(SystemExit):
        CommonServerPython.return_error('a' * 40_000 + 'b' * 40_000)
    assert results[0]['Contents'] == 'a' * 25_000 + '...This error body was truncated...' + 'b' * 25_000


def test_a_log_call_returns_the_text_without_the_secrets(own_logger: IntegrationLogger) -> None:
    assert own_logger(f'with {SECRET}') == 'with <XX_REPLACED>'


@pytest.mark.parametrize('command', ['fetch-incidents', 'long-running-execution'])
def test_what_fetches_fails_with_an_exception(monkeypatch: pytest.MonkeyPatch, results: list[Any], command: str) -> None:
    monkeypatch.setattr(demisto, 'command', lambda: command)
    with pytest.raises(Exception, match='The mailbox is gone'):
        CommonServerPython.return_error('The mailbox is gone.')
    assert results == []
