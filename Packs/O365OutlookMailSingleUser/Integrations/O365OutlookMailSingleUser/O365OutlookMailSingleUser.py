from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from typing import Any

import demistomock as demisto
from CommonServerPython import *
from MicrosoftGraphMailIncidentsApiModule import *

# region constants

APP_NAME = 'ms-graph-mail-listener'
CONSENT_PAGE = f'https://oproxy.demisto.ninja/{APP_NAME}'
NEEDED_PERMISSIONS = ('Mail.ReadWrite', 'Mail.Send', 'MailboxSettings.ReadWrite')
OIDC_SCOPES = {'openid', 'profile', 'email', 'offline_access', '.default'}
UNKNOWN = 'unknown'
NOBODY_SIGNS_IN = 'Nobody has to sign in for this instance.'
DEVICE_CODE_LIFE = 900  # seconds
DEFAULT_FIRST_FETCH = '15 minutes'
MOST_FOLDERS = 50  # more would take too much of the last run
LARGEST_ATTACHMENT_MB = 150  # Microsoft Graph takes no larger ones

METHOD_AUTHORIZATION_CODE = 'Authorization Code'
METHOD_CLIENT_CREDENTIALS = 'Client Credentials'
METHOD_DEVICE_CODE = 'Device Code'
METHODS = (METHOD_AUTHORIZATION_CODE, METHOD_CLIENT_CREDENTIALS, METHOD_DEVICE_CODE)
# The German cloud was closed, so no instance can choose it.
CLOUDS = {*AZURE_CLOUD_NAME_MAPPING, AZURE_CLOUD_NAME_CUSTOM} - {'Germany'}


class Parameter:
    """The parameters by the names that the admin sees, up to the bracket: errors name the field to change."""

    ID = 'ID'
    TENANT = 'Token'  # or the Token of the Cortex XSOAR app
    KEY = 'Key'
    MAILBOX = 'Email address of the mailbox'
    SELF_DEPLOYED = 'Use a self-deployed Azure application'
    METHOD = 'Sign-in method of the self-deployed application'
    REDIRECT_URI = 'Application redirect URI'
    AUTHORIZATION_CODE = 'Authorization code'
    THUMBPRINT = 'Certificate thumbprint'
    PRIVATE_KEY = 'Private key of the certificate'
    MANAGED_IDENTITIES = 'Use Azure Managed Identities'
    MANAGED_IDENTITIES_CLIENT_ID = 'Azure Managed Identities Client ID'
    CLOUD = 'Azure cloud'
    AZURE_AD_ENDPOINT = 'Azure AD endpoint'
    GRAPH_ENDPOINT = 'Microsoft Graph endpoint'
    FOLDERS = 'Folders to fetch from'
    FIRST_FETCH = 'First fetch time'
    MOST_MAILS = 'Maximum number of incidents per fetch'
    LARGEST_ATTACHMENT = 'Largest attachment to take'


# endregion
# region parameters


