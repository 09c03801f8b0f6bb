"""War rooms: what is typed, what comes of it, and what the command line offers."""

import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from bs4 import BeautifulSoup

from sandbox.tests.machine import wait_until
from sandbox.tests.xsoar.browser import Browser
from sandbox.tests.xsoar.xsoar_client import XsoarTestClient


def typed(browser: Browser, text: str) -> BeautifulSoup:
    """Return the playground after a text was typed there."""
    browser.open('/war-room')
    return browser.send('form.say', __text=text)


def texts(page: BeautifulSoup) -> list[str]:
    """Return what the entries of a page say."""
    return [each.text.strip() for each in page.select('.entry > pre, .entry > .readable, .entry > .lines')]


def sent(contents: str) -> str:
    """Return a command that answers with Markdown."""
    return f'!probe-echo text=`{contents}`'


def test_a_command_is_typed_and_its_entries_are_shown(browser: Browser, xsoar: XsoarTestClient) -> None:
    page = typed(browser, '!probe-echo text="**two** <b>words</b>"')

    assert texts(page) == ['!probe-echo text="**two** <b>words</b>"', 'echo two <b>words</b>']
    assert page.select('.entry strong')[0].text == 'two'
    assert [each.text for each in page.select('.entry .who')] == ['admin', 'probe']
    assert [each.status_code for each in browser.answer.history] == [303]
    assert '"Text": "**two**' in browser.open(f'/war-room/{xsoar.playground}/context').select_one('pre').text


@pytest.mark.parametrize(
    'text, shown, problem',
    [
        ('!probe-crash how=kill', '!probe-crash how=kill', 'signal 9'),
        ('!probe-need', '!probe-need', '!probe-need needs the argument what'),
        ('!probe-ecko x', '!probe-ecko *****', 'There is no command !probe-ecko. Did you mean !probe-echo?'),
        ('!brew-coffee', '!brew-coffee', 'There is no command !brew-coffee. Check its spelling'),
        ('!probe-echo text="open', '!probe-echo *****', 'The quote at character 18 is not closed'),
        ('!probe-echo using=nobody', '!probe-echo using=nobody', "cannot run using 'nobody'"),
        ('!help brew-coffee', '!help brew-coffee', 'There is no command !brew-coffee'),
        ('!', '!', 'A command is an exclamation mark and a name'),
    ],
)
def test_an_error_is_shown_below_what_was_typed(browser: Browser, text: str, shown: str, problem: str) -> None:
    page = typed(browser, text)

    [line, error] = page.select('.entry')
    assert line.select_one('.command').text == shown
    assert ('error' in error['class'], problem in error.select_one('[role=alert]').text) == (True, True)


def test_a_misspelled_command_shows_no_value_that_may_be_secret(browser: Browser) -> None:
    page = typed(browser, '!probe-ecko text=plain password=sesame-1 other=sesame-2 sesame-3 using=probe')

    assert texts(page)[0] == '!probe-ecko text=***** password=***** other=***** ***** using=probe'


def test_a_text_is_a_note_for_others(browser: Browser, xsoar: XsoarTestClient) -> None:
    page = typed(browser, 'two\r\nlines, see https://docs.example/a.')

    assert xsoar.entries()[0]['contents'] == 'two\nlines, see https://docs.example/a.'
    link = page.select_one('.entry a')
    assert (link['href'], link['target'], link['rel']) == ('https://docs.example/a', '_blank', ['noopener', 'noreferrer'])


def test_an_entry_is_marked_as_a_note_and_back(browser: Browser, xsoar: XsoarTestClient) -> None:
    typed(browser, 'remember this')

    browser.send('.entry form')
    assert (xsoar.entries()[0]['note'], browser.page.select_one('.entry .tag').text) == (True, 'Note')
    browser.send('.entry form')

    assert (xsoar.entries()[0]['note'], browser.page.select('.entry .tag')) == (False, [])


def test_no_entry_of_that_number_can_be_marked(browser: Browser, xsoar: XsoarTestClient) -> None:
    token = browser.open('/war-room').select_one('[name=".token"]')['value']

    answer = browser.http.post(f'{xsoar.server.url}/entries/9@{xsoar.playground}/note', data={'.token': token}, timeout=30)

    assert (answer.status_code, 'There is no entry' in answer.text) == (404, True)


