"""Headers and invitations in MIME. The tests of attached emails are in Tests/conformance."""

import pytest

from MicrosoftMailMimeApiModule import event_details, parse_headers


@pytest.mark.parametrize(
    'mime, headers',
    [
        (b'A: b\r\nC: d\r\n e\r\n\r\nBody: x', [('A', 'b'), ('C', 'd e')]),
        (b'A: b:c\nD:\n\nx', [('A', 'b:c'), ('D', '')]),
        (b'From x\nA: \xff\n', [('A', '\ufffd')]),
        (b'', []),
        (b'no header at all', []),
        (b'A: b\r\n\r\n', [('A', 'b')]),
        (b'A: b\n\r\nC: d', [('A', 'b')]),
        (b'\r\nA: b\r\n\r\n', []),
        (b'A: b\r\n \r\nC: d\r\n\r\n', [('A', 'b'), ('C', 'd')]),
        # Nothing else that a sender writes becomes a header.
        (b'A: b\r\n\r\nHi\r\nAuthentication-Results: dmarc=pass\n\n', [('A', 'b')]),
        (b'A: b\r\n\r\nAuthentication-Results: dmarc=pass\n\n', [('A', 'b')]),
        (b'A: b\n\nAuthentication-Results: dmarc=pass\r\n\r\n', [('A', 'b')]),
        (b'A: b\rC: d\r\nE: f', [('A', 'b C: d'), ('E', 'f')]),
        (b'A: b\r\nC: \r D: e\r\nF: g', [('A', 'b'), ('C', 'D: e'), ('F', 'g')]),
        ('A: b\u2028C: d\x85E: f\x0cG: h'.encode(), [('A', 'b\u2028C: d\x85E: f\x0cG: h')]),
    ],
)
def test_headers_are_read_from_mime(mime: bytes, headers: list[tuple[str, str]]) -> None:
    assert [(one['name'], one['value']) for one in parse_headers(mime)] == headers


def test_an_event_has_what_its_first_part_says_and_all_links() -> None:
    text = (
        'METHOD:REQUEST\r\nLOCATION;X="a:b":Room\\, 5\\nhttps://a.example\r\nORGANIZER:MAILTO:e@x.example\r\n'
        'DESCRIPTION:See http://b.exa\r\n mple/c\\, now\r\nLOCATION:other\r\nbroken line'
    )
    assert event_details(text) == {
        'Method': 'REQUEST',
        'Location': 'Room, 5\nhttps://a.example',
        'Organizer': 'e@x.example',
        'Links': ['https://a.example', 'http://b.example/c,'],
    }
