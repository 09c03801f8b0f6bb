"""The directory and the mailboxes that a new local cloud starts with."""

import secrets
from collections.abc import Callable

from sandbox.microsoft.certificates import certificate
from sandbox.microsoft.defender.model import Alert, Machine
from sandbox.microsoft.entra.model import Application, Directory, ManagedIdentity, Secret, Tenant, User
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.microsoft.resource_manager.model import Subscription

CONTOSO = '7d9a4b0e-52c1-4f3a-9a67-0c5d1e8f2b34'
FABRIKAM = 'c0ffee5a-1b2d-4e3f-8a9b-6c7d8e9f0a1b'
SUBSCRIPTION = '5ab5c3d1-90e2-4a7e-8c55-2f4b6d8e0a12'
REDIRECT_URI = 'https://localhost/myapp'
CORTEX_CALLBACK_PATH = '/callback'

DELEGATED = ['offline_access', 'User.Read', 'Mail.ReadWrite', 'Mail.Send', 'MailboxSettings.ReadWrite']
APPLICATION = ['Mail.ReadWrite', 'Mail.Send', 'MailboxSettings.ReadWrite']
DEFENDER = ['Alert.Read.All', 'Machine.Read.All']


def default_directory(token_service: str = '') -> Directory:
    """Return a fresh directory: two tenants, the applications of each authentication method, users, managed identities.

    Args:
        token_service: base URL of the Cortex app's token service, where its applications are redirected to.
    """
    return Directory(
        tenants=[
            Tenant(tenant_id=CONTOSO, domain='contoso.example', display_name='Contoso'),
            Tenant(tenant_id=FABRIKAM, domain='fabrikam.example', display_name='Fabrikam'),
        ],
        applications=[*self_deployed_applications(), *cortex_applications(token_service)],
        users=sample_users(),
        managed_identities=sample_managed_identities(),
    )


def sample_subscriptions(directory: Directory) -> list[Subscription]:
    """Return one subscription, which every principal of Contoso may see."""
    readers = {
        principal.object_id
        for principal in (*directory.users, *directory.applications, *directory.managed_identities)
        if principal.tenant_id == CONTOSO
    }
    return [Subscription(subscription_id=SUBSCRIPTION, display_name='Contoso security', tenant_id=CONTOSO, readers=readers)]


def self_deployed_applications() -> list[Application]:
    """Return the apps of Contoso.

    For mail: ``web`` (authorization code), ``daemon`` (client credentials), ``device`` (device code). For endpoint alerts:
    ``defender`` (client credentials). For the users of the tenant: ``directory`` (device code).
    """
    return [
        Application(
            name='web',
            display_name='SOAR mail',
            tenant_id=CONTOSO,
            client_id='1b2c3d4e-0001-4a5b-8c7d-9e0f1a2b3c4d',
            secrets=[Secret(value=_secret())],
            certificates=[certificate('soar-web')],
            redirect_uris=[REDIRECT_URI],
            delegated_permissions=[*DELEGATED, 'user_impersonation'],
        ),
        Application(
            name='daemon',
            display_name='SOAR mail daemon',
            tenant_id=CONTOSO,
            client_id='1b2c3d4e-0002-4a5b-8c7d-9e0f1a2b3c4d',
            secrets=[Secret(value=_secret())],
            certificates=[certificate('soar-web')],
            application_permissions=list(APPLICATION),
        ),
        Application(
            name='device',
            display_name='SOAR mail device',
            tenant_id=CONTOSO,
            client_id='1b2c3d4e-0003-4a5b-8c7d-9e0f1a2b3c4d',
            allows_public_client_flows=True,
            delegated_permissions=[*DELEGATED, 'user_impersonation'],
        ),
        Application(
            name='defender',
            display_name='SOAR endpoint alerts',
            tenant_id=CONTOSO,
            client_id='1b2c3d4e-0006-4a5b-8c7d-9e0f1a2b3c4d',
            secrets=[Secret(value=_secret())],
            certificates=[certificate('soar-web')],
            application_permissions=list(DEFENDER),
        ),
        Application(
            name='directory',
            display_name='SOAR directory',
            tenant_id=CONTOSO,
            client_id='1b2c3d4e-0008-4a5b-8c7d-9e0f1a2b3c4d',
            allows_public_client_flows=True,
            delegated_permissions=['offline_access', 'User.Read', 'User.ReadBasic.All'],
        ),
    ]


def sample_machines(now: float) -> list[Machine]:
    """Two workstations and a server."""
    return [
        Machine(computer_dns_name='ws-ada.contoso.example', os_platform='Windows11', risk_score='High', last_seen=now - 600),
        Machine(computer_dns_name='ws-bob.contoso.example', os_platform='Windows11', risk_score='Low', last_seen=now - 900),
        Machine(computer_dns_name='files.contoso.example', os_platform='Linux', risk_score='None', last_seen=now - 60),
    ]


