"""Run the local Microsoft cloud by itself: ``python -m sandbox.microsoft`` with ``Tests`` in PYTHONPATH."""

import argparse
import signal
import sys
import threading

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import Application

MAX_PORT = 65535


def main(arguments: list[str]) -> int:
    """Serve until Ctrl-C or SIGTERM. Exit status 2 for wrong arguments, 1 when a port is taken."""
    parser = argparse.ArgumentParser(prog='python -m sandbox.microsoft', description='A local Microsoft cloud on loopback.')
    parser.add_argument(
        '--port',
        action='append',
        default=[],
        type=_port,
        metavar='SERVICE=NUMBER',
        help='fixed port of a service, e.g. entra=8443; may be repeated',
    )
    ports = dict(parser.parse_args(arguments).port)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        with MicrosoftCloud(ports) as cloud:
            print(describe(cloud), flush=True)
            stopped.wait()
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        print(error.strerror, file=sys.stderr)
        return 1
    print('Stopped.')
    return 0


def describe(cloud: MicrosoftCloud) -> str:
    """Return where everything is, who may sign in, and what to try first."""
    directory = cloud.directory
    tenant = directory.tenant('contoso.example')
    daemon = directory.application('daemon')
    host = cloud.token_service.rsplit('/', 1)[0]
    lines = ['The local Microsoft cloud is running. Ctrl-C stops it.', '', 'Addresses']
    lines += [
        f'  {name:<24}{address}'
        for name, address in (
            ('Entra ID', cloud.authority),
            ('Microsoft Graph', cloud.graph),
            ('Azure Resource Manager', cloud.resource_manager),
            ('Defender for Endpoint', cloud.defender),
            ('Cortex app: consent', f'{host}/ms-graph-mail-listener'),
            ('Cortex app: tokens', cloud.token_service),
            ('Instance metadata', cloud.imds),
            ('Fault switch', f'{cloud.admin}/sandbox/faults'),
            ('CA certificate', cloud.ca_file),
        )
    ]
    lines += ['', f'Tenant {tenant.display_name}: {tenant.tenant_id} or {tenant.domain}', '', 'Users (name / password)']
    lines += [f'  {user.user_principal_name:<26}{user.password}' for user in directory.users if user.enabled]
    lines += ['', 'Applications (name, client ID, secret)']
    lines += [_application_line(known) for known in directory.applications if known.tenant_id == tenant.tenant_id]
    lines += ['', 'Managed identities (name, client ID)']
    lines += [f'  {known.name:<13}{known.client_id}' for known in directory.managed_identities]
    token_url = f'{cloud.authority}/{tenant.domain}/oauth2/v2.0/token'
    lines += [
        '',
        'Try this',
        f'  export REQUESTS_CA_BUNDLE={cloud.ca_file}',
        f'  curl --cacert {cloud.ca_file} {token_url} -d grant_type=client_credentials'
        f" -d client_id={daemon.client_id} -d client_secret='{daemon.secret}' -d scope={cloud.graph}/.default",
        f'  curl {cloud.admin}/sandbox/faults -d \'{{"service": "entra", "path": "token", "status": 503}}\'',
    ]
    return '\n'.join(lines)


def _application_line(application: Application) -> str:
    secret = application.secret if application.secrets else '(public client: none)'
    return f'  {application.name:<13}{application.client_id}  {secret}'


def _port(text: str) -> tuple[str, int]:
    name, _, number = text.partition('=')
    if not number.isdigit() or int(number) > MAX_PORT:
        raise argparse.ArgumentTypeError(f'"{text}" is not SERVICE=NUMBER, e.g. entra=8443')
    return name, int(number)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
