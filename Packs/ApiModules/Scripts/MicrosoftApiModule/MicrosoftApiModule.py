"""Provide the client that Microsoft integrations use: requests with a token, retries, errors with advice, sign-in of users.

It has the public interface of the public MicrosoftApiModule, so that integrations written for that module run unchanged.
"""

import base64
import json
import re
import secrets
import sys
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta, timezone  # noqa: F401 - integrations take timedelta from here
from functools import cached_property
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import demistomock as demisto
import requests
from CommonServerPython import *
from MicrosoftTokenCacheApiModule import *

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from CommonServerPython import (
        BaseClient,
        CommandResults,
        DemistoException,
        ExecutionMetrics,
        LOG,
        ScheduledCommand,
        add_sensitive_log_strs,
        argToBoolean,
        get_integration_context,
        get_x_content_info_headers,
        is_debug_mode,
        is_demisto_version_ge,
        return_error,
        return_results,
        set_integration_context,
        support_multithreading,
    )
    from MicrosoftCoreApiModule import (
        AZURE_CLOUDS,
        AZURE_CLOUD_NAME_CUSTOM,
        AZURE_CLOUD_NAME_MAPPING,
        AZURE_GERMAN_CLOUD,
        AZURE_US_DOD_CLOUD,
        AZURE_WORLDWIDE_CLOUD,
        AzureCloud,
        CredentialError,
        JsonObject,
        MicrosoftSignInError,
        SystemClock,
        clean_id,
        clean_value,
        create_custom_azure_cloud,
        float_or_none,
        is_public_id,
        outside_text,
        proxy_passwords,
        secret_forms,
    )
    from MicrosoftHttpApiModule import (
        ErrorResponse,
        LARGE_LIMITS,
        LimitedSession,
        NO_RETRIES,
        RetryPolicy,
        is_https,
        is_reset,
        json_or_none,
        read_json,
        retry_after_seconds,
        run_with_retries,
        skip_netrc,
    )
    from MicrosoftTokenRequestApiModule import (
        AccessToken,
        OIDC_SCOPES,
        SignInPendingError,
        SignInRequiredError,
        TokenClient,
        TokenTarget,
        find_oauth_error,
        unusable_response,
    )
    from MicrosoftCredentialsApiModule import (
        AuthenticationMethod,
        AuthorizationCodeCredential,
        CachedSession,
        CortexAppCredential,
        Credential,
        DeviceCodeCredential,
        ManagedIdentityCredential,
        PendingSignIn,
        clean_tenant,
        create_credential,
        encrypt_for_token_service,
        parse_authorization_response,
    )
    from MicrosoftTokenCacheApiModule import ContextStorage, MemoryStorage, TokenProvider, clear_tokens, update_storage

# region names for integrations


class Scopes:
    graph = 'https://graph.microsoft.com/.default'
    security_center = 'https://api.securitycenter.windows.com/.default'
    security_center_apt_service = 'https://securitycenter.onmicrosoft.com/windowsatpservice/.default'
    management_azure = 'https://management.azure.com/.default'


class Resources:
    graph = 'https://graph.microsoft.com/'
    security_center = 'https://api.securitycenter.microsoft.com/'
    security = 'https://api.security.microsoft.com/'
    management_azure = 'https://management.azure.com/'
    manage_office = 'https://manage.office.com/'


OPROXY_AUTH_TYPE = 'oproxy'
SELF_DEPLOYED_AUTH_TYPE = 'self_deployed'
CLIENT_CREDENTIALS = AuthenticationMethod.CLIENT_CREDENTIALS
AUTHORIZATION_CODE = AuthenticationMethod.AUTHORIZATION_CODE
REFRESH_TOKEN = 'refresh_token'  # noqa: S105 - a grant type
DEVICE_CODE = AuthenticationMethod.DEVICE_CODE
MANAGED_IDENTITIES_SYSTEM_ASSIGNED = 'SYSTEM_ASSIGNED'
MANAGED_IDENTITIES_TOKEN_URL = 'http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01'  # noqa: S105
AZURE_DOD_CLOUD = AZURE_US_DOD_CLOUD
_PUBLIC_CLOUDS = ('com', 'gcc', 'gcc-high', 'dod', 'de', 'cn')
TOKEN_RETRIEVAL_ENDPOINTS = {name: AZURE_CLOUDS[name].endpoints.active_directory for name in _PUBLIC_CLOUDS}
GRAPH_ENDPOINTS = {name: AZURE_CLOUDS[name].endpoints.microsoft_graph_resource_id.rstrip('/') for name in _PUBLIC_CLOUDS}
GRAPH_BASE_ENDPOINTS = {graph: name for name, graph in GRAPH_ENDPOINTS.items() if name != 'gcc'}  # that of com is the same
SESSION_STATE = 'session_state'
TOKEN_EXPIRED_ERROR_CODES = {50173, 54005, 70008, 700082, 7000222}  # numbers of AADSTS errors
MICROSOFT_DEFENDER_FOR_ENDPOINT_TYPE_CUSTOM = 'Custom'
MICROSOFT_DEFENDER_FOR_ENDPOINT_DEFAULT_ENDPOINT_TYPE = 'com'
MICROSOFT_DEFENDER_FOR_ENDPOINT_TYPE = {
    'Worldwide': 'com',
    'US Geo Proximity': 'geo-us',
    'EU Geo Proximity': 'geo-eu',
    'UK Geo Proximity': 'geo-uk',
    'US GCC': 'gcc',
    'US GCC-High': 'gcc-high',
    'DoD': 'dod',
}
MICROSOFT_DEFENDER_FOR_ENDPOINT_API = {
    'com': 'https://api.securitycenter.microsoft.com',
    'geo-us': 'https://api.securitycenter.microsoft.com',
    'geo-eu': 'https://api-eu.securitycenter.microsoft.com',
    'geo-uk': 'https://api-uk.securitycenter.microsoft.com',
    'gcc': 'https://api-gcc.securitycenter.microsoft.us',
    'gcc-high': 'https://api-gov.securitycenter.microsoft.us',
    'dod': 'https://api-gov.securitycenter.microsoft.us',
}
MICROSOFT_DEFENDER_FOR_ENDPOINT_TOKEN_RETRIVAL_ENDPOINTS = {
    name: TOKEN_RETRIEVAL_ENDPOINTS.get(name, TOKEN_RETRIEVAL_ENDPOINTS['com']) for name in MICROSOFT_DEFENDER_FOR_ENDPOINT_API
}
MICROSOFT_DEFENDER_FOR_ENDPOINT_GRAPH_ENDPOINTS = {
    name: GRAPH_ENDPOINTS.get(name, GRAPH_ENDPOINTS['com']) for name in MICROSOFT_DEFENDER_FOR_ENDPOINT_API
}
MICROSOFT_DEFENDER_FOR_ENDPOINT_APT_SERVICE_ENDPOINTS = {
    name: f'https://securitycenter.onmicrosoft.{"us" if name in ("gcc-high", "dod") else "com"}'
    for name in MICROSOFT_DEFENDER_FOR_ENDPOINT_API
}
MICROSOFT_DEFENDER_FOR_APPLICATION_TYPE = {'Worldwide': 'com', 'US GCC': 'gcc', 'US GCC-High': 'gcc-high'}
MICROSOFT_DEFENDER_FOR_APPLICATION_API = {
    name: MICROSOFT_DEFENDER_FOR_ENDPOINT_API[name] for name in MICROSOFT_DEFENDER_FOR_APPLICATION_TYPE.values()
}
MICROSOFT_DEFENDER_FOR_APPLICATION_TOKEN_RETRIEVAL_ENDPOINTS = {
    name: TOKEN_RETRIEVAL_ENDPOINTS[name] for name in MICROSOFT_DEFENDER_FOR_APPLICATION_TYPE.values()
}


