"""Every cloud that can be selected is in the guide, with its hosts."""

import re

import pytest

from conformance.unified.integration_yml import YML
from conformance.unified.sources import ROOT
from MicrosoftCoreApiModule import AZURE_CLOUD_NAME_CUSTOM, AZURE_CLOUD_NAME_MAPPING, AZURE_CLOUDS

GUIDE = (ROOT / 'docs' / 'microsoft-integrations-authentication.md').read_text()
ROWS = re.findall(r'^\| (.*?) (?:\* )?\| (https\S+) \| (https\S+) \|$', GUIDE, re.MULTILINE)
[PARAMETER] = [one for one in YML['configuration'] if one['name'] == 'azure_cloud']


@pytest.mark.parametrize('cloud', [option for option in PARAMETER['options'] if option != AZURE_CLOUD_NAME_CUSTOM])
def test_the_guide_lists_the_hosts_of_each_cloud(cloud: str) -> None:
    hosts = [row[1:] for row in ROWS if any(re.fullmatch(rf'{re.escape(cloud)}( \(.*\))?', name) for name in row[0].split(', '))]
    endpoints = AZURE_CLOUDS[AZURE_CLOUD_NAME_MAPPING[cloud]].endpoints
    assert hosts == [(endpoints.active_directory.rstrip('/'), endpoints.microsoft_graph_resource_id.rstrip('/'))]
