"""Every authentication method is documented: where a user chooses it, where it is set up, and where the demo shows it."""

import re
from pathlib import Path

import pytest
import requests

from authentication_methods import METHODS, AuthenticationMethod, consent_page
from conformance.unified.integration_yml import YML
from conformance.unified.sources import INTEGRATION, ROOT
from demo.method_check import MethodResult
from demo.table import method_verdict
from sandbox.microsoft import MicrosoftCloud

README = ROOT / 'README.md'
GUIDE = ROOT / 'docs' / 'microsoft-integrations-authentication.md'
DESCRIPTION = INTEGRATION / f'{INTEGRATION.name}_description.md'
each_method = pytest.mark.parametrize('method', METHODS, ids=[method.name for method in METHODS])


@each_method
@pytest.mark.parametrize('document', [README, INTEGRATION / 'README.md'], ids=['README', 'README of the integration'])
def test_a_table_lists_the_option(method: AuthenticationMethod, document: Path) -> None:
    rows = re.findall(r'^ *\|([^|]+)\|', document.read_text(), re.MULTILINE)
    assert any(method.option in row for row in rows)


@each_method
@pytest.mark.parametrize('document', [GUIDE, DESCRIPTION], ids=['guide', 'description'])
def test_a_section_explains_the_option(method: AuthenticationMethod, document: Path) -> None:
    text = document.read_text().casefold()
    headings = re.findall(r'^#+ (.+)$', text, re.MULTILINE)
    assert method.option.casefold() in headings
    assert [term for term in method.terms if term.casefold() not in text] == []


@pytest.mark.parametrize('document', [GUIDE, DESCRIPTION], ids=['guide', 'description'])
def test_the_documents_name_the_account_that_the_consent_page_names(cloud: MicrosoftCloud, document: Path) -> None:
    page = requests.get(consent_page(cloud), verify=cloud.ca_file, timeout=30).text
    account = 'sign in with the account whose mailbox the integration is to use'
    assert (account in page.casefold(), account in document.read_text().casefold()) == (True, True)


def test_the_readme_shows_what_the_demo_prints_of_every_method() -> None:
    text = README.read_text()
    assert [method.name for method in METHODS if not re.search(rf'^{re.escape(method.name)}  +\S', text, re.MULTILINE)] == []
    assert method_verdict([MethodResult(method.name) for method in METHODS]) in text


def test_every_option_of_the_integration_has_a_method(cloud: MicrosoftCloud) -> None:
    [parameter] = [one for one in YML['configuration'] if one['name'] == 'auth_method']
    chosen = {method.settings(cloud).get('auth_method') for method in METHODS}
    assert chosen - {None} == set(parameter['options'])
