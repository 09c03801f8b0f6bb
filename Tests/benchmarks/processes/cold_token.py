"""Print the milliseconds that a client secret takes to become a token: by a bare request, and by clients with nothing kept."""

import json
import sys
import time
from collections.abc import Callable
from statistics import median

import msal
import requests
from azure.identity import ClientSecretCredential

import demistomock as demisto
from CommonServerPython import LOG
from MicrosoftApiModule import MicrosoftClient, get_azure_cloud

job = json.load(sys.stdin)
scope = f'{job["graph"]}/.default'
cloud = get_azure_cloud({'azure_ad_endpoint': job['authority'], 'graph_endpoint': job['graph']}, 'benchmark')
form = {'grant_type': 'client_credentials', 'client_id': job['client_id'], 'client_secret': job['client_secret'], 'scope': scope}


def bare() -> None:
    answer = requests.post(f'{job["authority"]}/{job["tenant_id"]}/oauth2/v2.0/token', form, timeout=30)
    assert answer.json()['access_token']


def this_module() -> None:
    demisto.setIntegrationContext({})
    LOG.replace_strs = []  # a process has few secrets to blank, not those of a hundred tokens
    assert MicrosoftClient(
        tenant_id=job['tenant_id'], auth_id=job['client_id'], enc_key=job['client_secret'], self_deployed=True, azure_cloud=cloud
    ).get_access_token()


def by_msal() -> None:
    application = msal.ConfidentialClientApplication(
        job['client_id'],
        client_credential=job['client_secret'],
        authority=f'{job["authority"]}/{job["tenant_id"]}',
        instance_discovery=False,
    )
    assert application.acquire_token_for_client([scope])['access_token']


def azure_identity() -> None:
    with ClientSecretCredential(
        job['tenant_id'], job['client_id'], job['client_secret'], authority=job['authority'], disable_instance_discovery=True
    ) as credential:
        assert credential.get_token(scope).token


def milliseconds(one: Callable[[], None]) -> float:
    begun = time.perf_counter()
    one()
    return (time.perf_counter() - begun) * 1000


ways = {'bare': bare, 'this module': this_module, 'MSAL': by_msal, 'azure-identity': azure_identity}
# in turns, so that what the machine does besides hits all of them
measured = [{name: milliseconds(way) for name, way in ways.items()} for _ in range(1 + job['times'])][1:]
print(json.dumps({name: median(one[name] for one in measured) for name in ways}))
