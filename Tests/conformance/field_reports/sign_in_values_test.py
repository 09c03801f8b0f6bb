"""Reports from the field: values as people paste them (S7, S11)."""

from collections.abc import Callable

import pytest

from conformance.field_reports.report import seen
from conformance.sign_in.methods import keywords
from conformance.sign_in.rows import (
    AUTHORIZATION_CODE,
    CERTIFICATE_PS256,
    CERTIFICATE_RS256,
    CLIENT_SECRET,
    CORTEX_APP,
    VM_USER_ASSIGNED,
)
from conformance.sign_in.workbench import Workbench
from MicrosoftCoreApiModule import CredentialError
from MicrosoftTokenRequestApiModule import AccessToken
from sandbox.microsoft.certificates import certificate

Report = Callable[[str, str, str, str], None]

# region S7

KEY, LEAF = 'KEY', 'LEAF'
OTHER, THIRD = certificate('soar-next'), certificate('soar-third')
BROKEN = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'


def pem(workbench: Workbench, parts: list[str]) -> str:
    own = workbench.cloud.directory.application('daemon').certificate
    return ''.join({KEY: own.private_key_pem, LEAF: own.certificate_pem}.get(part, part) for part in parts)


@pytest.mark.parametrize(
    'parts',
    [
        [KEY, OTHER.certificate_pem, LEAF],
        [OTHER.certificate_pem, LEAF, KEY],
        [OTHER.certificate_pem, THIRD.certificate_pem, KEY, LEAF],
        [OTHER.private_key_pem, KEY, LEAF],
        [KEY, LEAF, OTHER.private_key_pem, OTHER.certificate_pem],
        [BROKEN, KEY, LEAF],
        [KEY, BROKEN, OTHER.certificate_pem, LEAF],
        ['-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n', KEY, LEAF],
        ['subject=CN = soar\n', LEAF, 'issuer=CN = ca\n', OTHER.certificate_pem, 'Bag Attributes\n', KEY],
    ],
    ids=lambda parts: ', '.join('PEM' if part not in (KEY, LEAF) else part for part in parts),
)
def test_the_certificate_that_fits_the_key_is_used(workbench: Workbench, field_report: Report, parts: list[str]) -> None:
    settings = keywords(CERTIFICATE_PS256, workbench)
    own = workbench.cloud.directory.application('daemon').certificate
    token = workbench.ask(workbench.client({**settings, 'private_key': pem(workbench, parts)}))
    assert isinstance(token, AccessToken), token
    thumbprint = {**settings, 'private_key': pem(workbench, parts), 'certificate_thumbprint': own.sha1_thumbprint}
    again = workbench.ask(workbench.client(thumbprint))
    assert isinstance(again, AccessToken)
    given = ', '.join(part if part in (KEY, LEAF) else part[:27].strip('- \n') for part in parts)
    field_report(
        'S7', given, 'The private key does not belong to the certificate.', f'{seen(token)}, with its thumbprint {seen(again)}'
    )


@pytest.mark.parametrize(
    'parts, says',
    [
        ([KEY, OTHER.certificate_pem], 'does not belong to the certificate'),
        ([KEY, OTHER.certificate_pem, THIRD.certificate_pem], 'does not belong to the certificate'),
        ([OTHER.private_key_pem, THIRD.certificate_pem, LEAF], 'does not belong to the certificate'),
        ([KEY, BROKEN], 'The certificate cannot be read'),
        ([LEAF, OTHER.certificate_pem], 'The private key is missing'),
    ],
)
def test_an_error_is_raised_only_if_no_certificate_fits(
    workbench: Workbench, field_report: Report, parts: list[str], says: str
) -> None:
    error = workbench.ask_for({**keywords(CERTIFICATE_PS256, workbench), 'private_key': pem(workbench, parts)})
    assert isinstance(error, CredentialError)
    assert says in error.what
    field_report('S7', f'{len(parts)} blocks of which none fits', 'an error', error.what)


# endregion
# region S11

