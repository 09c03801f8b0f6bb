"""Walks one way to sign in from a new instance to the answer of ``!msgraph-mail-auth-test``."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from authentication_methods import ADA, BROWSER, Way
from demo.administrator import Administrator, CommandFailed
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.browser import Browser, SignInRefused

START, COMPLETE, TEST = '!msgraph-mail-auth-start', '!msgraph-mail-auth-complete', '!msgraph-mail-auth-test'
_LINK = re.compile(r'\]\((https://[^)\s]+)\)')
_BOLD = re.compile(r'\*\*(\S+)\*\*')


@dataclass
class Row:
    """How a way went.

    Attributes:
        way: its name.
        test_button, auth_test: what is shown of each, a few words.
        requests: how many the integration sent from the start of its sign-in to the answer of auth-test.
        milliseconds: from typing auth-test to its answer.
        problems: sentences; empty when all held.
        note: why it was left out; then nothing else counts.
    """

    way: str
    test_button: str = '-'
    auth_test: str = '-'
    requests: int = 0
    milliseconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    note: str = ''


class Walk:
    """One way, walked by an administrator and, where it takes one, a person at a browser."""

    def __init__(self, way: Way, cloud: MicrosoftCloud, administrator: Administrator) -> None:
        self._way = way
        self._cloud = cloud
        self._administrator = administrator
        self._row = Row(way.name)

    def take(self) -> Row:
        """Adds an instance, presses Test, signs in, and asks who is signed in."""
        try:
            self._administrator.add_instance(self._way.name, self._way.settings(self._cloud), self._way.engine)
            self._press_test()
            if self._way.person:
                self._sign_in()
            self._ask_who_is_signed_in()
        except (CommandFailed, SignInRefused) as failure:
            self._row.auth_test = 'failed'
            self._row.problems.append(str(failure))
        return self._row

    def _press_test(self) -> None:
        self._cloud.requests.clear()
        answer = self._administrator.press_test(self._way.name)
        if self._way.person:
            # It points to the next command, and asked the cloud for nothing: so nothing was used up.
            holds, shown = START in answer and not self._cloud.requests, 'says auth-start'
        else:
            holds, shown = answer == 'ok', 'ok'
        self._row.test_button = shown if holds else 'failed'
        if not holds:
            self._row.problems.append(f'Test: {answer}')

    def _sign_in(self) -> None:
        told = self._run(START)
        address = _first(_LINK, told, 'address')
        browser = Browser(self._cloud, ADA)
        if self._way.person == BROWSER:
            self._run(f'{COMPLETE} code="{browser.sign_in(address)}"')
        else:
            browser.enter_device_code(address, _first(_BOLD, told, 'code'))
            self._run(COMPLETE)

    def _ask_who_is_signed_in(self) -> None:
        started = time.monotonic()
        self._run(TEST)
        self._row.milliseconds = (time.monotonic() - started) * 1000
        missing = (self._administrator.context('MSGraphMailAuth') or {}).get('MissingPermissions', 'unknown')
        self._row.auth_test = 'failed' if missing else 'ok'
        if missing:
            self._row.problems.append(f'{TEST}: these permissions are missing: {missing}.')

    def _run(self, command: str) -> str:
        try:
            with self._counting():
                return self._administrator.run(command, self._way.name)
        except CommandFailed as failure:
            raise CommandFailed(f'{command.split()[0]}: {failure}') from None

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """Counts the integration's own requests: neither the person's, nor those of one service to another."""
        self._cloud.requests.clear()
        try:
            yield
        finally:
            self._row.requests += sum(record.service in self._way.services for record in self._cloud.requests)


def _first(pattern: re.Pattern[str], text: str, what: str) -> str:
    found = pattern.search(text)
    if not found:
        raise CommandFailed(f'{START}: the war room shows no {what} to sign in with.')
    return found.group(1)
