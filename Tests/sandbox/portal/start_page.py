"""The start page: where everything is, who can sign in, what to enter."""

from flask import Flask, render_template, send_file
from werkzeug.wrappers import Response

from .model import World


def add_start(app: Flask, world: World) -> None:
    """Add the start page and the certificate that browsers may trust."""

    @app.get('/')
    def start() -> str:
        cloud = world.cloud
        host = cloud.token_service.removesuffix('/obtain-token')
        return render_template(
            'start.html',
            chapters=world.chapters,
            consent=f'{host}/ms-graph-mail-listener',
            device=f'{cloud.authority}/devicelogin',
            users=[each for each in cloud.directory.users if each.enabled],
            addresses={
                'Entra ID': cloud.authority,
                'Microsoft Graph': cloud.graph,
                'Azure Resource Manager': cloud.resource_manager,
                'Defender for Endpoint': cloud.defender,
                'Token service of the Cortex app': cloud.token_service,
                'Instance metadata': cloud.imds,
                'Faults by REST': f'{cloud.admin}/sandbox/faults',
                'Certificate authority': cloud.ca_file,
            },
        )

    @app.get('/ca.pem')
    def certificate() -> Response:
        return send_file(
            world.cloud.ca_file, mimetype='application/x-pem-file', as_attachment=True, download_name='sandbox-ca.pem'
        )
