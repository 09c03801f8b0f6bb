"""What a command loads that has a good token: nothing that is only needed to sign in."""

from typing import Any

from authentication_methods import certificate_with_key
from benchmarks import fresh_process
from benchmarks.effort import Effort
from benchmarks.row import Row
from sandbox.servers import Sandbox


def rows(sandbox: Sandbox, _effort: Effort) -> list[Row]:
    cold = _command(sandbox, {})
    warm = _command(sandbox, cold['context'])
    if not cold['loaded']:
        raise RuntimeError('A command that signs with a certificate loads nothing for it: look for other modules.')
    return [
        Row(
            'Signing modules that a warm command loads',
            ', '.join(warm['loaded']) or 'none',
            'none',
            not warm['loaded'],
            f'a cold one: {", ".join(cold["loaded"])}',
        )
    ]


def _command(sandbox: Sandbox, context: dict[str, Any]) -> Any:
    """Run a command of an instance whose integration context this is."""
    job = {'params': certificate_with_key(sandbox.cloud), 'context': context}
    return fresh_process.run('one_command.py', sandbox.folder, job, REQUESTS_CA_BUNDLE=sandbox.cloud.ca_file)
