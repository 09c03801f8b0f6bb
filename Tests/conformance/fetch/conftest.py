"""The mailbox that is fetched from, the platform of the instance, and the number of histories."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

pytest.register_assert_rewrite('conformance.fetch.fetching_platform', 'conformance.fetch.fetch_checker')

from conformance.fetch.fetching_platform import Platform  # noqa: E402
from conformance.fetch.mail_source import MailSource  # noqa: E402
from conformance.signed_in import SignedIn  # noqa: E402
from sandbox.microsoft import MicrosoftCloud  # noqa: E402

STEPS = 12
# Under each of the two behaviours of Graph. The duration of a history depends on its requests.
settings.register_profile(
    'histories',
    max_examples=250,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
settings.register_profile('nightly', settings.get_profile('histories'), max_examples=1_000)
settings.register_profile('soak', settings.get_profile('histories'), max_examples=int(os.environ.get('HISTORIES') or 20_000))

Instance = Callable[..., Platform]


@pytest.fixture(autouse=True, scope='module')
def trusted_cloud(microsoft_cloud: MicrosoftCloud) -> Any:
    """Trust the certificates of the cloud."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv('REQUESTS_CA_BUNDLE', microsoft_cloud.ca_file)
        yield


@pytest.fixture
def source(cloud: MicrosoftCloud) -> MailSource:
    return MailSource(cloud)


@pytest.fixture
def instance(source: MailSource, signed_in: SignedIn, tmp_path: Path) -> Instance:
    """Return a function that creates the platform of an instance that is signed in, with parameters besides those for that."""
    signed_in.accept()

    def make(**params: Any) -> Platform:
        platform = Platform(source.cloud, tmp_path, source.params(**params))
        platform.context = dict(signed_in.context)
        return platform

    return make
