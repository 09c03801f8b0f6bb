"""Switch faults over HTTP, for trying the sandbox by hand. The server listens on loopback like all others."""

from dataclasses import asdict, fields

from flask import Flask, Response, jsonify, request

from sandbox.microsoft.faults import Fault, Faults


def admin_app(faults: Faults) -> Flask:
    """Return an app where ``POST /sandbox/faults`` with the attributes of a Fault adds it, and ``DELETE`` removes all."""
    app = Flask('admin', static_folder=None)

    @app.post('/sandbox/faults')
    def add() -> tuple[Response, int]:
        settings = request.get_json(force=True, silent=True)
        if not isinstance(settings, dict):
            return jsonify({'error': 'The body must be a JSON object with the attributes of a fault.'}), 400
        known = [each.name for each in fields(Fault)]
        unknown = [name for name in settings if name not in known]
        if unknown:
            return jsonify({'error': f'A fault has no attribute "{unknown[0]}". Use some of {", ".join(known)}.'}), 400
        try:
            return jsonify(asdict(faults.add(**settings))), 201
        except (TypeError, ValueError) as error:
            return jsonify({'error': str(error)}), 400

    @app.delete('/sandbox/faults')
    def clear() -> tuple[str, int]:
        faults.clear()
        return '', 204

    return app
