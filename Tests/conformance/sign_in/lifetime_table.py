"""How long tokens are used, when they are refreshed, and what happens in an outage. Times are in seconds.

Unless a row says otherwise, Entra's tokens live for 3,599 s and those of hosts for a day; a new one is requested
in the last 300 s, and the last 30 s are not used.
"""

from conformance.sign_in.rows import *
from MicrosoftTokenRequestApiModule import SignInRefusedError, SignInRequiredError, SignInUnavailableError

HOUR, DAY = 3600.0, 24 * 3600.0
THREE_WAITS, FOUR_WAITS = (2.6, 4.4), (9, 15)
UNAVAILABLE = Refusal(SignInUnavailableError, 'responded with HTTP status', 'Try again')
DISABLED = Refusal(SignInRefusedError, 'AADSTS7000112', 'Enabled for users to sign-in')
WARM = Call(SAME_TOKEN, requests=0)


def warm(later: float) -> Call:
    """Return a call that gets the same token without a request."""
    return Call(SAME_TOKEN, requests=0, later=later)


# region without errors

LIFE = [
    *each(ALL_METHODS, 'warm', Call(), WARM, warm(60)),
    *each([*ENTRA, CORTEX_APP], 'expired', Call(), warm(3290), Call(later=20), WARM),
    *each(HOSTS, 'expired', Call(), Call(later=DAY), WARM),
    *each(ENTRA, 'due', Call(), warm(1190), Call(later=20), WARM, directory={'refresh_in': 1200}, situation='by refresh_in'),
    *each(HOSTS, 'due', Call(), warm(11 * HOUR), Call(later=2 * HOUR), WARM, situation='half of a day'),
    *each(
        [CLIENT_SECRET],
        'due',
        Call(),
        warm(3580),
        Call(later=40),
        WARM,
        situation='half of two hours',
        directory={'access_token_seconds': 7201},
    ),
    # a refresh is given up after some seconds, which would lose the next Token
    *each(
        [CORTEX_APP],
        'expired',
        Call(),
        warm(6890),
        Call(later=20),
        WARM,
        situation='half of two hours',
        directory={'access_token_seconds': 7201},
    ),
    *each(
        [CLIENT_SECRET],
        'due',
        Call(),
        warm(3290),
        situation='refresh_in 0',
        directory={'access_token_seconds': 7199, 'refresh_in': 0},
    ),
    *each([CLIENT_SECRET], 'due', Call(), warm(3290), situation='refresh_in after the expiry', directory={'refresh_in': 5000}),
]

# endregion
# region if the service fails or refuses


def failed_refresh(sent: Answer) -> Call:
    """Return a call with one failing request, which gets the same token."""
    return Call(SAME_TOKEN, 1, ({**sent, **ALWAYS},), later=13 * HOUR)


def due_token_survives(methods: tuple[str, ...], situation: str, call: Call, pause: int = 30) -> list[MessageRow]:
    """Return rows in which a failed refresh is repeated after a `pause`, in seconds."""
    return each(
        methods,
        'due',
        Call(),
        call,
        warm(pause - 20),
        Call(later=25),
        WARM,
        situation=situation,
        directory={'access_token_seconds': DAY},
    )


SECRET_AND_CODE = (CLIENT_SECRET, AUTHORIZATION_CODE)
OUTAGE = [
    *due_token_survives(ENTRA, 'service answers 503', failed_refresh(status(503))),
    *due_token_survives(SECRET_AND_CODE, 'service answers 500', failed_refresh(status(500))),
    *due_token_survives(SECRET_AND_CODE, 'service answers 429', failed_refresh(status(429))),
    *each(
        SECRET_AND_CODE,
        'due',
        Call(),
        failed_refresh(status(429, '600')),
        warm(590),
        Call(later=20),
        situation='service answers 429 with seconds',
        directory={'access_token_seconds': DAY},
    ),
    *due_token_survives(SECRET_AND_CODE, 'service resets', failed_refresh(RESET)),
    *due_token_survives(SECRET_AND_CODE, 'guest network answers', failed_refresh(HTML_PAGE)),
    *due_token_survives((CLIENT_SECRET,), 'secret has expired', failed_refresh(aadsts(7000222))),
    *due_token_survives(USER_METHODS, 'sign-in was revoked', failed_refresh(aadsts(50173)), pause=60),
    *due_token_survives(HOSTS, 'host answers 503', failed_refresh(status(503))),
    *due_token_survives((VM_SYSTEM_ASSIGNED,), 'host answers 410', failed_refresh(status(410))),
    *due_token_survives((VM_SYSTEM_ASSIGNED, ARC), 'host resets', failed_refresh(RESET)),
    *due_token_survives((APP_SERVICE,), 'host refuses', failed_refresh(status(400, body={'message': 'Identity not found.'}))),
    *each(
        ENTRA,
        'due',
        Call(),
        Call(SAME_TOKEN, 1, ({**status(503), **ALWAYS},), later=3350),
        warm(10),
        Call(SAME_TOKEN, 1, ({**RESET, **ALWAYS},), later=200),
        Call(UNAVAILABLE, 4, ({**status(503), **ALWAYS},), THREE_WAITS, later=10),
        Call(),
        situation='the last minutes of an hour, in an outage',
    ),
    *each(
        [CLIENT_SECRET, AUTHORIZATION_CODE, CORTEX_APP],
        'expired',
        Call(),
        Call(UNAVAILABLE, 4, ({**status(503), **ALWAYS},), THREE_WAITS, later=HOUR),
        Call(),
        WARM,
        situation='service answers 503, then works',
    ),
    *each(
        [VM_SYSTEM_ASSIGNED, ARC],
        'expired',
        Call(),
        Call(UNAVAILABLE, 5, ({**status(503), **ALWAYS},), FOUR_WAITS, later=DAY),
        Call(),
        WARM,
        situation='host answers 503, then works',
    ),
    *each(
        [CLIENT_SECRET, CERTIFICATE_PS256],
        'expired',
        Call(),
        Call(DISABLED, 1, (aadsts(7000112),), later=HOUR),
        Call(),
        situation='application disabled, then enabled',
    ),
]

