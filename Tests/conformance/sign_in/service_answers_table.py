"""Responses to token requests, and the expected outcome.

Requests to a token endpoint are retried 3 times within 30 s, those to the identity endpoint of a host 4 times within 130 s.
"""

from conformance.sign_in.rows import *
from MicrosoftTokenRequestApiModule import (
    SignInPendingError,
    SignInRefusedError,
    SignInRequiredError,
    SignInUnavailableError,
)

ENDPOINTS = (CLIENT_SECRET, AUTHORIZATION_CODE, CORTEX_APP)
SOME_HOSTS = (VM_SYSTEM_ASSIGNED, APP_SERVICE, ARC)
SOME = (*ENDPOINTS, *SOME_HOSTS)
ONE_WAIT, ONE_WAIT_OF_HOST = (0.375, 0.625), (0.6, 1.0)  # s; 0.5 and 0.8, plus or minus a quarter
THREE_WAITS, FOUR_WAITS_OF_HOST = (2.6, 4.4), (9, 15)  # s; doubled each time


def retried(waits: tuple[float, float], *answers: Answer) -> Call:
    """Return a call in which these responses come first, and a token after them."""
    return Call(requests=len(answers) + 1, answers=answers, waits=waits)


def fails(refusal: Refusal, sent: Answer, requests: int = 1, waits: tuple[float, float] = (0, 0)) -> Call:
    """Return a call in which the same response comes to each request."""
    return Call(refusal, requests, ({**sent, **ALWAYS},), waits)


def unavailable(code: int, advice: str = 'Try again in a few minutes.') -> Refusal:
    return Refusal(SignInUnavailableError, f'responded with HTTP status {code}', advice, str(code))


def refused(code: int, advice: str = 'Check the address of the service') -> Refusal:
    return Refusal(SignInRefusedError, f'responded with HTTP status {code}', advice)


SAME_CONSENT = 'Check that ID, Token and Key are of the same consent'
HOST_OR_IDENTITY = 'Turn on the managed identity of this Azure host'


def each_refused(code: int, body: str = '', situation: str = '') -> list[MessageRow]:
    """Return rows for a status that is refused, with the advice of the service if it may have answered, and not a proxy."""
    host, cortex = refused(code, HOST_OR_IDENTITY), refused(code, SAME_CONSENT)
    if body.startswith('<') or code == 404:
        cortex = refused(code)
    if body:
        what = f'is not an Azure identity endpoint (HTTP status {code})'
        host = Refusal(SignInRefusedError, what)
    sent = status(code, body=body)
    return [
        *each(ENDPOINTS[:2], str(code), fails(refused(code), sent), situation=situation),
        *each([CORTEX_APP], str(code), fails(cortex, sent), situation=situation),
        *each(SOME_HOSTS, str(code), fails(host, sent), situation=situation),
    ]


# region throttled

THROTTLED = [
    *each((*SOME, DEVICE_CODE, VM_USER_ASSIGNED), '429 with seconds', retried((7, 7), status(429, '7'))),
    *each(
        ENDPOINTS,
        '429 with seconds',
        fails(unavailable(429, 'Try again in 31 seconds.'), status(429, '31')),
        situation='beyond the budget',
    ),
    *each(HOSTS, '429 with seconds', retried((31, 31), status(429, '31')), situation='hosts have a larger budget'),
    *each(
        HOSTS,
        '429 with seconds',
        fails(unavailable(429, 'Try again in 200 seconds.'), status(429, '200')),
        situation='beyond the budget of hosts',
    ),
    *each(
        [CLIENT_SECRET],
        '429 with seconds',
        retried((29, 29), status(429, '20'), status(429, '9')),
        situation='twice, within the budget',
    ),
    *each(
        [CLIENT_SECRET],
        '429 with seconds',
        fails(unavailable(429, 'Try again in 20 seconds.'), status(429, '20'), 2, (20, 20)),
        situation='twice, beyond the budget',
    ),
    *each([CLIENT_SECRET, VM_SYSTEM_ASSIGNED], '429 with seconds', retried((0, 0), status(429, '-5')), situation='negative'),
    *each(
        [CLIENT_SECRET],
        '429 with seconds',
        fails(
            Refusal(SignInUnavailableError, '(AADSTS90055)', 'Try again in 40 seconds.', '429'), aadsts(90055, retry_after='40')
        ),
        situation='with an error of Entra',
    ),
    *each(SOME, '429 with a date', retried((5, 7), status(429, Moment(7)))),
    *each([CLIENT_SECRET], '429 with a date', retried((0, 0), status(429, Moment(-60))), situation='in the past'),
    *each(ENDPOINTS, '429 without', retried(ONE_WAIT, status(429))),
    *each(HOSTS, '429 without', retried(ONE_WAIT_OF_HOST, status(429))),
    *each([CLIENT_SECRET], '429 without', retried(ONE_WAIT, status(429, 'soon')), situation='not a number or a date'),
    *each(ENDPOINTS, '429 without', fails(unavailable(429), status(429), 4, THREE_WAITS), situation='always'),
    *each(VMS, '429 without', fails(unavailable(429), status(429), 5, FOUR_WAITS_OF_HOST), situation='always'),
]