@pytest.mark.parametrize('way', ['<br>', '<br/>', '<BR />'])
def test_a_line_break_in_a_cell_is_one(browser: Browser, way: str) -> None:
    page = typed(browser, sent(f'\n|A|B|\n|---|---|\n| x{way}y | z |'))

    cell = page.select_one('.readable td')
    assert (cell.get_text('/', strip=True), len(cell.select('br'))) == ('x/y', 1)


def test_each_line_of_an_entry_stands_for_itself(browser: Browser) -> None:
    page = typed(browser, sent('one\ntwo'))

    assert str(page.select_one('.readable p')) == '<p>echo one<br/>\ntwo</p>'


def test_what_others_wrote_stays_inert(browser: Browser) -> None:
    page = typed(
        browser,
        sent(
            '![seen](https://tracker.example/x.png) <img src=x onerror=y> <script>z</script> '
            '[click](javascript:alert) [data](data:text/html,x) [read](https://docs.example/?a=1&b=2) https://bare.example/c'
        ),
    )

    entry = page.select('.entry')[1]
    assert not entry.select('img, script, [onerror]')
    assert '[image: seen]' in entry.text
    links = entry.select('.readable a')
    assert [each['href'] for each in links] == ['https://docs.example/?a=1&b=2', 'https://bare.example/c']
    assert {(each['target'], tuple(each['rel'])) for each in links} == {('_blank', ('noopener', 'noreferrer'))}


def test_no_link_leads_to_the_internet_that_has_a_stand_in(browser: Browser, xsoar: XsoarTestClient) -> None:
    xsoar.server.surroundings.local_addresses['https://login.example'] = 'https://localhost:9'

    page = typed(browser, sent('[sign in](https://login.example/a) https://login.example/b'))

    assert [each['href'] for each in page.select('.readable a')] == ['https://localhost:9/a', 'https://localhost:9/b']


def test_json_is_shown_in_lines(browser: Browser) -> None:
    page = typed(browser, '!probe-platform')

    assert '\n  "name": ' in page.select_one('.entry pre.json').text


def test_an_empty_line_does_nothing(browser: Browser, xsoar: XsoarTestClient) -> None:
    typed(browser, '  ')

    assert xsoar.entries() == []


def test_files_are_sent_with_the_command_line(browser: Browser, xsoar: XsoarTestClient) -> None:
    form = browser.open('/war-room').select_one('form.say')
    data = {**browser.fields(form), '.text': '!probe-read-file entry_id=${File.EntryID}'}

    browser.http.post(browser.url, data=data, files={'.file': ('../a b.txt', b'what is in it')}, timeout=30)

    page = browser.open('/war-room')
    assert page.select_one('.file a').text == 'a b.txt'
    assert len(page.select('.digests dd')) == 3
    assert texts(page)[-1] == 'a b.txt: what is in it'
    assert xsoar.entries()[0]['fileMetadata']['size'] == 13


def test_files_can_be_downloaded(browser: Browser, xsoar: XsoarTestClient) -> None:
    xsoar.run('!probe-file name=a.html text="<script>1</script>"')
    link = browser.open('/war-room').select_one('.entry a')
    assert link

    browser.open(str(link['href']))

    assert browser.answer.content == b'<script>1</script>'
    assert re.match(r'attachment; filename=a\.html', browser.answer.headers['Content-Disposition'])


# region updates


def fragment(browser: Browser, xsoar: XsoarTestClient, number: int = 1) -> BeautifulSoup:
    return browser.open(f'/war-room/{xsoar.playground}/entries?from={number}')


def test_entries_from_a_number_on_are_a_part_of_the_page(browser: Browser, xsoar: XsoarTestClient) -> None:
    for number in range(3):
        xsoar.run(f'note {number}')

    page = fragment(browser, xsoar, 2)

    assert (texts(page), page.select('html, header, [data-busy]')) == (['note 1', 'note 2'], [])
    assert browser.open('/war-room').select_one('#entries')['data-source'].endswith('/entries?from=1')


