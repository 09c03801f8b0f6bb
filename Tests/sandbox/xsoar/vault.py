"""Encryption at rest: AES-256-GCM, the key in a file that only its owner can read."""

import json
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import Refusal

_NONCE_BYTES = 12


class Vault:
    """A key that seals JSON values so that they can be stored.

    Each value is bound to the place it is stored at: a sealed value copied to another row does not open there.

    Args:
        key_file: where the key is; made with mode 0600 when it does not exist.
    """

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._cipher = AESGCM(_read_or_make_key(key_file))

    def seal(self, value: Any, place: str) -> bytes:
        """Encrypt a JSON value for one place, such as ``instances/<id>``."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, json.dumps(value).encode(), place.encode())

    def unseal(self, sealed: bytes, place: str) -> Any:
        """Decrypt what :meth:`seal` made for the same place.

        Raises:
            Refusal: the key is not the one that it was sealed with, or the value was changed or moved.
        """
        try:
            plain = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            raise Refusal(
                f'What is stored at {place} does not open with the key in {self._key_file}: put the right key file back.'
            ) from None
        return json.loads(plain)


def _read_or_make_key(key_file: Path) -> bytes:
    try:
        descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = key_file.read_bytes()
        if len(key) != 32:
            raise Refusal(f'{key_file} is not a key of this server: restore it, or start with an empty data folder.') from None
        return key
    with os.fdopen(descriptor, 'wb') as file:
        key = AESGCM.generate_key(256)
        file.write(key)
    return key