# endregion
# region refused

BAD_REQUEST = Refusal(SignInRefusedError, 'Bad Request: Something is missing.', 'go through the consent page again', 'refused')
MESSAGE = Refusal(SignInRefusedError, 'The {answer} is odd.', 'go through the consent page again', 'refused')
REVOKED = Refusal(SignInRequiredError, 'AADSTS50173: Revoked.', SAME_CONSENT, 'AADSTS50173')
NO_IDENTITY = Refusal(SignInRefusedError, 'Identity not found', 'Turn on the managed identity of this Azure host')
WRONG_SECRET = Refusal(SignInRefusedError, 'Wrong secret.', 'ID, Token and Key', 'invalid_client')
REFUSED = [
    *each(
        ENTRA,
        '400',
        fails(Refusal(SignInRefusedError, 'AADSTS900144', 'incomplete or URL-encoded', 'AADSTS900144'), aadsts(900144)),
    ),
    *each(
        [CORTEX_APP],
        '400',
        fails(BAD_REQUEST, status(400, body={'title': 'Bad Request', 'detail': 'Something is missing.'})),
        situation='title and detail',
    ),
    *each(
        [CORTEX_APP],
        '400',
        fails(MESSAGE, status(400, body={'message': 'The {answer} is odd.'})),
        situation='a message with braces that is not JSON',
    ),
    *each(
        [CORTEX_APP],
        '400',
        fails(
            REVOKED,
            status(400, body={'detail': 'No token: {"error": "invalid_grant", "error_description": "AADSTS50173: Revoked."}'}),
        ),
        situation='JSON of Entra in the text',
    ),
    *each(
        (*VMS, ARC),
        '400',
        fails(NO_IDENTITY, status(400, body={'error': 'invalid_request', 'error_description': 'Identity not found'})),
    ),
    *each([APP_SERVICE], '400', fails(NO_IDENTITY, status(400, body={'statusCode': 400, 'message': 'Identity not found.'}))),
    *each(
        [CLIENT_SECRET],
        '400',
        fails(
            Refusal(SignInRefusedError, 'HTTP status 400, invalid_request.', 'Check the settings of the instance'),
            status(400, body={'error': 'invalid_request', 'error_codes': 'none'}),
        ),
        situation='no description, codes are not a list',
    ),
    *each(
        [CLIENT_SECRET],
        '400',
        fails(WRONG_SECRET, status(400, body={'error': {'code': 'invalid_client', 'message': 'Wrong secret. Try another.'}})),
        situation='an object in the error',
    ),
    *each_refused(400, 'Bad Request', 'not JSON'),
    *each(
        [DEVICE_CODE],
        '400',
        fails(Refusal(SignInPendingError, 'not finished yet', 'Finish it in the browser'), aadsts(70016)),
        situation='not finished yet',
    ),
    *each(
        [DEVICE_CODE],
        '400',
        fails(Refusal(SignInPendingError, 'not finished yet'), status(400, body={'error': 'slow_down'})),
        situation='polled too often',
    ),
    *each(
        [DEVICE_CODE],
        '400',
        fails(Refusal(SignInRequiredError, 'AADSTS65004', 'Start it again and accept'), aadsts(65004)),
        situation='declined',
    ),
    *each(
        [DEVICE_CODE],
        '400',
        fails(Refusal(SignInRequiredError, 'AADSTS70019', 'that access is blocked'), aadsts(70019)),
        situation='not entered in time',
    ),
    *each(ENTRA, '401', fails(Refusal(SignInRefusedError, 'AADSTS7000222', 'Create a new client secret'), aadsts(7000222))),
    *each_refused(401, situation='no body'),
    *each_refused(403, '<html>'),
    *(row for code in (404, 410) for row in each_refused(code) if row.method in ENDPOINTS),
    *each(
        [CLIENT_SECRET, CORTEX_APP],
        '5xx',
        fails(WRONG_SECRET, status(500, body={'error': 'invalid_client', 'error_description': 'Wrong secret.'})),
        situation='with a final error',
    ),
]

