"""Read what ``demisto-sdk upload`` sends: a pack as a zip file, or several of them in one."""

import io
import json
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

import yaml

from .classifiers import Classifier
from .content import Integration
from .errors import Refusal

_LARGEST_PACK = 256 * 1024 * 1024
# The yml of an integration holds a whole program; the C loader reads it ten times faster.
_YamlLoader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)


@dataclass(frozen=True)
class Pack:
    """An uploaded pack. ``metadata`` is its ``metadata.json`` or ``pack_metadata.json``."""

    id: str
    name: str
    version: str
    metadata: dict[str, Any]
    integrations: tuple[Integration, ...]
    classifiers: tuple[Classifier, ...] = ()

    def check_server(self, version: str) -> None:
        """Check that a server of a version can have the pack.

        Raises:
            Refusal: the pack is for newer ones, or does not name a version.
        """
        needed = str(self.metadata.get('serverMinVersion') or '0')
        if not re.fullmatch(r'[0-9]{1,9}(\.[0-9]{1,9})*', needed):
            raise Refusal(f'The serverMinVersion of {self.name} cannot be {needed!r}: write a version such as {version}.')
        if _numbers(needed) > _numbers(version):
            raise Refusal(f'{self.name} is for servers from {needed} on, and this one is {version}: lower its serverMinVersion.')


def read_upload(data: bytes, file_name: str) -> list[Pack]:
    """Read the zip file of one pack, or a zip file of such zip files.

    Args:
        data: the file.
        file_name: its name, which names the pack when the metadata does not.
    Raises:
        Refusal: it is broken, too large, or no pack.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(each.file_size for each in archive.infolist()) > _LARGEST_PACK:
                raise Refusal(f'{file_name} unpacks to more than {_LARGEST_PACK >> 20} MB: it is no pack.')
            inner = [name for name in archive.namelist() if name.endswith('.zip') and '/' not in name]
            if inner:
                return [pack for name in inner for pack in read_upload(archive.read(name), name)]
            return [_read_pack(archive, file_name)]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, RecursionError):
        raise Refusal(f'{file_name} is not a whole zip file: zip the pack again with demisto-sdk and upload that.') from None


def read_integration(data: bytes, file_name: str) -> Integration:
    """Read the unified yml of one integration.

    Raises:
        Refusal: it is no yml, or no integration that can be used.
    """
    try:
        document = yaml.load(data, Loader=_YamlLoader)  # noqa: S506 - both loaders are safe ones
    except (yaml.YAMLError, ValueError, RecursionError):
        raise Refusal(f'{file_name} is not valid yml: build it with demisto-sdk.') from None
    try:
        return Integration.read(document)
    except Refusal as refusal:
        raise Refusal(f'{file_name} cannot be used, because {refusal}: correct it and upload it again.') from None


def _numbers(version: str) -> list[int]:
    return [int(each) for each in version.split('.')]


def _read_pack(archive: zipfile.ZipFile, file_name: str) -> Pack:
    metadata: dict[str, Any] = {}
    names = archive.namelist()
    for name in ('pack_metadata.json', 'metadata.json'):
        if name in names:
            metadata.update(_read_json(archive, name, file_name))
    if not metadata:
        raise Refusal(f'{file_name} holds no pack_metadata.json: zip the pack with demisto-sdk and upload that.')
    integrations = tuple(
        read_integration(archive.read(name), name) for name in names if name.startswith('Integrations/') and name.endswith('.yml')
    )
    read = [
        Classifier.read(_read_json(archive, name, file_name), name)
        for name in names
        if name.startswith('Classifiers/') and name.endswith('.json')
    ]
    name = str(metadata.get('name') or file_name.rsplit('.', 1)[0])
    return Pack(
        str(metadata.get('id') or name),
        name,
        str(metadata.get('currentVersion') or '1.0.0'),
        metadata,
        integrations,
        tuple(each for each in read if each),
    )


def _read_json(archive: zipfile.ZipFile, name: str, file_name: str) -> dict[str, Any]:
    try:
        document = json.loads(archive.read(name))
    except (json.JSONDecodeError, UnicodeDecodeError):
        document = None
    if not isinstance(document, dict):
        raise Refusal(f'{name} in {file_name} is no JSON object: correct it and upload the pack again.')
    return document
