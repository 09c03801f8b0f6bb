"""Errors in the shape of Entra ID."""

import uuid
from dataclasses import dataclass
from typing import Any

from sandbox.microsoft.clock import entra_timestamp


@dataclass(frozen=True)
class Refusal:
    """How Entra answers with one AADSTS number: OAuth ``error``, HTTP status, a sentence, ``suberror`` if it sends one."""

    error: str
    sentence: str
    status: int = 400
    suberror: str = ''


# Source of numbers: https://learn.microsoft.com/entra/identity-platform/reference-error-codes. The sentences are our own.
AADSTS: dict[int, Refusal] = {
    # the tenant
    90002: Refusal('invalid_request', 'No tenant has this name or ID in this cloud.'),
    900023: Refusal('invalid_request', 'The tenant is written neither as a GUID nor as a domain name.'),
    50059: Refusal('invalid_request', 'The request names no tenant, and an application cannot sign in without one.'),
    90038: Refusal('invalid_request', 'The tenant lives in another national cloud.'),
    900382: Refusal('invalid_request', 'A confidential client cannot sign in across clouds.'),
    900432: Refusal('invalid_request', 'A confidential client cannot sign in across clouds.'),
    900439: Refusal('invalid_request', 'The tenant is in the cloud of the US government, which has an address of its own.'),
    50194: Refusal('unauthorized_client', 'The application is registered for one tenant only and cannot use a common endpoint.'),
    # the application
    7000229: Refusal('unauthorized_client', 'The tenant has no service principal of this application.'),
    9002326: Refusal('invalid_request', 'Only a single-page application may redeem tokens from another origin.'),
    9002327: Refusal('invalid_request', 'A token of a single-page application can be redeemed only from another origin.'),
    9002331: Refusal('invalid_request', 'The application is for personal accounts only. Use the /consumers endpoint.'),
    9002332: Refusal('invalid_request', 'The application is for accounts of organizations only. Do not use /consumers.'),
    9002346: Refusal('invalid_request', "Application 'x' is for personal accounts only. Please use the /consumers endpoint."),
    500207: Refusal('invalid_request', 'This type of account cannot be used for the resource.'),
    500133: Refusal('invalid_client', 'The assertion is not within its time range.', 401),
    700021: Refusal('invalid_client', 'The assertion names another application.', 401),
    700023: Refusal('invalid_client', 'The assertion is for another audience.', 401),
    7000213: Refusal('invalid_client', 'The chain of the certificate is not valid.', 401),
    1000502: Refusal('invalid_client', 'The certificate is outside its validity.', 401),
    7000214: Refusal('invalid_client', 'The certificate has been revoked.', 401),
    7000274: Refusal('invalid_client', 'The certificate has expired.', 401),
    7000277: Refusal('invalid_client', 'The certificate has expired.', 401),
    7005003: Refusal('invalid_client', 'The client secret has been revoked.', 401),
    7005004: Refusal('invalid_client', 'The key of the assertion has been revoked.', 401),
    70023: Refusal('invalid_request', 'The token of the issuer must not live longer than a day.'),
    70021: Refusal('invalid_client', 'No federated credential matches the assertion.', 401),
    700211: Refusal('invalid_client', 'No federated credential has the issuer of the assertion.', 401),
    700212: Refusal('invalid_client', 'No federated credential has the audience of the assertion.', 401),
    700213: Refusal('invalid_client', 'No federated credential has the subject of the assertion.', 401),
    50166: Refusal('invalid_request', 'The request to the issuer of the assertion has failed.'),
    90061: Refusal('invalid_request', 'The request to the issuer of the assertion has failed.'),
    700016: Refusal('unauthorized_client', 'The tenant does not know this application.'),
    700011: Refusal('unauthorized_client', 'The directory does not know this application.'),
    7000112: Refusal('unauthorized_client', 'The application is disabled.'),
    7000215: Refusal('invalid_client', 'The client secret is wrong.', 401),
    7000222: Refusal('invalid_client', 'The client secret has expired.', 401),
    7000218: Refusal('invalid_client', "The body needs 'client_assertion' or 'client_secret'.", 401),
    7000232: Refusal('invalid_client', 'A managed identity must not use a client secret.', 401),
    700025: Refusal('invalid_client', "This client is public and must send neither 'client_assertion' nor 'client_secret'.", 401),
    700027: Refusal('invalid_client', 'No certificate of the application verifies the signature of the assertion.', 401),
    700024: Refusal('invalid_client', 'The assertion is outside its time.', 401),
    700030: Refusal('invalid_client', 'The subject of the certificate is not allowed.', 401),
    50012: Refusal('invalid_client', 'The certificate is not accepted.', 401),
    50027: Refusal('invalid_client', 'The assertion is not a valid token.', 401),
    # the request
    900144: Refusal('invalid_request', 'The body lacks a parameter.'),
    9002313: Refusal('invalid_request', 'The request is malformed.'),
    70003: Refusal('unsupported_grant_type', 'This grant type is not supported.'),
    70005: Refusal('unsupported_response_type', 'This response type is not enabled for the application.'),
    70007: Refusal('invalid_request', 'This response mode is not supported.'),
    50147: Refusal('invalid_request', 'The code challenge or its method is not accepted.'),
    901002: Refusal('invalid_request', "The parameter 'resource' is not supported here; use 'scope'."),
    700022: Refusal('invalid_scope', 'The scopes belong to more than one resource.'),
    70011: Refusal('invalid_scope', 'The scope is not valid.'),
    1002012: Refusal('invalid_scope', 'The scope of client credentials does not end in /.default.'),
    500011: Refusal('invalid_resource', 'The tenant has no resource of this name.'),
    50011: Refusal('invalid_request', 'The redirect URI is not registered for the application.'),
    500112: Refusal('invalid_client', 'The redirect URI is not the one that the code was requested with.', 401),
    900971: Refusal('invalid_request', 'The request has no redirect URI.'),
    # consent
    90095: Refusal('access_denied', 'An administrator has to approve the application.'),
    650052: Refusal('invalid_resource', 'The organization has not subscribed to the service of this resource.'),
    650053: Refusal('invalid_scope', 'The application asks for a scope that the resource does not have.'),
    500014: Refusal('invalid_resource', 'The service principal of the resource is disabled.'),
    65001: Refusal('invalid_grant', 'Nobody has consented to these permissions.', suberror='consent_required'),
    65004: Refusal('access_denied', 'The user declined to consent.'),
    650056: Refusal('invalid_client', 'The application lists no permission of this resource.', 401),
    650057: Refusal('invalid_resource', 'The application does not list this resource.'),
    90094: Refusal('access_denied', 'Only an administrator can consent to these permissions.'),
    # codes and refresh tokens
    50148: Refusal('invalid_grant', 'The code verifier does not match the code challenge.'),
    700081: Refusal('invalid_grant', 'The refresh token has expired after its maximum lifetime.', suberror='token_expired'),
    70044: Refusal('invalid_grant', 'The session has expired because of the sign-in frequency.', suberror='bad_token'),
    50085: Refusal('invalid_grant', 'The refresh token needs a sign-in at another identity provider.'),
    54005: Refusal('invalid_grant', 'The code has been redeemed already.'),
    70008: Refusal('invalid_grant', 'The code or refresh token has expired.'),
    700005: Refusal('invalid_grant', 'The code belongs to another tenant.'),
    501481: Refusal('invalid_grant', 'The code verifier does not match the code challenge.'),
    70000: Refusal('invalid_grant', 'The code or refresh token is not valid.', suberror='bad_token'),
    700082: Refusal('invalid_grant', 'The refresh token has expired because it was not used.', suberror='token_expired'),
    700084: Refusal('invalid_grant', 'The refresh token of a single-page application has ended.', suberror='token_expired'),
    70043: Refusal('invalid_grant', 'The sign-in frequency asks for a new sign-in.', suberror='bad_token'),
    50173: Refusal('invalid_grant', 'The grant has been revoked.', suberror='bad_token'),
    50089: Refusal('invalid_grant', 'The flow token has expired.'),
    50132: Refusal('invalid_grant', 'The sign-in is void since the password changed.'),
    50133: Refusal('invalid_grant', 'The sign-in is void since the password changed.'),
    # device code
    70016: Refusal('authorization_pending', 'The user has not finished yet.'),
    70018: Refusal('bad_verification_code', 'The device code is unknown.'),
    70019: Refusal('expired_token', 'The device code has expired.'),
    90120: Refusal('invalid_grant', 'The device code has been used already.'),
    # policies
    50072: Refusal('invalid_grant', 'The user must enrol for multifactor authentication.', suberror='basic_action'),
    50158: Refusal('invalid_grant', 'An external security challenge was not met.', suberror='basic_action'),
    53001: Refusal('invalid_grant', 'The device is not joined to a domain.', suberror='message_only'),
    53002: Refusal('invalid_grant', 'The application is not an approved one.', suberror='message_only'),
    53004: Refusal('invalid_grant', 'The user must enrol for multifactor authentication elsewhere.', suberror='message_only'),
    53009: Refusal('invalid_grant', 'The application needs a protection policy.', suberror='message_only'),
    53011: Refusal('invalid_grant', 'The user is blocked because of a risk.', suberror='message_only'),
    530034: Refusal('invalid_grant', 'A delegated administrator is blocked.', suberror='message_only'),
    530035: Refusal('invalid_grant', 'The security defaults block the request.', suberror='message_only'),
    50002: Refusal('invalid_grant', 'A restricted proxy does not allow this tenant.'),
    500021: Refusal('invalid_grant', 'Access to this tenant is denied.'),
    500022: Refusal('invalid_grant', 'Access to this tenant is denied.'),
    5000211: Refusal('invalid_grant', 'A policy that a network has added to the request does not allow this tenant.'),
    530033: Refusal('invalid_grant', 'A policy on devices blocks the device code flow.', suberror='message_only'),
    530084: Refusal('invalid_grant', 'The policy for token protection blocks the request.', suberror='message_only'),
    135011: Refusal('invalid_grant', 'The device used during the authentication is disabled.'),
    700003: Refusal('invalid_grant', 'The directory does not know the device.'),
    50097: Refusal('invalid_grant', 'The device must authenticate.'),
    50129: Refusal('invalid_grant', 'The device is not joined to the workplace.'),
    50187: Refusal('invalid_grant', 'The device could not authenticate.'),
    530002: Refusal('invalid_grant', 'The device must comply.'),
    50076: Refusal('invalid_grant', 'The user must pass multifactor authentication.', suberror='basic_action'),
    50079: Refusal('invalid_grant', 'The user must enrol for multifactor authentication.', suberror='basic_action'),
    50074: Refusal('invalid_grant', 'Strong authentication is required.', suberror='basic_action'),
    50078: Refusal('invalid_grant', 'The multifactor authentication is too old.', suberror='basic_action'),
    53003: Refusal('invalid_grant', 'Conditional Access blocks the token.', suberror='message_only'),
    53000: Refusal('invalid_grant', 'The device does not comply.', suberror='message_only'),
    530032: Refusal('invalid_grant', 'A security policy of the tenant blocks the request.', suberror='message_only'),
    530003: Refusal('invalid_grant', 'The device must be managed.', suberror='message_only'),
    # the user
    500341: Refusal('invalid_grant', 'The account was deleted from the directory.'),
    51004: Refusal('invalid_grant', 'The directory does not have this account.'),
    500571: Refusal('invalid_grant', 'The guest account is disabled.'),
    50014: Refusal('invalid_grant', 'The guest has not accepted the invitation.'),
    90072: Refusal('invalid_grant', 'The external account does not exist in this tenant.'),
    501051: Refusal('interaction_required', 'The user has no role in the application.'),
    500200: Refusal('interaction_required', 'A personal account cannot be used.'),
    50056: Refusal('invalid_grant', 'The password is missing or wrong.'),
    50144: Refusal('invalid_grant', 'The password of the local directory has expired.', suberror='user_password_expired'),
    50126: Refusal('invalid_grant', 'The user name or the password is wrong.'),
    50055: Refusal('invalid_grant', 'The password has expired.', suberror='user_password_expired'),
    50057: Refusal('invalid_grant', 'The account is disabled.'),
    50053: Refusal('invalid_grant', 'The account is locked.'),
    50034: Refusal('invalid_grant', 'The directory does not know this account.'),
    50058: Refusal('login_required', 'Nobody is signed in, and the request forbids to ask.'),
    50105: Refusal('interaction_required', 'The user is not assigned to the application.'),
    50020: Refusal('interaction_required', 'The account belongs to another tenant.'),
    # the service
    1002016: Refusal('invalid_request', 'The connection uses an old version of TLS.'),
    50196: Refusal('invalid_grant', 'The client repeats the same request in a loop.'),
    90055: Refusal('temporarily_unavailable', 'Too many requests.', 429),
    50033: Refusal('temporarily_unavailable', 'A transient error has occurred.', 503),
    50087: Refusal('temporarily_unavailable', 'The service is not available for the moment.', 503),
    90006: Refusal('temporarily_unavailable', 'The service is not available for the moment.', 503),
    90012: Refusal('temporarily_unavailable', 'The request has timed out.', 503),
    90024: Refusal('temporarily_unavailable', 'A transient error has occurred.', 503),
    90033: Refusal('temporarily_unavailable', 'The directory service is not available for the moment.', 503),
    90090: Refusal('temporarily_unavailable', 'The service is not available for the moment.', 503),
}