class Settings:
    """The instance parameters, cleaned, and free of contradictions between them.

    What a single one must look like is known by the credential that it is for.

    Args:
        params: what the platform hands over: texts, check boxes as truth values or as texts, credentials that may be None.
    Raises:
        CredentialError: naming the field that contradicts another one.
    """

    def __init__(self, params: dict[str, Any]):
        def password(name: str) -> str:
            return clean_value((params.get(name) or {}).get('password'))

        selected = partial(is_selected, params)
        self.id = password('creds_auth_id')
        self.token = password('creds_refresh_token')
        self.key = password('creds_enc_key')
        self.thumbprint = clean_value((params.get('creds_certificate') or {}).get('identifier'))
        self.private_key = password('creds_certificate')
        self.authorization_code = password('creds_auth_code')
        self.redirect_uri = clean_value(params.get('redirect_uri'))
        self.self_deployed = selected('self_deployed')
        self.method = clean_value(params.get('auth_method')) or METHOD_AUTHORIZATION_CODE
        self.managed_identities = selected('use_managed_identities')
        self.managed_identities_client_id = password('managed_identities_client_id')
        self.cloud_name = clean_value(params.get('azure_cloud')) or 'Worldwide'
        self.azure_ad_endpoint = clean_value(params.get('azure_ad_endpoint'))
        self.graph_endpoint = clean_value(params.get('graph_endpoint'))
        self.mailbox = clean_value(params.get('mailbox_to_fetch'))
        self.verify = not selected('insecure')
        self.proxy = selected('proxy')
        self._check()

    def _check(self) -> None:
        if self.managed_identities:
            self._check_managed_identity()
        else:
            _refuse(
                {Parameter.MANAGED_IDENTITIES_CLIENT_ID: self.managed_identities_client_id},
                f"is only used with '{Parameter.MANAGED_IDENTITIES}'",
                f"select '{Parameter.MANAGED_IDENTITIES}'",
            )
        if self.self_deployed:
            self._check_application()
        else:
            _refuse(
                self._of_application(), f"is only used with '{Parameter.SELF_DEPLOYED}'", f"select '{Parameter.SELF_DEPLOYED}'"
            )
        self._check_cloud()

    def _check_managed_identity(self) -> None:
        _refuse(
            {
                Parameter.SELF_DEPLOYED: self.self_deployed,
                Parameter.ID: self.id,
                Parameter.TENANT: self.token,
                Parameter.KEY: self.key,
                **self._of_application(),
            },
            f"is not used together with '{Parameter.MANAGED_IDENTITIES}'",
            f"clear '{Parameter.MANAGED_IDENTITIES}'",
        )
        self._require_mailbox('A managed identity')

    def _check_application(self) -> None:
        if self.method not in METHODS:
            raise CredentialError(f"'{self.method}' is no sign-in method.", f"Choose one in '{Parameter.METHOD}'.")
        if self.private_key:
            _refuse(
                {Parameter.KEY: self.key},
                f"is not used together with '{Parameter.PRIVATE_KEY}'",
                f"clear '{Parameter.PRIVATE_KEY}'",
            )
        elif self.thumbprint:
            raise CredentialError(f"'{Parameter.PRIVATE_KEY}' is missing.", f"Paste it, or clear '{Parameter.THUMBPRINT}'.")
        unused = f'is not used with the sign-in method {self.method}', 'choose another sign-in method'
        if self.method != METHOD_AUTHORIZATION_CODE:
            _refuse({Parameter.REDIRECT_URI: self.redirect_uri, Parameter.AUTHORIZATION_CODE: self.authorization_code}, *unused)
        if self.method == METHOD_DEVICE_CODE:
            _refuse({Parameter.KEY: self.key, Parameter.PRIVATE_KEY: self.private_key}, *unused)
        if self.method == METHOD_CLIENT_CREDENTIALS:
            self._require_mailbox('An application')

    def _of_application(self) -> dict[str, Any]:
        """The fields that only a self-deployed application uses."""
        return {
            Parameter.METHOD: self.method != METHOD_AUTHORIZATION_CODE,
            Parameter.REDIRECT_URI: self.redirect_uri,
            Parameter.AUTHORIZATION_CODE: self.authorization_code,
            Parameter.THUMBPRINT: self.thumbprint,
            Parameter.PRIVATE_KEY: self.private_key,
        }

    def _require_mailbox(self, who: str) -> None:
        if not self.mailbox:
            raise CredentialError(
                f"'{Parameter.MAILBOX}' is missing.", f'{who} has no mailbox of its own: enter the address of the one to work in.'
            )

    def _check_cloud(self) -> None:
        if self.cloud_name not in CLOUDS:
            raise CredentialError(f"'{self.cloud_name}' is not one of the clouds.", f"Choose one in '{Parameter.CLOUD}'.")
        if self.cloud_name != AZURE_CLOUD_NAME_CUSTOM:
            _refuse(
                {Parameter.AZURE_AD_ENDPOINT: self.azure_ad_endpoint, Parameter.GRAPH_ENDPOINT: self.graph_endpoint},
                f'is only used with the cloud {AZURE_CLOUD_NAME_CUSTOM}',
                f"choose {AZURE_CLOUD_NAME_CUSTOM} in '{Parameter.CLOUD}'",
            )

    @property
    def cloud(self) -> AzureCloud:
        """The cloud that the tenant lives in. Raises CredentialError when an endpoint of Custom is not the address of a host."""
        if self.cloud_name != AZURE_CLOUD_NAME_CUSTOM:
            return get_azure_cloud({'azure_cloud': self.cloud_name}, APP_NAME)
        return get_azure_cloud(
            {
                'azure_ad_endpoint': _host_address(self.azure_ad_endpoint, Parameter.AZURE_AD_ENDPOINT),
                'graph_endpoint': _host_address(self.graph_endpoint, Parameter.GRAPH_ENDPOINT),
            },
            APP_NAME,
        )

    def credential(self) -> Credential:
        """The one way to sign in that the settings name. Raises CredentialError when a value for it is missing or wrong."""
        if self.managed_identities:
            return ManagedIdentityCredential(self.managed_identities_client_id)
        if not self.self_deployed:
            return CortexAppCredential(APP_NAME, self.id, self.token, self.key, info_headers=get_x_content_info_headers)
        place = (self.cloud.endpoints.active_directory, self.token, self.id)
        if self.method == METHOD_DEVICE_CODE:
            return DeviceCodeCredential(*place)
        if self.private_key:
            client: EntraCredential = CertificateCredential(*place, self.private_key, self.thumbprint)
        elif self.key or self.method == METHOD_CLIENT_CREDENTIALS:
            client = ClientSecretCredential(*place, self.key)
        else:
            client = EntraCredential(*place)
        if self.method == METHOD_CLIENT_CREDENTIALS:
            return client
        return AuthorizationCodeCredential(client, self.redirect_uri, self.authorization_code)

    def secrets(self) -> list[str]:
        """Return the values that must never show. The Token of a self-deployed application names its tenant."""
        token = '' if self.self_deployed else self.token
        return [secret for secret in (token, self.key, self.private_key, self.authorization_code) if secret]