class NotFoundError(Exception):
    """The service responded with 404. `message` is the body, as JSON if it is JSON."""

    def __init__(self, message: Any):
        self.message = message
        super().__init__(message)


class CommandThrottled(DemistoException):
    """The service throttles the command for longer than the retry budget. The command may run again after `seconds`.

    Attributes:
        arguments: those of the next run, None if they are those of this run.
    """

    arguments: JsonObject | None = None

    def __init__(self, seconds: float, response: requests.Response):
        self.seconds = seconds
        super().__init__(f'Microsoft is throttling requests. Try again in {seconds:.0f} seconds.', res=response)


# endregion
# region client

API_RETRIES = RetryPolicy({429: 9, 502: 1, 503: 9, 504: 9}, connection_retries=1)
_IDEMPOTENT_METHODS = {'GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'}
_DEFAULT_DELAY = 60.0  # seconds until a throttled command runs again, if the service does not say
_DEFAULT_OK_CODES = (200, 201, 202, 204, 206, 404)


class MicrosoftClient(BaseClient):
    """Send requests to a Microsoft API, with tokens of one credential.

    It takes the keywords of the public MicrosoftApiModule, which the README of this module explains, and these:

    Args:
        credential: replaces the keywords that describe one.
        permissions: names of the delegated permissions that a user is asked to grant, by default those of the scope.
        retry_policy: decides when a request is sent again, unless the request has its own policy.
        kwargs: passed to BaseClient (proxy, ok_codes, headers, auth).
    """

    _counts_requests = False
    _limits = LARGE_LIMITS
    # Seconds since the API last answered. They count for the retry budget of the next requests: a command that goes on with the
    # next item after an error must not wait for each of them.
    _waited_in_vain = 0.0

    def __init__(
        self,
        tenant_id: str = '',
        auth_id: str = '',
        enc_key: str | None = '',
        token_retrieval_url: str = '{endpoint}/{tenant_id}/oauth2/v2.0/token',  # noqa: S107 - an address
        app_name: str = '',
        refresh_token: str = '',
        auth_code: str = '',
        scope: str = '{graph_endpoint}/.default',
        grant_type: str = CLIENT_CREDENTIALS,
        redirect_uri: str = 'https://localhost/myapp',
        resource: str | None = '',
        multi_resource: bool = False,
        resources: list[str] | None = None,
        verify: bool = True,
        self_deployed: bool = False,
        timeout: int | None = None,
        azure_ad_endpoint: str = '{endpoint}',
        azure_cloud: AzureCloud = AZURE_WORLDWIDE_CLOUD,
        endpoint: str = '__NA__',
        certificate_thumbprint: str | None = None,
        retry_on_rate_limit: bool = False,
        private_key: str | None = None,
        managed_identities_client_id: str | None = None,
        managed_identities_resource_uri: str | None = None,
        base_url: str | None = None,
        command_prefix: str | None = 'command_prefix',
        *args: Any,
        credential: Credential | None = None,
        permissions: tuple[str, ...] = (),
        retry_policy: RetryPolicy = API_RETRIES,
        **kwargs: Any,
    ):
        for password in proxy_passwords(os.environ):
            mask_secret(password)
        super().__init__(base_url, verify, *args, **kwargs)  # type: ignore[arg-type]
        self._limit_session()
        self.azure_cloud = azure_cloud if endpoint == '__NA__' else AZURE_CLOUDS.get(endpoint, AZURE_WORLDWIDE_CLOUD)
        login = self.azure_cloud.endpoints.active_directory.rstrip('/')
        graph = self.azure_cloud.endpoints.microsoft_graph_resource_id.rstrip('/')
        self.azure_ad_endpoint = (azure_ad_endpoint or login).format(endpoint=login).rstrip('/')
        self.token_retrieval_url = token_retrieval_url.format(endpoint=login, tenant_id=_tenant_for_url(tenant_id))
        self.auth_type = SELF_DEPLOYED_AUTH_TYPE if self_deployed else OPROXY_AUTH_TYPE
        self.auth_id = auth_id
        if self_deployed:  # integrations take the attribute for a flow of a self-deployed application
            self.grant_type = grant_type
        elif not credential:
            self.auth_id, _, service = clean_id(auth_id).partition('@')
            self.token_retrieval_url = service or CortexAppCredential.TOKEN_SERVICE
        self.tenant_id = tenant_id
        self.client_id = self.auth_id
        self.client_secret = self.enc_key = enc_key or ''
        self.app_name = app_name
        self.refresh_token = refresh_token
        self.auth_code = auth_code or ''
        self.scope = scope.format(graph_endpoint=graph)
        self.redirect_uri = redirect_uri
        self.resource = resource or ''
        self.multi_resource = multi_resource
        self.resources = resources or []
        self.verify = verify
        self._has_fixed_timeout = bool(timeout)
        self.timeout = timeout or (self.timeout if credential else None)
        self.certificate_thumbprint = certificate_thumbprint or ''
        self.private_key = private_key or ''
        self.managed_identities_client_id = managed_identities_client_id
        self.managed_identities_resource_uri = managed_identities_resource_uri
        self.retry_on_rate_limit = retry_on_rate_limit
        self.command_prefix = command_prefix
        self.retry_policy = retry_policy
        self.clock = _ClientClock(self)
        self.permissions = permissions
        self._given_credential = credential and _unmask_ids(credential)
        self._issued_tokens: set[str] = set()

    def _limit_session(self) -> None:
        """Replace the session with one that ends requests with the command, and sends tokens only to https addresses."""
        session = _TokenSession(lambda: self.clock.remaining(), self._limits)
        session.adapters.update(self._session.adapters)
        self._session = session
        self._adapter = session.adapters['https://']  # before a request with retries replaces it

    # region requests

    def http_request(
        self,
        method: str,
        url_suffix: str = '',
        full_url: str | None = None,
        *,
        headers: dict[str, str] | None = None,
        resp_type: str = 'json',
        return_empty_response: bool = False,
        scope: str | None = None,
        resource: str = '',
        overwrite_rate_limit_retry: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Send a request as `send_request` does, for integrations written for the public module.

        With `retry_on_rate_limit`, report each call to the platform. If the service throttles beyond the retry budget, have the
        platform run the command again and end this run.

        Args:
            resp_type: return ``json``, ``text``, ``content`` (bytes), else the `requests.Response`.
            return_empty_response: return a response with status 204 itself.
            overwrite_rate_limit_retry: neither run the command again nor report anything.
        Raises:
            NotFoundError: the status is 404, and `ok_codes` allows it.
        """
        handles_limit = self.retry_on_rate_limit and not overwrite_rate_limit_retry
        reports = handles_limit and not self._counts_requests and self.is_command_executed_from_integration()
        handler = kwargs.pop('error_handler', None) or (self.handle_error_with_metrics if reports else self.client_error_handler)
        ok_codes = kwargs.get('ok_codes') or self._ok_codes
        if handles_limit and supports_scheduling() and ok_codes:
            kwargs['ok_codes'] = tuple(code for code in ok_codes if code != 429)
        try:
            response = MicrosoftClient.send_request(  # a subclass may have another method of this name
                self,
                method,
                url_suffix,
                full_url,
                headers=headers,
                scope=scope,
                resource=resource,
                error_handler=handler,
                **kwargs,
            )
        except CommandThrottled as throttled:
            response = throttled.res
            if handles_limit and self.can_reschedule():
                if reports:
                    self.create_api_metrics(response.status_code)
                return_results(reschedule(demisto.args(), throttled.seconds))
                sys.exit(0)
            handler(response)
        if reports:
            self.create_api_metrics(response.status_code)
        if response.status_code == 404:
            raise NotFoundError(json_or_none(response) or 'Not Found - 404 Response')
        return self._convert_response(response, resp_type, return_empty_response)

    def send_request(
        self,
        method: str,
        url_suffix: str = '',
        full_url: str | None = None,
        *,
        headers: dict[str, str] | None = None,
        scope: str | None = None,
        resource: str = '',
        is_idempotent: bool | None = None,
        retry_policy: RetryPolicy | None = None,
        error_handler: Callable[[requests.Response], Any] | None = None,
        **kwargs: Any,
    ) -> requests.Response:
        """Send a request with a token, and return the response.

        Args:
            method, url_suffix, full_url, kwargs: as in `BaseClient._http_request`.
            headers: added to the default headers; one of the same name replaces the default.
            scope, resource: of the token, by default those of the client.
            is_idempotent: whether the request may be carried out twice; by default not for POST and PATCH.
            retry_policy: replaces the policy of the client.
            error_handler: raises the error of a response whose status is not in `ok_codes`.
        Raises:
            CommandThrottled: the service is throttling or busy beyond the retry budget; the request may be sent again later.
            MicrosoftSignInError: the sign-in failed, unless `get_access_token` ends the command, or the API asks for another one.
            DemistoException: any other error status, or no response.
        """
        if 'ok_codes' not in kwargs and not self._ok_codes:
            kwargs['ok_codes'] = _DEFAULT_OK_CODES
        if self._has_fixed_timeout:
            kwargs['timeout'] = self.timeout
        kwargs.setdefault('with_metrics', self._counts_requests)
        request = {**kwargs, 'method': method, 'url_suffix': url_suffix, 'full_url': full_url}
        is_idempotent = method.upper() in _IDEMPOTENT_METHODS if is_idempotent is None else is_idempotent
        own_policy = NO_RETRIES if kwargs.get('retries') else self.retry_policy  # BaseClient retries then
        policy = own_policy if retry_policy is None else retry_policy
        token = _token_for_request(self, resource, scope)
        body = _Body(request)
        if not body.can_be_read_again:
            policy = NO_RETRIES
        response, is_error = self._send_with_token(request, headers, token, is_idempotent, policy, body)
        # only a token that this client requested can be replaced
        if response.status_code == 401 and token in self._issued_tokens and body.can_be_read_again:
            token = self._issue_token(resource, scope, _claims_challenge(response), rejected=token)
            response, is_error = self._send_with_token(request, headers, token, is_idempotent, policy, body)
            if is_error and response.status_code == 401:
                self._report_unmet_challenge(response)
        if is_error:
            seconds = self.reschedule_delay(response, is_idempotent)
            if seconds is not None:
                raise CommandThrottled(seconds, response)
            (error_handler or self.client_error_handler)(response)
        return response

    def _report_unmet_challenge(self, response: requests.Response) -> None:
        """Have the next sign-in ask for the claims that a new token lacks. With a given credential, raise SignInRequiredError."""
        claims = _claims_challenge(response)
        if claims and self.credential.needs_user:
            self.token_provider.require_claims(claims)
        if self._given_credential and 'insufficient_claims' in response.headers.get('WWW-Authenticate', ''):
            reason = outside_text(find_oauth_error(json_or_none(response)).get('error_description'), LOG.encode)
            raise SignInRequiredError(
                f'The API rejected a new token: {reason or "it requires claims that the token does not have."}',
                'Check what the Conditional Access policies require, and that they allow the address of the engine.',
                'insufficient_claims',
                needs_new_sign_in=self.credential.needs_user,
            )

    def _send_with_token(
        self,
        request: JsonObject,
        headers: dict[str, str] | None,
        token: str,
        is_idempotent: bool,
        policy: RetryPolicy,
        body: '_Body',
    ) -> tuple[requests.Response, bool]:
        """Send a request, retry as the policy says, and return the last response, and whether its status is an error."""
        defaults = {'Authorization': f'Bearer {token}', 'Content-Type': 'application/json', 'Accept': 'application/json'}
        request = {
            **request,
            'resp_type': 'response',
            'error_handler': _raise_error_response,
            'auth': request.get('auth') or self._auth or skip_netrc,
            'headers': {**defaults, **(headers or {})},
        }

        def delay_after(error: Exception, attempt: int) -> float | None:
            if isinstance(error, ErrorResponse):
                return self.retry_delay(policy, attempt, error.response, is_idempotent)
            return policy.delay(attempt, None) if is_idempotent and is_reset(error) else None

        def send() -> requests.Response:
            body.rewind()
            return self._send_once(**request)

        def wait(seconds: float) -> None:
            self.clock.sleep(seconds)
            self._waited_in_vain += seconds

        policy = policy._replace(budget=policy.budget - self._waited_in_vain)
        try:
            response = run_with_retries(send, delay_after, policy, self.clock, wait)
        except ErrorResponse as error:
            status = error.response.status_code
            if status < 500 and status not in self.retry_policy.retries:  # the API is back
                self._waited_in_vain = 0.0
            return error.response, True
        except requests.exceptions.ReadTimeout:  # of the timeouts, BaseClient counts only those of the connection
            self.execution_metrics.timeout_error += request['with_metrics']
            raise
        self._waited_in_vain = 0.0
        return response, False

    def _send_once(self, **request: Any) -> requests.Response:
        # Not self._http_request: a subclass may have one that calls http_request.
        response: requests.Response = super()._http_request(**request)
        return response

    def retry_delay(self, policy: RetryPolicy, attempt: int, response: requests.Response, is_idempotent: bool) -> float | None:
        # What an API refuses with 429 is rarely carried out, what it answers with another status may well be. A request that must
        # not be carried out twice in any case is sent without retries, and repeated after a look at its outcome.
        return policy.delay(attempt, response, self.clock.now()) if is_idempotent or response.status_code == 429 else None

    def reschedule_delay(self, response: requests.Response, is_idempotent: bool) -> float | None:
        """Return the seconds after which a later run may send a request again, None if it must not or the time is unknown."""
        retry_after = retry_after_seconds(response, self.clock.now())
        if response.status_code == 429:
            return retry_after or _DEFAULT_DELAY
        return retry_after if response.status_code in (503, 504) and is_idempotent else None

    def can_reschedule(self) -> bool:
        """Return whether the platform can run this command again if it is throttled for long. It does so once."""
        return self.retry_on_rate_limit and supports_scheduling() and not self.is_rescheduled()

    @staticmethod
    def is_rescheduled() -> bool:
        """Return whether this command runs again because it was throttled."""
        return bool(demisto.args().get('ran_once_flag'))

    @staticmethod
    def _convert_response(response: requests.Response, resp_type: str, return_empty_response: bool) -> Any:
        """Return a response in the type that `http_request` was asked for. Raise DemistoException if its body is not JSON."""
        if return_empty_response and response.status_code == 204:
            return response
        if resp_type == 'json':
            try:
                return read_json(response)
            except ValueError as error:
                # The body may be an email, which errors must not show.
                content_type = response.headers.get('Content-Type') or 'no content type'
                raise DemistoException(
                    f'Failed to parse json object from response: {len(response.content)} bytes ({content_type}).', error, response
                ) from None
        return getattr(response, resp_type) if resp_type in ('text', 'content') else response

    def handle_error_with_metrics(self, res: requests.Response) -> None:
        """Report a failed call, then raise its error: an `error_handler` for integrations that call `_http_request`."""
        self.create_api_metrics(res.status_code)
        self.client_error_handler(res)

    @staticmethod
    def create_api_metrics(status_code: int) -> None:
        if ExecutionMetrics.is_supported() and _takes_entries():
            metrics = ExecutionMetrics()
            setattr(metrics, 'quota_error' if status_code == 429 else 'success' if status_code < 400 else 'general_error', 1)
            return_results(metrics.metrics)

    @staticmethod
    def is_command_executed_from_integration() -> bool:
        """Return whether no script runs the command. A script would get metrics as one of its results."""
        return not _is_run_by_script(if_unknown=True)

    def error_parser(self, error: requests.Response) -> str:
        """Return the code and the message of an error response of Microsoft Entra ID or an API, the body if it has none."""
        body = json_or_none(error)
        found = find_oauth_error(body) if isinstance(body, dict) and body.get('error') else {}
        code, text = str(found.get('error') or ''), str(found.get('error_description') or '')
        if not code:
            return outside_text(error.text, LOG.encode)
        if isinstance(body.get('error'), dict):
            return outside_text(f'{code}: {text}', LOG.encode)
        sentence, dot, _ = text.partition(': ')[2].partition('.')
        numbers = found.get('error_codes')
        expired = isinstance(numbers, list) and numbers and TOKEN_EXPIRED_ERROR_CODES.issuperset(map(float_or_none, numbers))
        advice = f'\nRun the ***{self.command_prefix}-auth-reset*** command, and sign in again.' if expired else ''
        summary = f'. \n{outside_text(sentence + dot, LOG.encode)}' if dot else ''
        return outside_text(code, LOG.encode) + summary + advice

    @contextmanager
    def reporting_metrics(self) -> Iterator[None]:
        """Count the requests of a block by their outcome, and report them as one entry, even if the block raises."""
        self._counts_requests = ExecutionMetrics.is_supported()
        try:
            yield
        finally:
            self._counts_requests = False
            self._return_execution_metrics_results()
            self.execution_metrics = ExecutionMetrics()  # BaseClient reports what is left when the client is deleted

    # endregion
    # region tokens

    def get_access_token(self, resource: str = '', scope: str | None = None) -> str:
        """Return an access token for `resource` or `scope`, by default for those of the client.

        Integrations call it to complete a sign-in with a device code, so a direct call raises what keeps such a sign-in from
        being complete. Requests meanwhile use what an earlier sign-in has left.

        If there is none, raise MicrosoftSignInError with a given `credential` or the Cortex XSOAR application, else end the
        command with an error, as the public module does. An integration that fetches gets an exception then.
        """
        return self._issue_token(resource, scope, completes_sign_in=not _is_for_request.get())

    def _issue_token(
        self, resource: str, scope: str | None, claims: str = '', rejected: str = '', completes_sign_in: bool = False
    ) -> str:
        try:
            if completes_sign_in and self._method == DEVICE_CODE and self.token_provider.is_signing_in_again():
                complete_device_sign_in(self)
            token = self.token_provider.get_token(self.token_target(resource, scope, claims), rejected).value
        except MicrosoftSignInError as error:
            if claims and isinstance(error, SignInRequiredError):
                self.token_provider.require_claims(claims)
            if self._given_credential or self._method == AuthenticationMethod.CORTEX_APP:
                raise
            failure = _with_neutral_names(error)
        else:
            self._issued_tokens.add(token)
            self.token_provider.token_client.mask(token)
            return token
        # Integrations written for the public module catch all exceptions of a request and go on, with the next page or incident.
        return_error(str(failure))
        raise failure  # if a test has replaced return_error

    @cached_property
    def token_provider(self) -> TokenProvider:
        return self.token_provider_for(self.credential)

    def token_provider_for(self, credential: Credential) -> TokenProvider:
        """Return a provider of tokens. For the Test button, which has no integration context, it caches them in memory."""
        storage = MemoryStorage() if demisto.command() == 'test-module' else integration_context_storage()
        token_client = TokenClient(
            self.verify, self.clock, on_secret=add_sensitive_log_strs, redact=LOG.encode, adapter=self._adapter
        )
        # In debug mode, the thread of a token request logs. A second call would lock the first one out.
        if is_debug_mode() and hasattr(demisto, '_Demisto__do') and not hasattr(demisto, 'lock'):
            support_multithreading()
        return TokenProvider(credential, storage, token_client, demisto.debug, self.token_target())

    def token_target(self, resource: str = '', scope: str | None = None, claims: str = '') -> TokenTarget:
        """Return the target of the token for a request, which may name `resource`, `scope` or neither."""
        scope, graph = _decode_scopes(scope or ''), self.azure_cloud.endpoints.microsoft_graph_resource_id
        if isinstance(self.credential, ManagedIdentityCredential):
            of_scope = TokenTarget(scope or _decode_scopes(self.scope)).as_resource
            return TokenTarget(resource=resource or self.managed_identities_resource_uri or of_scope, claims=claims)
        if isinstance(self.credential, CortexAppCredential):
            # The token service selects the API, so what the token is for depends only on the cloud of the client.
            return TokenTarget(scope, resource if self.multi_resource else '', claims, graph)
        if scope or resource:
            return TokenTarget(scope, resource, claims)
        if self.resource and ('/v2.0/' not in self.token_retrieval_url or not self.scope):
            return TokenTarget(resource=self.resource, claims=claims)
        return TokenTarget(scope_of_first_resource(self.scope, graph), claims=claims)

    def consent_target(self, permissions: Sequence[str] = ()) -> TokenTarget:
        """Return the target that a user consents to: permissions by name, or else all scopes of the client, of all resources.

        Once a user has granted anything of the resource, Microsoft asks for nothing new with ``.default``.

        Args:
            permissions: replace those of the client. Those without a resource are of that of the token.
        """
        target, names = self.token_target(), ' '.join(permissions or self.permissions).split()
        if names and target.scope:
            whole = (name if '/' in name or name in OIDC_SCOPES else f'{target.as_resource}/{name}' for name in names)
            return TokenTarget(' '.join(dict.fromkeys(whole)))
        return TokenTarget(_decode_scopes(self.scope)) if target.scope else target

    # endregion
    # region credential

    @cached_property
    def credential(self) -> Credential:
        """The credential. It is created when it is first needed, so that invalid settings are not rejected earlier."""
        return self._given_credential or _unmask_ids(self._credential_of_keywords(self._method))

    def authorization_code_credential(self) -> AuthorizationCodeCredential:
        """Return the credential for an authorization code, even if the integration selects that method only once a code is set.

        Raise CredentialError if the instance uses another authentication method.
        """
        credential = self._given_credential
        if not credential and self._method in (CLIENT_CREDENTIALS, AUTHORIZATION_CODE):
            credential = self._credential_of_keywords(AUTHORIZATION_CODE)
        if not isinstance(credential, AuthorizationCodeCredential):
            raise CredentialError('Only an instance with Authorization Code has a login URL.', 'Run the auth-test command.')
        return credential

    @property
    def _method(self) -> str:
        if self.managed_identities_client_id:
            return AuthenticationMethod.MANAGED_IDENTITY
        if self.auth_type == OPROXY_AUTH_TYPE:
            return AuthenticationMethod.CORTEX_APP
        return self.grant_type if self.grant_type in (AUTHORIZATION_CODE, DEVICE_CODE) else CLIENT_CREDENTIALS

    def _credential_of_keywords(self, method: str) -> Credential:
        is_cortex_app = method == AuthenticationMethod.CORTEX_APP
        is_entra = not is_cortex_app and method != AuthenticationMethod.MANAGED_IDENTITY
        if is_entra and self.azure_cloud is AZURE_GERMAN_CLOUD:
            raise CredentialError(
                'The German cloud of Microsoft was closed on 2021-10-29.',
                'Select the cloud to which the tenant was moved, most likely Worldwide.',
            )
        # Integrations with a device code name its tenant in the URL, .../organizations/oauth2/v2.0/token. What is in tenant_id
        # belongs to their other methods, and a device code has to be requested where it is redeemed.
        in_url = re.match(r'/+([^/]+)/oauth2/', urlsplit(self.token_retrieval_url).path)
        managed_identity_id = self.managed_identities_client_id or ''
        try:
            return create_credential(
                method,
                authority=self.azure_ad_endpoint,
                tenant_id=in_url[1] if in_url and (method == DEVICE_CODE or not self.tenant_id) else self.tenant_id,
                client_id=f'{self.client_id}@{self.token_retrieval_url}' if is_cortex_app else self.client_id,
                client_secret=self.client_secret,
                private_key=self.private_key,
                thumbprint=self.certificate_thumbprint,
                token_url=self.token_retrieval_url,
                redirect_uri=self.redirect_uri,
                authorization_code=self.auth_code,
                managed_identity_id='' if managed_identity_id == MANAGED_IDENTITIES_SYSTEM_ASSIGNED else managed_identity_id,
                app_name=self.app_name,
                token=self.refresh_token or self.tenant_id,
                encrypt=lambda token, key: self.get_encrypted(token, key),
                info_headers=lambda: self._add_info_headers(),
                is_public=True,
            )
        except CredentialError as error:
            raise (error if is_cortex_app else _with_neutral_names(error)) from None

    @staticmethod
    def get_encrypted(content: str, key: str) -> str:
        return encrypt_for_token_service(content, key)

    @staticmethod
    def _add_info_headers() -> dict[str, str]:
        return get_x_content_info_headers()

    # endregion

    def device_auth_request(self) -> JsonObject:
        """Start a sign-in with a device code as `start_device_sign_in` does. Return what it returns and `message`."""
        try:
            started = start_device_sign_in(self)
        except MicrosoftSignInError as error:
            raise _with_neutral_names(error) from None
        message = f'Open {started["verification_uri"]} in a browser and enter the code {started["user_code"]}.'
        return {**started, 'message': message}

    def start_auth(self, complete_command: str) -> str:
        """Start a sign-in with a device code, and return instructions for the user, which name the command to run afterwards."""
        started = self.device_auth_request()  # integrations replace this method: read only what the public module reads
        address = re.search(r'https?://\S+', started['message'])
        return device_code_instructions(address.group() if address else '', started['user_code'], complete_command)

    @staticmethod
    def epoch_seconds(d: datetime | None = None) -> int:
        """Return the seconds since the epoch of `d` (UTC if naive), or of now."""
        if d is None:
            return int(SystemClock().now())
        return int((d if d.tzinfo else d.replace(tzinfo=timezone.utc)).timestamp())


class _TokenSession(LimitedSession):
    """Send tokens only to https addresses. A client may have another base URL as long as it sends no request to it."""

    def get_adapter(self, url: Any) -> Any:
        if not is_https(url):
            raise DemistoException(f'{url.partition("?")[0]} is not an https address. Tokens are sent only to https addresses.')
        return super().get_adapter(url)


class _ClientClock(SystemClock):
    """Use `epoch_seconds` of a client, which tests of integrations replace."""

    def __init__(self, client: MicrosoftClient):
        self._client = client

    def now(self) -> float:
        return float(self._client.epoch_seconds())


def mask_secret(secret: str) -> None:
    """Mask a secret, in each of its forms, in all logs, errors and texts of services."""
    for form in secret_forms(secret):
        add_sensitive_log_strs(form)


def integration_context_storage() -> ContextStorage:
    return ContextStorage(
        lambda: get_integration_context(with_version=True),
        lambda context, version: set_integration_context(context, version=version),
        LOG.encode,
    )


_GRAPH_RESOURCES = {'', '00000003-0000-0000-c000-000000000000', *GRAPH_ENDPOINTS.values()}  # '' is that of a short name


def scope_of_first_resource(scope: str, graph: str = '') -> str:
    """Return the scopes of the first resource, because a token request may name only one. Short names belong to Graph.

    Args:
        scope: scopes separated by spaces, maybe URL-encoded.
        graph: base URL of Graph in a custom cloud.
    """
    graphs = {*_GRAPH_RESOURCES, graph.rstrip('/')}

    def resource_of(word: str) -> str:
        resource = word.rpartition('/')[0].rstrip('/')
        return '' if resource.lower() in graphs else resource

    words = dict.fromkeys(_decode_scopes(scope).split())
    first = next((resource_of(word) for word in words if word not in OIDC_SCOPES), '')
    return ' '.join(word for word in words if word in OIDC_SCOPES or resource_of(word) == first)


def _decode_scopes(scope: str) -> str:
    """Return scopes without URL encoding. Some integrations encode them for the login URL."""
    return unquote_plus(scope) if '%' in scope else scope


def _tenant_for_url(tenant_id: str) -> str:
    """Return the tenant for a URL. An invalid one remains as it is, for the credential to reject."""
    try:
        return clean_tenant(tenant_id)
    except CredentialError:
        return clean_value(tenant_id)


class _Body:
    """The sources of a request's body. Files can be read again from their position, iterators only once.

    Attributes:
        can_be_read_again: whether the request can be sent again with the whole body.
    """

    def __init__(self, request: JsonObject):
        files = request.get('files') or {}
        parts = [request.get('data'), *(files.values() if isinstance(files, dict) else (part for _, part in files))]
        sources = [part[1] if isinstance(part, tuple) else part for part in parts]
        self._starts: list[tuple[Any, int]] = []
        self.can_be_read_again = True
        for source in sources:
            if hasattr(source, 'read'):
                try:
                    start = source.tell()
                    source.seek(start)
                    self._starts.append((source, start))
                except (AttributeError, OSError):  # some files have a position, but cannot go back to it
                    self.can_be_read_again = False
            elif hasattr(source, '__next__') and not hasattr(source, 'seek'):
                self.can_be_read_again = False

    def rewind(self) -> None:
        for source, start in self._starts:
            source.seek(start)


def _unmask_ids(credential: Credential) -> Credential:
    """Let errors and logs show client ID and tenant, and return the credential.

    The platform masks what was entered in a hidden field, so that errors would read ``bob@<XX_REPLACED>``.
    """
    client = getattr(credential, 'client', credential)
    ids = {text.lower() for text in (getattr(client, 'tenant_id', ''), getattr(client, 'client_id', '')) if is_public_id(text)}
    for log in (LOG, getattr(globals().get('_requests_logger'), 'int_logger', None)):  # the second one in debug mode only
        if log:
            log.replace_strs = [text for text in log.replace_strs if clean_value(text).lower() not in ids]
    return credential


_is_for_request: ContextVar[bool] = ContextVar('is_for_request', default=False)


def _token_for_request(client: MicrosoftClient, resource: str, scope: str | None) -> str:
    """Return what `get_access_token`, which integrations and tests replace, returns for a request of the client."""
    before = _is_for_request.set(True)
    try:
        return client.get_access_token(resource=resource, scope=scope)
    finally:
        _is_for_request.reset(before)


# Texts with the labels of our own form, and what they mean in the form of another integration. Those of the Cortex XSOAR
# application and of managed identities are the same in all forms.
_NEUTRAL_NAMES = {
    r'^(?:ID|Token) is not a (client|tenant) ID\b': r'the \1 ID is not valid',
    r'\b(?:ID|Token|Key) \((\w+ \w+)\)': r'the \1',
    r'\bconsumers in Token\b': 'consumers as the tenant ID',
    r" (?:in|into) (?:ID|Token|Key)\b|, or clear 'Use a self-deployed Azure application'": '',
    r'\bToken\b': 'the tenant ID',
    r'\bKey\b': 'the client secret',
    r'(?:^|(?<=Check ))ID\b': 'the client ID',
}


def _with_neutral_names(error: MicrosoftSignInError) -> MicrosoftSignInError:
    """Return `error` with the names of values in place of the labels of our form. What a service says remains as it is."""

    def neutral(text: str) -> str:
        for label, name in _NEUTRAL_NAMES.items():
            text = re.sub(label, name, text)
        return text[:1].upper() + text[1:]

    what = neutral(error.what) if isinstance(error, CredentialError) else error.what
    return error.replace(what=what, advice=neutral(error.advice))


def _raise_error_response(response: requests.Response) -> None:
    raise ErrorResponse(response)


def _claims_challenge(response: requests.Response) -> str:
    """Return the claims that an API requires of a new token (JSON), empty if it requires none or they cannot be read."""
    packed = response.headers.get('WWW-Authenticate', '').partition('claims="')[2].partition('"')[0]
    try:
        claims = base64.urlsafe_b64decode(packed + '=' * (-len(packed) % 4)).decode()
        return claims if isinstance(json.loads(claims), dict) else ''
    except (ValueError, RecursionError):
        return ''


# endregion
# region rescheduling


def reschedule(
    args: JsonObject, seconds: float, next_step: str = 'The command runs again', is_last: bool = True
) -> CommandResults:
    """Return results that make the platform run this command again after `seconds`, with `args`.

    The yml declares the command as ``polling``, with a deprecated argument ``ran_once_flag``.

    Args:
        next_step: the beginning of the message to the user.
        is_last: set ``ran_once_flag``, so that the next run is not rescheduled.
    """
    delay = max(10, int(seconds) + 1)  # the platform does not accept less
    args = {**args, 'ran_once_flag': True} if is_last else args
    next_run = ScheduledCommand(demisto.command(), delay, args, max(900, 2 * delay))
    message = f'Microsoft is throttling requests. {next_step} in {delay} seconds.'
    return CommandResults(readable_output=message, scheduled_command=next_run)


def supports_scheduling() -> bool:
    """Return whether the platform runs the command again later if it asks for that. A script that runs a command ignores it.

    Where the platform does not tell who runs a command, it is taken for a user or a playbook.
    Source: https://xsoar.pan.dev/docs/integrations/scheduled-commands
    """
    return is_demisto_version_ge('6.2.0') and _takes_entries() and not _is_run_by_script(if_unknown=False)


def _is_run_by_script(if_unknown: bool) -> bool:
    """Return whether a script runs the command, or `if_unknown` where the platform does not list who runs it."""
    executed = demisto.callingContext.get('context', {}).get('ExecutedCommands')
    if executed is None:
        return if_unknown
    return bool(executed) and executed[0].get('moduleBrand') == 'Scripts'


def _takes_entries() -> bool:
    """Return whether the command can return other entries. The Test button and a fetch cannot."""
    return demisto.command() != 'test-module' and not demisto.command().startswith(('fetch-', 'long-running-'))


# endregion
# region sign-in of users


def start_browser_sign_in(client: MicrosoftClient, permissions: Sequence[str] = (), login_hint: str = '') -> str:
    """Start a sign-in with state and PKCE, and return the address to open in a browser.

    Args:
        permissions: names of the permissions to ask for, by default those of the client.
        login_hint: address of the account that the login page suggests.
    """
    credential = client.authorization_code_credential()
    provider = client.token_provider_for(credential)
    pending = PendingSignIn(secrets.token_urlsafe(24), secrets.token_urlsafe(64), claims=provider.required_claims())
    target = pending.target_of(client.consent_target(permissions))
    address = credential.authorize_url(target, pending.state, pending.code_verifier, login_hint)
    provider.start_sign_in(pending)
    return address


def complete_browser_sign_in(client: MicrosoftClient, pasted: str) -> AccessToken:
    """Exchange a code for tokens. `pasted` is the redirect URL or the code. Raise MicrosoftSignInError if it is refused."""
    credential = client.credential
    if not isinstance(credential, AuthorizationCodeCredential):
        raise CredentialError('This instance does not use an authorization code.', 'Run the command without a code.')
    provider, target = client.token_provider, client.token_target()
    pending = provider.pending_sign_in()
    if not pending and parse_authorization_response(pasted).state:
        raise SignInRequiredError(
            'No sign-in was started, or it has expired.', 'Start the sign-in again, and paste the URL that it ends on.'
        )
    request = credential.redeem_request(target, pasted, pending or PendingSignIn())
    provider.require_storage()
    response = provider.token_client.request_token(request)
    provider.save(target, response, is_new_sign_in=True)
    return response.token


def start_device_sign_in(client: MicrosoftClient, permissions: Sequence[str] = ()) -> JsonObject:
    """Start a sign-in with a device code, which is cached.

    Args:
        permissions: names of the permissions to ask for, by default those of the client.
    Returns:
        The fields of the response (RFC 8628, 3.2) without the device code itself: `user_code` for the user to enter on the page
        `verification_uri`, and in seconds, `interval` between two requests for the token and `expires_in`.
    """
    credential = client.credential
    if not isinstance(credential, DeviceCodeCredential):
        raise CredentialError('This instance does not use a device code.', 'Select Device Code in its settings.')
    provider = client.token_provider
    pending = PendingSignIn(claims=provider.required_claims())
    request = credential.start_request(pending.target_of(client.consent_target(permissions)))
    body = provider.token_client.request_json(request)
    device_code, user_code, address = (body.get(name) for name in ('device_code', 'user_code', 'verification_uri'))
    if not (isinstance(device_code, str) and isinstance(address, str) and is_https(address)):
        raise unusable_response(request, 'JSON without a device code')
    if not (isinstance(user_code, str) and re.fullmatch(r'[\w-]{1,50}', user_code)):
        raise unusable_response(request, 'JSON without a user code')
    interval = min(max(float_or_none(body.get('interval')) or 5, 1), 60)
    lifetime = min(max(float_or_none(body.get('expires_in')) or 900, 60), 3600)
    provider.start_sign_in(pending._replace(device_code=device_code, interval=interval), lifetime)
    address = re.sub(r'[^!-\'*-Z_a-z~]', '', address)  # nothing that Markdown reads
    return {'user_code': user_code, 'verification_uri': address, 'interval': interval, 'expires_in': lifetime}


def device_code_instructions(url: str, user_code: str, complete_command: str) -> str:
    """Return instructions for the user who enters the device code, and runs `complete_command` afterwards."""
    return (
        '### Authorization instructions\n'
        f'1. Open [{url}]({url}) in a browser and enter the code **{user_code}**.\n'
        f'2. Run the **{complete_command}** command in the War Room.'
    )


def login_url_instructions(login_url: str, last_step: str) -> str:
    """Return instructions for the user who signs in at `login_url`, and uses the address of the last page as `last_step` says."""
    return (
        '### Authorization instructions\n'
        f'1. Open the [login URL]({login_url}) in a browser, sign in and grant the permissions.\n'
        '2. The browser is redirected to the redirect URI. The page may be empty, or fail to load.\n'
        f'3. Copy the full URL of that page and {last_step} within a few minutes.'
    )


def complete_device_sign_in(client: MicrosoftClient) -> AccessToken:
    """Request the token once, which succeeds when the user has entered the device code.

    Raises:
        SignInPendingError: not yet. Try again after its `interval` seconds.
        MicrosoftSignInError: the sign-in failed.
    """
    credential = client.credential
    if not isinstance(credential, DeviceCodeCredential):
        raise CredentialError(
            'This instance does not use a device code.', 'Pass the address from the browser in the argument code.'
        )
    provider, target = client.token_provider, client.token_target()
    pending = provider.pending_device_code()
    if not pending:  # another command has completed it, or none was started
        return provider.get_token(target)
    provider.require_storage()
    try:
        response = credential.request_token(provider.token_client, target, CachedSession(pending=pending))
    except SignInPendingError as error:
        raise provider.after_poll(error, pending) from None
    except SignInRequiredError as error:
        if provider.pending_device_code():
            provider.after_poll(error, pending)
            raise
        return provider.get_token(target)  # another command has completed it meanwhile
    provider.save(target, response, is_new_sign_in=True)
    return response.token


def generate_login_url(
    client: MicrosoftClient, login_url: str = '', permissions: Sequence[str] = (), login_hint: str = ''
) -> CommandResults:
    """Start a sign-in as `start_browser_sign_in` does, and return instructions for the user.

    Args:
        login_url: replaces the login host.
    """
    address = start_browser_sign_in(client, permissions, login_hint)
    if login_url:
        address = address.replace(client.authorization_code_credential().client.authority, login_url.rstrip('/'))
    return CommandResults(readable_output=login_url_instructions(address, 'paste it into **Authorization code** of the instance'))


def reset_auth(discard_token: bool = False, next_step: str = '') -> CommandResults:
    """Delete all cached tokens of the instance, so that the next command signs in again.

    Args:
        discard_token: also delete the next Token of the Cortex XSOAR application, which cannot be recovered.
        next_step: a sentence that says how to go on; by default to sign in again, unless that Token remains.
    """
    remaining_keys: list[str] = []

    def clear(context: JsonObject) -> None:
        remaining_keys[:] = clear_tokens(context, discard_token)

    if reason := update_storage(integration_context_storage(), clear, SystemClock()):
        what = 'The tokens were not deleted, because the platform did not store the integration context'
        raise DemistoException(f'{what}: {reason} Run the command again.')
    deleted = 'All cached tokens of this instance were deleted'
    if remaining_keys:
        deleted += ', except for the next Token of the Cortex XSOAR application, which works only once'
    else:
        next_step = next_step or 'Sign in again to continue.'
    return CommandResults(readable_output=f'{deleted}. {next_step}'.rstrip())


# endregion
# region parameters


def get_azure_cloud(params: JsonObject, integration_name: str) -> AzureCloud:
    """Return the cloud in the parameter azure_cloud. For Custom, parameters replace addresses of the worldwide cloud."""
    name = params.get('azure_cloud')
    if name and name != AZURE_CLOUD_NAME_CUSTOM:
        return AZURE_CLOUDS[AZURE_CLOUD_NAME_MAPPING.get(name, 'com')]
    # Without that parameter, the URL of an instance may be that of another API.
    is_other = not name and ('server_url' in params or 'azure_ad_endpoint' in params)
    graph = '' if is_other else params.get('url') or params.get('host')
    entered = {
        'active_directory': params.get('azure_ad_endpoint'),
        'microsoft_graph_resource_id': params.get('graph_endpoint') or graph,
        'resource_manager': params.get('server_url'),
    }
    custom = {name: url for name, url in entered.items() if url and url != getattr(AZURE_WORLDWIDE_CLOUD.endpoints, name)}
    if not custom:
        return AZURE_WORLDWIDE_CLOUD
    return create_custom_azure_cloud(integration_name, defaults=AZURE_WORLDWIDE_CLOUD, endpoints=custom)


def get_azure_managed_identities_client_id(params: JsonObject) -> str | None:
    """Return the client ID of the managed identity, MANAGED_IDENTITIES_SYSTEM_ASSIGNED, or None if the instance uses none."""
    selected = params.get('auth_type') or params.get('authentication_type')
    if not argToBoolean(params.get('use_managed_identities') or selected == 'Azure Managed Identities'):
        return None
    return (params.get('managed_identities_client_id') or {}).get('password') or MANAGED_IDENTITIES_SYSTEM_ASSIGNED


def microsoft_defender_for_endpoint_get_base_url(endpoint_type: str, url: str, is_gcc: bool | None = None) -> tuple[str, str]:
    """Return the abbreviation of a Defender for Endpoint service and its base URL.

    Args:
        endpoint_type: a key of MICROSOFT_DEFENDER_FOR_ENDPOINT_TYPE, or ``Custom``, which needs a `url`.
        is_gcc: parameter of older instances, which stands for the type ``US GCC``.
    """
    if is_gcc:
        endpoint_type = 'US GCC'
    if not url and endpoint_type not in MICROSOFT_DEFENDER_FOR_ENDPOINT_TYPE:
        raise DemistoException(f"Endpoint Type is '{endpoint_type or ''}' and no URL is set. Select a type, or enter the URL.")
    abbreviation = MICROSOFT_DEFENDER_FOR_ENDPOINT_TYPE.get(endpoint_type, 'com')
    return abbreviation, url or MICROSOFT_DEFENDER_FOR_ENDPOINT_API[abbreviation]


def get_from_args_or_params(args: JsonObject, params: JsonObject, key: str) -> Any:
    """Return `key` of the arguments, or else of the parameters. Raise an exception if both are empty."""
    value = args.get(key, params.get(key))
    if not value:
        raise Exception(f'{key} is missing. Add the argument {key} to the command, or set it in the instance.')
    return value


def azure_tag_formatter(arg: str) -> str:
    """Return the ``$filter`` of Azure Resource Manager for the JSON ``{"<tag name>": "<tag value>"}``."""
    try:
        (name, value), *_ = json.loads(arg).items()
    except (TypeError, ValueError, AttributeError):
        raise Exception('The tag is not a JSON object. Write it as {"<tag name>": "<tag value>"}.') from None
    name, value = (str(part).replace("'", "''") for part in (name, value))
    return f"tagName eq '{name}' and tagValue eq '{value}'"


# endregion
