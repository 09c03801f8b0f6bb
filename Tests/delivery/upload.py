"""`make upload`: build a pack for a marketplace and upload it to an XSOAR server, with demisto-sdk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from delivery.commands import QUIET, DeliveryError, program, readable
from delivery.package import sdk_marketplace

_VARIABLES = ('DEMISTO_BASE_URL', 'DEMISTO_API_KEY')
_KEY_OF_8 = (
    'XSOAR 8 also needs XSIAM_AUTH_ID, a Standard key with the role Instance Administrator, '
    "and in DEMISTO_BASE_URL the API URL ('Copy API URL', https://api-...)."
)


def main(arguments: list[str]) -> int:
    """Upload the pack in the folder that is named first, built for the marketplace that may follow. Return the exit status.

    Environment:
        DEMISTO_BASE_URL, DEMISTO_API_KEY, XSIAM_AUTH_ID, DEMISTO_VERIFY_SSL: as demisto-sdk reads them.
    """
    pack, marketplace = arguments[0], arguments[1] if arguments[1:] else 'xsoar'
    try:
        _check(Path(pack), marketplace)
    except DeliveryError as error:
        return _failed(str(error))
    done = subprocess.run(
        [program('demisto-sdk'), 'upload', '-i', pack, '-z', '-mp', sdk_marketplace(marketplace)],
        env={**os.environ, **QUIET},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(readable(done.stdout))
    if done.returncode:
        return _failed(
            'demisto-sdk did not upload the pack. If it did not reach the server, or the server did not tell its version, '
            f'check {" and ".join(_VARIABLES)}. {_KEY_OF_8}'
        )
    return 0


def _check(pack: Path, marketplace: str) -> None:
    """Raise DeliveryError if something is missing that demisto-sdk would not name."""
    if not all(os.environ.get(name) for name in _VARIABLES):
        raise DeliveryError(
            f'Set DEMISTO_BASE_URL to the address of your XSOAR and DEMISTO_API_KEY to an API key of it. {_KEY_OF_8}'
        )
    if pack.resolve().parent.name != 'Packs' or not (pack / 'pack_metadata.json').is_file():
        raise DeliveryError(
            f'{pack} is not a pack in the folder Packs. Name one: PACK=Packs/Yours make upload. '
            'For an example: make example NAME=AzureSubscriptions.'
        )
    marketplaces = json.loads((pack / 'pack_metadata.json').read_text(encoding='utf-8')).get('marketplaces', ['xsoar'])
    if marketplace not in marketplaces:
        raise DeliveryError(f'The pack is not for {marketplace!r}. Choose {", ".join(marketplaces)}.')


def _failed(sentence: str) -> int:
    print(f'upload: {sentence}', file=sys.stderr)
    return 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
