"""Run the local Microsoft cloud and the local XSOAR server, with the pack on it, until Ctrl-C."""

import argparse
import os
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from authentication_methods import cloud_settings
from demo.administrator import INTEGRATION
from demo.instructions import instructions
from demo.progress import complain, say, step
from demo.upload import UploadError, upload_pack, upload_to
from sandbox.servers import Sandbox
from sandbox.xsoar import Refusal, XsoarServer

# what a command needs of this machine to reach the real Microsoft, and its identity where this is an Azure host
_OF_THE_HOST = (
    *('HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy', 'REQUESTS_CA_BUNDLE', 'SSL_CERT_FILE'),
    *('IDENTITY_ENDPOINT', 'IDENTITY_HEADER', 'IMDS_ENDPOINT', 'MSI_ENDPOINT', 'MSI_SECRET'),
)


def main() -> int:
    """Return the exit status: 0 when it was stopped, 2 if it could not be started."""
    parser = argparse.ArgumentParser(prog='make sandbox', description=__doc__)
    parser.add_argument('--port', type=_port, default=0, help='of the start page; the others follow. Free ones by default')
    parser.add_argument('--keep', default='', help='a folder to keep the state in from one run to the next')
    parser.add_argument('--microsoft', choices=('local', 'real'), default='local', help='real: without a local cloud')
    options = parser.parse_args()
    try:
        if options.microsoft == 'real':
            run_xsoar(options.port, options.keep)
        else:
            run(Sandbox(options.port, options.keep), options.keep)
    except (UploadError, Refusal, OSError, ValueError) as error:
        complain(f'The sandbox could not be started. {error}')
        return 2
    return 0


def run(sandbox: Sandbox, keep: str = '') -> None:
    """Run a sandbox until somebody interrupts it.

    Args:
        keep: the folder that its state is kept in.
    """
    try:
        with step('Starting a local Microsoft cloud and a local XSOAR server'):
            sandbox.start()
        with step('Building the pack with demisto-sdk and uploading it'):
            upload_to(sandbox)
        sandbox.server.surroundings.presets[INTEGRATION] = cloud_settings(sandbox.cloud)
        sandbox.portal.chapters[:] = instructions(sandbox)
        _wait(f'Open {sandbox.portal.start_url}', keep)
    finally:
        sandbox.stop()
    say('\nStopped. Nothing is left running.')


def run_xsoar(port: int, keep: str) -> None:
    """Run a local XSOAR server whose commands reach the real Microsoft, until somebody interrupts it.

    Args:
        port: of its pages; 0 takes a free one.
        keep: the folder that its state is kept in, with the secrets of its instances; empty if nothing is kept.
    """
    environment = {name: os.environ[name] for name in _OF_THE_HOST if name in os.environ}
    with tempfile.TemporaryDirectory(prefix='sandbox-') as temporary:
        folder = Path(temporary)
        with XsoarServer(Path(keep or folder) / 'xsoar', environment=environment, port=port) as server:
            with step('Building the pack with demisto-sdk and uploading it'):
                upload_pack(server.url, server.api_key, folder / 'build')
            shell = f'export DEMISTO_BASE_URL={server.url} DEMISTO_API_KEY={server.api_key}'
            what = 'Commands of its instances work in real mailboxes of the tenant that you enter.'
            _wait(f'Open {server.sign_in_url}\n\n{what}\nFor make upload and make example: {shell}', keep)
    say('\nStopped. Nothing is left running.')


def _wait(what: str, keep: str) -> None:
    left = f'Its state is written to {keep} when it stops.' if keep else 'Nothing of it is kept: KEEP=<folder> keeps it.'
    say(f'\n{what}\n\nIt runs until Ctrl-C. {left}')
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def _port(text: str) -> int:
    if not text.removeprefix('-').isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a port. Write it as in PORT=8080.")
    return int(text)
