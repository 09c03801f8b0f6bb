"""Reports from the field: the network of a sign-in (S8, S12)."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from requests.adapters import HTTPAdapter

import CommonServerPython
from conformance.sign_in.methods import keywords
from conformance.sign_in.rows import APP_SERVICE, ARC, CERTIFICATE_PS256, CLIENT_SECRET, DEVICE_CODE, VM_SYSTEM_ASSIGNED
from conformance.sign_in.workbench import Workbench
from MicrosoftApiModule import MicrosoftClient, get_azure_cloud, start_device_sign_in
from MicrosoftCoreApiModule import MicrosoftSignInError
from MicrosoftTokenRequestApiModule import AccessToken

Report = Callable[[str, str, str, str], None]
GUIDE = Path(__file__).parents[3] / 'docs' / 'microsoft-integrations-authentication.md'

# region S12

BODY = (
    b'{"access_token": "a-token", "expires_in": 3599, "device_code": "d", "user_code": "u", '
    b'"verification_uri": "https://login.example/device"}'
)


class PlatformAdapter(HTTPAdapter):
    """Send requests as the platform does if any certificate is trusted: also with ciphers that Python does not offer."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers('ALL:@SECLEVEL=0')
        super().init_poolmanager(*args, **kwargs, ssl_context=context)


@pytest.fixture
def of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have BaseClient mount the adapter of the platform, as it does with verify=False."""
    create = CommonServerPython.BaseClient.__init__

    def create_with_adapter(self: Any, base_url: str, verify: bool = True, *args: Any, **kwargs: Any) -> None:
        create(self, base_url, verify, *args, **kwargs)
        if not verify:
            self._session.mount('https://', PlatformAdapter())

    monkeypatch.setattr(CommonServerPython.BaseClient, '__init__', create_with_adapter)


@contextmanager
def old_server(ca_file: str, key_file: str, ciphers: str) -> Iterator[str]:
    """Give a TLS 1.2 server with these ciphers, which answers every request with a token."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers['Content-Length']))
            self.send_response(200)
            self.send_header('Content-Length', str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
            """Log nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f'{ciphers}:@SECLEVEL=0')
    context.load_cert_chain(ca_file, key_file)
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f'https://localhost:{server.server_address[1]}'
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.usefixtures('of_the_platform')
@pytest.mark.filterwarnings('ignore:Unverified HTTPS request')
@pytest.mark.parametrize('ciphers', ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'AES128-SHA256', 'AES256-SHA', 'AES128-SHA'])
@pytest.mark.parametrize('method', [CLIENT_SECRET, CERTIFICATE_PS256, DEVICE_CODE])
def test_the_sign_in_uses_the_adapter_of_the_platform(
    workbench: Workbench, field_report: Report, tmp_path: Path, method: str, ciphers: str
) -> None:
    own = workbench.cloud.directory.application('daemon').certificate
    certificate, key = tmp_path / 'certificate.pem', tmp_path / 'key.pem'
    certificate.write_text(own.certificate_pem)
    key.write_text(own.private_key_pem)
    settings = keywords(method, workbench)
    with old_server(str(certificate), str(key), ciphers) as url:
        settings['azure_cloud'] = get_azure_cloud({'azure_ad_endpoint': url, 'graph_endpoint': url}, 'test')
        if method == DEVICE_CODE:
            now = f'the code {start_device_sign_in(workbench.client({**settings, "verify": False}))["user_code"]}'
        else:
            refused = workbench.ask(workbench.client(settings))
            assert isinstance(refused, MicrosoftSignInError), 'without the adapter there is no connection'
            token = workbench.ask(workbench.client({**settings, 'verify': False}))
            assert isinstance(token, AccessToken), token
            now = 'a token'
    field_report('S12', f'{method}, TLS 1.2 with {ciphers}, any certificate trusted', 'no TLS connection', now)


@pytest.mark.usefixtures('of_the_platform')
def test_requests_with_retries_do_not_change_how_tokens_are_requested() -> None:
    client = MicrosoftClient(self_deployed=True, tenant_id='contoso.example', auth_id='an-id', enc_key='a~secret', verify=False)
    adapter = client._session.adapters['https://']
    client._implement_retry(3)
    assert client._session.adapters['https://'] is not adapter
    assert client.token_provider.token_client._adapter is adapter


# endregion
# region S8


@pytest.mark.parametrize(
    'method, words',
    [
        (VM_SYSTEM_ASSIGNED, 'IDENTITY_ENDPOINT'),
        (VM_SYSTEM_ASSIGNED, 'IDENTITY_HEADER'),
        (VM_SYSTEM_ASSIGNED, '/var/opt/azcmagent/tokens'),
        (VM_SYSTEM_ASSIGNED, 'network'),
        (APP_SERVICE, 'network of the host'),
        (ARC, 'network of the host'),
    ],
)
def test_the_error_and_the_guide_name_what_the_container_needs(
    workbench: Workbench, field_report: Report, method: str, words: str
) -> None:
    workbench.move_service('closed port')
    error = workbench.ask(workbench.client(keywords(method, workbench)))
    assert isinstance(error, MicrosoftSignInError)
    assert words in error.advice
    assert ('Choose an engine' in error.advice) == (method == VM_SYSTEM_ASSIGNED)
    assert words in GUIDE.read_text(encoding='utf-8').partition('## Azure Managed Identities')[2].partition('\n## ')[0]
    field_report('S8', f'{method}: {words}', 'Choose an engine that runs on one.', error.advice)


# endregion
