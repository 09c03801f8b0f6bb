"""Unit tests of what requests to Microsoft Graph are made of. Those of the requests are in the tests of mailboxes."""

from typing import Any

import pytest

from CommonServerPython import DemistoException
from MicrosoftGraphClientApiModule import (
    MALFORMED_PROPERTIES,
    clean_search,
    graph_id,
    message_id_forms,
    odata_query,
    without_malformed_values,
    without_annotations,
)


@pytest.mark.parametrize(
    'text, search, query',
    [
        ('', '', {}),
        ('  ', '  ', {}),
        ('$filter=isRead eq false', '', {'$filter': 'isRead eq false'}),
        ('?$filter=isRead eq false&$select=subject,from', '', {'$filter': 'isRead eq false', '$select': 'subject,from'}),
        (' &$select=subject& ', '', {'$select': 'subject'}),
        ('$select=id&&$count=true', '', {'$select': 'id', '$count': 'true'}),
        ("$filter=subject eq 'R&D'&$select=id", '', {'$filter': "subject eq 'R&D'", '$select': 'id'}),
        ("$filter=subject eq 'Q&A=1 it''s'&$select=id", '', {'$filter': "subject eq 'Q&A=1 it''s'", '$select': 'id'}),
        ("$filter=subject eq 'a=b'", '', {'$filter': "subject eq 'a=b'"}),
        ('$filter=sent ge 2026-01-01T00:00:00+02:00', '', {'$filter': 'sent ge 2026-01-01T00:00:00+02:00'}),
        ('$filter=isRead+eq+false', '', {'$filter': 'isRead eq false'}),
        ('$filter=isRead%20eq%20false', '', {'$filter': 'isRead eq false'}),
        ('%24filter=isRead%20eq%20false&%24select=id', '', {'$filter': 'isRead eq false', '$select': 'id'}),
        ("$filter=subject%20eq%20'R%26D'", '', {'$filter': "subject eq 'R&D'"}),
        ("$filter=subject eq '50% off'", '', {'$filter': "subject eq '50% off'"}),
        ('$search="from:ada"', '', {'$search': '"from:ada"'}),
        ('', 'invoice', {'$search': '"invoice"'}),
        ('$select=id', ' two words ', {'$select': 'id', '$search': '"two words"'}),
        ('', 'say "hello" \\ bye', {'$search': '"say \\"hello\\" \\\\ bye"'}),
        ('', 'subject:“Wire transfer”', {'$search': '"subject:\\"Wire transfer\\""'}),
        ('', '$search="from:ada"', {'$search': '"from:ada"'}),
    ],
)
def test_odata_options_may_be_encoded_or_not(text: str, search: str, query: dict[str, str]) -> None:
    assert odata_query(text, search) == query


@pytest.mark.parametrize(
    'text, search',
    [
        (None, ''),
        ('  subject:a b ', 'subject:a b'),
        ('$search="subject:a"', 'subject:a'),
        ('Search = subject:"a"', 'subject:"a"'),
        ('$search="subject:\\"a b\\""', 'subject:"a b"'),
        ('\u201ca\u201d \u201eb\u201f \u00abc\u00bb \uff02d\uff02', '"a" "b" "c" "d"'),
    ],
)
def test_a_search_is_read_as_it_was_typed(text: Any, search: str) -> None:
    assert clean_search(text) == search


NOT_AN_OPTION = "'{}' in odata is not an OData option. Write options as $filter=..., joined by &."


@pytest.mark.parametrize(
    'text, search, sentence',
    [
        ('filter=isRead eq false', '', NOT_AN_OPTION.format('filter')),
        ('isRead eq false', '', NOT_AN_OPTION.format('isRead eq false')),
        ('$filter=isRead eq false&select=id', '', NOT_AN_OPTION.format('select')),
        ('$top=50', '', '$top in odata is not supported. Use page_size.'),
        ('$select=id&$select=subject', '', 'odata contains $select twice. Combine the two.'),
        ('$filter=isRead eq false', 'x', 'search and $filter in odata cannot be combined. Remove one of them.'),
        ('$orderby=subject', 'x', 'search and $orderby in odata cannot be combined. Remove one of them.'),
        ('$search="y"', 'x', 'search and $search in odata cannot be combined. Remove one of them.'),
    ],
)
def test_invalid_odata_options_are_rejected(text: str, search: str, sentence: str) -> None:
    with pytest.raises(DemistoException) as caught:
        odata_query(text, search)
    assert str(caught.value) == sentence


GRAPH_ID = 'AAMk' + 'a-_9' * 17 + '='
EWS_ID = GRAPH_ID.replace('-', '/').replace('_', '+')


@pytest.mark.parametrize(
    'text, found',
    [
        (GRAPH_ID, GRAPH_ID),
        (f' {EWS_ID} ', GRAPH_ID),
        (EWS_ID.replace('/', '%2F').replace('+', '%2b').replace('=', '%3D'), GRAPH_ID),
        (f'https://outlook.office.com/mail/deeplink?popout=1&ItemID={EWS_ID.replace("+", "%2B")}&exvsurl=1', GRAPH_ID),
        (f'https://outlook.office365.com/owa/?ItemID={GRAPH_ID}#x', GRAPH_ID),
        ('https://outlook.office365.com/owa/?ItemID=', 'https://outlook.office365.com/owa/?ItemID='),
        (f'https://partner.outlook.cn/owa/?ItemID={GRAPH_ID}', GRAPH_ID),
        (f'https://outlook.office.com/mail/ada@contoso.example/inbox/id/{GRAPH_ID}?x=1', GRAPH_ID),
        *(
            (address, address)
            for address in (
                f'<a?ItemID={GRAPH_ID}&c@evil.example>',
                f'https://outlook.evil.example/owa/?ItemID={GRAPH_ID}',
                f'https://evil.example/https://outlook.office.com/owa/?ItemID={GRAPH_ID}',
                f'http://outlook.office.com/owa/?ItemID={GRAPH_ID}',
                f'https://outlook.office.com/owa/?xItemID={GRAPH_ID}',
                f'https://outlook.office.com/owa/?ItemID={GRAPH_ID} x',
                'https://outlook.office.com/owa/?ItemID=b@x.example',
            )
        ),
        ('a/b+c', 'a/b+c'),
        ('inbox', 'inbox'),
    ],
)
def test_an_id_is_read_in_each_form(text: str, found: str) -> None:
    assert graph_id(text) == found


