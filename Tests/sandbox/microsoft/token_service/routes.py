"""The token service over HTTP: the page where one consents, and the exchange of refresh tokens for access tokens."""

import base64
from pathlib import Path

from flask import Flask, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from sandbox.microsoft.samples import CORTEX_CALLBACK_PATH
from sandbox.microsoft.state import CloudState
from sandbox.microsoft.token_service.errors import TokenServiceError
from sandbox.microsoft.token_service.model import APPLICATION_APPS, USER_APPS, TokenService

CONSENT_PAGE = '/<any({}):app_name>'.format(','.join(f'"{name}"' for name in (*USER_APPS, *APPLICATION_APPS)))


def create_app(state: CloudState, service: TokenService) -> Flask:
    """Return the WSGI application of the token service."""
    app = Flask('token_service', root_path=str(Path(__file__).parents[1]), static_folder=None)

    @app.post('/obtain-token')
    def obtain_token() -> tuple[Response, int]:
        body = request.get_json(force=True, silent=True)
        if not isinstance(body, dict):
            raise TokenServiceError(400, 'Bad Request', 'The body is not a JSON object.')
        return jsonify(service.obtain_token(body)), state.directory.token_service_status

    @app.get(CONSENT_PAGE)
    def start(app_name: str) -> str:
        return render_template('cortex_start.html', app_name=app_name, acts_as_user=app_name in USER_APPS)

    @app.post(CONSENT_PAGE)
    def go_to_microsoft(app_name: str) -> Answer:
        return redirect(service.consent_url(app_name))

    @app.get(CORTEX_CALLBACK_PATH)
    def come_back() -> str | tuple[str, int]:
        query = request.args
        if query.get('error'):
            description = query.get('error_description', '')
            return render_template('refused.html', heading='No consent was given', message=description), 400
        try:
            registration = service.register(query.get('state', ''), query.get('code', ''), query.get('tenant', ''))
        except TokenServiceError as error:
            return render_template('refused.html', heading='That did not work', message=error.body['detail']), error.status
        address = f'{state.addresses.token_service}/obtain-token'
        return render_template(
            'cortex_credentials.html',
            registration_id=f'{registration.registration_id}@{address}',
            token=registration.token,
            key=base64.b64encode(registration.key).decode(),
        )

    @app.errorhandler(TokenServiceError)
    def refuse(error: TokenServiceError) -> tuple[Response, int]:
        return jsonify(error.body), error.status

    return app