# endregion
# region expiry in responses


def made_up(**fields: object) -> Answer:
    """Return a valid response with those fields."""
    return answer({'token_type': 'Bearer', 'access_token': 'made-up-access-token', **fields})


def has_lifetime(
    methods: tuple[str, ...], case: str, sent: Answer, seconds: float = 3599, situation: str = ''
) -> list[MessageRow]:
    """Return rows in which a token is used until 5 minutes before its lifetime ends."""
    return each(methods, case, Call(answers=(sent,)), warm(seconds - 310), Call(later=20), situation=situation)


CLIENT_AND_VM = (CLIENT_SECRET, VM_SYSTEM_ASSIGNED)
EXPIRY = [
    *has_lifetime((*CLIENT_AND_VM, APP_SERVICE), 'expires_in missing', made_up()),
    *has_lifetime((*CLIENT_AND_VM, APP_SERVICE), 'expires_in string', made_up(expires_in='1800'), 1800),
    *has_lifetime((CLIENT_SECRET,), 'expires_in string', made_up(expires_in='soon'), situation='not a number'),
    *has_lifetime((CLIENT_SECRET,), 'expires_in string', made_up(expires_in=''), situation='empty'),
    *each(CLIENT_AND_VM, 'expires_in 0', Call(answers=(made_up(expires_in=0),), is_cached=False), Call(), WARM),
    *each(CLIENT_AND_VM, 'expires_in negative', Call(answers=(made_up(expires_in=-60),), is_cached=False), Call(), WARM),
    *each(
        CLIENT_AND_VM,
        'expires_in huge',
        Call(answers=(made_up(expires_in=10**12),)),
        warm(13 * HOUR),
        Call(later=2 * HOUR),
        situation='counts as 28 hours',
    ),
    *has_lifetime(HOSTS[:3], 'expires_in missing', made_up(expires_on=Moment(1800, 'epoch')), 1800, 'expires_on in seconds'),
    *has_lifetime(
        HOSTS[:3], 'expires_in missing', made_up(expires_on=Moment(1800, '%m/%d/%Y %H:%M:%S +00:00')), 1800, 'expires_on as date'
    ),
    *has_lifetime(
        (APP_SERVICE,),
        'expires_in missing',
        made_up(expires_on=Moment(1800, '%m/%d/%Y %I:%M:%S %p +00:00')),
        1800,
        'expires_on as date with AM or PM',
    ),
    *has_lifetime(
        HOSTS[:3],
        'expires_in missing',
        made_up(expires_on=Moment(1800, '%Y-%m-%dT%H:%M:%S.0000000+00:00')),
        1800,
        'expires_on in ISO 8601',
    ),
    *has_lifetime((APP_SERVICE,), 'expires_in missing', made_up(expires_on='tomorrow'), situation='expires_on is not a date'),
]

# endregion
# region refresh tokens

WITH_REFRESH_TOKEN = (AUTHORIZATION_CODE, DEVICE_CODE, CORTEX_APP)
REVOKED = Refusal(SignInRequiredError, 'AADSTS50173', '')
UNUSED = Refusal(SignInRequiredError, 'AADSTS700082', '')
NO_REFRESH_TOKEN = answer({'access_token': 'made-up-access-token', 'expires_in': 3599})
REFRESH = [
    *each(
        WITH_REFRESH_TOKEN,
        'refresh token rotated',
        Call(refresh_token='new'),
        Call(later=HOUR, refresh_token='new'),
        Call(later=HOUR, refresh_token='new'),
    ),
    *each(
        WITH_REFRESH_TOKEN,
        'refresh token missing in the answer',
        Call(),
        Call(later=HOUR, answers=(NO_REFRESH_TOKEN,), refresh_token='same'),
        Call(later=HOUR, refresh_token='new'),
    ),
    *each(
        USER_METHODS, 'refresh token revoked', Call(), Call(REVOKED, answers=(aadsts(50173),), later=HOUR, refresh_token='same')
    ),
    *each(
        USER_METHODS,
        'refresh token revoked',
        Call(),
        Call(UNUSED, later=11 * DAY),
        directory={'refresh_token_seconds': 10 * DAY},
        situation='not used for too long',
    ),
    *each(
        [AUTHORIZATION_CODE],
        'refresh token revoked',
        Call(),
        Call(UNUSED, later=91 * DAY),
        situation='not used for 90 days',
    ),
    *each(
        [DEVICE_CODE],
        'refresh token revoked',
        Call(),
        Call(UNUSED, later=91 * DAY),
        situation='not used for 90 days',
    ),
    *each(
        [CORTEX_APP],
        'refresh token revoked',
        Call(),
        Call(
            REVOKED,
            later=HOUR,
            refresh_token='same',
            answers=(
                status(
                    401, body={'detail': 'No token: {"error": "invalid_grant", "error_description": "AADSTS50173: Revoked."}'}
                ),
            ),
        ),
    ),
]

# endregion

ROWS = [*LIFE, *OUTAGE, *EXPIRY, *REFRESH]
