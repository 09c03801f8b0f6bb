"""`make pins`: requirements-dev.txt, every package with its hashes, resolved from requirements-dev.in for each Python.

It also writes docs/dependencies.md: what is older than the newest release, and whose requirement keeps it there.
"""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from delivery.commands import ROOT, DeliveryError

# demisto-sdk brings a uv that cannot resolve for several versions of Python at once.
UV = 'uv==0.13.9'
OLDEST, NEWEST = '3.10', '3.14'
SOURCE, PINS, PAGE = 'requirements-dev.in', 'requirements-dev.txt', 'docs/dependencies.md'
_HEADER = f'# Written by `make pins`: change {SOURCE}.\n'
_PIN = re.compile(r'^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;]+)', re.MULTILINE)
_WINDOWS = re.compile(r"^\S+==\S+ ; sys_platform == 'win32'.*\n(?: .*\n)*", re.MULTILINE)
_PAGE = """# Versions of packages

`requirements-dev.txt` pins every package of the development environment, with hashes. `make pins` writes it from
`requirements-dev.in`, with the newest versions that fit together on Python {oldest} to {newest}, and writes this page: the
packages that are older than their newest release, and what keeps them there. Mostly that is demisto-sdk: it builds and checks
the packs, so everything else here runs with its requirements.

| Package | Pinned | Newest | Kept by |
| --- | --- | --- | --- |
{rows}
"""


def main(folder: Path = ROOT) -> int:
    """Write the pins and the page, and return the exit status."""
    try:
        with TemporaryDirectory() as made:
            uv = _install_uv(Path(made))
            resolved = _compile(uv, folder / SOURCE, '--universal', f'--python-version={OLDEST}', '--generate-hashes')
            pins = _HEADER + _WINDOWS.sub('', resolved)
            names = Path(made, 'names.in')
            names.write_text('\n'.join(sorted(pinned(pins))))
            newest = _compile(uv, names, '--no-deps', f'--python-version={NEWEST}')
    except DeliveryError as error:
        print(f'pins: {error}', file=sys.stderr)
        return 1
    (folder / PINS).write_text(pins)
    (folder / PAGE).write_text(page(pins, newest, (folder / SOURCE).read_text()))
    print(f'pins: {len(pinned(pins))} packages. Run make setup.')
    return 0


def _install_uv(folder: Path) -> str:
    _run([sys.executable, '-m', 'venv', str(folder / 'uv')])
    _run([str(folder / 'uv/bin/pip'), 'install', '--quiet', UV])
    return str(folder / 'uv/bin/uv')


def _compile(uv: str, source: Path, *options: str) -> str:
    return _run([uv, 'pip', 'compile', str(source.name), *options, '--no-strip-extras', '--no-header', '--quiet'], source.parent)


def _run(command: list[str], folder: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DeliveryError(f'{Path(command[0]).name} failed:\n{done.stderr.strip()[-2000:]}')
    return done.stdout


def pinned(pins: str) -> dict[str, str]:
    """Return the newest version that is pinned of each package."""
    versions: dict[str, str] = {}
    for found, version in _PIN.findall(pins):
        name = canonicalize_name(found)
        versions[name] = max(version, versions.get(name, version), key=Version)
    return versions


def page(pins: str, newest: str, source: str) -> str:
    """Return the page about the packages that are older than their newest release.

    Args:
        newest: pins of the newest releases.
        source: what the pins were made of.
    """
    latest = pinned(newest)
    rows = [
        f'| {name} | {version} | {latest[name]} | {keepers(name, latest[name], source)} |'
        for name, version in sorted(pinned(pins).items())
        if name in latest and Version(latest[name]) > Version(version)
    ]
    return _PAGE.format(oldest=OLDEST, newest=NEWEST, rows='\n'.join(rows))


def keepers(package: str, latest: str, source: str) -> str:
    """Return what does not allow the version `latest` of a package: the Docker image, or the requirements of other packages."""
    allowed = [(name, specifier) for name, required, specifier in _requirements() if required == package]
    found = {f'{name} ({specifier})' for name, specifier in allowed if not specifier.contains(latest, prereleases=True)}
    image = ['the Docker image of the integration'] if package in pinned(source) else []
    return ', '.join([*image, *sorted(found)]) or 'requirements of its newest release conflict'


@functools.cache
def _requirements() -> list[tuple[str, str, SpecifierSet]]:
    """Return for each requirement of the installed packages the package, what it requires, and in which versions."""
    return [
        (canonicalize_name(distribution.metadata['Name']), canonicalize_name(requirement.name), requirement.specifier)
        for distribution in distributions()
        for requirement in map(Requirement, distribution.requires or ())
        if requirement.marker is None or requirement.marker.evaluate({'extra': ''})
    ]


if __name__ == '__main__':
    sys.exit(main())