def test_a_command_that_runs_is_shown(browser: Browser, xsoar: XsoarTestClient) -> None:
    thread = threading.Thread(target=xsoar.run, args=('!probe-crash how=hang execution-timeout=2',))
    thread.start()

    wait_until(lambda: fragment(browser, xsoar).select('#running'))
    assert texts(fragment(browser, xsoar)) == ['!probe-crash how=hang execution-timeout=2']
    thread.join()

    assert not fragment(browser, xsoar).select('#running, [data-busy]')


def test_a_command_that_runs_again_says_when(start: Callable[..., XsoarTestClient]) -> None:
    xsoar = start(second=100)
    xsoar.add()
    browser = Browser(xsoar.server.url)
    browser.sign_in(xsoar.server.api_key)

    page = typed(browser, '!probe-poll left=1')

    assert re.fullmatch(r'Runs again in (9\d\d|1000) s', page.select_one('.typed .running').text)
    assert page.select('[data-busy]')


# endregion
# region pages


def test_older_entries_are_on_older_pages(browser: Browser, xsoar: XsoarTestClient) -> None:
    for number in range(1, 121):
        xsoar.run(f'note {number}')

    shown = [texts(browser.open('/war-room'))]
    while link := browser.page.select_one('.pager a:-soup-contains("Older")'):
        shown.append(texts(browser.open(str(link['href']))))
        assert not browser.page.select('form.say, [data-source]')

    assert [len(each) for each in shown] == [50, 50, 20]
    assert [each for page in reversed(shown) for each in page] == [f'note {number}' for number in range(1, 121)]
    assert browser.open(str(browser.page.select_one('.pager a')['href'])).select('form.say')


# endregion
# region help and completion


def test_help_lists_the_commands_of_enabled_instances(browser: Browser, xsoar: XsoarTestClient) -> None:
    page = typed(browser, '!help')

    rows = {row.select('td')[0].text: row.select('td')[1].text for row in page.select('.readable tbody tr')}
    assert rows['!probe-echo'] == 'Answers with its arguments.'
    assert rows['!help'] == 'Lists the commands, or explains one.'
    xsoar.call('PUT', '/settings/integration', {**xsoar.instance(), 'enabled': 'false'})

    assert '!probe-echo' not in typed(browser, '!help').select('.entry')[-1].text


@pytest.mark.parametrize('text', ['!help probe-echo', '!help command=probe-echo', '!help !probe-echo'])
def test_help_explains_a_command(browser: Browser, text: str) -> None:
    page = typed(browser, text)

    rows = [[cell.text for cell in row.select('td')] for row in page.select('.readable tbody tr')]
    assert rows[:3] == [
        ['text', 'A text.', 'no', '-'],
        ['id', 'An id.', 'no', 'default 1'],
        ['colour', 'A colour.', 'no', 'red, green'],
    ]


def test_the_command_line_knows_commands_arguments_and_choices(browser: Browser, xsoar: XsoarTestClient) -> None:
    xsoar.add('second')
    xsoar.add('off', enabled=False)

    commands: list[dict[str, Any]] = browser.http.get(f'{xsoar.server.url}/commands', timeout=30).json()

    echo = next(each for each in commands if each['name'] == 'probe-echo')
    arguments = {each['name']: each for each in echo['arguments']}
    own_arguments = ['text', 'id', 'colour', 'password']
    assert (echo['description'], list(arguments)) == (
        'Answers with its arguments.',
        [*own_arguments, 'using', 'debug-mode', 'execution-timeout', 'raw-response', 'extend-context', 'ignore-outputs'],
    )
    assert (arguments['colour']['options'], arguments['using']['options']) == (['red', 'green'], ['probe', 'second'])
    assert [each['name'] for each in echo['arguments'] if each.get('secret')] == ['password']
    own = ['DeleteContext', 'help', 'Print']
    assert [each['name'] for each in commands if each['name'] in own] == own


# endregion


def test_a_missing_war_room_says_so(browser: Browser) -> None:
    browser.open(f'/war-room/{quote("no such room")}')

    assert (browser.answer.status_code, 'There is no investigation' in browser.problem()) == (404, True)
