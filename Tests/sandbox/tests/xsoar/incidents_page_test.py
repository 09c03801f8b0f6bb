"""Incidents in a browser."""

from sandbox.tests.xsoar.browser import Browser
from sandbox.tests.xsoar.desk import Desk


def test_incidents_are_listed_and_lead_to_their_war_rooms(browser: Browser, desk: Desk) -> None:
    assert 'There are none yet' in browser.open('/incidents').text
    desk.add('fetcher', isFetch=True, fetch_does='attach')
    desk.server.fetch_now('fetcher')

    rows = [[cell.text for cell in row.select('td')] for row in browser.open('/incidents').select('tr')[1:]]

    assert [(row[1], row[4], row[5]) for row in rows] == [('incident 2', 'fetcher', '0'), ('incident 1', 'fetcher', '1')]
    assert 'note.txt' in browser.open(f'/war-room/{rows[1][0]}').text


def test_an_incident_shows_what_it_holds_above_its_war_room(browser: Browser, desk: Desk) -> None:
    label = {'type': 'Email/From', 'value': '<bob@contoso.example>'}
    incident = {'name': 'Invoice', 'type': 'Phishing', 'details': 'Pay <b>now</b>.', 'labels': [label], 'rawJSON': '{"ID": 1}'}
    number = desk.call('POST', '/incident', incident)['id']

    card = browser.open(f'/war-room/{number}').select_one('section.card')

    assert card
    assert 'Phishing' in card.text
    assert [each.text for each in card.select('pre')] == ['Pay <b>now</b>.', '{"ID": 1}']
    assert [each.text for each in card.select('td')] == ['Email/From', '<bob@contoso.example>']
    assert not browser.open('/war-room').select('section.card')
