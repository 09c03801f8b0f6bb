"""What a client pays for a token that it does not have, against the bare request and other clients."""

from benchmarks import fresh_process
from benchmarks.effort import Effort
from benchmarks.row import Row, at_most, compared, plain
from sandbox.servers import Sandbox


def rows(sandbox: Sandbox, effort: Effort) -> list[Row]:
    cloud = sandbox.cloud
    application = cloud.directory.application('daemon')
    job = {
        'times': effort.repeats,
        'authority': cloud.authority,
        'graph': cloud.graph,
        'tenant_id': application.tenant_id,
        'client_id': application.client_id,
        'client_secret': application.secret,
    }
    measured = fresh_process.run('cold_token.py', sandbox.folder, job, REQUESTS_CA_BUNDLE=cloud.ca_file)
    own, limit, others = measured['this module'], measured['bare'], min(measured['MSAL'], measured['azure-identity'])
    names = {'bare': 'bare requests.post', 'this module': 'this module', 'MSAL': 'MSAL', 'azure-identity': 'azure-identity'}
    return [
        *compared([plain(f'Cold token: {name}', measured[way], 'ms') for way, name in names.items()]),
        at_most('Cold token, ratio to bare requests.post', own / limit, 1.1, '', f'{own:.1f} : {limit:.1f} ms'),
        at_most(
            'Cold token, ratio to the faster of MSAL and azure-identity', own / others, 1, '', f'{own:.1f} : {others:.1f} ms'
        ),
    ]
