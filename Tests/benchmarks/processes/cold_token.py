"""Prints the milliseconds that a client secret takes to become a token: by a bare request, and by the client."""
import json
import sys
import time
from statistics import median

import requests

import demistomock as demisto
from MicrosoftApiModule import MicrosoftClient, get_azure_cloud

TIMES = 100
job = json.load(sys.stdin)
cloud = get_azure_cloud({'azure_ad_endpoint': job['authority'], 'graph_endpoint': job['graph']}, 'benchmark')
form = {'grant_type': 'client_credentials', 'client_id': job['client_id'], 'client_secret': job['client_secret'],
        'scope': f'{job["graph"]}/.default'}


def bare() -> None:
    answer = requests.post(f'{job["authority"]}/{job["tenant_id"]}/oauth2/v2.0/token', form, timeout=30)
    assert answer.json()['access_token']


def client() -> None:
    demisto.setIntegrationContext({})
    assert MicrosoftClient(tenant_id=job['tenant_id'], auth_id=job['client_id'], enc_key=job['client_secret'],
                           self_deployed=True, azure_cloud=cloud).get_access_token()


def milliseconds(one: object) -> float:
    begun = time.perf_counter()
    one()  # type: ignore[operator]
    return (time.perf_counter() - begun) * 1000


measured = [(milliseconds(bare), milliseconds(client)) for _ in range(1 + TIMES)][1:]
print(json.dumps({'bare': median(one[0] for one in measured), 'client': median(one[1] for one in measured)}))
