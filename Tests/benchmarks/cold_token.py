"""What a client pays for a token that it does not have, against the bare request."""
from benchmarks import fresh_process
from benchmarks.row import Row, at_most
from sandbox.demo.servers import Sandbox


def rows(sandbox: Sandbox) -> list[Row]:
    cloud = sandbox.cloud
    application = cloud.directory.application('daemon')
    job = {'authority': cloud.authority, 'graph': cloud.graph, 'tenant_id': application.tenant_id,
           'client_id': application.client_id, 'client_secret': application.secret}
    measured = fresh_process.run('cold_token.py', sandbox.folder, job, REQUESTS_CA_BUNDLE=cloud.ca_file)
    return [at_most('Cold token : bare requests.post', measured['client'] / measured['bare'], 1.2, '',
                    f'{measured["client"]:.1f} : {measured["bare"]:.1f} ms')]
