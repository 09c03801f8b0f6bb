"""Check one authentication method, from a new instance to the answer of ``!msgraph-mail-auth-test``."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from authentication_methods import ADA, IN_BROWSER, AuthenticationMethod
from demo.administrator import Administrator, CommandFailed
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.browser import Browser, SignInRefused

START, COMPLETE, TEST = '!msgraph-mail-auth-start', '!msgraph-mail-auth-complete', '!msgraph-mail-auth-test'
_LINK = re.compile(r'\]\((https://[^)\s]+)\)')
_BOLD = re.compile(r'\*\*(\S+)\*\*')


@dataclass
class MethodResult:
    """The result of a check.

    Attributes:
        method: its name.
        test_button, auth_test: what is shown of each, in a few words.
        requests: how many the integration sent from the start of its sign-in to the answer of auth-test.
        milliseconds: from typing auth-test to its answer.
        problems: sentences; empty when the method works.
        note: why it was left out; then nothing else counts.
    """

    method: str
    test_button: str = '-'
    auth_test: str = '-'
    requests: int = 0
    milliseconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    note: str = ''


class MethodCheck:
    """A sign-in with one method: as an administrator and, where the method needs one, as a user in a browser."""

    def __init__(self, method: AuthenticationMethod, cloud: MicrosoftCloud, administrator: Administrator) -> None:
        self._method = method
        self._cloud = cloud
        self._administrator = administrator
        self._result = MethodResult(method.name)

    def run(self) -> MethodResult:
        """Add an instance, press Test, sign in, and ask who is signed in."""
        try:
            self._administrator.add_instance(self._method.name, self._method.settings(self._cloud), self._method.engine)
            self._press_test()
            if self._method.sign_in:
                self._sign_in()
            self._run_auth_test()
        except (CommandFailed, SignInRefused) as failure:
            self._result.auth_test = 'failed'
            self._result.problems.append(str(failure))
        return self._result

    def _press_test(self) -> None:
        self._cloud.requests.clear()
        answer = self._administrator.press_test(self._method.name)
        if self._method.sign_in:
            # It names the next command and sends nothing: a code that works only once must not be used up.
            works, shown = START in answer and not self._cloud.requests, 'says auth-start'
        elif self._method.token_service == 'token-service':  # a Token works only once, so that Test does not use it
            works, shown = TEST in answer, 'says auth-test'
        else:
            works, shown = answer == 'ok', 'ok'
        self._result.test_button = shown if works else 'failed'
        if not works:
            self._result.problems.append(f'Test: {answer}')

    def _sign_in(self) -> None:
        shown = self._run(START)
        address = _first(_LINK, shown, 'address')
        browser = Browser(self._cloud, ADA)
        if self._method.sign_in == IN_BROWSER:
            self._run(f'{COMPLETE} code="{browser.sign_in(address)}"')
        else:
            browser.enter_device_code(address, _first(_BOLD, shown, 'code'))
            self._run(COMPLETE)

    def _run_auth_test(self) -> None:
        started = time.monotonic()
        self._run(TEST)
        self._result.milliseconds = (time.monotonic() - started) * 1000
        missing = (self._administrator.context('MSGraphMailAuth') or {}).get('MissingPermissions', 'unknown')
        self._result.auth_test = 'failed' if missing else 'ok'
        if missing:
            self._result.problems.append(f'{TEST}: these permissions are missing: {missing}.')

    def _run(self, command: str) -> str:
        try:
            with self._counting():
                return self._administrator.run(command, self._method.name)
        except CommandFailed as failure:
            raise CommandFailed(f'{command.split()[0]}: {failure}') from None

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """Count the integration's own requests: not the browser's, nor those of one service to another."""
        self._cloud.requests.clear()
        try:
            yield
        finally:
            self._result.requests += sum(
                record.service in (self._method.token_service, 'graph') for record in self._cloud.requests
            )


def _first(pattern: re.Pattern[str], text: str, what: str) -> str:
    found = pattern.search(text)
    if not found:
        raise CommandFailed(f'{START}: the War Room shows no {what} to sign in with.')
    return found.group(1)
