"""War rooms in a browser."""

import re

from sandbox.tests.xsoar.browser import Browser
from sandbox.tests.xsoar.desk import Desk


def test_a_command_is_typed_and_its_entries_are_shown(browser: Browser) -> None:
    browser.open('/war-room')

    browser.send('form.say', __text='!probe-echo text="**two** <b>words</b>"')

    entries = browser.page.select('.entry')
    assert [each.select('pre, .readable')[0].text.strip() for each in entries] == [
        '!probe-echo text="**two** <b>words</b>"',
        'echo two <b>words</b>',
    ]
    assert entries[1].select('strong')[0].text == 'two'
    assert '"Text": "**two**' in browser.page.select('details pre')[0].text


def test_an_error_stands_out(browser: Browser) -> None:
    browser.open('/war-room')

    browser.send('form.say', __text='!probe-crash how=kill')

    assert 'signal 9' in browser.page.select('.entry.error')[0].text


def test_an_empty_line_does_nothing(browser: Browser, desk: Desk) -> None:
    browser.open('/war-room')

    browser.send('form.say', __text='  ')

    assert desk.entries() == []


def test_files_can_be_downloaded(browser: Browser, desk: Desk) -> None:
    desk.run('!probe-file name=a.html text="<script>1</script>"')
    link = browser.open('/war-room').select_one('.entry a')
    assert link

    browser.open(str(link['href']))

    assert browser.answer.content == b'<script>1</script>'
    assert re.match(r'attachment; filename=a\.html', browser.answer.headers['Content-Disposition'])