MANGLED: dict[str, Callable[[str], str]] = {
    'in U+202A and U+202C': lambda text: f'\u202a{text}\u202c',
    'in U+2066 and U+2069': lambda text: f'\u2066{text}\u2069',
    'with U+2011 for hyphens': lambda text: text.replace('-', '\u2011'),
    'with U+2013 for hyphens': lambda text: text.replace('-', '\u2013'),
    'with soft hyphens inside': lambda text: f'{text[:4]}\xad{text[4:]}',
    'in typographic quotes': lambda text: f'\u201c{text}\u201d',
    'after a byte order mark': lambda text: f'\ufeff{text}',
    'with a tag character at its end': lambda text: f'{text}\U000e0041',
}
FIELDS = [
    (CLIENT_SECRET, 'auth_id'),
    (CLIENT_SECRET, 'tenant_id'),
    (CLIENT_SECRET, 'enc_key'),
    (CERTIFICATE_RS256, 'certificate_thumbprint'),
    (CERTIFICATE_PS256, 'private_key'),
    (AUTHORIZATION_CODE, 'auth_code'),
    (AUTHORIZATION_CODE, 'redirect_uri'),
    (VM_USER_ASSIGNED, 'managed_identities_client_id'),
    (CORTEX_APP, 'auth_id'),
    (CORTEX_APP, 'refresh_token'),
    (CORTEX_APP, 'enc_key'),
]


@pytest.mark.parametrize('form', MANGLED)
@pytest.mark.parametrize('method, field', FIELDS)
def test_what_word_processors_add_is_mended(
    workbench: Workbench, field_report: Report, method: str, field: str, form: str
) -> None:
    settings = keywords(method, workbench)
    token = workbench.ask_for({**settings, field: MANGLED[form](str(settings[field]))})
    assert isinstance(token, AccessToken), token
    field_report('S11', f'{method}, {field} {form}', 'refused by Microsoft', seen(token))


@pytest.mark.parametrize('bracket', ['<{}>', '{{{}}}', '({})', '[{}]', '<"{}">'])
@pytest.mark.parametrize('method, field', [pair for pair in FIELDS if pair[1] not in ('enc_key', 'refresh_token', 'private_key')])
def test_brackets_around_an_id_or_an_address_are_removed(
    workbench: Workbench, field_report: Report, method: str, field: str, bracket: str
) -> None:
    settings = keywords(method, workbench)
    token = workbench.ask_for({**settings, field: bracket.format(settings[field])})
    assert isinstance(token, AccessToken), token
    field_report('S11', f'{method}, {field} as {bracket}', 'refused', seen(token))


NAMES = {
    (CLIENT_SECRET, 'auth_id'): 'client ID',
    (CLIENT_SECRET, 'tenant_id'): 'tenant ID',
    (CLIENT_SECRET, 'enc_key'): 'client secret',
    (CERTIFICATE_RS256, 'certificate_thumbprint'): 'thumbprint',
    (AUTHORIZATION_CODE, 'auth_code'): 'authorization code',
    (AUTHORIZATION_CODE, 'redirect_uri'): 'redirect URI',
    (VM_USER_ASSIGNED, 'managed_identities_client_id'): 'Azure Managed Identities Client ID',
    (CORTEX_APP, 'auth_id'): 'ID',
    (CORTEX_APP, 'refresh_token'): 'Token',
    (CORTEX_APP, 'enc_key'): 'Key',
}


@pytest.mark.parametrize('wrong', ['\u0430', '\xe9', '\x00', '\u20ac', '\u5bc6'], ids=ascii)
@pytest.mark.parametrize('method, field', NAMES)
def test_what_the_field_does_not_take_is_refused_by_name_before_anything_is_sent(
    workbench: Workbench, field_report: Report, method: str, field: str, wrong: str
) -> None:
    settings = keywords(method, workbench)
    text = str(settings[field])
    error = workbench.ask_for({**settings, field: f'{text[:-5]}{wrong}{text[-4:]}'})
    assert isinstance(error, CredentialError), error
    assert NAMES[method, field] in error.what
    sent = sum(workbench.requests_to(service) for service in ('entra', 'imds', 'token-service'))
    assert sent == 0
    field_report('S11', f'{method}, {field} with {wrong!a}', 'sent, or a raw error', f'{sent} requests: {error.what}')


# endregion
