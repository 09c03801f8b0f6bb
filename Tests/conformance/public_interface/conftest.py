"""Instances of integrations, in the sandbox cloud."""

import importlib
from collections.abc import Callable
from typing import Any

import pytest

import demistomock as demisto
from conformance.public_interface.instance import Instance
from sandbox.microsoft import MicrosoftCloud


@pytest.fixture
def platform(cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch) -> MicrosoftCloud:
    """The sandbox cloud, trusted by the host, and an empty integration context."""
    monkeypatch.setattr(demisto, 'integrationContext', {})
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', cloud.ca_file)
    return cloud


@pytest.fixture
def custom_cloud(platform: MicrosoftCloud) -> dict[str, str]:
    """The parameters that point an integration at the sandbox."""
    return {
        'azure_cloud': 'Custom',
        'azure_ad_endpoint': platform.authority,
        'url': platform.graph,
        'server_url': platform.resource_manager,
    }


@pytest.fixture
def instance(platform: MicrosoftCloud, custom_cloud: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Instance]:
    """Return a function that creates instances: ``instance('application_mail', self_deployed=True, ...)``."""

    def make(name: str, **params: Any) -> Instance:
        integration = importlib.import_module(f'conformance.public_interface.integrations.{name}')
        return Instance(integration.main, platform, monkeypatch, **{**custom_cloud, **params})

    return make