def _refuse(values: dict[str, Any], reason: str, otherwise: str) -> None:
    """Refuses each parameter in `values`, by its name, that has a value."""
    for name, value in values.items():
        if value:
            raise CredentialError(f"'{name}' {reason}.", f"Clear '{name}', or {otherwise}.")


def _host_address(value: str, name: str) -> str:
    """Gives the https address of a host. Raises CredentialError, naming the parameter, when it is none or holds more."""
    address = require_https(value, f"'{name}'")
    parts = urlsplit(address)
    if address != f'{parts.scheme}://{parts.netloc}':
        raise CredentialError(
            f"'{name}' holds more than the address of a host.", f'Leave out what follows {parts.scheme}://{parts.netloc}.'
        )
    return address


def fetch_options(params: dict[str, Any]) -> FetchOptions:
    """What the instance fetches. Raises DemistoException, naming the field, when a value is none that it can have."""
    selected = partial(is_selected, params)
    folders = tuple(dict.fromkeys(folder_names(params.get('folder_to_fetch') or ''))) or ('Inbox',)
    if len(folders) > MOST_FOLDERS:
        raise DemistoException(
            f"'{Parameter.FOLDERS}' names {len(folders)} folders. Name up to {MOST_FOLDERS}, and the rest in another instance."
        )
    most = {Parameter.MOST_MAILS: clean_value(params.get('max_fetch')) or clean_value(params.get('fetch_limit'))}
    largest = {Parameter.LARGEST_ATTACHMENT: clean_value(params.get('max_attachment_size'))}
    return FetchOptions(
        folders=folders,
        first=partial(_first_fetch, clean_value(params.get('first_fetch')) or DEFAULT_FIRST_FETCH),
        most=whole_number(most, Parameter.MOST_MAILS, 50, MOST_MAILS_OF_A_RUN),
        senders=tuple(one.lower() for one in several_texts(params, 'fetch_from')),
        subject=clean_value(params.get('fetch_subject')).lower(),
        unread_only=selected('fetch_unread_only'),
        with_attachments_only=selected('fetch_with_attachments_only'),
        largest_attachment=whole_number(largest, Parameter.LARGEST_ATTACHMENT, 50, LARGEST_ATTACHMENT_MB) * 1_000_000,
        with_eml=selected('fetch_eml'),
        full_body=selected('display_full_email_body'),
        html=selected('fetch_html_formatting'),
        mark_read=selected('mark_fetched_read'),
        content_id_names=not selected('legacy_name'),
    )


