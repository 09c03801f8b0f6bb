"""The war room and the form of an instance with their scripts: completion, history, updates, the Test button."""

import re

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from authentication_methods import client_secret
from demo.administrator import Administrator
from sandbox.servers import Sandbox


@pytest.fixture
def line(xsoar: Page, sandbox: Sandbox, administrator: Administrator) -> Locator:
    """The command line of the playground, with one instance to run on."""
    sandbox.cloud.reset()
    administrator.add_instance('Client secret', client_secret(sandbox.cloud))
    xsoar.get_by_role('link', name='War Room').click()
    line = xsoar.get_by_label('Command or note')
    with xsoar.expect_response('**/commands'):
        xsoar.reload()
    return line


def suggestions(page: Page) -> list[str]:
    return [each.inner_text() for each in page.locator('#choices li .mono').all()]


def test_commands_arguments_and_choices_are_completed(xsoar: Page, line: Locator) -> None:
    line.press_sequentially('!auth-te')
    expect(xsoar.locator('#choices li')).to_have_count(1)
    line.press('Tab')
    expect(line).to_have_value('!msgraph-mail-auth-test ')
    line.press_sequentially('usi')
    line.press('Tab')
    line.press('Tab')
    expect(line).to_have_value('!msgraph-mail-auth-test using="Client secret" ')
    line.fill('')
    line.press_sequentially('!msgraph-mail-list-emails all_results=t')
    line.press('ArrowDown')
    line.press('Enter')

    expect(line).to_have_value('!msgraph-mail-list-emails all_results=true ')
    assert 'all_results=' not in suggestions(xsoar)
    assert 'folder_id=' in suggestions(xsoar)
    line.press('Escape')
    expect(xsoar.locator('#choices')).to_be_hidden()


def test_a_chosen_suggestion_is_told_to_screen_readers(xsoar: Page, line: Locator) -> None:
    line.press_sequentially('!msgraph')
    line.press('ArrowDown')
    line.press('ArrowDown')

    chosen = line.get_attribute('aria-activedescendant')
    expect(xsoar.locator(f'#{chosen}')).to_have_attribute('aria-selected', 'true')
    assert xsoar.locator('[aria-selected=true]').count() == 1


def test_entries_appear_without_reloading_and_the_line_remembers(xsoar: Page, line: Locator) -> None:
    xsoar.evaluate('window.stayed = true')
    for text in ('!msgraph-mail-auth-test using="Client secret"', '!brew-coffee'):
        line.fill(text)
        line.press('Enter')
        expect(line).to_have_value('')
    expect(xsoar.get_by_text('There is no command !brew-coffee').last).to_be_visible()
    expect(xsoar.get_by_text('Self-deployed application, client secret').last).to_be_visible()
    assert xsoar.evaluate('window.stayed') is True

    line.press('ArrowUp')
    expect(line).to_have_value('!brew-coffee')
    line.press('ArrowUp')
    expect(line).to_have_value('!msgraph-mail-auth-test using="Client secret"')
    line.press('ArrowDown')
    line.press('ArrowDown')

    expect(line).to_have_value('')


def test_a_line_with_a_secret_is_not_remembered(xsoar: Page, line: Locator) -> None:
    line.fill('!msgraph-mail-auth-complete code=a-code-that-is-secret')
    line.press('Enter')
    expect(line).to_have_value('')

    line.press('ArrowUp')

    assert 'a-code-that-is-secret' not in line.input_value()
    assert 'a-code-that-is-secret' not in xsoar.evaluate('JSON.stringify(sessionStorage)')


def test_a_value_may_have_several_lines(xsoar: Page, line: Locator) -> None:
    line.press_sequentially('a note')
    line.press('Shift+Enter')
    line.press_sequentially('in two lines')
    line.press('Enter')

    expect(xsoar.get_by_text(re.compile('a note\nin two lines')).last).to_be_visible()


def test_files_are_attached(xsoar: Page, line: Locator) -> None:
    xsoar.locator('#file').set_input_files({'name': 'evidence.txt', 'mimeType': 'text/plain', 'buffer': b'1234'})
    expect(xsoar.get_by_text('Run sends evidence.txt.')).to_be_visible()

    xsoar.get_by_role('button', name='Run').click()

    expect(xsoar.get_by_role('link', name='evidence.txt').last).to_be_visible()


def test_what_was_opened_or_typed_stays_while_entries_come(xsoar: Page, line: Locator, administrator: Administrator) -> None:
    line.fill('!half a line')
    xsoar.locator('#entries').evaluate('each => { each.firstElementChild.seen = true; }')

    administrator.run('!msgraph-mail-auth-test', 'Client secret')

    expect(xsoar.locator('.entry').last.get_by_text('Signed in')).to_be_visible()
    expect(line).to_have_value('!half a line')
    assert xsoar.locator('#entries').evaluate('each => each.firstElementChild.seen') is True


def test_the_test_button_shows_progress_and_result_and_keeps_the_form(xsoar: Page, sandbox: Sandbox) -> None:
    sandbox.cloud.reset()
    xsoar.get_by_role('link', name='Add instance').click()
    xsoar.locator('#name').fill('Never saved')
    xsoar.locator('#p-creds_enc_key-password').fill('typed once')
    sandbox.cloud.faults.add(service='token-service', delay=1.0)

    xsoar.get_by_role('button', name='Test', exact=True).click()

    expect(xsoar.get_by_text(re.compile('Testing, . s')).or_(xsoar.get_by_role('alert'))).to_be_visible()
    expect(xsoar.get_by_role('alert')).to_be_visible()
    assert xsoar.locator('#name').input_value() == 'Never saved'
    xsoar.locator('#name').fill('')
    xsoar.get_by_role('button', name='Save').click()

    expect(xsoar.get_by_role('alert')).to_contain_text('The instance has no name')
    assert xsoar.locator('#p-creds_enc_key-password').input_value() == 'typed once'
    xsoar.goto(f'{sandbox.server.url}/integrations')
    assert xsoar.get_by_text('Never saved').count() == 0


def test_a_mail_can_do_nothing(xsoar: Page, sandbox: Sandbox) -> None:
    fields = {'emailhtml': '<p>Hello</p><script>top.document.title = "taken"</script><form action="/"><button>Go</button></form>'}
    answer = requests.post(
        f'{sandbox.server.url}/incident',
        json={'name': 'Trap', 'CustomFields': fields},
        headers={'Authorization': sandbox.server.api_key},
        timeout=30,
    )
    number = answer.json()['id']

    xsoar.goto(f'{sandbox.server.url}/incidents/{number}')

    frame = xsoar.frame_locator('iframe.mail')
    frame.get_by_role('button', name='Go').click()
    expect(frame.get_by_text('Hello')).to_be_visible()
    assert 'taken' not in xsoar.title()