class EntraError(Exception):
    """Entra refuses: ``number`` is the AADSTS one; ``sentence`` and ``error`` replace what the table says."""

    def __init__(self, number: int, sentence: str = '', error: str = '') -> None:
        refusal = AADSTS[number]
        self.number = number
        self.status = refusal.status
        self.error = error or refusal.error
        self.suberror = refusal.suberror
        self.sentence = sentence or refusal.sentence
        super().__init__(f'AADSTS{number}: {self.sentence}')

    def description(self, now: float, trace_id: str, correlation_id: str) -> str:
        """Return what ``error_description`` says."""
        return (
            f'AADSTS{self.number}: {self.sentence} Trace ID: {trace_id} Correlation ID: {correlation_id} '
            f'Timestamp: {entra_timestamp(now)}'
        )

    def body(self, now: float, correlation_id: str = '', authority: str = '') -> dict[str, Any]:
        """Return the JSON object that Entra answers with."""
        trace_id, correlation_id = str(uuid.uuid4()), correlation_id or str(uuid.uuid4())
        answer: dict[str, Any] = {
            'error': self.error,
            'error_description': self.description(now, trace_id, correlation_id),
            'error_codes': [self.number],
            'timestamp': entra_timestamp(now),
            'trace_id': trace_id,
            'correlation_id': correlation_id,
            'error_uri': f'{authority}/error?code={self.number}',
        }
        if self.suberror:
            answer['suberror'] = self.suberror
        return answer


def outside_its_time(begins: float, ends: float, now: float) -> EntraError:
    """Return the error for a client assertion that is not valid yet or any more."""
    sentence = (
        f'The assertion is outside its time. Current time: {entra_timestamp(now)}, '
        f'valid from {entra_timestamp(begins)}, until {entra_timestamp(ends)}.'
    )
    return EntraError(700024, sentence)
