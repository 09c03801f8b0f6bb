"""Upload an example integration to the XSOAR server of DEMISTO_BASE_URL and DEMISTO_API_KEY, such as a running sandbox."""

import argparse
import os
import tempfile
from pathlib import Path

from demo.progress import complain, say, step
from demo.upload import UploadError, example_names, upload_pack


def main() -> int:
    """Return the exit status: 0 when the example was uploaded, 2 if not."""
    parser = argparse.ArgumentParser(prog='make example', description=__doc__)
    parser.add_argument('name', nargs='?', default='')
    name = parser.parse_args().name
    url, api_key = os.environ.get('DEMISTO_BASE_URL', ''), os.environ.get('DEMISTO_API_KEY', '')
    if name not in example_names():
        complain(f"There is no example '{name}'. Use make example NAME=<one of {', '.join(example_names())}>.")
        return 2
    if not (url and api_key):
        complain('No server is named. Set DEMISTO_BASE_URL and DEMISTO_API_KEY, which are on the start page of make sandbox.')
        return 2
    with tempfile.TemporaryDirectory(prefix='example-') as folder:
        try:
            with step(f'Building {name} with demisto-sdk and uploading it'):
                upload_pack(url, api_key, Path(folder) / 'build', f'Packs/{name}')
        except UploadError as error:
            what = f'{name} could not be uploaded. {error}'
            complain(f'{what}\nCheck DEMISTO_BASE_URL and DEMISTO_API_KEY: the start page of make sandbox shows both.')
            return 2
    say(f'Add an instance of it on {url}.')
    return 0
