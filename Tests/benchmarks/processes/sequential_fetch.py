"""Fetch mails with one request after another, and print the seconds: folder, list, each mail's attachments, each attached
mail, each mark as read.
"""

import base64
import json
import sys
import time
from pathlib import Path
from typing import Any

import requests

job = json.load(sys.stdin)
folder = Path(job['folder'])
http = requests.Session()
http.headers['Authorization'] = f'Bearer {job["token"]}'
mailbox = f'{job["graph"]}/v1.0/users/{job["mailbox"]}'


def ask(method: str, path: str, **more: Any) -> requests.Response:
    answer = http.request(method, mailbox + path, timeout=30, **more)
    answer.raise_for_status()
    return answer


def save(message: dict[str, Any], inbox: str) -> None:
    """Save all attachments of a mail as files."""
    attachments = f'/messages/{message["id"]}/attachments'
    for number, attachment in enumerate(ask('GET', f'/mailFolders/{inbox}{attachments}').json()['value']):
        if attachment['@odata.type'] == '#microsoft.graph.itemAttachment':
            content = ask('GET', f'{attachments}/{attachment["id"]}/$value').content
        else:
            content = base64.b64decode(attachment['contentBytes'])
        (folder / f'{number}').write_bytes(content)


begun = time.perf_counter()
inbox = ask('GET', '/mailFolders/inbox').json()['id']
since = job['since'].replace('+00:00', 'Z')
query = {'$filter': f'receivedDateTime ge {since}', '$orderby': 'receivedDateTime asc', '$top': str(job['count'])}
messages = ask('GET', f'/mailFolders/{inbox}/messages', params=query).json()['value']
for message in messages:
    save(message, inbox)
for message in messages:
    ask('PATCH', f'/messages/{message["id"]}', json={'isRead': True})
print(json.dumps({'seconds': time.perf_counter() - begun, 'mails': len(messages)}))
