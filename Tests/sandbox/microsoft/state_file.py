"""Keep the state of a local cloud in a file from one run to the next: directory, mailboxes, grants, tokens, registrations."""

import io
import os
import pickle
import threading
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.graph_mail.content import Content

_LOCKS = {type(threading.Lock()): threading.Lock, type(threading.RLock()): threading.RLock}


class _Pickler(pickle.Pickler):
    """A pickler for what pickle cannot write: locks as new ones, keys as PEM, contents of files as bytes."""

    def reducer_override(self, value: Any) -> Any:
        if type(value) in _LOCKS:
            return _LOCKS[type(value)], ()
        if isinstance(value, RSAPrivateKey):
            return _read_key, (_key_pem(value),)
        if isinstance(value, RSAPublicKey):
            return _read_public_key, (_public_key_pem(value),)
        if isinstance(value, Content):
            return Content, (value.read(),)
        return NotImplemented


def save(cloud: MicrosoftCloud, file: Path) -> None:
    """Write the state of a cloud, readable by its owner only."""
    buffer = io.BytesIO()
    _Pickler(buffer).dump(cloud.state())
    unfinished = file.with_suffix('.new')
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb') as out:
        out.write(buffer.getvalue())
    os.replace(unfinished, file)


def load(cloud: MicrosoftCloud, file: Path) -> None:
    """Give a cloud that has not started yet the state of an earlier run.

    Raises:
        ValueError: the file cannot be read, or is of a cloud on other ports.
    """
    try:
        state = pickle.loads(file.read_bytes())  # noqa: S301 - written by ``save``, and only its owner can change it
        cloud.restore(state)
    except (pickle.UnpicklingError, AttributeError, ImportError, EOFError, TypeError, KeyError):
        raise ValueError(f'{file} was not written by this version. Remove the folder, or name another one.') from None


def _key_pem(key: RSAPrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _public_key_pem(key: RSAPublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _read_public_key(pem: bytes) -> Any:
    return serialization.load_pem_public_key(pem)


def _read_key(pem: bytes) -> Any:
    return serialization.load_pem_private_key(pem, None)
