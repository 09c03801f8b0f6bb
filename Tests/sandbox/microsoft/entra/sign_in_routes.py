"""The pages of Entra ID where users sign in: authorize, consent, device code, admin consent."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from flask import Flask, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from sandbox.microsoft.entra.errors import AADSTS, EntraError
from sandbox.microsoft.entra.grants import DeviceAuthorization, new_user_code
from sandbox.microsoft.entra.scopes import parse_scope
from sandbox.microsoft.entra.sign_in_flows import SignInFlow, SignInFlows
from sandbox.microsoft.entra.tenants import requested_application, requested_tenant
from sandbox.microsoft.entra.token_endpoint import requested_claims
from sandbox.microsoft.state import CloudState

CHALLENGE_LENGTHS = range(43, 129)


class PageError(Exception):
    """An error that is shown to the user in the browser, not sent to the client."""

    def __init__(self, error: EntraError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def shown_to_user() -> Iterator[None]:
    """Show errors of the block to the user as a page."""
    try:
        yield
    except EntraError as error:
        raise PageError(error) from error


def add_pages(app: Flask, state: CloudState) -> None:
    """Add the pages to the application of Entra ID."""
    flows = SignInFlows(state)
    _add_starts(app, state, flows)
    _add_device_code(app, state, flows)
    _add_steps(app, state, flows)

    @app.errorhandler(PageError)
    def show(page: PageError) -> tuple[str, int]:
        body = page.error.body(state.clock.now())
        sentence, _, details = body['error_description'].partition(' Trace ID: ')
        shown = render_template('refused.html', heading='That did not work', message=sentence, details=f'Trace ID: {details}')
        return shown, page.error.status

    @app.get('/error')
    def explain() -> tuple[str, int]:
        code = request.args.get('code', '')
        refusal = AADSTS.get(int(code)) if code.isdigit() else None
        if refusal is None:
            return render_template('refused.html', heading='Unknown error', message=f'AADSTS{code} is not in the table.'), 404
        return render_template('done.html', heading=f'AADSTS{code}', text=refusal.sentence), 200


def _add_starts(app: Flask, state: CloudState, flows: SignInFlows) -> None:
    @app.get('/<tenant_name>/oauth2/v2.0/authorize')
    @app.get('/<tenant_name>/oauth2/authorize')
    def authorize(tenant_name: str) -> str | Answer:
        with shown_to_user():
            flow = _authorization(state, tenant_name, request.args)
        try:
            _check_authorization(state, flow, request.args, is_v2='/v2.0/' in request.path)
        except EntraError as error:
            return redirect(flows.refuse(flow, error))
        return _sign_in_page(flows.begin(flow), flow)

    @app.get('/<tenant_name>/adminconsent')
    @app.get('/<tenant_name>/v2.0/adminconsent')
    def admin_consent(tenant_name: str) -> str:
        with shown_to_user():
            flow = _authorization(state, tenant_name, request.args)
        flow.wants_admin_consent = True
        return _sign_in_page(flows.begin(flow), flow)


def _add_device_code(app: Flask, state: CloudState, flows: SignInFlows) -> None:
    @app.post('/<tenant_name>/oauth2/v2.0/devicecode')
    def device_code(tenant_name: str) -> Response:
        for parameter in ('client_id', 'scope'):
            if not request.form.get(parameter):
                raise EntraError(900144, f"The body needs the parameter '{parameter}'.")
        application = requested_application(state.directory, tenant_name, request.form['client_id'])
        parse_scope(state.directory, request.form['scope'])
        directory = state.directory
        device = DeviceAuthorization(
            application=application,
            tenant_name=tenant_name,
            scope=request.form['scope'],
            user_code=new_user_code(),
            interval=directory.device_code_interval,
            expires=state.clock.now() + directory.device_code_seconds,
            context=requested_claims(request.form).context,
        )
        page = f'{state.addresses.authority}/devicelogin'
        return jsonify(
            {
                'user_code': device.user_code,
                'device_code': state.grants.add_device(device),
                'verification_uri': page,
                'expires_in': int(directory.device_code_seconds),
                'interval': device.interval,
                'message': f'To sign in, open {page} in a web browser and enter the code {device.user_code}.',
            }
        )

    @app.get('/devicelogin')
    def code_page() -> str:
        return render_template('device_code.html')

    @app.post('/devicelogin')
    def enter_code() -> str:
        device = state.grants.device_by_user_code(request.form.get('user_code', ''))
        if device is None or device.expires <= state.clock.now():
            return render_template('device_code.html', message='This code is unknown or has expired.')
        if device.user or device.is_declined:
            return render_template('device_code.html', message='This code was used already.')
        flow = SignInFlow(tenant_name=device.tenant_name, application=device.application, scope=device.scope, device=device)
        return _sign_in_page(flows.begin(flow), flow)


def _add_steps(app: Flask, state: CloudState, flows: SignInFlows) -> None:
    def go_on(flow_id: str, flow: SignInFlow) -> str | Answer:
        flows.end(flow_id)
        return _finished(flow, flows.finish(flow))

    @app.post('/login')
    def login() -> str | Answer:
        flow_id, username = request.form.get('flow', ''), request.form.get('username', '')
        with shown_to_user():
            flow = flows.get(flow_id)
        try:
            user = flows.sign_in(flow, username, request.form.get('password', ''))
        except EntraError as error:
            return _sign_in_page(flow_id, flow, username, str(error))
        with shown_to_user():
            permissions = flows.permissions_to_ask(flow)
        if not permissions:
            return go_on(flow_id, flow)
        for_tenant = state.directory.tenant(user.tenant_id).display_name if flow.wants_admin_consent else ''
        return render_template(
            'consent.html',
            flow=flow_id,
            application=flow.application.display_name,
            permissions=permissions,
            user=user.user_principal_name,
            for_tenant=for_tenant,
        )

    @app.post('/consent')
    def consent() -> str | Answer:
        flow_id = request.form.get('flow', '')
        with shown_to_user():
            flow = flows.get(flow_id)
            if flow.user is None:
                raise EntraError(50058, 'Sign in before you consent.')
        if request.form.get('decision') == 'accept':
            return go_on(flow_id, flow)
        flows.end(flow_id)
        return _finished(flow, flows.decline(flow))


def _authorization(state: CloudState, tenant_name: str, query: Mapping[str, str]) -> SignInFlow:
    """Return the sign-in that a client requests. Errors here are shown to the user: the redirect URI cannot be trusted yet."""
    if not query.get('client_id'):
        raise EntraError(900144, "The request needs the parameter 'client_id'.")
    requested_tenant(state.directory, tenant_name)
    application = requested_application(state.directory, tenant_name, query['client_id'])
    redirect_uri = query.get('redirect_uri') or (application.redirect_uris or [''])[0]
    if not redirect_uri:
        raise EntraError(900971)
    if redirect_uri not in application.redirect_uris:
        raise EntraError(50011, f"The redirect URI '{redirect_uri}' is not registered for application '{application.client_id}'.")
    return SignInFlow(
        tenant_name=tenant_name,
        application=application,
        scope=query.get('scope', ''),
        redirect_uri=redirect_uri,
        state=query.get('state', ''),
        nonce=query.get('nonce', ''),
        code_challenge=query.get('code_challenge', ''),
        code_challenge_method=query.get('code_challenge_method', 'plain'),
        login_hint=query.get('login_hint', ''),
        always_ask=query.get('prompt') == 'consent',
    )


def _check_authorization(state: CloudState, flow: SignInFlow, query: Mapping[str, str], is_v2: bool) -> None:
    """Check the rest of the request. Errors here are sent to the client."""
    flow.context = requested_claims(query).context
    if query.get('response_type') != 'code':
        raise EntraError(70005)
    if query.get('response_mode', 'query') != 'query':
        raise EntraError(70007)
    if is_v2 and query.get('resource'):
        raise EntraError(901002)
    if not is_v2:
        flow.resource = query.get('resource', '') or state.addresses.graph
        flow.scope = f'{flow.resource}/.default openid offline_access'
    parse_scope(state.directory, flow.scope)
    if flow.code_challenge:
        known_method = flow.code_challenge_method in flow.application.code_challenge_methods
        if not known_method or len(flow.code_challenge) not in CHALLENGE_LENGTHS:
            raise EntraError(50147)
    if query.get('prompt') == 'none':
        raise EntraError(50058)


def _sign_in_page(flow_id: str, flow: SignInFlow, username: str = '', message: str = '') -> str:
    return render_template(
        'sign_in.html',
        flow=flow_id,
        application=flow.application.display_name,
        username=username or flow.login_hint,
        message=message,
    )


def _finished(flow: SignInFlow, url: str) -> str | Answer:
    if url:
        return redirect(url)
    if flow.device and flow.device.is_declined:
        return render_template('done.html', heading='You declined', text=f'{flow.application.display_name} was not signed in.')
    return render_template(
        'done.html',
        heading='You are signed in',
        text=f'{flow.application.display_name} goes on by itself. You can close this window.',
    )
