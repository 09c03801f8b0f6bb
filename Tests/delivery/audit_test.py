"""``make audit`` against a vulnerability database on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from delivery import audit

ADVISORY = {
    'id': 'GHSA-test-0000-0001',
    'aliases': ['CVE-2026-0001'],
    'summary': 'A hole.',
    'affected': [
        {
            'package': {'name': 'hole', 'ecosystem': 'PyPI'},
            'ranges': [{'type': 'ECOSYSTEM', 'events': [{'introduced': '0'}, {'fixed': '1.1'}]}],
            'versions': ['1.0'],
        }
    ],
}


class Database(BaseHTTPRequestHandler):
    """An OSV database that knows one advisory."""

    def do_GET(self) -> None:
        self.send_error(405)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        answer = {'vulns': [ADVISORY]} if asked['package']['name'] == 'hole' else {}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_arguments: object) -> None:
        """Stay quiet."""


@pytest.fixture
def database(monkeypatch) -> Iterator[None]:
    with ThreadingHTTPServer(('127.0.0.1', 0), Database) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv('ADVISORIES', f'http://127.0.0.1:{server.server_port}/v1/query')
        yield
        server.shutdown()


def test_a_known_vulnerability_fails_with_its_name(database, tmp_path: Path, capfd) -> None:
    (tmp_path / audit.REQUIREMENTS).write_text('whole==1.0\n')
    assert audit.main(tmp_path) == 0
    assert 'No known vulnerabilities found' in capfd.readouterr().err
    (tmp_path / audit.REQUIREMENTS).write_text('whole==1.0\nhole==1.0\n')
    assert audit.main(tmp_path) == 1
    assert capfd.readouterr().out.splitlines()[-1].split() == ['hole', '1.0', 'CVE-2026-0001', '1.1']


def test_without_the_database_nothing_is_checked_and_that_is_said(monkeypatch, capsys) -> None:
    monkeypatch.setenv('ADVISORIES', 'http://127.0.0.1:9/v1/query')
    assert audit.main() == 0
    assert capsys.readouterr().out.startswith('audit: NOT CHECKED: 127.0.0.1:9 cannot be reached.')
