"""The pages where people sign in, as a browser sees them."""

from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.microsoft.browser import Browser, SignInRefused
from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import Application, User
from sandbox.microsoft.samples import REDIRECT_URI
from sandbox.tests.microsoft.clients import HttpClient, WebAppClient


def query_of(url: str) -> dict[str, str]:
    assert url.startswith(REDIRECT_URI + '?')
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_redirect_carries_code_and_state(web_app: WebAppClient, cloud: MicrosoftCloud) -> None:
    query = query_of(Browser(cloud, 'ada@contoso.example').sign_in(web_app.authorize_url()))
    assert set(query) == {'code', 'state', 'session_state'}
    assert query['state'] == 'some-state'


def test_consent_is_asked_once(web_app: WebAppClient, cloud: MicrosoftCloud) -> None:
    ada = Browser(cloud, 'ada@contoso.example')
    ada.sign_in(web_app.authorize_url())
    cloud.requests.clear()
    ada.sign_in(web_app.authorize_url())
    assert [record.path for record in cloud.requests][-1] == '/login'
    ada.sign_in(web_app.authorize_url(prompt='consent'))
    assert [record.path for record in cloud.requests][-1] == '/consent'


def test_consent_page_lists_the_permissions(web_app: WebAppClient, http: HttpClient, ada: User) -> None:
    page = http.get(web_app.authorize_url()).text
    flow = page.split('name="flow" value="')[1].split('"')[0]
    asked = http.post(
        f'{web_app.cloud.authority}/login', {'flow': flow, 'username': ada.user_principal_name, 'password': ada.password}
    ).text
    for name in ('openid', 'offline_access', 'User.Read', 'Mail.ReadWrite'):
        assert f'({name})' in asked
    assert 'Mail.Send' not in asked


def test_tenant_wide_consent_spares_the_page(web_app: WebAppClient, cloud: MicrosoftCloud) -> None:
    web_app.web.tenant_wide_consent = True
    Browser(cloud, 'bob@contoso.example').sign_in(web_app.authorize_url())
    assert '/consent' not in [record.path for record in cloud.requests]


def test_declined_consent_is_told_to_the_client(web_app: WebAppClient, cloud: MicrosoftCloud) -> None:
    query = query_of(Browser(cloud, 'ada@contoso.example').sign_in(web_app.authorize_url(), accept=False))
    assert (query['error'], query['state']) == ('access_denied', 'some-state')
    assert query['error_description'].startswith('AADSTS65004: ')


@pytest.mark.parametrize(
    'user, password, number',
    [
        ('ada@contoso.example', 'wrong', 50126),
        ('left@contoso.example', None, 50057),
        ('eve@fabrikam.example', None, 50020),
    ],
)
def test_sign_in_is_refused_on_the_page(
    web_app: WebAppClient, cloud: MicrosoftCloud, user: str, password: str | None, number: int
) -> None:
    with pytest.raises(SignInRefused, match=f'AADSTS{number}: '):
        Browser(cloud, user, password).sign_in(web_app.authorize_url())


def test_unknown_user_is_refused_on_the_page(web_app: WebAppClient, cloud: MicrosoftCloud) -> None:
    with pytest.raises(LookupError, match='The directory has no user "nobody'):
        Browser(cloud, 'nobody@contoso.example')
    bob = Browser(cloud, 'bob@contoso.example')
    cloud.directory.users = [known for known in cloud.directory.users if known.display_name != 'Bob Okafor']
    with pytest.raises(SignInRefused, match='AADSTS50034: '):
        bob.sign_in(web_app.authorize_url())


@pytest.mark.parametrize(
    'changes, number',
    [
        ({'redirect_uri': REDIRECT_URI + '/'}, 50011),
        ({'redirect_uri': 'https://evil.example/'}, 50011),
        ({'client_id': ''}, 900144),
        ({'client_id': 'abc'}, 700016),
        ({'tenant': 'nowhere.example'}, 90002),
    ],
)
def test_what_cannot_be_told_to_the_client_is_shown(
    web_app: WebAppClient, http: HttpClient, changes: dict[str, str], number: int
) -> None:
    answer = http.get(web_app.authorize_url(**changes))
    assert answer.status_code == 400
    assert f'AADSTS{number}: ' in answer.text
    assert 'Correlation ID: ' in answer.text


