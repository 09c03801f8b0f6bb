"""What goes wrong at the identity endpoints, and the shape in which it is told."""

from flask import Response, jsonify


class ArcKeyFolderError(OSError):
    """The folder for Arc's key files cannot be used. Only root can make it."""


class IdentityNotFound(Exception):
    """The host has no such identity, or several and the request names none."""


def oauth_error(error: str, description: str) -> Response:
    return jsonify({'error': error, 'error_description': description})
