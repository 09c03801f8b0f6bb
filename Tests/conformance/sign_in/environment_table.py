"""The environment of the engine: proxies, trusted certificates, a slow network."""

from conformance.sign_in.rows import *
from MicrosoftTokenRequestApiModule import SignInUnavailableError
from sandbox.tests.machine import slowness

THREE_WAITS = (2.6, 4.4)
PROXY = {'HTTP_PROXY': '{proxy}', 'HTTPS_PROXY': '{proxy}'}
UNREACHABLE_PROXY = {'HTTP_PROXY': 'http://127.0.0.1:9', 'HTTPS_PROXY': 'http://127.0.0.1:9'}
ENDPOINTS = (CLIENT_SECRET, CERTIFICATE_PS256, AUTHORIZATION_CODE, DEVICE_CODE, CORTEX_APP)
OTHER_CA_BUNDLE = {'REQUESTS_CA_BUNDLE': '{other_ca}'}
UNTRUSTED = Refusal(
    SignInUnavailableError, 'The TLS certificate of localhost', "or select 'Trust any certificate'", 'untrusted_certificate'
)
NO_TLS = Refusal(SignInUnavailableError, 'The TLS connection to', "Check the engine's file of trusted certificates", 'no_tls')
IN_TIME = Refusal(SignInUnavailableError, 'did not respond in time', code='no_answer')
READ_TIMEOUT = 0.4 * slowness()
SLOW = {'delay': 1.75 * READ_TIMEOUT, 'times': None}

PROXIES = [
    *each(
        ENDPOINTS,
        'proxy set in the environment',
        Call(through_proxy=1),
        settings={'proxy': True},
        environment=PROXY,
        situation='and selected',
    ),
    *each(
        ENDPOINTS,
        'proxy set in the environment',
        Call(),
        settings={'proxy': False},
        environment=PROXY,
        situation='and not selected',
    ),
    *each(
        HOSTS,
        'proxy set in the environment',
        Call(),
        settings={'proxy': True},
        environment=PROXY,
        situation='and selected, but never for hosts',
    ),
    *each(
        ENDPOINTS[:1],
        'proxy set in the environment',
        Call(),
        settings={'proxy': True},
        environment={**PROXY, 'NO_PROXY': 'localhost'},
        situation='and selected, but not for this address',
    ),
    *each(
        [CLIENT_SECRET, CORTEX_APP],
        'proxy set in the environment',
        Call(
            Refusal(SignInUnavailableError, 'the connection was refused', 'Check address and port', 'no_proxy'),
            0,
            waits=THREE_WAITS,
        ),
        settings={'proxy': True},
        environment=UNREACHABLE_PROXY,
        situation='and selected, but out of order',
    ),
    *each(
        [VM_SYSTEM_ASSIGNED, ARC],
        'proxy set in the environment',
        Call(),
        settings={'proxy': True},
        environment=UNREACHABLE_PROXY,
        situation='and selected, but out of order',
    ),
]
CERTIFICATES = [
    *each(ENDPOINTS, 'TLS failure', Call(UNTRUSTED, 0), environment=OTHER_CA_BUNDLE, situation='unknown authority'),
    *each(
        [CLIENT_SECRET, CORTEX_APP],
        'TLS failure',
        Call(NO_TLS, 0, waits=THREE_WAITS),
        address='no TLS',
        situation='the server speaks plain HTTP',
    ),
    *each(
        [CLIENT_SECRET, CORTEX_APP],
        'TLS failure',
        Call(NO_TLS, 0, waits=THREE_WAITS),
        environment={'REQUESTS_CA_BUNDLE': '/nowhere/ca.pem'},
        situation='the CA bundle is missing',
    ),
    *each(HOSTS, 'TLS failure', Call(), environment=OTHER_CA_BUNDLE, situation='hosts need no TLS'),
    *each(
        [CLIENT_SECRET, AUTHORIZATION_CODE, CORTEX_APP],
        'insecure on',
        Call(),
        environment=OTHER_CA_BUNDLE,
        settings={'verify': False},
    ),
    *each(
        [CLIENT_SECRET, AUTHORIZATION_CODE, CORTEX_APP],
        'insecure off',
        Call(UNTRUSTED, 0),
        environment=OTHER_CA_BUNDLE,
        settings={'verify': True},
    ),
    *each(
        [CLIENT_SECRET],
        'due',
        Call(),
        Call(SAME_TOKEN, 0, later=1300, environment={'REQUESTS_CA_BUNDLE': '/nowhere/ca.pem'}),
        directory={'refresh_in': 1200},
        situation='the CA bundle was deleted',
    ),
]
SLOW_NETWORK = [
    *each(
        [CLIENT_SECRET, VM_SYSTEM_ASSIGNED],
        'slow',
        Call(requests=2, answers=({'delay': 1.75 * READ_TIMEOUT},), waits=(0.375, 1)),
        read_timeout=READ_TIMEOUT,
        situation='once',
    ),
    *each([CLIENT_SECRET], 'slow', Call(IN_TIME, 4, (SLOW,), THREE_WAITS), read_timeout=READ_TIMEOUT, situation='always'),
    *each([VM_SYSTEM_ASSIGNED], 'slow', Call(IN_TIME, 2, (SLOW,), (0.6, 1)), read_timeout=READ_TIMEOUT, situation='always'),
    *each([CLIENT_SECRET], 'slow', Call(answers=({'delay': 0.2},)), situation='but in time'),
]

ROWS = [*PROXIES, *CERTIFICATES, *SLOW_NETWORK]
