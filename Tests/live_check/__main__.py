"""Run every probe in a tenant and print, for each row of COVERAGE.md, what the sandbox and what the tenant does."""

import sys
from urllib.parse import urlsplit

import requests

from live_check.probes import PROBES
from live_check.tenant import LiveCheckError, Tenant


def main() -> int:
    """Return the exit status: 0 when the tenant does all that the sandbox does, 1 when not, 2 if the check cannot begin."""
    try:
        tenant = Tenant()
        tenant.graph('GET', '/mailFolders/inbox')
    except requests.RequestException as error:
        host = urlsplit(getattr(error.request, 'url', '') or '').hostname or 'Microsoft'
        print(
            f'live-check: {host} cannot be reached. Check the network, the proxy, LIVE_CHECK_LOGIN and LIVE_CHECK_GRAPH.',
            file=sys.stderr,
        )
        return 2
    except LiveCheckError as error:
        print(f'live-check: {error}', file=sys.stderr)
        return 2
    return int(bool(check(tenant)))


def check(tenant: Tenant) -> list[str]:
    """Print a paragraph for each probe; return the rows in which the tenant differs."""
    differs = []
    for probe in PROBES:
        try:
            seen = probe.run(tenant)
        except (LiveCheckError, requests.RequestException, ValueError, KeyError, IndexError) as error:
            seen = f'the probe failed: {type(error).__name__}: {error}'
        same = seen == probe.expected
        print(f'{"same   " if same else "DIFFERS"}  {probe.row}\n         sandbox: {probe.expected}\n         tenant:  {seen}')
        if not same:
            differs.append(probe.row)
    print(f'\n{len(PROBES)} rows, {len(differs)} differ. docs/live-check.md lists those that are looked at by hand.')
    return differs


if __name__ == '__main__':
    sys.exit(main())
