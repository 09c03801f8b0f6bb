"""Send a file in an upload session, or save one, with the requests that it takes and nothing else, and print the seconds."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import requests

from MicrosoftGraphMailSendApiModule import UPLOAD_RANGE

DOWNLOAD_CHUNK = 256 * 1024  # bytes

job = json.load(sys.stdin)
http = requests.Session()
http.headers['Authorization'] = f'Bearer {job["token"]}'
mailbox = f'{job["graph"]}/v1.0/users/{job["mailbox"]}'


def ask(method: str, url: str, **more: Any) -> requests.Response:
    answer = http.request(method, url, timeout=60, **more)
    answer.raise_for_status()
    return answer


def send() -> None:
    """Draft, session, ranges from disk, sending."""
    file = Path(job['file'])
    size = file.stat().st_size
    to = [{'emailAddress': {'address': job['to']}}]
    draft = ask('POST', f'{mailbox}/messages', json={'subject': 'Large', 'toRecipients': to}).json()['id']
    item = {'attachmentType': 'file', 'name': file.name, 'size': size}
    session = ask('POST', f'{mailbox}/messages/{draft}/attachments/createUploadSession', json={'AttachmentItem': item}).json()
    with file.open('rb') as content:
        for start in range(0, size, UPLOAD_RANGE):
            data = content.read(UPLOAD_RANGE)
            span = f'bytes {start}-{start + len(data) - 1}/{size}'
            ask('PUT', session['uploadUrl'], data=data, headers={'Content-Range': span, 'Authorization': None})
    ask('POST', f'{mailbox}/messages/{draft}/send')


def save() -> None:
    """One streamed answer, written as it comes."""
    answer = ask('GET', f'{mailbox}/messages/{job["message"]}/attachments/{job["attachment"]}/$value', stream=True)
    with Path(job['file']).open('wb') as file:
        for chunk in answer.iter_content(DOWNLOAD_CHUNK):
            file.write(chunk)


begun = time.perf_counter()
{'send': send, 'save': save}[job['what']]()
print(json.dumps({'seconds': time.perf_counter() - begun}))
