"""Run a local XSOAR server: ``python -m sandbox.xsoar <data folder>``."""

import argparse
import signal
import sys
import threading

from .errors import Refusal
from .server import XsoarServer


def main() -> int:
    parser = argparse.ArgumentParser(prog='python -m sandbox.xsoar', description='Runs a local XSOAR server until Ctrl-C.')
    parser.add_argument('data_folder', help='where all that the server knows is kept; made when missing')
    parser.add_argument('--port', type=int, default=0, help='the port on loopback; a free one by default')
    options = parser.parse_args()
    end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: end.set())
    try:
        with XsoarServer(options.data_folder, port=options.port) as server:
            print(f'XSOAR:   {server.url}')
            print(f'API key: {server.api_key}', flush=True)
            end.wait()
    except (Refusal, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
