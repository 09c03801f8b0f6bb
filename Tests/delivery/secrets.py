"""`make secrets`: demisto-sdk looks for secrets in the packs.

To the SDK every long word with many different characters may be a secret, and every address one that must not be told. Two
kinds of words are none: a name, which has no digit, where keys, tokens and hashes have some; and the address of a host that
nobody can have on the internet. What is left is removed, or ignored in `.secrets-ignore` of the pack below a line that says why.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from delivery.commands import ROOT, DeliveryError, call_in_sdk_process, files_of

_URL = re.compile(r'https?://([^\s/:\'"]*)')
_ADDRESS = re.compile(r'https?://|\w@\w|^[\da-fA-F]*[:.][\da-fA-F:.]+$')


class Finding(NamedTuple):
    """A word that the SDK takes for a secret."""

    file: str
    line: int
    word: str

    @property
    def is_name(self) -> bool:
        """Return whether it has no digit and is not an address."""
        return not re.search(r'\d', self.word) and not _ADDRESS.search(self.word)

    @property
    def leads_nowhere(self) -> bool:
        """Return whether it is the address of a host without a domain, such as https://a/token."""
        found = _URL.search(self.word)
        return bool(found) and '.' not in str(found and found[1]).strip('.')


def main(folder: Path = ROOT) -> int:
    """Print what may be a secret, and return the exit status."""
    try:
        found = [Finding(*fields) for fields in call_in_sdk_process('delivery.secrets', 'find_secrets', folder)]
    except DeliveryError as error:
        print(f'secrets: {error}', file=sys.stderr)
        return 1
    left = [finding for finding in found if not finding.is_name and not finding.leads_nowhere]
    for finding in left:
        print(f'{finding.file}:{finding.line}: {finding.word}')
    if left:
        print(f'secrets: {len(left)} words may be secrets. Remove them, or ignore them in .secrets-ignore, with a reason.')
        return 1
    print(f'secrets: none in {len(files_of("Packs", folder=folder))} files')
    return 0


def find_secrets() -> Iterable[tuple[str, int, str]]:
    """Return file, line and text of what the SDK finds in the packs of the working folder."""
    from demisto_sdk.commands.secrets.secrets import SecretsValidator

    sdk = SecretsValidator()
    files = [str(path) for path in files_of('Packs', folder=Path.cwd()) if sdk.is_text_file(str(path))]
    found = sdk.search_potential_secrets(files)
    return [(file, line, word) for file in files for line in sorted(found.get(file, ())) for word in found[file][line]]


if __name__ == '__main__':
    sys.exit(main())