def sample_alerts(machines: list[Machine], now: float) -> list[Alert]:
    """Return an alert of each severity on the first two machines."""
    titles = {
        'High': ('Credential dumping was blocked', 'CredentialAccess'),
        'Medium': ('Suspicious PowerShell command line', 'Execution'),
        'Low': ('Unwanted software was found', 'UnwantedSoftware'),
        'Informational': ('A test alert', 'SuspiciousActivity'),
    }
    return [
        Alert(title=title, severity=severity, category=category, machine=machines[number % 2], created=now - 3600 * (number + 1))
        for number, (severity, (title, category)) in enumerate(titles.items())
    ]


def cortex_applications(token_service: str) -> list[Application]:
    """Return the two applications behind the Cortex app: one acts as the user who consents, one as itself."""
    callback = [token_service + CORTEX_CALLBACK_PATH]
    return [
        Application(
            name='ms-graph-mail-listener',
            display_name='Cortex XSOAR mail',
            tenant_id=FABRIKAM,
            client_id='1b2c3d4e-0004-4a5b-8c7d-9e0f1a2b3c4d',
            is_multi_tenant=True,
            secrets=[Secret(value=_secret())],
            redirect_uris=callback,
            delegated_permissions=list(DELEGATED),
        ),
        Application(
            name='ms-graph-mail',
            display_name='Cortex XSOAR mail without user',
            tenant_id=FABRIKAM,
            client_id='1b2c3d4e-0005-4a5b-8c7d-9e0f1a2b3c4d',
            is_multi_tenant=True,
            secrets=[Secret(value=_secret())],
            redirect_uris=callback,
            application_permissions=list(APPLICATION),
        ),
        Application(
            name='ms-defender-atp',
            display_name='Cortex XSOAR Defender',
            tenant_id=FABRIKAM,
            client_id='1b2c3d4e-0007-4a5b-8c7d-9e0f1a2b3c4d',
            is_multi_tenant=True,
            secrets=[Secret(value=_secret())],
            redirect_uris=callback,
            application_permissions=list(DEFENDER),
        ),
    ]


def sample_users() -> list[User]:
    """Return Ada and Bob (with mail), an administrator, a disabled account, and one user of the other tenant."""
    return [
        User(
            tenant_id=CONTOSO, user_principal_name='ada@contoso.example', display_name='Ada Lindqvist', password='Lovelace-1843'
        ),
        User(tenant_id=CONTOSO, user_principal_name='bob@contoso.example', display_name='Bob Okafor', password='Builder-2024'),
        User(
            tenant_id=CONTOSO,
            user_principal_name='admin@contoso.example',
            display_name='Contoso Administrator',
            password='Keys-to-all-1',
            is_admin=True,
            has_mailbox=False,
        ),
        User(
            tenant_id=CONTOSO,
            user_principal_name='left@contoso.example',
            display_name='Has Left',
            password='Goodbye-2020',
            enabled=False,
        ),
        User(tenant_id=FABRIKAM, user_principal_name='eve@fabrikam.example', display_name='Eve Moreau', password='Elsewhere-7'),
    ]


def sample_managed_identities() -> list[ManagedIdentity]:
    """Return a system-assigned identity for each kind of host, and ``soar-engine``, user-assigned elsewhere."""
    group = f'/subscriptions/{SUBSCRIPTION}/resourcegroups/soar/providers'
    system = [
        ('azure-vm', f'{group}/Microsoft.Compute/virtualMachines/soar-vm'),
        ('app-service', f'{group}/Microsoft.Web/sites/soar-app'),
        ('arc', f'{group}/Microsoft.HybridCompute/machines/soar-arc'),
    ]
    identities = [
        ManagedIdentity(
            name=host,
            tenant_id=CONTOSO,
            resource_id=resource_id,
            is_user_assigned=False,
            hosts={host},
            application_permissions=list(APPLICATION),
        )
        for host, resource_id in system
    ]
    identities.append(
        ManagedIdentity(
            name='soar-engine',
            tenant_id=CONTOSO,
            is_user_assigned=True,
            hosts={'azure-vm', 'app-service', 'arc', 'aks'},
            resource_id=f'{group}/Microsoft.ManagedIdentity/userAssignedIdentities/soar-engine',
            application_permissions=list(APPLICATION),
        )
    )
    return identities


def sample_mailbox(user: User, now: Callable[[], float]) -> Mailbox:
    """Return a mailbox with 25 messages, one each hour back from ``now``."""
    mailbox = Mailbox(EmailAddress(user.display_name, user.user_principal_name), now)
    sender = EmailAddress('Quentin Reyes', 'quentin@partner.example')
    for number in range(25, 0, -1):
        received = now() - 3600 * number
        mailbox.deliver(
            Message(
                subject=f'Report {number}',
                sender=sender,
                to=[mailbox.owner],
                received=received,
                html=f'<p>Hello {user.display_name},</p><p>this is report {number}.</p>',
            ),
            at=received,
        )
    return mailbox


def _secret() -> str:
    return 'S8Q~' + secrets.token_urlsafe(27)
