"""How long it takes to sign what a certificate proves itself by."""

from benchmarks import fresh_process
from benchmarks.effort import Effort
from benchmarks.row import Row, at_most
from sandbox.servers import Sandbox


def rows(sandbox: Sandbox, effort: Effort) -> list[Row]:
    application = sandbox.cloud.directory.application('daemon')
    job = {
        'times': effort.repeats,
        'authority': sandbox.cloud.authority,
        'tenant_id': application.tenant_id,
        'client_id': application.client_id,
        'private_key': application.certificate.private_key_pem + application.certificate.certificate_pem,
    }
    measured = fresh_process.run('assertions.py', sandbox.folder, job)
    return [at_most('Signing an assertion', measured['later'], 5, 'ms', f'the first, with imports: {measured["first"]:.0f} ms')]
