"""The Entra error numbers with advice, and words that the advice must contain.

Source of the numbers: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from dataclasses import dataclass

from conformance.sign_in.rows import *
from MicrosoftCoreApiModule import MicrosoftSignInError
from MicrosoftTokenRequestApiModule import SignInRefusedError, SignInRequiredError, SignInUnavailableError

REFUSED, NEEDS_USER, LATER = SignInRefusedError, SignInRequiredError, SignInUnavailableError
TEMPORARY = 'temporary fault of the service'
NEW = 'A new secret or application can take a minute to become active.'
CONSENT = f'The application must be registered in this tenant, or have the consent of its administrator. {NEW}'


@dataclass(frozen=True)
class Advice:
    """The exception for an error number.

    Args:
        kind: its class: give up, have a user sign in, or try again later.
        words: part of the advice.
        methods: the methods that can get this error.
    """

    number: int
    kind: type[MicrosoftSignInError]
    words: str
    methods: tuple[str, ...] = (CLIENT_SECRET,)


USER = (AUTHORIZATION_CODE,)
CERTIFICATE = (CERTIFICATE_PS256, CERTIFICATE_RS256)
ADVICE = (
    # the client
    Advice(7000215, REFUSED, f'Value (not its Secret ID) into Key. {NEW}'),
    *(Advice(number, REFUSED, 'Create a new client secret') for number in (7000222, 7005003)),
    *(
        Advice(number, REFUSED, f'Check ID (client ID), Token (tenant ID) and the cloud. {CONSENT}')
        for number in (700016, 700011, 7000229)
    ),
    Advice(700027, REFUSED, 'Upload the certificate', CERTIFICATE),
    Advice(50012, REFUSED, 'Thumbprint and private key must belong to it', CERTIFICATE),
    Advice(700030, REFUSED, 'Upload the certificate', CERTIFICATE),
    *(
        Advice(number, REFUSED, 'Create a new certificate, upload it', CERTIFICATE)
        for number in (1000502, 7000214, 7000274, 7000277, 7005004)
    ),
    Advice(70023, REFUSED, 'Use the token that the AKS webhook mounts into the pod'),
    Advice(700024, REFUSED, 'Synchronize the clock', CERTIFICATE),
    Advice(500133, REFUSED, 'Synchronize the clock', CERTIFICATE),
    *(Advice(number, REFUSED, "Check ID, 'Azure AD endpoint' and the cloud", CERTIFICATE) for number in (700021, 700023)),
    Advice(7000213, REFUSED, 'Upload the certificate', CERTIFICATE),
    Advice(7000232, REFUSED, "Select 'Use Azure Managed Identities'"),
    *(Advice(number, REFUSED, 'federated credential') for number in (70021, 700211, 700212, 700213)),
    Advice(7000218, REFUSED, 'allow public client flows', (DEVICE_CODE,)),
    Advice(700025, REFUSED, 'platform Web, or leave Key empty', USER),
    *(Advice(number, REFUSED, 'platform Web, not Single-page', USER) for number in (9002326, 9002327)),
    *(Advice(number, REFUSED, 'enter consumers in Token', USER) for number in (9002346, 9002331, 500207)),
    Advice(9002332, REFUSED, 'with an account of the organization', USER),
    Advice(7000112, REFUSED, "Set 'Enabled for users to sign-in' of the enterprise application to Yes"),
    # the tenant
    Advice(90002, REFUSED, 'Check Token (tenant ID) and the cloud'),
    Advice(900023, REFUSED, 'Check Token (tenant ID) and the cloud'),
    Advice(50059, REFUSED, 'Check Token (tenant ID)'),
    *(Advice(number, REFUSED, 'another national cloud') for number in (90038, 900382, 900432, 900439)),
    # consent and scope
    Advice(65001, NEEDS_USER, 'grant admin consent', USER),
    Advice(650056, REFUSED, 'Add the API permission'),
    Advice(650057, REFUSED, 'Add the API permission'),
    Advice(90094, NEEDS_USER, 'grant admin consent', USER),
    Advice(90095, NEEDS_USER, 'grant admin consent', USER),
    Advice(650053, REFUSED, 'Add the API permission', USER),
    *(Advice(number, REFUSED, 'is licensed for the product') for number in (650052, 500014)),
    Advice(500011, REFUSED, 'Check the scope and the cloud'),
    Advice(70011, REFUSED, '/.default'),
    Advice(1002012, REFUSED, '/.default'),
    Advice(700022, REFUSED, 'one resource'),
    Advice(901002, REFUSED, '/.default'),
    # policies
    *(Advice(number, NEEDS_USER, 'Sign in again in a browser', USER) for number in (50076, 50079, 50074, 50078, 50072, 50158)),
    *(
        Advice(number, NEEDS_USER, 'sign-in log of the tenant, which names the policy', USER)
        for number in (53003, 53000, 530032, 530003, 53001, 53002, 53004, 53009, 53011, 530034, 530035)
    ),
    *(
        Advice(number, NEEDS_USER, 'administrator of the network to allow this tenant', (CLIENT_SECRET, AUTHORIZATION_CODE))
        for number in (50002, 500021, 500022, 5000211)
    ),
    Advice(530033, NEEDS_USER, 'Choose Authorization Code, or have an administrator exclude', (DEVICE_CODE,)),
    Advice(530084, NEEDS_USER, 'exclude the application from the policy for token protection', USER),
    *(
        Advice(number, NEEDS_USER, 'on another device', (AUTHORIZATION_CODE, DEVICE_CODE))
        for number in (135011, 700003, 50097, 50129, 50187, 530002)
    ),
    # codes and refresh tokens
    Advice(50148, NEEDS_USER, 'Start the sign-in again', USER),
    Advice(54005, NEEDS_USER, 'Start the sign-in again', (AUTHORIZATION_CODE, DEVICE_CODE)),
    *(
        Advice(number, NEEDS_USER, 'Sign in again.', (AUTHORIZATION_CODE, DEVICE_CODE))
        for number in (70008, 700082, 700081, 70043, 70044, 50173, 70000, 50089, 50132, 50133, 50085, 700005)
    ),
    Advice(700084, NEEDS_USER, 'platform Web, not Single-page application', USER),
    Advice(501481, NEEDS_USER, 'Start the sign-in again', USER),
    Advice(9002313, REFUSED, 'incomplete or URL-encoded', USER),
    Advice(900144, REFUSED, 'incomplete or URL-encoded', USER),
    Advice(50011, REFUSED, 'redirect URI', USER),
    Advice(500112, REFUSED, 'redirect URI', USER),
    Advice(900971, REFUSED, 'redirect URI', USER),
    # the user
    *(Advice(number, NEEDS_USER, 'Assign the user to the application.', USER) for number in (50105, 501051)),
    *(
        Advice(number, NEEDS_USER, 'Add the account to the directory of this tenant', USER)
        for number in (500341, 51004, 500571, 50014, 90072, 50020, 500200)
    ),
    Advice(50194, REFUSED, "Enter the tenant's own ID in Token.", USER),
    *(
        Advice(number, NEEDS_USER, 'Check that the user account exists', USER)
        for number in (50126, 50055, 50057, 50053, 50034, 50056, 50144)
    ),
    # the service
    Advice(1002016, REFUSED, 'TLS 1.2'),
    Advice(50196, LATER, 'Try again in 60 seconds'),
    Advice(90055, LATER, 'Wait a few minutes'),
    *(Advice(number, LATER, TEMPORARY) for number in (50033, 50087, 90006, 90012, 90024, 90033, 90090)),
)


def row(advice: Advice, method: str) -> MessageRow:
    """Return the row of an error. A temporary error is repeated, and the last retry raises it, but for a loop."""
    is_temporary, is_repeated = advice.kind is LATER, advice.kind is LATER and advice.number != 50196
    says = f'(AADSTS{advice.number})' if is_temporary else f'AADSTS{advice.number}: '
    code = '' if is_temporary else f'AADSTS{advice.number}'
    call = Call(
        Refusal(advice.kind, says, advice.words, code),
        4 if is_repeated else 1,
        ({**aadsts(advice.number), **ALWAYS},),
        (2.6, 4.4) if is_repeated else (0, 0),
    )
    return MessageRow(
        '429 without' if advice.number == 90055 else '5xx' if is_repeated else '400', method, (call,), f'AADSTS{advice.number}'
    )


ROWS = [row(advice, method) for advice in ADVICE for method in advice.methods]
