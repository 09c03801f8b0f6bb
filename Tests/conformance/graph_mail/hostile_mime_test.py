"""Headers at which Python itself fails: the other attachments of such an email are extracted all the same."""

import json

import pytest

from conformance.graph_mail.attached_emails_test import opened
from conformance.graph_mail.mail_commands_test import working_folder

__all__ = ['working_folder']

PARAMETERS = {
    "{0}*=utf-8''a; {0}*0=b": "utf-8''a",
    "{0}*0=b; {0}*=utf-8''a": "utf-8''a",
    "{0}*=\x00''a": "_''a",
    "{0}*=idna''%ff..": "idna''%ff..",
    "{0}*=punycode''%ff": "punycode''%ff",
    "{0}*=undefined''a": "undefined''a",
}


def with_part(head: str) -> bytes:
    plain = 'Content-Type: text/plain; name=last.txt\r\n\r\nlast'
    return (
        f'Subject: Outer\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n{head}\r\n\r\nbad\r\n--x\r\n{plain}\r\n--x--'
    ).encode()


@pytest.mark.parametrize('written, name', PARAMETERS.items())
@pytest.mark.parametrize(
    'head, parameter', [('Content-Disposition: attachment', 'filename'), ('Content-Type: image/png', 'name')]
)
def test_a_parameter_that_cannot_be_read_is_shown_as_it_is(head: str, parameter: str, written: str, name: str) -> None:
    files, [email], _text = opened(with_part(f'{head}; {written.format(parameter)}'))
    assert files == [name, 'last.txt']
    assert email['Subject'] == 'Outer'


@pytest.mark.parametrize('written', PARAMETERS)
def test_a_multipart_without_a_readable_boundary_hides_nothing_else(written: str) -> None:
    files, _emails, _text = opened(with_part(f'Content-Type: multipart/mixed; {written.format("boundary")}'))
    assert files[-1] == 'last.txt'


@pytest.mark.parametrize('subject', ['=?utf-7?Q?+2AA-pay?=', '=?unicode_escape?Q?=5Cud800pay?='])
def test_half_a_character_becomes_no_part_of_the_outputs(subject: str) -> None:
    _files, [email], _text = opened(f'Subject: {subject}\r\n\r\nx'.encode())
    assert email['Subject'].endswith('pay')
    json.dumps(email, ensure_ascii=False).encode()
