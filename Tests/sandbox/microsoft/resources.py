"""The resources of the local cloud: Microsoft Graph, Azure Resource Manager, Defender for Endpoint; and their permissions."""

from dataclasses import dataclass

GRAPH_APP_ID = '00000003-0000-0000-c000-000000000000'
RESOURCE_MANAGER_APP_ID = '797f4846-ba00-4fd7-ba43-dac1f8f63013'
DEFENDER_APP_ID = 'fc780465-2017-40d4-a0c5-307022471b92'
DEFENDER_URI = 'https://securitycenter.onmicrosoft.com/windowsatpservice'

# Scopes of OpenID Connect: they belong to no resource.
OPENID_SCOPES = {
    'openid': 'Sign you in',
    'profile': 'See your name',
    'email': 'See your e-mail address',
    'offline_access': 'Keep access while you are away',
}


@dataclass(frozen=True)
class Permission:
    """A right that a resource publishes: as scope (on behalf of a user), as application role, or as both."""

    name: str
    description: str
    delegated: bool = True
    application: bool = False
    admin_only: bool = False


@dataclass(frozen=True)
class Resource:
    """An API that tokens can be issued for. ``uri`` is its identifier and the audience of its tokens; ``aliases`` are others."""

    name: str
    app_id: str
    uri: str
    permissions: tuple[Permission, ...]
    aliases: tuple[str, ...] = ()

    def is_called(self, identifier: str) -> bool:
        """Return whether ``identifier`` (URI with or without a slash at its end, or application ID) means this resource."""
        uris = {self.uri.lower(), *map(str.lower, self.aliases)}
        return identifier.rstrip('/').lower() in uris or identifier.lower() == self.app_id

    def permission(self, name: str) -> Permission | None:
        """Return the permission of that name in upper or lower case, or None."""
        return next((known for known in self.permissions if known.name.lower() == name.lower()), None)


GRAPH_PERMISSIONS = (
    Permission('User.Read', 'Sign you in and read your profile'),
    Permission('User.ReadBasic.All', 'Read names and addresses of all users'),
    Permission('User.Read.All', 'Read the full profiles of all users', application=True, admin_only=True),
    Permission('Mail.ReadBasic', 'Read your mail without bodies and attachments', application=True),
    Permission('Mail.ReadBasic.All', 'Read mail everywhere without bodies and attachments', delegated=False, application=True),
    Permission('Mail.Read', 'Read your mail', application=True),
    Permission('Mail.ReadWrite', 'Read, change and delete your mail', application=True),
    Permission('Mail.Send', 'Send mail as you', application=True),
    Permission('Mail.Read.Shared', 'Read mail that you can open, shared mail included'),
    Permission('Mail.ReadWrite.Shared', 'Read and change mail that you can open, shared mail included'),
    Permission('Mail.Send.Shared', 'Send mail on behalf of others'),
    Permission('MailboxSettings.Read', 'Read your mailbox settings', application=True),
    Permission('MailboxSettings.ReadWrite', 'Read and change your mailbox settings', application=True),
    Permission('Calendars.ReadWrite', 'Read and change your calendars', application=True),
    Permission('Calendars.ReadWrite.Shared', 'Read and change calendars that you can open'),
    Permission('Directory.Read.All', 'Read the directory', application=True, admin_only=True),
)

RESOURCE_MANAGER_PERMISSIONS = (Permission('user_impersonation', 'Manage Azure resources as you'),)


DEFENDER_PERMISSIONS = (
    Permission('Alert.Read', 'Read alerts'),
    Permission('Alert.Read.All', 'Read all alerts', delegated=False, application=True),
    Permission('Machine.Read', 'Read machine information'),
    Permission('Machine.Read.All', 'Read all machine profiles', delegated=False, application=True),
)


def graph_resource(uri: str) -> Resource:
    return Resource('Microsoft Graph', GRAPH_APP_ID, uri, GRAPH_PERMISSIONS)


def resource_manager_resource(uri: str) -> Resource:
    return Resource('Azure Resource Manager', RESOURCE_MANAGER_APP_ID, uri, RESOURCE_MANAGER_PERMISSIONS)


def defender_resource() -> Resource:
    return Resource(
        'WindowsDefenderATP',
        DEFENDER_APP_ID,
        DEFENDER_URI,
        DEFENDER_PERMISSIONS,
        ('https://api.securitycenter.microsoft.com', 'https://api.security.microsoft.com'),
    )
