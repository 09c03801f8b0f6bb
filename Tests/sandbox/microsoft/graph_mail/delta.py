"""Delta queries: which changes come next, and the token that holds the state of a query.

A token carries all that the first call asked for, and is signed, so that nobody can change it; the service keeps nothing.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from math import inf
from typing import Any

from sandbox.microsoft.graph_mail.changes import Change, ChangeLog
from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.members import Members

SIGNATURE_BYTES = 12
Wanted = Callable[[Change], bool]
_KEY = secrets.token_bytes(32)


@dataclass(frozen=True)
class DeltaState:
    """The state of a delta query.

    Attributes:
        of: the folder whose messages it is about; empty for the folders themselves.
        generation: how often the mailbox had let all tokens expire.
        chain, step: names the tokens that follow from one first call, and counts them.
        options: the query options of the first call.
        since: the number of the change where the sync began; 0 in a first sync.
        position: the number of the last change that was sent.
        sent: how many rows came so far.
        until, last: of a first sync that is sorted: where its snapshot was taken, and the last message sent of it.
        is_over: whether the sync has ended, and the token is for the next one.
    """

    of: str
    generation: int
    made: float
    chain: str
    step: int = 0
    options: dict[str, str] = field(default_factory=dict)
    since: int = 0
    position: int = 0
    sent: int = 0
    until: int = 0
    last: tuple[float, str] | None = None
    is_over: bool = False


def written(state: DeltaState) -> str:
    """Return the token of a state."""
    text = json.dumps(vars(state), separators=(',', ':')).encode()
    return base64.urlsafe_b64encode(_signature(text) + text).decode().rstrip('=')


def read(token: str, mailbox: Mailbox, of: str) -> DeltaState:
    """Return the state of a token, ready to continue. Raises GraphError 410 for an expired token, 400 for a malformed one."""
    try:
        data = base64.urlsafe_b64decode(token + '=' * (-len(token) % 4))
    except (binascii.Error, ValueError):
        raise _malformed() from None
    signature, text = data[:SIGNATURE_BYTES], data[SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(text)):
        raise _malformed()
    fields: dict[str, Any] = json.loads(text)
    fields['last'] = fields['last'] and tuple(fields['last'])
    state = DeltaState(**fields)
    if state.of != of:
        raise _malformed()
    if _has_expired(state, mailbox):
        raise GraphError(
            410,
            'SyncStateNotFound',
            f'The sync state generation is not found; generation={state.step};'
            f'[highest={mailbox.delta_steps.get(state.chain, state.step)}].',
        )
    return replace(state, since=state.position, sent=0, is_over=False) if state.is_over else state


def _has_expired(state: DeltaState, mailbox: Mailbox) -> bool:
    if state.generation != mailbox.delta_generation:
        return True
    if mailbox.delta_token_seconds is not None and mailbox.now() - state.made > mailbox.delta_token_seconds:
        return True
    behind = mailbox.delta_steps.get(state.chain, state.step) - state.step
    return mailbox.delta_generations is not None and behind >= mailbox.delta_generations


def next_rows(log: ChangeLog, state: DeltaState, size: int, wanted: Wanted) -> tuple[list[Change], DeltaState, bool]:
    """Return up to ``size`` changes, the state after them, and whether there are more. ``wanted`` selects the changes."""
    rows = list(islice(_rows(log, state, wanted), size + 1))
    more = len(rows) > size
    rows = rows[:size]
    position = rows[-1].number if rows else state.position
    return rows, replace(state, position=position, sent=state.sent + len(rows)), more


def next_sorted_rows(
    log: ChangeLog, members: Members, state: DeltaState, size: int, wanted: Wanted
) -> tuple[list[Change], DeltaState]:
    """Return the changes of a sorted first sync, latest received first. When none is left, the changes since its start follow."""
    received, key = state.last or (inf, '')
    left = (log.latest(message.key) for message in members.before(received, bytes.fromhex(key)))
    rows = list(islice((change for change in left if change.number <= state.until and wanted(change)), size))
    if not rows:
        return rows, replace(state, position=state.until, until=0, last=None)
    last = members[rows[-1].key]
    return rows, replace(state, last=(last.received, last.key.hex()), sent=state.sent + len(rows))


def change_type(change: Change, since: int) -> str:
    """Return whether a change created, updated or deleted something since the sync began."""
    if not change.is_present:
        return 'deleted'
    return 'created' if change.entered > since else 'updated'


def _rows(log: ChangeLog, state: DeltaState, wanted: Wanted) -> Iterator[Change]:
    for change in log.after(state.position):
        # In a first sync nothing can have been removed that was seen before.
        if (change.is_present or state.since or change.entered <= state.position) and wanted(change):
            yield change


def _signature(text: bytes) -> bytes:
    return hmac.new(_KEY, text, hashlib.sha256).digest()[:SIGNATURE_BYTES]


def _malformed() -> GraphError:
    return GraphError(400, 'BadRequest', 'Badly formed token.')
