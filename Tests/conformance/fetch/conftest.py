"""A mailbox that is watched, the platform of the instance that watches it, and how many histories are gone through."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

pytest.register_assert_rewrite('conformance.fetch.fetching_platform', 'conformance.fetch.ledger')

from conformance.fetch.fetching_platform import Platform  # noqa: E402
from conformance.fetch.mailroom import Mailroom  # noqa: E402 - after its assertions are to be explained
from sandbox.microsoft import MicrosoftCloud  # noqa: E402

STEPS = 12
# A history takes as long as its requests do: no single one is too slow.
settings.register_profile(
    'histories',
    max_examples=500,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
settings.register_profile('nightly', settings.get_profile('histories'), max_examples=2_000)
settings.register_profile('soak', settings.get_profile('histories'), max_examples=100_000)

KEPT_VARIABLES = {'PATH', 'HOME', 'LANG', 'TMPDIR', 'COMMON_SERVER_PYTHON', 'PYTEST_CURRENT_TEST', 'PYTEST_VERSION'}
Instance = Callable[..., Platform]


@pytest.fixture(autouse=True, scope='package')
def trusted_cloud(microsoft_cloud: MicrosoftCloud) -> Any:
    """The certificates of the cloud are trusted, and nothing goes through a proxy."""
    with pytest.MonkeyPatch.context() as environment:
        # requests looks through all variables for proxies, twice for each request: a sixth of the time of the histories
        for name in set(os.environ) - KEPT_VARIABLES:
            environment.delenv(name)
        environment.setenv('REQUESTS_CA_BUNDLE', microsoft_cloud.ca_file)
        yield


@pytest.fixture
def room(cloud: MicrosoftCloud) -> Mailroom:
    return Mailroom(cloud)


@pytest.fixture
def instance(room: Mailroom, tmp_path: Path) -> Instance:
    """Makes the platform of an instance with the given parameters besides those that it needs to sign in."""

    def make(**params: Any) -> Platform:
        return Platform(room.cloud, tmp_path, room.settings(**params))

    return make
