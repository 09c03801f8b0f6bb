"""The address at which a user signs in: that of the cloud, with every value encoded."""

from urllib.parse import parse_qs, urlsplit

import pytest

import demistomock as demisto
from MicrosoftApiModule import AUTHORIZATION_CODE, MicrosoftClient, start_browser_sign_in
from MicrosoftCoreApiModule import AZURE_CLOUDS, AZURE_WORLDWIDE_CLOUD, AzureCloud

CLIENT = '11111111-2222-4333-8444-555555555555'
TENANT = 'contoso.example'


@pytest.fixture(autouse=True)
def a_new_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demisto, 'integrationContext', {})


def login_url(redirect_uri: str = 'https://localhost/myapp', cloud: AzureCloud = AZURE_WORLDWIDE_CLOUD) -> str:
    return start_browser_sign_in(
        MicrosoftClient(
            self_deployed=True,
            auth_id=CLIENT,
            tenant_id=TENANT,
            enc_key='a~secret',
            grant_type=AUTHORIZATION_CODE,
            redirect_uri=redirect_uri,
            azure_cloud=cloud,
            scope='https://graph.microsoft.com/Mail.Read',
        )
    )


def test_the_redirect_uri_is_encoded_in_the_login_url() -> None:
    redirect_uri = 'https://soar.example/back?a=1&b=x y#c'
    url = urlsplit(login_url(redirect_uri))
    assert (parse_qs(url.query)['redirect_uri'], url.fragment) == ([redirect_uri], '')
    assert 'redirect_uri=https%3A%2F%2Fsoar.example%2Fback%3Fa%3D1%26b%3D' in url.query


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
