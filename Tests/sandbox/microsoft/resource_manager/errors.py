"""Errors in the shape of Azure Resource Manager."""

from flask import Response, jsonify

ERROR_CODES = {
    'missing': 'AuthenticationFailed',
    'malformed': 'InvalidAuthenticationToken',
    'audience': 'InvalidAuthenticationTokenAudience',
    'expired': 'ExpiredAuthenticationToken',
    'revoked': 'AuthenticationFailed',
    'claims': 'AuthenticationFailed',
}


def error_body(code: str, message: str) -> Response:
    return jsonify({'error': {'code': code, 'message': message}})
