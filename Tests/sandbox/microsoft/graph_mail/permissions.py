"""What a token must hold for what it asks of a mailbox."""

from dataclasses import dataclass

from sandbox.microsoft.bearer import Caller
from sandbox.microsoft.entra.model import User
from sandbox.microsoft.graph_mail.errors import GraphError


@dataclass(frozen=True)
class Need:
    """Permissions of which one is enough: ``own`` for applications and the user's own mailbox, ``shared`` for other mailboxes."""

    own: tuple[str, ...]
    shared: tuple[str, ...] = ()


READ = Need(('Mail.Read', 'Mail.ReadWrite'), ('Mail.Read.Shared', 'Mail.ReadWrite.Shared'))
# All but what ``query.WITHHELD`` names
READ_BASIC = Need(('Mail.ReadBasic', 'Mail.ReadBasic.All', *READ.own), READ.shared)
WRITE = Need(('Mail.ReadWrite',), ('Mail.ReadWrite.Shared',))
SEND = Need(('Mail.Send',), ('Mail.Send.Shared',))
# Graph has no shared form of these: only an application reaches the settings of other mailboxes
READ_SETTINGS = Need(('MailboxSettings.Read', 'MailboxSettings.ReadWrite'))
WRITE_SETTINGS = Need(('MailboxSettings.ReadWrite',))
READ_CALENDAR = Need(('Calendars.Read', 'Calendars.ReadWrite'), ('Calendars.Read.Shared', 'Calendars.ReadWrite.Shared'))
WRITE_CALENDAR = Need(('Calendars.ReadWrite',), ('Calendars.ReadWrite.Shared',))
# What can be done in single folders that are shared
IN_FOLDERS = (READ, READ_BASIC, WRITE)


def check(caller: Caller, owner: User, need: Need, has_folders: bool = False) -> None:
    """Check as ``may`` whether ``caller`` may do that. Raises GraphError 403."""
    if not may(caller, owner, need, has_folders):
        raise denied()


def may(caller: Caller, owner: User, need: Need, has_folders: bool = False) -> bool:
    """Return whether ``caller`` may do that in the mailbox of ``owner``.

    Args:
        has_folders: single folders of the mailbox are shared with the user.
    """
    if caller.user is None:
        roles = (f'Application {name}' for name in need.own)
        return caller.has_one_of(*need.own) or bool(set(roles).intersection(caller.principal.exchange_roles))
    if caller.user is owner:
        return caller.has_one_of(*need.own, *need.shared)
    is_shared = caller.user.object_id in owner.shared_with or (has_folders and need in IN_FOLDERS)
    return caller.has_one_of(*need.shared) and is_shared


def denied() -> GraphError:
    return GraphError(403, 'ErrorAccessDenied', 'Access is denied. Check credentials and try again.')


def signed_in(caller: Caller) -> User:
    """Return the user behind ``/me``. Raises GraphError 400 for applications."""
    if caller.user is None:
        raise GraphError(400, 'BadRequest', '/me is only for tokens of a signed-in user.')
    return caller.user
