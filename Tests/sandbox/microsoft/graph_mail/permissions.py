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
WRITE_CALENDAR = Need(('Calendars.ReadWrite',), ('Calendars.ReadWrite.Shared',))


def check(caller: Caller, owner: User, need: Need) -> None:
    """Check that ``caller`` may do that in the mailbox of ``owner``. Raises GraphError 403."""
    if not may(caller, owner, need):
        raise denied()


def may(caller: Caller, owner: User, need: Need) -> bool:
    """Return whether ``caller`` may do that in the mailbox of ``owner``."""
    if caller.user is None:
        roles = (f'Application {name}' for name in need.own)
        return caller.has_one_of(*need.own) or bool(set(roles).intersection(caller.principal.exchange_roles))
    if caller.user is owner:
        return caller.has_one_of(*need.own, *need.shared)
    return caller.has_one_of(*need.shared) and caller.user.object_id in owner.shared_with


def denied() -> GraphError:
    return GraphError(403, 'ErrorAccessDenied', 'Access is denied. Check credentials and try again.')


def signed_in(caller: Caller) -> User:
    """Return the user behind ``/me``. Raises GraphError 400 for applications."""
    if caller.user is None:
        raise GraphError(400, 'BadRequest', '/me is only for tokens of a signed-in user.')
    return caller.user
