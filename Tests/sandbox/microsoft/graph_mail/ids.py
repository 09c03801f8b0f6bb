"""Identifiers as Exchange makes them: base64 for URLs, with ``=`` at the end.

A message and its attachments have two: the plain one changes when the message moves to another folder, the immutable one stays.
Folders, conversations and rules have one each.
"""

import base64
import hashlib
import re
import secrets

PLAIN = bytes.fromhex('000324')
IMMUTABLE = bytes.fromhex('000900')
CONVERSATION = bytes.fromhex('000424')
RULE = bytes.fromhex('010000')

# The sums with the three bytes of the kind leave a rest of 2 when divided by 3: so every ID ends in one '='.
LOCATION_BYTES = 46
KEY_BYTES = 16
ATTACHMENT_KEY_BYTES = 18
FOLDER_BYTES = 50
CONVERSATION_BYTES = 32
RULE_BYTES = 8

_WELL_FORMED = re.compile(r'A[AQ][A-Za-z0-9_-]{9,}={0,2}')


def new_key() -> bytes:
    """Return what identifies a message for its whole life."""
    return secrets.token_bytes(KEY_BYTES)


def new_location() -> bytes:
    """Return what identifies where a message is: it changes with each move."""
    return secrets.token_bytes(LOCATION_BYTES)


def new_attachment_key() -> bytes:
    return secrets.token_bytes(ATTACHMENT_KEY_BYTES)


def new_folder_id() -> str:
    return _encode(PLAIN, secrets.token_bytes(FOLDER_BYTES))


def new_conversation_id() -> str:
    return _encode(CONVERSATION, secrets.token_bytes(CONVERSATION_BYTES))


def new_rule_id() -> str:
    return _encode(RULE, secrets.token_bytes(RULE_BYTES))


def plain_id(location: bytes, key: bytes, attachment_key: bytes = b'') -> str:
    """Return the plain ID of a message, or of an attachment of it."""
    return _encode(PLAIN, location, key, attachment_key)


def immutable_id(key: bytes, attachment_key: bytes = b'') -> str:
    """Return the immutable ID of a message, or of an attachment of it."""
    return _encode(IMMUTABLE, hashlib.sha512(key).digest()[:LOCATION_BYTES], key, attachment_key)


def is_well_formed(identifier: str) -> bool:
    """Return whether it could be an ID of Exchange; others are refused as malformed, not as unknown."""
    return len(identifier) % 4 == 0 and _WELL_FORMED.fullmatch(identifier) is not None


def _encode(kind: bytes, *parts: bytes) -> str:
    return base64.urlsafe_b64encode(b''.join((kind, *parts))).decode()
