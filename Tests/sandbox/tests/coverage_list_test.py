"""COVERAGE.md: it lists every endpoint and every error code of the sandbox, each with its basis."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.xsoar import XsoarServer

SANDBOX = Path(__file__).parents[1]
TEXT = (SANDBOX / 'COVERAGE.md').read_text()
# The title of the section on each service
TITLES = {
    'entra': 'Entra ID',
    'graph': 'Microsoft Graph',
    'resource-manager': 'Azure Resource Manager',
    'defender': 'Microsoft Defender for Endpoint',
    'token-service': 'Token service of the Cortex XSOAR application',
    'imds': 'Instance metadata of a virtual machine',
    'app-service': 'App Service',
    'arc': 'Azure Arc',
    'aks': 'Token proxy of a Kubernetes cluster',
}
XSOAR = 'XSOAR server'


def section(title: str) -> str:
    """Return the text below a heading of the second level."""
    found = re.search(rf'^## {re.escape(title)}\n(.*?)(?=^## |\Z)', TEXT, re.MULTILINE | re.DOTALL)
    assert found, f'There is no section {title}.'
    return found[1]


def rows(text: str) -> Iterator[list[str]]:
    """Return the cells of each row of the tables in a text."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r'(?<!\\)\|', line)[1:-1]]
        if cells and cells[0] not in ('Endpoint', 'Rule', '---'):
            yield cells


def listed(title: str) -> list[str]:
    """Return the endpoints that a section lists, such as ``GET /about``."""
    cells = [row[0].strip('`') for row in rows(section(title))]
    return [cell for cell in cells if re.match(r'(GET|POST|PUT|PATCH|DELETE) [/{]', cell)]


def registered(app: Flask, prefix: str = '') -> set[str]:
    """Return the endpoints of an app, or of one blueprint of it, as COVERAGE.md writes them."""
    return {
        f'{method} {written(rule.rule)}'
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(prefix)
        for method in (rule.methods or set()) - {'HEAD', 'OPTIONS'}
    }


def written(rule: str) -> str:
    """Return a rule with names in braces, one spelling for what has two."""
    rule = re.sub(r'<(?:any\([^)]*\):)?(\w+)>', r'{\1}', rule)
    rule = re.sub(r'^/v1\.0/(?:me|users/\{user_id\})(?=/)', '{mailbox}', rule)
    rule = rule.replace('/mailFolders/{folder_id}/messages/{message_id}', '/messages/{message_id}')
    return rule.removesuffix('()')


@pytest.mark.parametrize('service', TITLES)
def test_every_endpoint_of_a_microsoft_service_is_listed(microsoft_cloud: MicrosoftCloud, service: str) -> None:
    assert set(listed(TITLES[service])) == registered(microsoft_cloud.apps()[service])


def test_every_rest_call_of_the_xsoar_server_is_listed(tmp_path: Path) -> None:
    with XsoarServer(tmp_path / 'data', fetches=False) as server:
        assert set(listed(XSOAR)) == registered(server.application, 'api.')


def test_every_service_has_a_section(microsoft_cloud: MicrosoftCloud) -> None:
    assert set(TITLES) == set(microsoft_cloud.apps())


def test_no_endpoint_is_listed_twice() -> None:
    for title in (*TITLES.values(), XSOAR):
        assert len(set(listed(title))) == len(listed(title)), title


@pytest.mark.parametrize('title', [*TITLES.values(), XSOAR])
def test_every_row_names_its_basis(title: str) -> None:
    found = list(rows(section(title)))
    assert found
    for first, basis, source in found:
        assert basis in ('documented', 'reported', 'assumed'), first
        assert source, first
        if basis == 'documented':
            assert re.search(r'\]\(https://\S+\)', source), f'{first}: name the page.'
        if basis == 'reported':
            assert source != '-', f'{first}: name the source.'


def codes_in(folder: Path, error: str, position: int) -> set[str]:
    """Return the constants that are passed to an error class at that position, in all files of a folder."""
    found: set[str] = set()
    for file in folder.rglob('*.py'):
        for node in ast.walk(ast.parse(file.read_text())):
            is_error = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == error
            if is_error and len(node.args) > position and isinstance(node.args[position], ast.Constant):
                found.add(str(node.args[position].value))
    return found


def test_every_error_code_of_graph_is_named() -> None:
    codes = codes_in(SANDBOX / 'microsoft', 'GraphError', 1)
    assert len(codes) > 30
    assert [code for code in sorted(codes) if f'`{code}`' not in section(TITLES['graph'])] == []


def test_every_number_that_entra_answers_with_is_named() -> None:
    numbers = codes_in(SANDBOX / 'microsoft', 'EntraError', 0)
    assert len(numbers) > 40
    assert [number for number in sorted(numbers) if f'AADSTS{number}' not in section(TITLES['entra'])] == []
