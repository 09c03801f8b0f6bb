"""Unit tests of what requests to Microsoft Graph are made of. Those of the requests are in the tests of mailboxes."""

import pytest

from CommonServerPython import DemistoException
from MicrosoftGraphClientApiModule import odata_query


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
    ],
)
def test_odata_options_may_be_encoded_or_not(text: str, search: str, query: dict[str, str]) -> None:
    assert odata_query(text, search) == query


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
