"""Changed parameters never use the token of the old ones, and a reset deletes all tokens."""

import re

import pytest

import authentication_methods
from demo.administrator import Administrator, CommandFailed
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.samples import FABRIKAM

TEST = '!msgraph-mail-auth-test'
LINK = re.compile(r'\]\((https://[^)]+)\)')


def secret(value: str) -> dict[str, str]:
    return {'identifier': '', 'password': value}


@pytest.fixture
def signed_in(cloud: MicrosoftCloud, administrator: Administrator) -> str:
    """Return the name of an instance with a client secret and a valid token."""
    administrator.add_instance('Changed', authentication_methods.client_secret(cloud))
    administrator.run(TEST, 'Changed')
    cloud.requests.clear()
    return 'Changed'


def redirect_url(administrator: Administrator, cloud: MicrosoftCloud, instance: str, user: str) -> str:
    """Return the address to which the browser of a user is redirected after signing in for an instance."""
    link = LINK.search(administrator.run('!msgraph-mail-generate-login-url', instance))
    assert link
    return Browser(cloud, user).sign_in(link.group(1))


def test_valid_token_is_used_without_a_request(signed_in: str, cloud: MicrosoftCloud, administrator: Administrator) -> None:
    administrator.run(TEST, signed_in)
    assert cloud.requests.of('entra') == []


def test_changed_secret_requests_a_token(signed_in: str, cloud: MicrosoftCloud, administrator: Administrator) -> None:
    administrator.change_instance(signed_in, {'creds_enc_key': secret('S8Q~not-the-secret-of-this-application')})
    with pytest.raises(CommandFailed, match='AADSTS7000215'):
        administrator.run(TEST, signed_in)
    assert cloud.requests.of('graph') == []


def test_changed_tenant_requests_a_token_of_that_tenant(
    signed_in: str, cloud: MicrosoftCloud, administrator: Administrator
) -> None:
    administrator.change_instance(signed_in, {'creds_refresh_token': secret(FABRIKAM)})
    with pytest.raises(CommandFailed, match='AADSTS700016'):
        administrator.run(TEST, signed_in)
    assert [record.path for record in cloud.requests] == [f'/{FABRIKAM}/oauth2/v2.0/token']


def test_changed_client_requests_its_own_token(signed_in: str, cloud: MicrosoftCloud, administrator: Administrator) -> None:
    web = cloud.directory.application('web')
    administrator.change_instance(signed_in, {'creds_auth_id': secret(web.client_id), 'creds_enc_key': secret(web.secret)})
    with pytest.raises(CommandFailed, match='Graph refused'):  # this application has no application permission
        administrator.run(TEST, signed_in)
    assert len(cloud.requests.of('entra', 'token')) == 1


def test_new_code_signs_in_the_other_user(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    administrator.add_instance('Pasted', authentication_methods.authorization_code(cloud))
    for user in ('ada@contoso.example', 'bob@contoso.example'):
        pasted = redirect_url(administrator, cloud, 'Pasted', user)
        administrator.change_instance('Pasted', {'creds_auth_code': secret(pasted)})
        for _ in range(2):  # the second time the code is used up, and what it brought is there
            assert user in administrator.run(TEST, 'Pasted')
    assert len(cloud.requests.of('entra', 'token')) == 2


def test_sign_in_of_another_user_replaces_the_first(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    administrator.add_instance('Replaced', authentication_methods.authorization_code(cloud))
    for user in ('ada@contoso.example', 'bob@contoso.example'):
        redirected_to = redirect_url(administrator, cloud, 'Replaced', user)
        administrator.run(f'!msgraph-mail-auth-complete code="{redirected_to}"', 'Replaced')
        assert user in administrator.run(TEST, 'Replaced')


def test_redirect_url_of_another_sign_in_is_rejected(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    administrator.add_instance('Mixed up', authentication_methods.authorization_code(cloud))
    of_before = redirect_url(administrator, cloud, 'Mixed up', 'ada@contoso.example')
    redirect_url(administrator, cloud, 'Mixed up', 'ada@contoso.example')
    cloud.requests.clear()
    with pytest.raises(CommandFailed, match='belongs to another sign-in'):
        administrator.run(f'!msgraph-mail-auth-complete code="{of_before}"', 'Mixed up')
    assert len(cloud.requests) == 0


def test_reset_deletes_the_session(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    administrator.add_instance('Reset', authentication_methods.authorization_code(cloud))
    redirected_to = redirect_url(administrator, cloud, 'Reset', 'ada@contoso.example')
    administrator.run(f'!msgraph-mail-auth-complete code="{redirected_to}"', 'Reset')
    administrator.run('!msgraph-mail-auth-reset', 'Reset')
    cloud.requests.clear()
    with pytest.raises(CommandFailed, match='!msgraph-mail-auth-start'):
        administrator.run(TEST, 'Reset')
    assert len(cloud.requests) == 0
