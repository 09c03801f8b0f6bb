"""The address at which a user signs in: that of the cloud, with every value encoded."""

from urllib.parse import parse_qs, urlsplit

import pytest

import demistomock as demisto
from MicrosoftApiModule import AUTHORIZATION_CODE, MicrosoftClient, start_browser_sign_in
from MicrosoftCoreApiModule import AZURE_CLOUDS, AZURE_WORLDWIDE_CLOUD, AzureCloud, CredentialError

CLIENT = '11111111-2222-4333-8444-555555555555'
TENANT = 'contoso.example'


@pytest.fixture(autouse=True)
def a_new_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demisto, 'integrationContext', {})


def login_url(
    redirect_uri: str = 'https://localhost/myapp',
    cloud: AzureCloud = AZURE_WORLDWIDE_CLOUD,
    scope: str = 'https://graph.microsoft.com/Mail.Read',
    permissions: tuple[str, ...] = (),
) -> str:
    return start_browser_sign_in(
        MicrosoftClient(
            self_deployed=True,
            auth_id=CLIENT,
            tenant_id=TENANT,
            enc_key='a~secret',
            grant_type=AUTHORIZATION_CODE,
            redirect_uri=redirect_uri,
            azure_cloud=cloud,
            scope=scope,
        ),
        permissions,
    )


def test_the_redirect_uri_is_encoded_in_the_login_url() -> None:
    redirect_uri = 'https://soar.example/back?a=1&b=x y#c'
    url = urlsplit(login_url(redirect_uri))
    assert (parse_qs(url.query)['redirect_uri'], url.fragment) == ([redirect_uri], '')
    assert 'redirect_uri=https%3A%2F%2Fsoar.example%2Fback%3Fa%3D1%26b%3D' in url.query


def test_no_sign_in_starts_with_a_redirect_uri_that_is_not_a_full_address() -> None:
    with pytest.raises(CredentialError, match=r'The application redirect URI is not a full address\. Enter it'):
        login_url('localhost/myapp')
    assert demisto.getIntegrationContext() == {}


@pytest.mark.parametrize(
    'abbreviation, host',
    [
        ('com', 'login.microsoftonline.com'),
        ('gcc-high', 'login.microsoftonline.us'),
        ('dod', 'login.microsoftonline.us'),
        ('cn', 'login.partner.microsoftonline.cn'),
    ],
)
def test_the_login_url_is_that_of_the_cloud(abbreviation: str, host: str) -> None:
    assert login_url(cloud=AZURE_CLOUDS[abbreviation]).startswith(f'https://{host}/{TENANT}/oauth2/v2.0/authorize?')


GRAPH = 'https://graph.microsoft.com'
GRAPH_ID = '00000003-0000-0000-c000-000000000000'


@pytest.mark.parametrize(
    'permissions, scope',
    [
        (('Mail.Read',), f'{GRAPH}/Mail.Read offline_access'),
        ((f'{GRAPH_ID}/Mail.Read',), f'{GRAPH_ID}/Mail.Read offline_access'),
        ((f'{GRAPH}/Mail.Read', 'Mail.Send'), f'{GRAPH}/Mail.Read {GRAPH}/Mail.Send offline_access'),
        (('Mail.Read Mail.Send',), f'{GRAPH}/Mail.Read {GRAPH}/Mail.Send offline_access'),
        (('offline_access', 'User.Read'), f'offline_access {GRAPH}/User.Read'),
        (('api://1b2c3d4e-0001-4a5b-8c7d-9e0f1a2b3c4d/Mail',), 'api://1b2c3d4e-0001-4a5b-8c7d-9e0f1a2b3c4d/Mail offline_access'),
    ],
)
def test_permissions_are_of_the_resource_unless_they_name_one(permissions: tuple[str, ...], scope: str) -> None:
    assert parse_qs(urlsplit(login_url(permissions=permissions)).query)['scope'] == [scope]


LOG_ANALYTICS = 'https://api.loganalytics.io/Data.Read https://management.azure.com/user_impersonation'


@pytest.mark.parametrize(
    'scope',
    [
        LOG_ANALYTICS,
        LOG_ANALYTICS.replace(' ', '%20'),
        'https%3A%2F%2Fapi.loganalytics.io%2FData.Read+https%3A%2F%2Fmanagement.azure.com%2Fuser_impersonation',
        'https%3a%2f%2fapi.loganalytics.io%2fData.Read%20https%3a%2f%2fmanagement.azure.com%2fuser_impersonation',
        LOG_ANALYTICS.replace(' ', '%20') + ' offline_access',
    ],
)
def test_a_scope_is_encoded_once(scope: str) -> None:
    asked = parse_qs(urlsplit(login_url(scope=scope)).query)['scope'][0]
    assert sorted(asked.split()) == sorted([*LOG_ANALYTICS.split(), 'offline_access'])