@pytest.mark.parametrize(
    'text, forms',
    [
        ('<a@b.example>', ['<a@b.example>']),
        (' <a@b.example>\n', ['<a@b.example>']),
        ('<without-at>', ['<without-at>']),
        ('<<a@b.example>>', ['<<a@b.example>>']),
        ('<a?ItemID=b@x.example&c@evil.example>', ['<a?ItemID=b@x.example&c@evil.example>']),
        ('<a&#64;b@x.example>', ['<a&#64;b@x.example>']),
        ('<a\u200bb\xa0c@x.example>', ['<a\u200bb\xa0c@x.example>']),
        ('a@b.example', ['a@b.example', '<a@b.example>']),
        ('a&lt;c@b.example', ['a&lt;c@b.example', '<a&lt;c@b.example>']),
        ('Message-ID: <a@b.example>', ['Message-ID: <a@b.example>', '<a@b.example>']),
        ('&lt;a@b.example&gt;', ['&lt;a@b.example&gt;', '<a@b.example>']),
        ('"<a@b.example>"', ['"<a@b.example>"', '<a@b.example>']),
        ('<a@b.example>, <c@d.example>', []),
        ('<a@b.example', []),
        ('a@b.example>', []),
        ('inbox', []),
        (GRAPH_ID, []),
        (f'https://outlook.office.com/mail/ada@contoso.example/inbox/id/{GRAPH_ID}', []),
    ],
)
def test_what_is_in_brackets_is_the_message_id_as_it_is(text: str, forms: list[str]) -> None:
    assert message_id_forms(text) == forms


# Types by https://learn.microsoft.com/graph/api/resources/message and the resources beside it.
OBJECTS = (
    *('actions', 'automaticReplies', 'body', 'conditions', 'emailAddress', 'end', 'endDateTime', 'event', 'exceptions', 'flag'),
    *('from', 'location', 'organizer', 'scheduledEndDateTime', 'scheduledStartDateTime', 'sender', 'start', 'startDateTime'),
    'uniqueBody',
)
LISTS = ('attachments', 'bccRecipients', 'ccRecipients', 'fromAddresses', 'internetMessageHeaders', 'replyTo', 'toRecipients')
TEXTS = (
    *('bodyPreview', 'content', 'contentId', 'contentType', 'conversationIndex', 'dateTime', 'displayName', 'id', 'subject'),
    *('internetMessageId', 'parentFolderId', 'receivedDateTime', 'sentDateTime', 'webLink'),
)


@pytest.mark.parametrize(
    'name, value, other',
    [
        *((name, {'x': 1}, 'x') for name in OBJECTS),
        *((name, [{'x': 1}], {'x': 1}) for name in LISTS),
        *((name, 'x', 5) for name in TEXTS),
        *((name, True, 'true') for name in ('isDraft', 'isRead')),
        ('size', 5, '5'),
        ('categories', ['x'], 'x'),
    ],
)
def test_a_value_of_another_type_is_left_out_and_named(name: str, value: Any, other: Any) -> None:
    assert without_malformed_values({name: value}) == {name: value}
    assert without_malformed_values({name: None, 'x': other}) == {name: None, 'x': other}
    assert without_malformed_values({name: other}) == {name: None, MALFORMED_PROPERTIES: [name]}


@pytest.mark.parametrize(
    'value, expected',
    [
        ({'categories': ['a', 5, None]}, {'categories': ['a'], MALFORMED_PROPERTIES: ['categories']}),
        ({'toRecipients': [{'x': 1}, 'x', None]}, {'toRecipients': [{'x': 1}], MALFORMED_PROPERTIES: ['toRecipients']}),
        ({'body': {'content': 5, 'x': 5}}, {'body': {'content': None, 'x': 5}, MALFORMED_PROPERTIES: ['body']}),
        (
            {'toRecipients': [{'emailAddress': 'x'}]},
            {'toRecipients': [{'emailAddress': None}], MALFORMED_PROPERTIES: ['toRecipients']},
        ),
        ({'id': 'a\nb'}, {'id': None, MALFORMED_PROPERTIES: ['id']}),
        ({'anything': ['x', 5, None, {}]}, {'anything': ['x', 5, None, {}]}),
    ],
)
def test_what_is_within_a_value_is_checked_as_well(value: dict[str, Any], expected: dict[str, Any]) -> None:
    assert without_malformed_values(value) == expected


def test_annotations_are_left_out_at_each_depth() -> None:
    value = {'@odata.context': 'x', 'a': [{'@odata.type': 'y', 'b': {'@odata.id': 'z', 'c': 1}}], 'd@odata.e': 2}
    assert without_annotations(value) == {'a': [{'b': {'c': 1}}], 'd@odata.e': 2}