# endregion
# region temporary errors

TEMPORARY = [
    *each(ENDPOINTS, '408', retried(ONE_WAIT, status(408))),
    *each(SOME_HOSTS, '408', retried(ONE_WAIT_OF_HOST, status(408))),
    *each(HOSTS, '404', retried(ONE_WAIT_OF_HOST, status(404))),
    *each(VMS, '404', fails(unavailable(404), status(404), 5, FOUR_WAITS_OF_HOST), situation='always'),
    *each(HOSTS, '410', retried(ONE_WAIT_OF_HOST, status(410))),
    *each(HOSTS, '410', fails(unavailable(410), status(410), 8, (70, 130)), situation='always'),
    *each(ALL_METHODS, '5xx', retried((2, 2), status(503, '2')), situation='503 with seconds'),
    *each(ENDPOINTS, '5xx', retried(THREE_WAITS, status(500), status(502), status(504)), situation='500, 502, 504, then works'),
    *each(ENDPOINTS, '5xx', fails(unavailable(503), status(503), 4, THREE_WAITS), situation='503 always'),
    *each(SOME_HOSTS, '5xx', fails(unavailable(500), status(500), 5, FOUR_WAITS_OF_HOST), situation='500 always'),
    *each([CLIENT_SECRET], '5xx', fails(unavailable(501), status(501)), situation='501, which is not retried'),
    *each([VM_SYSTEM_ASSIGNED], '5xx', retried(ONE_WAIT_OF_HOST, status(501)), situation='501, which is retried for a host'),
    *each(
        [CLIENT_SECRET],
        '5xx',
        fails(unavailable(503, 'Try again in 60 seconds.'), status(503, '60', '<html>Out of service</html>')),
        situation='503 with a web page',
    ),
]

# endregion
# region no response