def test_application_without_redirect_uri(web_app: WebAppClient, http: HttpClient, daemon: Application) -> None:
    assert 'AADSTS900971: ' in http.get(web_app.authorize_url(client_id=daemon.client_id, redirect_uri='')).text


@pytest.mark.parametrize(
    'changes, error, number',
    [
        ({'response_type': 'token'}, 'unsupported_response_type', 70005),
        ({'response_mode': 'fragment'}, 'invalid_request', 70007),
        ({'scope': ''}, 'invalid_scope', 70011),
        ({'scope': 'Mail.Burn'}, 'invalid_scope', 70011),
        ({'resource': 'https://x'}, 'invalid_request', 901002),
        ({'code_challenge_method': 'plain'}, 'invalid_request', 50147),
        ({'code_challenge': 'short'}, 'invalid_request', 50147),
        ({'prompt': 'none'}, 'login_required', 50058),
    ],
)
def test_wrong_request_is_told_to_the_client(
    web_app: WebAppClient, http: HttpClient, changes: dict[str, str], error: str, number: int
) -> None:
    answer = http.get(web_app.authorize_url(**changes))
    assert answer.status_code == 302
    query = query_of(answer.headers['Location'])
    assert (query['error'], query['state']) == (error, 'some-state')
    assert query['error_description'].startswith(f'AADSTS{number}: ')


def test_plain_challenge_where_the_registration_allows_it(web_app: WebAppClient) -> None:
    web_app.web.code_challenge_methods = ('S256', 'plain')
    verifier = 'p' * 43
    code = web_app.code(code_challenge=verifier, code_challenge_method='plain')
    assert web_app.redeem(code=code, code_verifier=verifier).status_code == 200


def test_default_scope_needs_a_registered_permission(web_app: WebAppClient, cloud: MicrosoftCloud) -> None:
    web_app.web.delegated_permissions = ['User.Read']
    with pytest.raises(SignInRefused, match='AADSTS650057: '):
        web_app.code(scope=f'{cloud.resource_manager}/.default')


def test_permission_that_only_administrators_may_grant(web_app: WebAppClient) -> None:
    with pytest.raises(SignInRefused, match='AADSTS90094: '):
        web_app.code(scope='User.Read.All')
    assert web_app.redeem(code=web_app.code('admin@contoso.example', scope='User.Read.All')).status_code == 200


@pytest.mark.parametrize('prompt', ['', 'select_account'])
def test_login_hint_fills_the_form(web_app: WebAppClient, http: HttpClient, prompt: str) -> None:
    page = http.get(web_app.authorize_url(login_hint='ada@contoso.example', prompt=prompt)).text
    assert 'value="ada@contoso.example"' in page


def test_visit_that_has_ended(cloud: MicrosoftCloud, http: HttpClient) -> None:
    for path in ('/login', '/consent'):
        assert 'AADSTS50089: ' in http.post(cloud.authority + path, {'flow': 'gone'}).text


def test_nobody_consents_before_signing_in(web_app: WebAppClient, http: HttpClient) -> None:
    flow = http.get(web_app.authorize_url()).text.split('name="flow" value="')[1].split('"')[0]
    assert 'AADSTS50058: ' in http.post(f'{web_app.cloud.authority}/consent', {'flow': flow, 'decision': 'accept'}).text


def test_pages_show_text_as_text(web_app: WebAppClient, http: HttpClient) -> None:
    web_app.web.display_name = '<script>alert(1)</script>'
    page = http.get(web_app.authorize_url(login_hint='"><script>')).text
    assert '<script>' not in page


def test_error_page_explains_a_number(cloud: MicrosoftCloud, http: HttpClient) -> None:
    assert 'The client secret is wrong.' in http.get(f'{cloud.authority}/error?code=7000215').text
    assert http.get(f'{cloud.authority}/error?code=1').status_code == 404
    assert http.get(f'{cloud.authority}/error?code=x').status_code == 404


class Labels(HTMLParser):
    """IDs of the fields of a page, and of the fields that labels name."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: set[str] = set()
        self.labelled: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == 'input' and values.get('type') != 'hidden':
            self.fields.add(values.get('id') or '')
        elif tag == 'label':
            self.labelled.add(values.get('for') or '')


def test_every_field_has_a_label(web_app: WebAppClient, http: HttpClient) -> None:
    for url in (web_app.authorize_url(), f'{web_app.cloud.authority}/devicelogin'):
        page = Labels(http.get(url).text)
        assert page.fields
        assert page.fields == page.labelled
