"""Headers and invitations in MIME, and the text of HTML. The tests of attached emails are in Tests/conformance."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from MicrosoftMailMimeApiModule import (
    MimePart,
    calendar_in_mime,
    event_details,
    file_name,
    has_html_tag,
    html_to_text,
    is_closed,
    mime_parts,
    parse_headers,
    start_of_name,
    text_as_html,
)


# region MIME


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


def test_an_event_has_its_own_properties_and_all_links() -> None:
    lines = (
        'BEGIN:VCALENDAR',
        'METHOD:REQUEST',
        'SUMMARY:not of the event',
        'BEGIN:VTIMEZONE',
        'TZID:Berlin',
        'BEGIN:STANDARD',
        'DTSTART:16010101T030000',
        'END:STANDARD',
        'END:VTIMEZONE',
        'BEGIN:VEVENT',
        'METHOD:CANCEL',
        'BEGIN:VALARM',
        'SUMMARY:Reminder',
        'END:VALARM',
        'DTSTART;TZID="Berlin: x":20261130T090000',
        'LOCATION;X="a:b":Room\\, 5\\nhttps://a.example',
        'ORGANIZER:MAILTO:e@x.example',
        'DESCRIPTION:See http://b.exa',
        ' mple/c\\, now',
        'LOCATION:other',
        'broken line',
        'END:VEVENT',
        'BEGIN:VEVENT',
        'SUMMARY:another event',
        'END:VEVENT',
        'END:VCALENDAR',
    )
    text = '\r\n'.join(lines)
    assert event_details(text) == {
        'Method': 'REQUEST',
        'Start': '20261130T090000 Berlin: x',
        'Location': 'Room, 5\nhttps://a.example',
        'Organizer': 'e@x.example',
        'Links': ['https://a.example', 'http://b.example/c,'],
    }


@pytest.mark.parametrize(
    'text, details',
    [
        (
            'BEGIN:VCALENDAR\nBEGIN:VTODO\nSUMMARY:Task \nDTSTART:20300101\nEND:VTODO',
            {'Summary': 'Task ', 'Start': '20300101'},
        ),
        ('begin:vcalendar\nmethod:reply\nbegin:vevent\nsummary:a', {'Method': 'reply', 'Summary': 'a'}),
        ('BEGIN:VCALENDAR\nEND:VCALENDAR\nSUMMARY:after the calendar', {}),
        ('BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VTIMEZONE\nSUMMARY:a', {'Summary': 'a'}),
        ('BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:a\u2028LOCATION:b\x85DTSTART:c', {'Summary': 'a\u2028LOCATION:b\x85DTSTART:c'}),
        ('\ufeffBEGIN:VCALENDAR\nMETHOD:REQUEST', {'Method': 'REQUEST'}),
        ('SUMMARY:no calendar', {}),
        ('', {}),
    ],
)
def test_properties_count_where_they_belong(text: str, details: dict[str, str]) -> None:
    assert event_details(text) == {**details, 'Links': []}


@pytest.mark.parametrize(
    'line, details',
    [
        ('SUMMARY:a\\\\b\\;c\\Nd', {'Summary': 'a\\b;c\nd'}),
        ('SUMMARY:ends with \\', {'Summary': 'ends with \\'}),
        ('summary;LANGUAGE=en:Lunch', {'Summary': 'Lunch'}),
        ('ORGANIZER;CN="Eve: x":mailto:e@x.example', {'Organizer': 'e@x.example'}),
        ('DTSTART;TZID=Europe/Berlin:20300101T080000', {'Start': '20300101T080000 Europe/Berlin'}),
        ('DTEND;VALUE=DATE;tzid="W. Europe Standard Time":20300101', {'End': '20300101 W. Europe Standard Time'}),
        ('SUMMARY;TZID=x:a', {'Summary': 'a'}),
        ('DTEND:20300101T090000Z', {'End': '20300101T090000Z'}),
        ('LOCATION:' + 'x' * 1001, {'Location': 'x' * 1000}),
        ('SUMMARY:really\\? 1\\,2', {'Summary': 'really? 1,2'}),
        ('ORGANIZER:mailtoe@x.example', {'Organizer': 'mailtoe@x.example'}),
        ('X-SUMMARY:a', {}),
        ('SUMMARY', {}),
    ],
)
def test_a_line_of_an_invitation_is_read(line: str, details: dict[str, str]) -> None:
    assert event_details(f'BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{line}') == {**details, 'Links': []}


@pytest.mark.parametrize(
    'text, links',
    [
        ('DESCRIPTION:HTTP://x.example/a\\, or <https://x.example/b>', ['HTTP://x.example/a,', 'https://x.example/b']),
        ('DESCRIPTION:https://x.example/a\\nhttps://x.example/b', ['https://x.example/a', 'https://x.example/b']),
        ('DESCRIPTION:https://x.example/a\\b', ['https://x.example/a\\b']),
        ('X:http:// ftp://x.example', []),
    ],
)
def test_an_invitation_has_its_links(text: str, links: list[str]) -> None:
    assert event_details(text) == {'Links': links}


def test_an_invitation_has_at_most_100_links_each_once() -> None:
    links = [f'http://x.example/{number}' for number in range(101)]
    assert event_details(' '.join([links[0], *links]))['Links'] == links[:100]


@pytest.mark.parametrize('depth, last', [(10, 'image/png'), (11, 'multipart/mixed')])
def test_multiparts_in_each_other_are_opened_up_to_a_limit(depth: int, last: str) -> None:
    source = b''.join(b'Content-Type: multipart/mixed; boundary=%d\n\n--%d\n' % (level, level) for level in range(depth))
    parts = list(mime_parts(source + b'Content-Type: image/png\n\nx'))
    assert (len(parts), parts[-1].headers.get_content_type(), bool(parts[-1].body)) == (11, last, True)


@pytest.mark.parametrize(
    'kinds, calendar',
    [
        (('text/plain', 'Text/Calendar'), b'1'),
        (('application/ics', 'text/calendar'), b'0'),
        (('text/plain', 'image/png'), b''),
    ],
)
def test_the_first_calendar_of_an_email_is_its_invitation(kinds: tuple[str, ...], calendar: bytes) -> None:
    parts = ''.join(f'--b\nContent-Type: {kind}\n\n{number}\n' for number, kind in enumerate(kinds))
    empty = '--b\nContent-Type: text/calendar\n\n \n'
    source = f'Content-Type: multipart/alternative; boundary=b\n\n{empty}{parts}--b--'
    assert calendar_in_mime(source.encode()) == calendar


CONTENT = b'Subject: Inner?\n\nHello'


@pytest.mark.parametrize(
    'head, name',
    [
        ('Content-Type: image/png', 'attachment-7.png'),
        ('Content-Type: no/such', 'attachment-7'),
        ('Content-Type: image/png; name="a.png"', 'a.png'),
        ('Content-Type: image/png\nContent-Disposition: attachment; filename="b/c.png"', 'b_c.png'),
        ('Content-Disposition: attachment; filename="."', 'attachment-7.txt'),
        ('Content-Disposition: attachment; filename=".."', 'attachment-7.txt'),
        ('Content-Type: message/rfc822', 'Inner?.eml'),
        ('Content-Type: message/global; name="x.EML"', 'x.eml'),
        ('Content-Type: message/rfc822; name="x.eml.bak"', 'x.eml.bak.eml'),
    ],
)
def test_a_part_has_a_name_as_a_file(head: str, name: str) -> None:
    assert MimePart.read(f'{head}\n\n'.encode() + CONTENT).file_name(7, CONTENT) == name


@pytest.mark.parametrize(
    'head, is_file',
    [
        ('', False),
        ('Content-Type: text/html', False),
        ('Content-Type: text/plain; name="a.txt"', True),
        ('Content-Disposition: inline', False),
        ('Content-Disposition: attachment', True),
        ('Content-Type: text/calendar', True),
        ('Content-Type: multipart/mixed', True),
    ],
)
def test_a_part_is_a_file_or_a_text(head: str, is_file: bool) -> None:
    assert MimePart.read(f'{head}\n\nHello'.encode()).is_file is is_file


def test_a_multipart_whose_parts_are_listed_is_not_a_file() -> None:
    source = b'Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: image/png\n\ntwo\n--b--\n--b\n\nthree'
    assert [(part.body, part.is_file) for part in mime_parts(source)] == [(b'', False), (b'one', False), (b'two', True)]


@pytest.mark.parametrize(
    'name, expected',
    [
        ('a\\/\x00\x9fb', 'a_b'),
        ('aux.txt', '_aux.txt'),
        ('auxiliary', 'auxiliary'),
        ('x' * 255, 'x' * 255),
        ('x' * 256, 'x' * 255),
        ('x' * 254 + '.pdf', 'x' * 251 + '.pdf'),
        ('x' * 250 + '.' + 'y' * 31, 'x' * 223 + '.' + 'y' * 31),
        ('x' * 250 + '.' + 'y' * 32, 'x' * 250),
        ('a\u200b\u202eb', 'ab'),
    ],
)
def test_the_name_of_a_file_is_valid_and_short(name: str, expected: str) -> None:
    assert file_name(name) == expected


@pytest.mark.parametrize(
    'written, name',
    [
        ('invoice\u202egpj.exe', 'invoicegpj.exe'),
        ('\u200b\u200b', 'email'),
        ('CON', '_CON'),
        ('aux.txt', '_aux.txt'),
        ('a/b: "c"?', 'a_b_ _c_'),
        ('..', 'email'),
        (None, 'email'),
    ],
)
def test_a_subject_names_a_file_without_tricks(written: str | None, name: str) -> None:
    assert start_of_name(written) == name


# endregion
# region text of HTML


@pytest.mark.parametrize(
    'html, text',
    [
        ('pay<b>pal</b>.com', 'paypal.com'),
        ('<div>one<br>two</div><P class="x">three', 'one\ntwo\nthree'),
        ('<a title="1 > 0" href=x>link</a>', 'link'),
        ("<p don't>seen</p> it's", "seen\nit's"),
        ('1 < 2 &lt;b&gt; &amp;amp;', '1 < 2 <b> &amp;'),
        ('<style>p {}</style>a<SCRIPT src="x">1 > 0</script >b<scripted>c', 'abc'),
        ('<head><title>Title</title></head>Text', 'Text'),
        ('a<!-- <p>b</p> -->c<!-->d', 'acd'),
        ('a<![if !mso]>b<![endif]>c<?xml x?>d', 'abcd'),
        ('a<![foo[bar]]>b', 'ab'),
        ('a<![foo', 'a'),
        ('a<', 'a<'),
        ('', ''),
        (f'a&#{"9" * 5000};b', 'ab'),
        # A cell ends a word, and a row a line.
        (
            '<table><tr><th>User<th>bob@x.example</tr><TR><td>Link</TD><td class="y">Next</td></tr></table>',
            'User bob@x.example\nLink Next',
        ),
        ('<td>one<b>two</b></td><td/>three', 'onetwo three'),
        ('<select><option>one<option>two</select>three', 'one\ntwo\nthree'),
    ],
)
def test_the_text_of_html_is_what_a_reader_sees(html: str, text: str) -> None:
    assert html_to_text(html) == text


BLOCKS = (
    'address article aside blockquote caption center dd details dialog dir div dl dt fieldset figcaption figure footer form h1 '
    'h6 header hr legend li main menu nav ol optgroup p pre section summary table tbody tfoot thead tr ul'
)


@pytest.mark.parametrize('tag', BLOCKS.split())
def test_a_block_is_a_line(tag: str) -> None:
    assert html_to_text(f'one<{tag}>two</{tag.upper()}>three') == 'one\ntwo\nthree'


@pytest.mark.parametrize(
    'html, text',
    [
        ('<a href="https://evil.example/login">Click <b>here</b></a> now', 'Click here<https://evil.example/login> now'),
        ("<A title='x > y' HREF='HTTP://evil.example?a=1&amp;b=2'>x</A>", 'x<HTTP://evil.example?a=1&b=2>'),
        ('<a/href=https://evil.example/a>x</a>', 'x<https://evil.example/a>'),
        (
            '<a title="href=https://good.example" href=https://evil.example href=https://later.example>x',
            'x<https://evil.example>',
        ),
        ('<a href=" \n https://evil.example/\ta b\'>c ">x</a>', "x<https://evil.example/a%20b'%3Ec>"),
        ('<a href="https://evil.example"><img src="cid:a"></a>', '<https://evil.example>'),
        (
            '<map><area href="https://evil.example"><area href="https://b.example"></map>x',
            '<https://evil.example><https://b.example>x',
        ),
        (
            '<a href="https://a.example">one<a href="https://b.example">two</a>three',
            'one<https://a.example>two<https://b.example>three',
        ),
        ('<a href="mailto:eve@evil.example?subject=x">Support</a>', 'Support<mailto:eve@evil.example?subject=x>'),
        # What the text says already, and what leads nowhere, is not repeated.
        ('<a href="https://a.example/">https://a.example</a>', 'https://a.example'),
        ('<a href="https://a.example/x">\n https://a.example/<wbr>x </a>', 'https://a.example/x'),
        ('<a href="mailto:bob@x.example">bob@x.example</a>', 'bob@x.example'),
        ('<a href="https://evil.example/A">https://evil.example/a</a>', 'https://evil.example/a<https://evil.example/A>'),
        ('<a name="top">x</a><a href="#top">y</a><a href>z</a><a href="data:text/html,x">w</a>', 'xyzw'),
        ('<abbr href="https://a.example">x</abbr></a href="https://a.example">y', 'xy'),
    ],
)
def test_the_text_says_where_links_lead_if_it_is_asked_for(html: str, text: str) -> None:
    assert html_to_text(html, with_targets=True) == text
    assert '<' not in html_to_text(html)


def test_targets_count_for_the_maximum_length() -> None:
    html = f'<a href="https://a.example/{"x" * 50}">one</a>' * 3
    assert html_to_text(html, 60, with_targets=True) == f'one<https://a.example/{"x" * 50}>'[:60]


@pytest.mark.parametrize(
    'read',
    [
        lambda html: html_to_text(html, with_targets=True),
        lambda html: html_to_text(html, 255, with_targets=True),
        has_html_tag,
        is_closed,
    ],
)
@pytest.mark.parametrize(
    'part',
    [
        '<br>',
        '<p>',
        '<a ',
        '<a b="',
        '<!--',
        '<![',
        '<script>',
        '<style>',
        '</',
        '&',
        ' ',
        '<a =\n',
        '<a href=http:x>y',
        'href= ',
        '\t',
    ],
)
def test_html_takes_linear_time_whatever_it_is(part: str, read: Callable[[str], Any]) -> None:
    def seconds(repeated: int) -> float:
        html, started = {'href= ': '<a ', '\t': '<a b=c'}.get(part, '') + part * repeated, time.process_time()
        read(html)
        return time.process_time() - started

    short = min(seconds(2500) for _ in range(3))
    # of a text that is eight times as long: 8 times as much if each part is scanned once, 64 times if it is scanned again
    assert seconds(20_000) < max(24 * short, 0.1)


@pytest.mark.parametrize('length', [0, 1, 10, 12])
def test_text_is_cut_at_its_maximum_length(length: int) -> None:
    assert html_to_text('<p>one</p><p>two</p><p>three &amp; four</p>', length) == 'one\ntwo\nthree & four'[:length]


def test_html_after_the_maximum_length_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr('MicrosoftMailMimeApiModule.unescaped', lambda text: read.append(text) or text)
    html_to_text('<p>one</p><p>two</p><p>three</p><p>four</p>', 5)
    assert read == ['', 'one', '', 'two']


@pytest.mark.parametrize(
    'text, html',
    [
        ('', ''),
        ('a < b & c', 'a &lt; b &amp; c'),
        ('I\'m "away"', 'I\'m "away"'),  # the context shows it too
        ('one\r\ntwo\n\nthree', 'one<br>\ntwo<br>\n<br>\nthree'),
    ],
)
def test_a_text_becomes_html_that_can_be_read(text: str, html: str) -> None:
    assert text_as_html(text) == html


@pytest.mark.parametrize(
    'html',
    ['', 'a < b', '<br>', '<p>a<p>b', '<ul><li>a</ul>', '<B>a</b >', '<b><i>a</b></i>', '<!-- <b> -->', '<a title="</a>">x</a>'],
)
def test_html_that_is_closed(html: str) -> None:
    assert is_closed(html)


@pytest.mark.parametrize(
    'html',
    [
        '<b>',
        '</b>',
        '</b><b>',
        '<b/>',
        '<!--',
        '<a title="></a>',
        '<br',
        '<style>',
        '<plaintext></plaintext>',
        '<svg>',
        '</body>',
    ],
)
def test_html_that_would_change_what_follows_it(html: str) -> None:
    assert not is_closed(html)
    assert not is_closed(f'<p>a</p>{html}<br>')


# endregion
