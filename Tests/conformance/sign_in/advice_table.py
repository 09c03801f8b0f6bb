"""The numbers of Entra's errors that deserve a sentence of advice, and what that sentence must speak of.

Source of the numbers: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from dataclasses import dataclass

from conformance.sign_in.rows import *
from MicrosoftCoreApiModule import MicrosoftSignInError
from MicrosoftCredentialsApiModule import SignInRefusedError, SignInRequiredError, SignInUnavailableError

NO, PERSON, LATER = SignInRefusedError, SignInRequiredError, SignInUnavailableError
PASSING = 'temporary fault of the service'


@dataclass(frozen=True)
class Advice:
    """What an error of that number becomes.

    Args:
        kind: its class: whether to give up, to have a person sign in, or to try again later.
        words: part of the advice.
        methods: the methods that meet it.
    """

    number: int
    kind: type[MicrosoftSignInError]
    words: str
    methods: tuple[str, ...] = (CLIENT_SECRET,)


USER = (AUTHORIZATION_CODE,)
CERTIFICATE = (CERTIFICATE_PS256, CERTIFICATE_RS256)
ADVICE = (
    # the client
    Advice(7000215, NO, 'Value (not its Secret ID) into Key'),
    Advice(7000222, NO, 'Create a new one'),
    Advice(700016, NO, 'Check ID (client ID), Token (tenant ID) and the cloud'),
    Advice(700027, NO, 'Upload the certificate', CERTIFICATE),
    Advice(50012, NO, 'Thumbprint and private key must belong to it', CERTIFICATE),
    Advice(700030, NO, 'Upload the certificate', CERTIFICATE),
    Advice(700024, NO, 'The clock of the engine is wrong', CERTIFICATE),
    Advice(7000218, NO, 'allow public client flows', (DEVICE_CODE,)),
    Advice(700025, NO, 'public client', USER),
    Advice(7000112, NO, 'Enable sign-in of the enterprise application'),
    Advice(700011, NO, 'Enable sign-in of the enterprise application'),
    # the tenant
    Advice(90002, NO, 'Check Token (tenant ID) and the cloud'),
    Advice(900023, NO, 'Check Token (tenant ID) and the cloud'),
    Advice(90038, NO, 'another national cloud'),
    Advice(900382, NO, 'another national cloud'),
    # consent and scope
    Advice(65001, PERSON, 'grant admin consent', USER),
    Advice(650056, NO, 'Add the API permission'),
    Advice(650057, NO, 'Add the API permission'),
    Advice(90094, PERSON, 'grant admin consent', USER),
    Advice(500011, NO, 'Check the scope and the cloud'),
    Advice(70011, NO, '/.default'),
    Advice(700022, NO, 'one resource'),
    Advice(901002, NO, '/.default'),
    # policies
    *(Advice(number, PERSON, 'Multi-factor authentication', USER) for number in (50076, 50079, 50074, 50078)),
    *(Advice(number, PERSON, 'in the sign-in log of the tenant', USER) for number in (53003, 53000, 530032, 530003)),
    # codes and refresh tokens
    Advice(54005, PERSON, 'Start the sign-in again', (AUTHORIZATION_CODE, DEVICE_CODE)),
    *(
        Advice(number, PERSON, 'Reset the authentication and sign in again', (AUTHORIZATION_CODE, DEVICE_CODE))
        for number in (70008, 700082, 70043, 50173, 70000, 50089, 50132, 50133)
    ),
    Advice(700084, PERSON, 'platform Web, not Single-page application', USER),
    Advice(501481, PERSON, 'Start the sign-in again', USER),
    Advice(9002313, NO, 'incomplete or URL-encoded', USER),
    Advice(900144, NO, 'incomplete or URL-encoded', USER),
    Advice(50011, NO, 'redirect URI', USER),
    Advice(500112, NO, 'redirect URI', USER),
    Advice(900971, NO, 'redirect URI', USER),
    # the user
    *(Advice(number, PERSON, "the tenant's own ID in Token", USER) for number in (50105, 50020)),
    Advice(50194, NO, "the tenant's own ID in Token", USER),
    *(Advice(number, PERSON, 'Check the user account', USER) for number in (50126, 50055, 50057, 50053, 50034)),
    # the service
    Advice(1002016, NO, 'TLS 1.2'),
    Advice(50196, NO, 'Wait a few minutes'),
    Advice(90055, LATER, 'Wait a few minutes'),
    *(Advice(number, LATER, PASSING) for number in (50033, 90006, 90012, 90033, 90090)),
)


def row(advice: Advice, method: str) -> MessageRow:
    """An error that passes is met again and again: the last try tells of it."""
    passing = advice.kind is LATER
    says = f'(AADSTS{advice.number})' if passing else f'AADSTS{advice.number}: '
    code = '' if passing else f'AADSTS{advice.number}'
    call = Call(
        Refusal(advice.kind, says, advice.words, code),
        4 if passing else 1,
        ({**aadsts(advice.number), **ALWAYS},),
        (2.6, 4.4) if passing else (0, 0),
    )
    return MessageRow(
        '429 without' if advice.number == 90055 else '5xx' if passing else '400', method, (call,), f'AADSTS{advice.number}'
    )


ROWS = [row(advice, method) for advice in ADVICE for method in advice.methods]
