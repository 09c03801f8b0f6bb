"""Links and commands in the documents: what a reader clicks or types has to exist."""

import functools
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
from ruamel.yaml import YAML

from delivery.commands import ROOT

DOCUMENTS = [Path(name) for name in subprocess.check_output(['git', 'ls-files', '*.md'], cwd=ROOT, text=True).splitlines()]
CODE = re.compile(r'^( *)(```+).*?^\1\2$', re.DOTALL | re.MULTILINE)
LINK = re.compile(r'\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(<?([^()\s<>]*(?:\([^()\s]*\)[^()\s]*)*)>?\)')
HEADING = re.compile(r'^#{1,6} +(.+?) *#*$', re.MULTILINE)
COMMAND = re.compile(r'!([a-z][a-z0-9]*(?:-[a-z0-9]+)+)')


def prose(path: Path) -> str:
    return CODE.sub('', (ROOT / path).read_text(encoding='utf-8'))


@functools.cache
def anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub and GitLab make them; the second of a name ends in -1."""
    names: dict[str, int] = {}
    found = set()
    for heading in HEADING.findall(prose(path)):
        text = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', heading)
        name = re.sub(r'[^\w\- ]', '', text.lower()).replace(' ', '-')
        found.add(f'{name}-{names[name]}' if name in names else name)
        names[name] = names.get(name, 0) + 1
    return found


def links(path: Path) -> list[str]:
    return [link for link in LINK.findall(prose(path)) if not re.match(r'[a-z][a-z0-9+.-]*:', link)]


@functools.cache
def commands() -> set[str]:
    ymls = [
        path
        for pattern in ('Packs/*/Integrations/*/*.yml', 'docs/examples/*/Integrations/*/*.yml')
        for path in ROOT.glob(pattern)
    ]
    return {command['name'] for yml in ymls for command in YAML(typ='safe').load(yml)['script'].get('commands', ())}


@pytest.mark.parametrize('path', DOCUMENTS, ids=str)
def test_each_link_within_the_repository_leads_somewhere(path: Path) -> None:
    broken = []
    for link in links(path):
        name, _, anchor = unquote(link).partition('#')
        target = path if not name else Path(ROOT, path.parent, name).resolve()
        if (name and not target.exists()) or (anchor and target.suffix == '.md' and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize('path', [path for path in DOCUMENTS if 'Probe' not in path.parts], ids=str)
def test_each_command_in_a_document_exists(path: Path) -> None:
    named = set(COMMAND.findall((ROOT / path).read_text(encoding='utf-8')))
    assert named <= commands()


def test_the_documents_have_links_and_commands() -> None:
    assert sum(len(links(path)) for path in DOCUMENTS) > 30
    assert sum(len(COMMAND.findall((ROOT / path).read_text(encoding='utf-8'))) for path in DOCUMENTS) > 50