def _first_fetch(text: str) -> str:
    try:
        moment = arg_to_datetime(text)
    except ValueError:
        moment = None
    if not moment:
        raise DemistoException(
            f"'{text}' in '{Parameter.FIRST_FETCH}' is no time. Write it as 15 minutes, 2 days or 2030-01-31T08:00:00Z."
        )
    return graph_seconds((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp())


# endregion
# region commands of sign-in

AUTH_TEST_ROWS = ('Way', 'Account', 'Mailbox', 'TenantID', 'ClientID', 'GrantedPermissions', 'MissingPermissions', 'ExpiresOn')


def auth_start_command(client: GraphMailClient, _args: dict[str, Any]) -> CommandResults:
    """Starts a sign-in that needs a person, and says how to go on."""
    if isinstance(client.credential, DeviceCodeCredential):
        return CommandResults(readable_output=client.start_auth('!msgraph-mail-auth-complete'))
    if not isinstance(client.credential, AuthorizationCodeCredential):
        return CommandResults(readable_output=f'{NOBODY_SIGNS_IN} Run `!msgraph-mail-auth-test` to see what it may do.')
    return CommandResults(
        readable_output=(
            '### Authorization instructions\n'
            f'1. Open the [login URL]({start_browser_sign_in(client)}) in a browser, sign in and grant the permissions.\n'
            '2. The browser ends on the redirect URI. The page may well be empty: only its address matters.\n'
            '3. Copy the whole address and run `!msgraph-mail-auth-complete code="<the address>"` within a few minutes.'
        )
    )


def auth_complete_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Finishes a sign-in that was started: redeems a code, or asks until the device code was entered."""
    code = clean_value(args.get('code'))
    if not client.credential.needs_person:
        raise CredentialError(NOBODY_SIGNS_IN, 'Run !msgraph-mail-auth-test to see what it may do.')
    if not code and isinstance(client.credential, AuthorizationCodeCredential):
        raise CredentialError('The argument code is missing.', 'Run !msgraph-mail-auth-start to get one.')
    try:
        if code:
            add_sensitive_log_strs(code)
            complete_browser_sign_in(client, code)
        else:
            complete_device_sign_in(client)
    except SignInPendingError as pending:
        said_before = args.get('hide_polling_output')
        return CommandResults(
            readable_output=None if said_before else 'Waiting for the device code to be entered in the browser.',
            scheduled_command=ScheduledCommand(
                demisto.command(), int(pending.interval), {**args, 'hide_polling_output': True}, DEVICE_CODE_LIFE
            ),
        )
    return CommandResults(readable_output='The sign-in is complete. Run `!msgraph-mail-auth-test` to see what it may do.')


def auth_test_command(client: GraphMailClient, _args: dict[str, Any]) -> CommandResults:
    """Signs in, calls Graph, and shows who, which way, which permissions, and until when."""
    refusal = None
    try:
        client.try_mailbox()
    except GraphError as error:
        if not error.is_about_permissions:
            raise
        refusal = error
    token = client.tokens.get(client.token_target())  # after the call, which replaces a token that Graph no longer takes
    granted = granted_permissions(token)
    missing = [name for name in NEEDED_PERMISSIONS if name not in (granted or ())]
    advice = permission_advice(client, granted, missing)
    if refusal:
        refusal.advice = advice
        raise refusal
    outputs = {
        **token_outputs(token),
        'Way': client.credential.description,
        'Mailbox': client.mailbox or 'of the signed-in user',
        'GrantedPermissions': UNKNOWN if granted is None else granted,
        'MissingPermissions': UNKNOWN if granted is None else missing,
    }
    rows = [{'Property': pascalToSpace(name), 'Value': outputs[name] or 'none'} for name in AUTH_TEST_ROWS]
    readable = tableToMarkdown('Signed in to Microsoft Graph', rows, headers=['Property', 'Value'])
    return CommandResults(
        outputs_prefix='MSGraphMailAuth',
        outputs=outputs,
        raw_response=outputs,
        readable_output=f'{readable}\n{advice}' if missing else readable,
    )


def token_outputs(token: AccessToken) -> dict[str, Any]:
    """What a token says of itself: whose it is, and until when."""
    claims = token.claims()
    account = next(filter(None, map(claims.get, ('upn', 'preferred_username', 'unique_name', 'app_displayname'))), UNKNOWN)
    return {
        'Account': account,
        'TenantID': claims.get('tid') or UNKNOWN,
        'ClientID': claims.get('appid') or UNKNOWN,
        'ExpiresOn': datetime.fromtimestamp(token.expires_on, timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ'),
    }


def granted_permissions(token: AccessToken) -> list[str] | None:
    """The permissions that a token holds: as its answer named them, else as it says itself; None if it cannot be read."""
    claims = token.claims()
    for named in (token.scope.split(), str(claims.get('scp') or '').split(), claims.get('roles') or []):
        names = {name.rpartition('/')[2] for name in named} - OIDC_SCOPES
        if names:
            return sorted(names)
    return [] if claims else None


def permission_advice(client: GraphMailClient, granted: list[str] | None, missing: list[str]) -> str:
    """What to do about permissions that are missing, or may be."""
    if granted is None:
        return f'The permissions of this sign-in cannot be read: check that {", ".join(NEEDED_PERMISSIONS)} are granted.'
    if not missing:
        return (
            'All permissions that are needed are granted: '
            f'check that whoever is signed in may open {client.mailbox or "the mailbox"}.'
        )
    again = how_to_sign_in_again(client.credential) or 'Run !msgraph-mail-auth-reset, so that a new token is asked for.'
    return f'Grant the missing permissions: {", ".join(missing)}. {again}'


def how_to_sign_in_again(credential: Credential) -> str:
    """What a person does when the sign-in has ended, or never began; empty where no person is needed."""
    if credential.needs_person:
        return 'Run !msgraph-mail-auth-start.'
    if isinstance(credential, CortexAppCredential):
        return f'Get a new ID, Token and Key from {CONSENT_PAGE}.'
    return ''


def auth_reset_command(client: GraphMailClient, _args: dict[str, Any]) -> CommandResults:
    """Forgets all tokens of the instance."""
    reset_auth()
    return CommandResults(
        readable_output='All tokens of this instance were forgotten. '
        + (how_to_sign_in_again(client.credential) or 'The next command signs in anew.')
    )


def generate_login_url_command(client: GraphMailClient, _args: dict[str, Any]) -> CommandResults:
    """Starts a sign-in with an authorization code, and gives the address to open."""
    return generate_login_url(client)


def test_module(client: GraphMailClient, fetched: FetchOptions | None) -> str:
    """Says ``ok`` where a sign-in needs no person, else which command comes next. Uses up neither a code nor a Token.

    Args:
        fetched: what the instance fetches; None if it does not.
    """
    credential = client.credential
    if fetched:
        fetched.first()  # refuses what is no time
    if isinstance(credential, AuthorizationCodeCredential):
        credential.client.client_authentication()  # reads the private key, if there is one
    if credential.needs_person:
        raise DemistoException(
            'The settings are well-formed, but the Test button cannot see whether a person has signed in. '
            'Save the instance, run !msgraph-mail-auth-start to sign in, then !msgraph-mail-auth-test.'
        )
    if isinstance(credential, CortexAppCredential):
        # Each Token works once, and here is no integration context to keep the next one in.
        credential.check_without_using_the_token(client.tokens.transport)
    else:
        client.try_mailbox()
        for name in fetched.folders if fetched else ():
            find_folder(client, name)
    return 'ok'


# endregion
# region fetch


def fetch_incidents(client: GraphMailClient, options: FetchOptions) -> None:
    """Hands over the mails that come next, then keeps how far the fetch has come."""
    fetched = fetch_mails(client, options, demisto.getLastRun())
    demisto.incidents(fetched.incidents)
    demisto.setLastRun(fetched.last_run)
    if fetched.problems:
        demisto.updateModuleHealth('\n'.join(dict.fromkeys(map(str, fetched.problems))))


# endregion
# region main

COMMANDS: dict[str, Callable[[GraphMailSender, dict[str, Any]], MailCommandResult]] = {
    'msgraph-mail-auth-start': auth_start_command,
    'msgraph-mail-auth-complete': auth_complete_command,
    'msgraph-mail-auth-test': auth_test_command,
    'msgraph-mail-test': auth_test_command,
    'msgraph-mail-auth-reset': auth_reset_command,
    'msgraph-mail-generate-login-url': generate_login_url_command,
    **MAIL_COMMANDS,
    **SENDING_COMMANDS,
}


def run(command: str, params: dict[str, Any], args: dict[str, Any]) -> MailCommandResult | str | None:
    """Runs one command of an instance with `params`. A fetch hands over what it brings by itself."""
    settings = Settings(params)
    for secret in settings.secrets():
        add_sensitive_log_strs(secret)
    client = GraphMailSender(
        settings.mailbox,
        settings.cloud,
        credential=settings.credential(),
        verify=settings.verify,
        proxy=settings.proxy,
        command_prefix='msgraph-mail',
        retry_on_rate_limit=command in MAIL_COMMANDS,
    )
    if command not in (*COMMANDS, 'fetch-incidents', 'test-module'):
        raise NotImplementedError(f'The command {command} is not one of this integration.')
    if command == 'test-module':
        return test_module(client, fetch_options(params) if is_selected(params, 'isFetch') else None)
    try:
        if command == 'fetch-incidents':
            fetch_incidents(client, fetch_options(params))
            return None
        with client.reporting_metrics():
            return COMMANDS[command](client, args)
    except SignInRequiredError as error:
        error.advice = f'{error.advice} {how_to_sign_in_again(client.credential)}'.strip()
        raise


def main() -> None:
    command = demisto.command()
    try:
        result = run(command, demisto.params(), demisto.args())
        if result is not None:
            return_results(result)
    except Exception as error:
        return_error(str(error))


# endregion

if __name__ in ('__main__', '__builtin__', 'builtins'):
    main()
