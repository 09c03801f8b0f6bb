"""The output of commands of a signed-in instance."""

from typing import Any

import pytest

import authentication_methods
from authentication_methods import AUTHORIZATION_CODE, CLIENT_SECRET, CORTEX_APP, VM_USER_ASSIGNED, AuthenticationMethod
from demo.administrator import Administrator
from demo.method_check import MethodCheck
from e2e.war_room import WarRoom, texts
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.browser import Browser
from sandbox.tests.machine import wait_until


def sign_in(method: AuthenticationMethod, cloud: MicrosoftCloud, administrator: Administrator) -> dict[str, Any]:
    """Sign in with that method, and return what auth-test put into the context."""
    assert MethodCheck(method, cloud, administrator).run().problems == []
    return dict(administrator.context('MSGraphMailAuth'))


def test_first_page_of_emails(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    administrator.add_instance('Mail', authentication_methods.client_secret(cloud))
    shown = administrator.run('!msgraph-mail-list-emails page_size=3', 'Mail')
    *emails, link = administrator.context('MSGraphMail')
    assert [email['Subject'] for email in emails] == ['Report 1', 'Report 2', 'Report 3']
    assert all(email['Subject'] in shown for email in emails)
    assert link['NextPage'].startswith(cloud.graph)


def test_all_pages_of_emails(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    administrator.add_instance('Mail', authentication_methods.client_secret(cloud))
    administrator.run('!msgraph-mail-list-emails page_size=10 pages_to_pull=5', 'Mail')
    assert len(administrator.context('MSGraphMail')) == 25
    assert [one.method for one in cloud.requests.of('graph')] == ['GET', 'GET', 'GET', 'POST']  # the last for names of folders


@pytest.mark.parametrize(
    'method, shown',
    [
        (CORTEX_APP, 'Cortex XSOAR application'),
        (AUTHORIZATION_CODE, 'Self-deployed application, authorization code'),
    ],
)
def test_auth_test_shows_the_signed_in_user(
    cloud: MicrosoftCloud, administrator: Administrator, method: AuthenticationMethod, shown: str
) -> None:
    told = sign_in(method, cloud, administrator)
    assert (told['AuthenticationMethod'], told['Account'], told['MissingPermissions']) == (shown, authentication_methods.ADA, [])


def test_auth_test_shows_the_application(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    told = sign_in(CLIENT_SECRET, cloud, administrator)
    daemon = cloud.directory.application('daemon')
    assert (told['AuthenticationMethod'], told['ClientID']) == ('Self-deployed application, client secret', daemon.client_id)
    assert (told['TenantID'], told['Mailbox']) == (daemon.tenant_id, authentication_methods.ADA)


def test_auth_test_shows_the_managed_identity(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    told = sign_in(VM_USER_ASSIGNED, cloud, administrator)
    identity = cloud.directory.managed_identity('soar-engine')
    assert (told['AuthenticationMethod'], told['ClientID']) == ('Azure managed identity', identity.client_id)


def test_the_older_name_of_auth_test_works(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    administrator.add_instance('Older', authentication_methods.client_secret(cloud))
    assert administrator.run('!msgraph-mail-test', 'Older') == administrator.run('!msgraph-mail-auth-test', 'Older')


def test_device_code_waits_until_it_was_entered(cloud: MicrosoftCloud, administrator: Administrator, war_room: WarRoom) -> None:
    """auth-complete comes first: the platform runs it again until the user has signed in."""
    cloud.directory.device_code_interval = 1
    administrator.add_instance('Waiting', authentication_methods.device_code(cloud))
    told = administrator.run('!msgraph-mail-auth-start', 'Waiting')
    address, code = told.split('](')[1].split(')')[0], told.split('**')[1]
    before = len(war_room.entries())
    assert 'Waiting' in administrator.run('!msgraph-mail-auth-complete', 'Waiting')
    Browser(cloud, 'ada@contoso.example').enter_device_code(address, code)
    wait_until(lambda: 'sign-in is complete' in texts(war_room.entries()[before:]))
    assert 'ada@contoso.example' in administrator.run('!msgraph-mail-auth-test', 'Waiting')
