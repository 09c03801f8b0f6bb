"""What matches: lists of senders, filters in OData, searches in KQL."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import MicrosoftGraphMailSearchApiModule
from CommonServerPython import DemistoException
from MicrosoftCoreApiModule import SystemClock
from MicrosoftGraphMailFetchOptionsApiModule import FetchOptions
from MicrosoftGraphMailSearchApiModule import mail_search, parse_senders, row_filter

EVE = 'eve@partner.example'
NOW = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)  # a Tuesday


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, 'now', lambda _clock: NOW.timestamp())


def person(name: str, address: str) -> dict[str, Any]:
    return {'emailAddress': {'name': name, 'address': address}}


@pytest.mark.parametrize(
    'text, senders',
    [
        (None, ()),
        (' ,; ', ()),
        ('A@X.Example; <b@y.example>', ('a@x.example', 'b@y.example')),
        ('"Doe, J" <j@x.example> x.example,*.Y.example', ('j@x.example', 'x.example', '*.y.example')),
        ('*@x.example @y.example. MAILTO:z@x.example', ('x.example', 'y.example', 'z@x.example')),
        (['x.example', 'x.example'], ('x.example',)),
        ("o'neil+tag@x.example", ("o'neil+tag@x.example",)),
        ('mailto@x.example', ('mailto@x.example',)),
        ('b\u00fccher.example', ('xn--bcher-kva.example',)),
    ],
)
def test_senders_are_addresses_and_domains(text: Any, senders: tuple[str, ...]) -> None:
    assert parse_senders(text, 'Senders') == senders


@pytest.mark.parametrize(
    'text', ['bob', 'a@x.example?', 'a@b@c.example', 'x..example', '-', 'a b', '*', 'http://x.example', '*.*.example', 'x.e', '@']
)
def test_an_invalid_sender_is_named_with_its_field(text: str) -> None:
    with pytest.raises(DemistoException, match=r"' in 'Senders' is neither an email address nor a domain\."):
        parse_senders(text, 'Senders')


@pytest.mark.parametrize(
    'text, is_same',
    [
        ("subject eq 'HELLO  world'", True),
        ("contains(subject, 'o''b')", False),
        ("startswith(subject,'hell') and not endswith(subject,'x')", True),
        ("isRead ne true or subject ne 'x'", True),
        ('not not isRead eq false', True),
        ('receivedDateTime lt 2026-01-01', True),
        ('receivedDateTime ge 2025-06-01T12:00:01Z', False),
        ('sentDateTime le 2026-01-01T00:00:00Z', False),
        ("from/emailAddress/name eq 'bob'", True),
        ("categories/any(x:x eq 'RED') and toRecipients/any(r:contains(r/emailAddress/address,'@y.'))", True),
        ("flag/flagStatus eq 'flagged'", False),
        ("(isRead eq true and subject eq 'x') or (isRead eq false)", True),
    ],
)
def test_a_filter_is_evaluated(text: str, is_same: bool) -> None:
    row = {
        'subject': 'Hello world',
        'isRead': False,
        'receivedDateTime': '2025-06-01T12:00:00Z',
        'from': {'emailAddress': {'name': 'Bob', 'address': 'bob@x.example'}},
        'categories': ['Red', None],
        'toRecipients': [{'emailAddress': {'address': 'a@y.example'}}],
        'flag': None,
    }
    assert row_filter(text).matches(row) is is_same


def nested(path: str, value: Any) -> dict[str, Any]:
    """Return a row with a value at a path."""
    for name in reversed(path.split('/')):
        value = {name: value}
    return dict(value)


PEOPLE = [f'{name}/emailAddress/{part}' for name in ('from', 'sender') for part in ('address', 'name')]
TEXTS = ('subject', 'importance', 'inferenceClassification', 'internetMessageId', 'conversationId', 'parentFolderId')


@pytest.mark.parametrize('path', [*TEXTS, *PEOPLE, 'flag/flagStatus'])
def test_a_text_can_be_compared(path: str) -> None:
    row = nested(path, 'Bravo')
    results = {
        "eq 'BRAVO'": True,
        "ne 'bravo'": False,
        "gt 'alpha'": True,
        "ge 'bravo'": True,
        "lt 'bravo'": False,
        "le 'bravo'": True,
    }
    assert {text: row_filter(f'{path.upper()} {text}').matches(row) for text in results} == results
    calls = {"contains({},'rav')": True, "startswith({},'rav')": False, "endswith({},'vo')": True, "contains({},'x')": False}
    assert {text: row_filter(text.format(path)).matches(row) for text in calls} == calls
    assert row_filter(f"{path} eq 'x'").properties == {path.partition('/')[0]}


@pytest.mark.parametrize('path', ['receivedDateTime', 'sentDateTime', 'createdDateTime'])
def test_a_time_can_be_compared(path: str) -> None:
    row = {path: '2030-01-01T00:00:00Z'}
    results = {'eq 2030-01-01': True, 'ne 2030-01-01': False, 'gt 2029-12-31': True, 'lt 2030-01-01T00:00:01Z': True}
    assert {text: row_filter(f'{path} {text}').matches(row) for text in results} == results


@pytest.mark.parametrize('path', ['isRead', 'isDraft', 'hasAttachments'])
def test_a_flag_can_be_compared(path: str) -> None:
    results = {'eq true': True, 'EQ False': False, 'ne false': True}
    assert {text: row_filter(f'{path} {text}').matches({path: True}) for text in results} == results


@pytest.mark.parametrize('path', ['toRecipients', 'ccRecipients', 'bccRecipients'])
def test_recipients_can_be_compared(path: str) -> None:
    row = {path: [None, person('Eve', EVE)]}
    for part, value in (('address', EVE), ('name', 'eve')):
        assert row_filter(f"{path}/any(r:r/emailAddress/{part} eq '{value}')").matches(row)
        assert not row_filter(f"{path}/any(r:r/emailAddress/{part} eq 'x')").matches(row)


HOW_TO_WRITE_A_FILTER = "Write it as contains(subject, 'invoice') and not (importance eq 'low')."


@pytest.mark.parametrize(
    'text, what',
    [
        ('subject eq', 'is not complete'),
        ("subject eq 'a", "has a syntax error at ''a'"),
        ("size eq 'a'", "has an unexpected 'size'"),
        ('subject eq 5', "has a syntax error at '5'"),
        ('subject eq true', "has an unexpected 'true'"),
        ('isRead gt true', "has an unexpected 'gt'"),
        ("isRead eq 'x'", "has an unexpected ''x''"),
        ("contains(isRead,'x')", "has an unexpected 'isRead'"),
        ("contains(subject 'x')", "has an unexpected ''x''"),
        ("contains(subject,'x'", 'is not complete'),
        ('receivedDateTime lt now', "has an unexpected 'now'"),
        ("toRecipients/any(r:r eq 'x')", "has an unexpected 'r'"),
        ("toRecipients/any(r:x/emailAddress/name eq 'x')", "has an unexpected 'x/emailAddress/name'"),
        ('isRead eq true isRead', "has an unexpected 'isRead'"),
        (f'{"x" * 60} eq 1', "has a syntax error at '1'"),
        (f'isRead eq {"x" * 60}', f"has an unexpected '{'x' * 50}'"),
    ],
)
def test_a_filter_that_cannot_be_evaluated_is_rejected(text: str, what: str) -> None:
    with pytest.raises(DemistoException) as caught:
        FetchOptions({'fetch_filter': text})
    assert str(caught.value) == f"'Filter' {what}. {HOW_TO_WRITE_A_FILTER}"


INVOICE = {
    'subject': 'Re: Invoice 4711 for Contoso_Ltd (final)',
    'body': {'contentType': 'html', 'content': '<p>Please pay<b>pal</b>.com &amp; confirm the wire-transfer</p>'},
    'from': person('Ada Lovelace', 'ada.l@mail.contoso.example'),
    'sender': person('Ada Lovelace', 'ada.l@mail.contoso.example'),
    'toRecipients': [person('Bob', 'bob@partner.example')],
    'ccRecipients': [person('Eve Adams', 'eve@partner.example')],
    'bccRecipients': [],
    'attachments': [{'name': 'Invoice-4711.PDF'}, {'name': None}],
    'hasAttachments': True,
    'importance': 'high',
    'categories': ['Red team'],
    'flag': {'flagStatus': 'flagged'},
    'isRead': False,
    'receivedDateTime': '2029-12-31T23:30:00Z',
    'sentDateTime': '2029-12-31T23:29:10Z',
    'size': 1_500_000,
    'kind': 'email',
}
LUNCH = {
    'subject': 'Mittagessen \u6771\u4eac\u99c5',
    'body': {'contentType': 'text', 'content': 'Lunch at noon? invoices are evil'},
    'from': person('Bob', 'bob@partner.example'),
    'sender': person('', 'assistant@contoso.example'),
    'toRecipients': [person('', 'ada.l@mail.contoso.example')],
    'ccRecipients': [],
    'bccRecipients': [person('Carol', 'carol@c.example')],
    'attachments': [],
    'hasAttachments': False,
    'importance': 'normal',
    'categories': [],
    'flag': None,
    'isRead': True,
    'receivedDateTime': '2030-01-01T10:00:00Z',
    'sentDateTime': None,
    'size': 9000,
    'kind': 'meetings',
}


@pytest.mark.usefixtures('noon')
@pytest.mark.parametrize(
    'text, finds_invoice, finds_lunch',
    [
        ('invoice', True, False),
        ('invoice*', True, True),
        ('"invoice 4711"', True, False),
        ('"4711 invoice"', False, False),
        ('"invoice 47"', False, False),
        ('"invoice 47*"', True, False),
        ('lovelace', True, False),
        ('paypal', True, False),
        ('pay', False, False),
        ('subject:invoice', True, False),
        ('subject:invoices', False, False),
        ('SUBJECT:INVOICE', True, False),
        ('subject="re invoice 4711 for contoso_ltd final"', True, False),
        ('subject=invoice', False, False),
        ('subject=Mittag*', False, True),
        ('subject<>"Mittagessen \u6771\u4eac\u99c5"', True, False),
        ('subject:\u4eac\u99c5', False, True),
        ('body:wire-transfer', True, False),
        ('body:"wire transfer"', True, False),
        ('from:ada.l@mail.contoso.example', True, False),
        ('from:ADA.L@MAIL.contoso.example', True, False),
        ('from:l@mail.contoso.example', False, False),
        ('from:contoso.example', True, True),
        ('from:@contoso.example', True, True),
        ('from:mail.contoso.example', True, False),
        ('from:mail.contoso', False, False),
        ('from:contoso', True, True),
        ('from:ada', True, False),
        ('from:ada.l', True, False),
        ('from:"Ada Love*"', True, False),
        ('from="Bob"', False, True),
        ('from<>bob@partner.example', True, False),
        ('from<>ada', True, True),  # that is a part of a name
        ('from<>"Ada Lovelace"', False, True),
        ('from:"Bob <bob@partner.example>"', False, True),
        ('from:(ada OR carol)', True, False),
        ('to:bob', True, False),
        ('cc:"eve adams"', True, False),
        ('bcc:carol', False, True),
        ('recipients:eve OR recipients:carol', True, True),
        ('participants:bob@partner.example', True, True),
        ('participants:assistant*', False, True),
        ('attachment:invoice-4711.pdf', True, False),
        ('attachmentnames:pdf', True, False),
        ('filename:inv*', True, False),
        ('hasattachment:true', True, False),
        ('hasAttachments:no', False, True),
        ('hasattachments<>true', False, True),
        ('importance:high', True, False),
        ('importance:medium', False, True),
        ('isread:false', True, False),
        ('isflagged:yes', True, False),
        ('category:red', True, False),
        ('category="Red team"', True, False),
        ('kind:meetings', False, True),
        ('kind:email', True, False),
        ('received:today', False, True),
        ('received:yesterday', True, False),
        ('received:"this week"', True, True),
        ('received:"this month"', False, True),
        ('received="last year"', True, False),
        ('received:2029-12-31', True, False),
        ('received:12/31/2029', True, False),
        ('received>2029-12-31', False, True),
        ('received>=2029-12-31', True, True),
        ('received<2030-01-01T10:00:00Z', True, False),
        ('received<=2030-01-01T10:00:00', True, True),
        ('received<>2029-12-31', False, True),
        ('received<>2029-12-01..2029-12-31', False, True),
        ('received:2029-12-01..2029-12-31', True, False),
        ('received:2029-12-31T23:30:00..2030-01-01T09:59:59', True, False),
        ('sent:2029-12-31', True, False),
        ('size>1MB', True, False),
        ('size:1KB..1MB', False, True),
        ('size=9000', False, True),
        ('size<=1500000', True, True),
        ('invoice AND evil', False, False),
        ('invoice* evil', False, True),
        ('invoice NOT lunch', True, False),
        ('-lunch', True, False),
        ('invoice* -lunch +paypal', True, False),
        ('NOT (invoice OR lunch)', False, False),
        ('NOT NOT lunch', False, True),
        ('from:ada from:bob', True, True),
        ('from:ada from:bob subject:invoice', True, False),
        ('from:ada AND from:bob', False, False),
        ('from from:ada', False, False),
        ('subject=invoice subject:4711', True, False),
        ('invoice OR lunch AND kind:meetings', True, True),
        ('(invoice OR lunch) AND kind:meetings', False, True),
        ('$search="subject:invoice"', True, False),
        ('subject: invoice', True, False),
        ('\u201cinvoice 4711\u201d', True, False),
        ('\u201einvoice 4711\u201c', True, False),
        ('\u00abinvoice 4711\u00bb', True, False),
    ],
)
def test_a_search_finds_mails(text: str, finds_invoice: bool, finds_lunch: bool) -> None:
    matches = FetchOptions({'fetch_search': text}).search.matches
    assert (matches(INVOICE), matches(LUNCH)) == (finds_invoice, finds_lunch)


@pytest.mark.usefixtures('noon')
@pytest.mark.parametrize(
    'text, start, end',
    [
        ('today', '2030-01-01', '2030-01-02'),
        ('yesterday', '2029-12-31', '2030-01-01'),
        ('"this week"', '2029-12-31', '2030-01-07'),
        ('"last week"', '2029-12-24', '2029-12-31'),
        ('"this month"', '2030-01-01', '2030-02-01'),
        ('"last month"', '2029-12-01', '2030-01-01'),
        ('"this year"', '2030-01-01', '2031-01-01'),
        ('"last year"', '2029-01-01', '2030-01-01'),
        ('2029-12-24', '2029-12-24', '2029-12-25'),
        ('7/4/2029', '2029-07-04', '2029-07-05'),
        ('2029-12-24T08:30', '2029-12-24T08:30:00', '2029-12-24T08:30:01'),
        ('2029-12-01..2029-12-24', '2029-12-01', '2029-12-25'),
    ],
)
def test_a_period_has_a_first_and_a_last_second(text: str, start: str, end: str) -> None:
    first, after = (datetime.fromisoformat(one) for one in (start, end))
    times = [one + timedelta(seconds=number) for one in (first, after) for number in (-1, 0)]
    finds = mail_search(f'received:{text}').matches
    assert [finds({'receivedDateTime': f'{one.isoformat()}Z'}) for one in times] == [False, True, True, False]


@pytest.mark.parametrize('clock', ['00:00:00', '12:00:00', '23:59:59'])
def test_a_day_lasts_from_midnight_to_midnight(monkeypatch: pytest.MonkeyPatch, clock: str) -> None:
    now = datetime.fromisoformat(f'2030-01-01T{clock}+00:00')
    monkeypatch.setattr(SystemClock, 'now', now.timestamp)
    times = ['2029-12-31T23:59:59Z', '2030-01-01T00:00:00Z', '2030-01-01T23:59:59Z', '2030-01-02T00:00:00Z']
    assert [mail_search('received:today').matches({'receivedDateTime': one}) for one in times] == [False, True, True, False]


@pytest.mark.parametrize(
    'text, found, not_found',
    [
        ('size=9000', [9000], [8999, 9001]),
        ('size<>9000', [8999, 9001], [9000]),
        ('size:2KB', [2048], [2047, 2049]),
        ('size>=1MB', [1024**2], [1024**2 - 1]),
        ('size>1MB', [1024**2 + 1], [1024**2]),
        ('size<1GB', [1024**3 - 1], [1024**3]),
        ('size<=1GB', [1024**3], [1024**3 + 1]),
        ('size:1B..2KB', [1, 2048], [0, 2049]),
    ],
)
def test_a_size_is_compared_byte_by_byte(text: str, found: list[int], not_found: list[int]) -> None:
    finds = mail_search(text).matches
    assert [finds({'size': size}) for size in (*found, *not_found)] == [True] * len(found) + [False] * len(not_found)


@pytest.mark.parametrize(
    'text, of_row, of_mail',
    [
        ('body:paypal', None, True),
        ('body:lunch', None, False),
        ('NOT body:lunch', None, True),
        ('subject:invoice OR body:lunch', True, True),
        ('subject:lunch AND body:paypal', False, False),
        ('subject:invoice AND body:lunch', None, False),
        ('subject:invoice NOT kind:email', None, False),
        ('size>1MB OR hasattachment:false', None, True),
    ],
)
def test_a_row_shows_less_than_a_mail(text: str, of_row: bool | None, of_mail: bool) -> None:
    row = {name: value for name, value in INVOICE.items() if name not in ('body', 'attachments', 'kind', 'size')}
    assert (mail_search(text).matches(row), mail_search(text).matches(INVOICE)) == (of_row, of_mail)
    assert FetchOptions({'fetch_search': text}).matches(row) is (of_row is not False)


KNOWN = (
    'from, to, cc, bcc, recipients, participants, subject, body, attachment, category, hasattachment, isread, isflagged, '
    'importance, kind, received, sent, size'
)
A_SIZE = 'a number of bytes such as 500000, 500KB or 1MB..5MB, without a space'
A_TIME = 'a time such as 2025-01-31, 2025-01-01..2025-01-31, today or "last week"'
OTHER_OPERATORS = ('ONEAR', 'NEAR', 'XRANK', 'WORDS', 'ALL', 'ANY', 'NONE')


@pytest.mark.parametrize(
    'text, what',
    [
        ('sender:bob', f"cannot search by 'sender', only by {KNOWN}; put quotes around a text with a colon"),
        ('http://x.example', f"cannot search by 'http', only by {KNOWN}; put quotes around a text with a colon"),
        ('subject:', "has no value after 'subject:'"),
        ('subject: OR body:x', "has no value after 'subject:'"),
        *((f'subject{one}a', f"does not support '{one}' after 'subject'") for one in ('<', '<=', '>', '>=')),
        *((f'a {one}(3) b', f"does not support the operator '{one}', only AND, OR and NOT") for one in OTHER_OPERATORS),
        ('(a', 'is not complete'),
        ('a AND', 'is not complete'),
        ('NOT', 'is not complete'),
        ('a)', "has an unexpected ')'"),
        ('a OR OR b', "has an unexpected 'OR'"),
        ('()', "has an unexpected ')'"),
        ('"a', "has a syntax error at '\"a'"),
        ('a "' + 'b' * 40, f"has a syntax error at '\"{'b' * 29}'"),
    ],
)
def test_a_search_that_cannot_be_evaluated_is_rejected_at_once(text: str, what: str) -> None:
    with pytest.raises(DemistoException) as caught:
        FetchOptions({'fetch_search': text})
    assert str(caught.value) == (f"'Search' {what}. Write it as from:example.com AND (subject:invoice* OR hasattachment:true).")


@pytest.mark.parametrize(
    'text, sentences',
    [
        *(
            (f'a {one} b', f"contains '{one}', which is not a word. The operators are AND, OR and NOT.")
            for one in ('&&', '|', ':', '*')
        ),
        ('!subject:a', "contains '!subject:a', which is not a word. The operators are AND, OR and NOT."),
        ('size>1 MB', f"has an invalid value '1' for 'size'. Enter {A_SIZE}."),
        ('size:5?', f"has an invalid value '5?' for 'size'. Enter {A_SIZE}."),
        ('size:big', f"has an invalid value 'big' for 'size'. Enter {A_SIZE}."),
        *(
            (f'subject:{one}', f"has an invalid value '{one}' for 'subject'. Enter one or more words, with * only at the end.")
            for one in ('*', '*voice', '"!!"')
        ),
        ('in*ice', "contains 'in*ice'. Write * only at the end of a word."),
        ('hasattachment:maybe', "has an invalid value 'maybe' for 'hasattachment'. Enter true or false."),
        ('importance:urgent', "has an invalid value 'urgent' for 'importance'. Enter low or normal or high."),
        ('kind:voicemail', "has an invalid value 'voicemail' for 'kind'. Enter email or meetings."),
        *(
            (f'received{symbol}{value}', f"has an invalid value '{value}' for 'received'. Enter {A_TIME}.")
            for symbol, value in (
                (':', 'soon'),
                (':', '2025-01-31..'),
                ('>', '2025-01-01..2025-01-31'),
                (':', '2025-13-45'),
            )
        ),
        *(
            (
                f'invoice {one} receipt',
                f"contains the word '{one}'. Write operators in capitals, or put the word in quotes to find it.",
            )
            for one in ('and', 'Or', 'not')
        ),
        ('(' * 20 + 'a' + ')' * 20, 'has more than 20 levels. Use fewer parentheses.'),
        ('(a) ' * 5 + '(' * 20 + 'a' + ')' * 20, 'has more than 20 levels. Use fewer parentheses.'),
        ('a ' * 1001, 'has 2,001 characters, but the maximum is 2,000. Shorten it.'),
    ],
)
def test_advice_on_a_search_is_about_its_fault(text: str, sentences: str) -> None:
    with pytest.raises(DemistoException) as caught:
        FetchOptions({'fetch_search': text})
    assert str(caught.value) == f"'Search' {sentences}"


def test_a_filter_that_is_too_long_is_to_be_shortened() -> None:
    with pytest.raises(DemistoException, match=r"^'Filter' has 2,001 characters, but the maximum is 2,000\. Shorten it\.$"):
        FetchOptions({'fetch_filter': 'x' * 2001})


@pytest.mark.parametrize('text', ['from:a@b@c', 'to:bob@', 'cc:"x@y"', 'from:"Bob <bob@x.example"'])
def test_an_invalid_address_in_a_search_is_rejected(text: str) -> None:
    with pytest.raises(DemistoException, match="in 'Search' is neither an email address nor a domain"):
        FetchOptions({'fetch_search': text})


@pytest.mark.parametrize('field', ['fetch_search', 'fetch_filter'])
@pytest.mark.parametrize(
    'text', ['(' * 200_000, 'NOT ' * 50_000, '"' * 100_001, 'a' * 1_000_000, '-' * 100_000, "'" * 100_001, 'subject:' * 9000]
)
def test_a_hostile_expression_is_rejected_at_once(field: str, text: str) -> None:
    with pytest.raises(DemistoException):
        FetchOptions({field: text})


@pytest.mark.parametrize(
    'text', ['a* ' * 600, 'NOT ' * 490 + 'a', ' OR '.join(['"a a a a a b"'] * 110), '(' * 19 + 'a' + ')' * 19]
)
def test_a_long_search_splits_a_body_into_words_once(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = f'{len(text)} {"a a a a a " * 50_000}'
    split, words = [], MicrosoftGraphMailSearchApiModule._words

    def recorded(text: Any) -> str:
        split.append(text)
        return words(text)

    monkeypatch.setattr(MicrosoftGraphMailSearchApiModule, '_words', recorded)
    mail = {**INVOICE, 'body': {'contentType': 'text', 'content': body}}
    assert mail_search(text.strip()).matches(mail) in (True, False)
    assert split.count(body) <= 1
