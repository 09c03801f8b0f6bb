"""What users have granted and clients may redeem: authorization codes, refresh tokens, device codes."""

import re
import secrets
import threading
from dataclasses import dataclass, field

from sandbox.microsoft.clock import Clock
from sandbox.microsoft.entra.model import Application, User

# A code holds characters that URL encoding changes, as real ones do; its length is fixed, so that a truncated one is noticed.
CODE = re.compile(r'0\.A[\w-]{86}![\w-]{43}\$')
REFRESH_TOKEN = re.compile(r'1\.A[\w-]{171}')
USER_CODE_LETTERS = 'BCDFGHJKLMNPQRSTVWXYZ23456789'


@dataclass(kw_only=True)
class Grant:
    """A user let ``application`` act with ``scope``, in the tenant of that ID, after signing in for ``context``."""

    application: Application
    tenant_id: str
    user: User
    scope: str
    generation: int
    issued: float
    context: str = ''


@dataclass(kw_only=True)
class AuthorizationCode(Grant):
    """Good once, for the redirect URI and the code challenge of its request. ``nonce`` goes into the ID token."""

    redirect_uri: str
    code_challenge: str = ''
    code_challenge_method: str = ''
    nonce: str = ''
    resource: str = ''
    is_redeemed: bool = False


@dataclass(kw_only=True)
class RefreshToken(Grant):
    """``is_confidential`` tells that the client had to prove itself for it, and has to again; ``expires`` in epoch seconds."""

    is_confidential: bool
    expires: float


@dataclass(kw_only=True)
class DeviceAuthorization:
    """A device waits until somebody enters ``user_code``. ``interval`` and ``expires`` in seconds, the latter of the epoch."""

    application: Application
    tenant_name: str
    scope: str
    user_code: str
    interval: int
    expires: float
    last_poll: float = 0.0
    context: str = ''
    user: User | None = None
    generation: int = 0
    is_declined: bool = False
    is_redeemed: bool = False


@dataclass
class GrantStore:
    """Grants by the secrets that stand for them. Safe to use from several threads."""

    clock: Clock
    _codes: dict[str, AuthorizationCode] = field(default_factory=dict, repr=False)
    _refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict, repr=False)
    _devices: dict[str, DeviceAuthorization] = field(default_factory=dict, repr=False)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def clear(self) -> None:
        """Forget all grants."""
        with self.lock:
            self._codes.clear()
            self._refresh_tokens.clear()
            self._devices.clear()

    def add_code(self, code: AuthorizationCode) -> str:
        """Return the code to hand to the client."""
        value = f'0.A{secrets.token_urlsafe(64)}!{secrets.token_urlsafe(32)}$'
        with self.lock:
            self._codes[value] = code
        return value

    def add_refresh_token(self, token: RefreshToken) -> str:
        """Return the refresh token to hand to the client."""
        value = f'1.A{secrets.token_urlsafe(128)}'
        with self.lock:
            self._refresh_tokens[value] = token
        return value

    def add_device(self, device: DeviceAuthorization) -> str:
        """Return the device code to hand to the client."""
        value = secrets.token_urlsafe(96)
        with self.lock:
            self._devices[value] = device
        return value

    def code(self, value: str) -> AuthorizationCode | None:
        return self._codes.get(value)

    def refresh_token(self, value: str) -> RefreshToken | None:
        return self._refresh_tokens.get(value)

    def device(self, value: str) -> DeviceAuthorization | None:
        return self._devices.get(value)

    def device_by_user_code(self, user_code: str) -> DeviceAuthorization | None:
        """Return the device that waits for ``user_code``, in upper or lower case and with spaces around it."""
        wanted = user_code.strip().upper()
        with self.lock:
            return next((device for device in self._devices.values() if device.user_code == wanted), None)


def new_user_code() -> str:
    """Return nine letters and digits that are hard to confuse."""
    return ''.join(secrets.choice(USER_CODE_LETTERS) for _ in range(9))
