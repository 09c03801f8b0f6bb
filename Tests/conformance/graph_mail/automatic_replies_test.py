"""Automatic replies of a mailbox."""

from datetime import datetime
from typing import Any

import pytest
from bs4 import BeautifulSoup

from conformance.graph_mail.mail_commands_test import ADA, BOB, error_of, outputs, run
from MicrosoftGraphMailClientApiModule import GraphMailClient
from sandbox.microsoft import MicrosoftCloud
from sandbox.tests.machine import limit

COMMAND = 'msgraph-mail-set-automatic-replies'


def replies_of(cloud: MicrosoftCloud, address: str = ADA) -> dict[str, Any]:
    found: dict[str, Any] = cloud.mailbox(address).settings['automaticRepliesSetting']
    return found


def test_they_are_turned_on_and_off_and_keep_what_is_not_given(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    texts = {'internal_message': '<p>Call & "wait"</p>', 'external_message': 'Grüße'}
    found = outputs(mail, COMMAND, status='alwaysenabled', external_audience='contactsOnly', **texts)
    assert {name: found[name] for name in ('UserID', 'Status', 'ExternalAudience', 'InternalMessage', 'ExternalMessage')} == {
        'UserID': ADA,
        'Status': 'alwaysEnabled',
        'ExternalAudience': 'contactsOnly',
        'InternalMessage': '<p>Call & "wait"</p>',
        'ExternalMessage': 'Grüße',
    }
    off = run(mail, COMMAND, status='disabled')
    assert off.readable_output.startswith('### Automatic replies turned off\n')
    shown = replies_of(cloud)
    assert (shown['status'], shown['externalAudience'], shown['externalReplyMessage']) == ('disabled', 'contactsOnly', 'Grüße')


NOBODY = 'Nobody gets a reply: internal_message is empty, and '
INSIDE = 'Senders in the organization get no reply: internal_message is empty.'
OUTSIDE = 'Senders outside of the organization get no reply: '


@pytest.mark.parametrize(
    'given, told',
    [
        ({}, f'{NOBODY}external_message is empty.'),
        ({'internal_message': '<p>&nbsp;</p>'}, f'{NOBODY}external_message is empty.'),
        ({'external_audience': 'none'}, f'{NOBODY}external_audience is none.'),
        ({'external_audience': 'none', 'external_message': 'Away'}, f'{NOBODY}external_audience is none.'),
        (
            {'external_audience': 'none', 'internal_message': 'a', 'external_message': 'b'},
            f'{OUTSIDE}external_audience is none.',
        ),
        ({'external_audience': 'all', 'internal_message': 'a'}, f'{OUTSIDE}external_message is empty.'),
        ({'external_message': 'Away'}, INSIDE),
        ({'external_message': 'Away', 'internal_message': '<p></p>', 'external_audience': 'all'}, INSIDE),
        ({'external_message': '<table background="a.png"><tr><td></td></tr></table>'}, INSIDE),
        ({'external_message': '<p background></p>'}, f'{NOBODY}external_message is empty.'),
        ({'internal_message': 'Away'}, ''),
        ({'internal_message': '<img src="https://contoso.example/away.png">'}, ''),
        ({'internal_message': '<TABLE\nclass=x BACKGROUND=a.png><tr><td></td></tr></TABLE>'}, ''),
        ({'internal_message': '<p style="height:9px;background:url(a.png)"></p>'}, ''),
        ({'internal_message': '<p style="background-color: red"></p>'}, f'{NOBODY}external_message is empty.'),
        ({'status': 'disabled'}, ''),
    ],
)
def test_the_output_says_who_gets_no_reply(mail: GraphMailClient, given: dict[str, str], told: str) -> None:
    shown = run(mail, COMMAND, **{'status': 'alwaysEnabled', **given}).readable_output
    assert shown.splitlines()[-1] == told if told else 'a reply' not in shown
    assert ('gets a reply' in shown or 'no reply' in shown) is bool(told)


@pytest.mark.parametrize(
    'text',
    [
        'line 1\nline 2 <b@x>',
        'Ask <eve@x.example>,\r\n\r\n1. a < b & c > d',
        'See <https://contoso.example/a?b=1&c=2>',
        '<name of the deputy> "is here"',
        'a <b and c> d',
    ],
)
def test_a_text_is_shown_as_it_was_written(mail: GraphMailClient, cloud: MicrosoftCloud, text: str) -> None:
    run(mail, COMMAND, status='alwaysEnabled', internal_message=text, external_message=text)
    for name in ('internalReplyMessage', 'externalReplyMessage'):
        shown = BeautifulSoup(replies_of(cloud)[name], 'html.parser')
        assert {one.name for one in shown.find_all(True)} <= {'br'}
        assert shown.get_text().splitlines() == text.splitlines()
        assert len(shown.find_all('br')) == len(text.splitlines()) - 1


@pytest.mark.parametrize(
    'html', ['<p>a &amp; b</p>', 'a<br>b', 'a\n<BR/>b', '<!DOCTYPE html><p>x', '<a href="https://x.example">x</a>', 'a <b>b</b>']
)
def test_html_stays_as_it_is(mail: GraphMailClient, cloud: MicrosoftCloud, html: str) -> None:
    run(mail, COMMAND, status='alwaysEnabled', internal_message=html)
    assert replies_of(cloud)['internalReplyMessage'] == html


@pytest.mark.parametrize(
    'times, start, end',
    [
        ({'start_time': '2040-07-01', 'end_time': '2040-07-02'}, '2040-07-01T00:00:00Z', '2040-07-02T00:00:00Z'),
        (
            {'start_time': '2040-07-01T08:00', 'end_time': '2040-12-01 17:30:15', 'time_zone': 'Europe/Berlin'},
            '2040-07-01T06:00:00Z',
            '2040-12-01T16:30:15Z',
        ),
        (
            {'start_time': '2040-07-01T08:00:00', 'end_time': '2040-07-01T09:00:00', 'time_zone': ' Pacific Standard Time '},
            '2040-07-01T15:00:00Z',
            '2040-07-01T16:00:00Z',
        ),
        (
            {'start_time': '2040-07-01T08:00:00+02:00', 'end_time': '2040-07-01T08:00:00Z', 'time_zone': 'Asia/Tokyo'},
            '2040-07-01T06:00:00Z',
            '2040-07-01T08:00:00Z',
        ),
        (
            {'start_time': '2040-07-01T08:00:00Z', 'end_time': '2040-07-01T17:30:00', 'time_zone': 'Asia/Tokyo'},
            '2040-07-01T08:00:00Z',
            '2040-07-01T08:30:00Z',
        ),
    ],
)
def test_they_are_scheduled_in_any_time_zone(mail: GraphMailClient, times: dict[str, str], start: str, end: str) -> None:
    found = outputs(mail, COMMAND, status='scheduled', **times)
    assert (found['Status'], found['StartTime'], found['EndTime']) == ('scheduled', start, end)


@pytest.mark.parametrize('zone', ['Europe/Berlin', 'W. Europe Standard Time'])
@pytest.mark.parametrize(
    'text',
    [
        '2040-01-31 08:00',
        '2040/01/31 08:00',
        'Jan 31 2040 8am',
        '31 January 2040 08:00',
        '31.01.2040 08:00',
        '2040年1月31日 08:00',
        'Tue, 31 Jan 2040 08:00 +0100 (CET)',
        '2040-01-31 8am',
        '2040-01-31T8:00',
        '2040-01-31T08:00:00.000',
        '2040-01-31T08:00:00.1234567',
        '2040-01-31T07:00:00.000Z',
        '2040-01-31 02:00 EST',
        '2211606000000',
    ],
)
def test_a_time_in_any_format_is_that_of_the_time_zone(mail: GraphMailClient, text: str, zone: str) -> None:
    found = outputs(mail, COMMAND, status='scheduled', start_time=text, end_time='Feb 14 2040', time_zone=zone)
    assert (found['StartTime'], found['EndTime']) == ('2040-01-31T07:00:00Z', '2040-02-13T23:00:00Z')


@pytest.mark.parametrize('zone', ['', 'UTC'])
def test_with_dots_the_day_comes_first(mail: GraphMailClient, zone: str) -> None:
    found = outputs(mail, COMMAND, status='scheduled', start_time='05.03.2040 08:00', end_time='12.03.2040', time_zone=zone)
    assert (found['StartTime'], found['EndTime']) == ('2040-03-05T08:00:00Z', '2040-03-12T00:00:00Z')


@pytest.mark.parametrize('text', ['in 3 hours', 'in 2 days', '3 weeks from now', 'in 1 month'])
def test_a_duration_from_now_needs_no_time_zone(mail: GraphMailClient, text: str) -> None:
    in_utc, in_tokyo = (
        datetime.fromisoformat(outputs(mail, COMMAND, status='scheduled', end_time=text, time_zone=zone)['EndTime'][:19])
        for zone in ('', 'Asia/Tokyo')
    )
    assert (in_tokyo - in_utc).total_seconds() < limit(5)


@pytest.mark.parametrize('name', ['start_time', 'end_time'])
@pytest.mark.parametrize('text', ['tomorrow 8am', '08:00', '08:00:00.5', 'friday 17:00', '31 January 08:00', '2040-13-45', '?'])
def test_a_day_that_depends_on_the_time_zone_is_refused(
    mail: GraphMailClient, cloud: MicrosoftCloud, text: str, name: str
) -> None:
    times = {'start_time': '2040-01-31', 'end_time': '2040-02-14', name: text}
    problem = 'is not a time' if text in ('2040-13-45', '?') else 'cannot be combined with time_zone'
    assert error_of(mail, COMMAND, status='scheduled', time_zone='Asia/Tokyo', **times) == (
        f"'{text}' {problem}. Write {name} as 2030-01-31T08:00:00, or as 'in 2 hours'."
    )
    assert replies_of(cloud)['status'] == 'disabled'


def test_they_start_now_by_default(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    found = outputs(mail, COMMAND, status='scheduled', start_time='', end_time='in 3 hours', time_zone='Asia/Tokyo')
    assert found['StartTime'] < found['EndTime']
    assert replies_of(cloud)['scheduledStartDateTime']['timeZone'] == 'UTC'


@pytest.mark.parametrize(
    'args, error',
    [
        ({'end_time': '2040-07-01', 'time_zone': 'Mars/Olympus'}, 'InvalidTimeZone'),
        ({'end_time': '2020-07-01'}, "'2020-07-01' is read as 2020-07-01T00:00:00Z, which is in the past."),
        ({'end_time': '03/05/2040'}, "'03/05/2040' may be March 5 or May 3: write end_time as 2040-03-05 or 2040-05-03."),
        # dateparser tries 200 languages
        pytest.param({'end_time': 'soon-ish'}, "'soon-ish' is not a valid date and time.", marks=pytest.mark.slow),
        ({'start_time': '2020-01-01', 'end_time': '2020-02-01', 'time_zone': 'UTC'}, 'ErrorInvalidScheduledOofDuration'),
        ({'status': 'off'}, "'off' is not one of alwaysEnabled, scheduled, disabled. Change status."),
        ({'end_time': 'in 1 day', 'external_audience': 'some'}, "'some' is not one of none, contactsOnly, all."),
    ],
)
def test_what_cannot_be_is_an_error_and_changes_nothing(
    mail: GraphMailClient, cloud: MicrosoftCloud, args: dict[str, str], error: str
) -> None:
    before = dict(replies_of(cloud))
    assert error in error_of(mail, COMMAND, **{'status': 'scheduled', **args})
    assert replies_of(cloud) == before


def test_they_are_set_in_another_mailbox_and_shown_by_get_settings(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    run(mail, COMMAND, status='alwaysEnabled', internal_message='Away', user_id=BOB)
    assert (replies_of(cloud)['status'], replies_of(cloud, BOB)['status']) == ('disabled', 'alwaysEnabled')
    assert 'Away' in run(mail, 'msgraph-mail-get-settings', user_id=BOB, property='automaticRepliesSetting').readable_output