UNREACHABLE = Refusal(SignInUnavailableError, 'could not be reached', 'that the engine may reach it', 'unreachable')
NOT_ON_AZURE = Refusal(SignInUnavailableError, 'could not be reached', 'Choose an engine on an Azure host', 'unreachable')
NO_NETWORK = Refusal(SignInUnavailableError, 'could not be reached', 'If the host has just started, wait', 'unreachable')
BROKEN_ON_HOST = Refusal(SignInUnavailableError, 'did not respond.', code='unreachable')
BROKEN = Refusal(SignInUnavailableError, 'did not respond.', 'that the engine may reach it', 'unreachable')
CODE_USED = Refusal(SignInRequiredError, 'AADSTS54005', 'Start the sign-in again')
TOKEN_USED = Refusal(SignInRequiredError, 'AADSTS70000', SAME_CONSENT)
NO_RESPONSE = [
    *each(
        (*ENDPOINTS, CERTIFICATE_RS256), 'connection refused', Call(UNREACHABLE, 0, waits=THREE_WAITS), address='closed TLS port'
    ),
    *each(VMS, 'connection refused', Call(NOT_ON_AZURE, 0, waits=FOUR_WAITS_OF_HOST), address='closed port'),
    *each((APP_SERVICE, ARC), 'connection refused', Call(NO_NETWORK, 0, waits=FOUR_WAITS_OF_HOST), address='closed port'),
    *each((*ENDPOINTS, DEVICE_CODE), 'connection refused', retried(ONE_WAIT, RESET), situation='reset before the response'),
    *each(SOME_HOSTS, 'connection refused', retried(ONE_WAIT_OF_HOST, RESET), situation='reset before the response'),
    *each(ENDPOINTS, 'connection refused', fails(BROKEN, RESET, 4, THREE_WAITS), situation='always reset before the response'),
    *each(
        SOME_HOSTS,
        'connection refused',
        fails(BROKEN_ON_HOST, RESET, 5, FOUR_WAITS_OF_HOST),
        situation='always reset before the response',
    ),
    *each(SOME_HOSTS, 'connection refused', retried((4, 7), RESET, RESET, RESET), situation='the service starts'),
    *each(CLIENTS, 'reset mid-body', retried(ONE_WAIT, RESET_MID_BODY)),
    *each(HOSTS, 'reset mid-body', retried(ONE_WAIT_OF_HOST, RESET_MID_BODY)),
    # The code and the Token are used up, and the tokens were in the lost response.
    *each(USER_METHODS, 'reset mid-body', Call(CODE_USED, 2, (RESET_MID_BODY,), ONE_WAIT)),
    *each([CORTEX_APP], 'reset mid-body', Call(TOKEN_USED, 2, (RESET_MID_BODY,), ONE_WAIT)),
    *each(
        USER_METHODS,
        'reset mid-body',
        Call(),
        Call(requests=2, answers=(RESET_MID_BODY,), waits=ONE_WAIT, later=3600),
        situation='with a refresh token',
    ),
]

# endregion
# region unusable responses


def unusable(what: str, sent: Answer) -> Call:
    """Return a call whose response is not from a token service, and is not retried."""
    return fails(
        Refusal(SignInUnavailableError, f'responded with {what}', '', 'unusable_response'),
        sent,
    )


NO_OBJECT = 'something that is not a JSON object'
NO_TOKEN = 'JSON without an access token'
WITHOUT_CHALLENGE = (*ENDPOINTS, VM_SYSTEM_ASSIGNED, APP_SERVICE)
NOT_ALLOWED = Refusal(SignInRefusedError, 'That is not allowed.', code='invalid_request')
REDIRECT = {'status': 302, 'headers': {'Location': 'https://portal.example/'}}
UNUSABLE = [
    *each(SOME, 'HTML with 200', unusable(NO_OBJECT, HTML_PAGE)),
    *each(SOME, 'empty 200', unusable(NO_OBJECT, answer(''))),
    *each(WITHOUT_CHALLENGE, 'JSON without access_token', unusable(NO_TOKEN, answer({'expires_in': 3599}))),
    *each(
        WITHOUT_CHALLENGE, 'JSON without access_token', unusable(NO_TOKEN, answer({'access_token': ''})), situation='an empty one'
    ),
    *each([ARC], 'JSON without access_token', unusable('a token in place of a challenge', answer({'access_token': 'x'}))),
    *each(SOME, 'a list instead of an object', unusable(NO_OBJECT, answer([{'access_token': 'x'}]))),
    *each([CLIENT_SECRET], 'a list instead of an object', unusable(NO_OBJECT, answer('null')), situation='null'),
    *each(
        [CLIENT_SECRET, CORTEX_APP],
        'HTML with 200',
        unusable('HTTP status 302', REDIRECT),
        situation='a redirect, which is not followed',
    ),
    *each(
        [CLIENT_SECRET, VM_SYSTEM_ASSIGNED],
        'JSON without access_token',
        fails(NOT_ALLOWED, answer({'error': 'invalid_request', 'error_description': 'That is not allowed.'})),
        situation='an error with 200',
    ),
]

# endregion

ROWS = [*each(ALL_METHODS, 'cold', Call()), *THROTTLED, *REFUSED, *TEMPORARY, *NO_RESPONSE, *UNUSABLE]
