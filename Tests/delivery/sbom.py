"""The software bill of materials of a built pack, as CycloneDX JSON: what its script is made of and what it runs on."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
import uuid
import zipfile
from datetime import datetime
from importlib.metadata import packages_distributions, version
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from ruamel.yaml import YAML

from delivery.commands import ROOT

_INLINED = re.compile(r'^### GENERATED CODE ###: from (\w+) import \*', re.MULTILINE)
# What the platform puts before every script.
_PLATFORM = {'CommonServerPython', 'CommonServerUserPython', 'demistomock'}


def bill(package: Path, name: str, release: str, when: datetime, folder: Path = ROOT) -> str:
    """Return the bill of the pack in a zip file.

    Args:
        name, release: name and version of the pack.
        when: the time of the commit.
    """
    with zipfile.ZipFile(package) as archive:
        [path] = [path for path in archive.namelist() if path.startswith('Integrations/') and path.endswith('.yml')]
        script = YAML(typ='safe').load(archive.read(path))['script']
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, digest))
    pack = Component(
        name=name,
        version=release,
        type=ComponentType.APPLICATION,
        bom_ref=f'{name}@{release}',
        hashes=[_sha256(digest)],
        licenses=[DisjunctiveLicense(id='MIT')],
    )
    bom.metadata.component, bom.metadata.timestamp = pack, when
    image = _image(script['dockerimage'])
    libraries = [_library(distribution) for distribution in _distributions(script['script'])]
    sources = [_source(path, folder) for path in _sources(script['script'], name, folder)]
    bom.components.update([image, *libraries, *sources])
    bom.register_dependency(pack, [image, *sources])
    bom.register_dependency(image, libraries)
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2) + '\n'


def _sha256(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)


def _image(reference: str) -> Component:
    """Return the Docker image that the script runs in."""
    repository, _, tag = reference.partition(':')
    namespace, _, name = repository.rpartition('/')
    purl = PackageURL('docker', namespace, name, tag)
    return Component(name=repository, version=tag, type=ComponentType.CONTAINER, purl=purl, bom_ref=str(purl))


def _distributions(script: str) -> list[str]:
    """Return the packages of the image that the script imports, which requirements-dev.txt pins to the same versions."""
    modules = set()
    for node in ast.walk(ast.parse(script)):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules.add(str(node.module).partition('.')[0])
    known = packages_distributions()
    foreign = {name for name in modules - set(sys.stdlib_module_names) - _PLATFORM if not name.endswith('ApiModule')}
    return sorted({known[module][0] for module in foreign})


def _library(distribution: str) -> Component:
    name, release = distribution.lower().replace('_', '-'), version(distribution)
    purl = PackageURL('pypi', None, name, release)
    return Component(name=name, version=release, type=ComponentType.LIBRARY, purl=purl, bom_ref=str(purl))


def _sources(script: str, name: str, folder: Path) -> list[Path]:
    """Return the files of the repository that the script was made of."""
    names = [name.replace(' ', ''), *sorted(set(_INLINED.findall(script)))]
    return [next(folder.glob(f'Packs/*/*/{each}/{each}.py')) for each in names]


def _source(path: Path, folder: Path) -> Component:
    name = path.relative_to(folder).as_posix()
    return Component(
        name=name, type=ComponentType.FILE, bom_ref=name, hashes=[_sha256(hashlib.sha256(path.read_bytes()).hexdigest())]
    )
