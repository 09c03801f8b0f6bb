"""Errors of Entra contain the code, the first sentence, advice and the correlation ID."""

import re

import pytest

from conformance.sign_in.advice_table import ADVICE, ROWS
from conformance.sign_in.methods import keywords
from conformance.sign_in.rows import CLIENT_SECRET, MessageRow
from conformance.sign_in.running import run
from conformance.sign_in.workbench import Workbench
from MicrosoftCoreApiModule import MicrosoftSignInError
from MicrosoftTokenRequestApiModule import SIGN_IN_ADVICE
from sandbox.microsoft.entra.errors import AADSTS

CORRELATION_ID = re.compile(r' Correlation ID: [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')


@pytest.mark.parametrize('row', ROWS, ids=str)
def test_the_error_has_its_advice(workbench: Workbench, row: MessageRow) -> None:
    run(workbench, row)


def test_the_error_consists_of_first_sentence_advice_and_correlation_id(workbench: Workbench) -> None:
    workbench.fail(
        'entra',
        'token',
        {
            'status': 401,
            'body': {
                'error': 'invalid_client',
                'error_codes': [7000215],
                'correlation_id': '12345678-1234-1234-1234-123456789abc',
                'error_description': 'AADSTS7000215: Secret v1.2 is wrong. Use it! Trace ID: 1 Correlation ID: 2 Timestamp: 3',
            },
        },
    )
    error = workbench.ask(workbench.client(keywords(CLIENT_SECRET, workbench)))
    assert str(error) == (
        'Microsoft refused the sign-in: AADSTS7000215: Secret v1.2 is wrong. '
        "Paste the client secret's Value (not its Secret ID) into Key. "
        'A new secret or application can take a minute to become active. '
        'Correlation ID: 12345678-1234-1234-1234-123456789abc'
    )


@pytest.mark.parametrize('number', sorted(AADSTS))
def test_every_error_of_the_sandbox_ends_with_its_correlation_id_and_has_no_trace_id(workbench: Workbench, number: int) -> None:
    workbench.fail('entra', 'token', {'aadsts': number, 'times': None})
    error = workbench.ask(workbench.client(keywords(CLIENT_SECRET, workbench)))
    assert isinstance(error, MicrosoftSignInError)
    if error.correlation_id:  # a pending sign-in has none
        assert CORRELATION_ID.search(str(error))
    assert 'Trace ID' not in str(error)
    assert 'Timestamp' not in str(error)


def test_each_number_with_advice_has_a_row() -> None:
    assert {advice.number for advice in ADVICE} == set(SIGN_IN_ADVICE)
