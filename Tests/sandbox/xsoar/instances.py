"""Instances of integrations: what a person configured, with the secrets sealed, and what each instance remembers."""

import json
import sqlite3
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from .content import BOOLEAN, CREDENTIALS, INTERVAL, MULTIPLE_SELECT, Integration, Parameter
from .content_check import is_interval
from .database import Database
from .errors import Conflict, NotFound, Refusal
from .vault import Vault

_SAVE = """
INSERT INTO instances (id, name, integration_id, enabled, engine, plain, sealed, mappings, version, health, vault)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
name = excluded.name, enabled = excluded.enabled, engine = excluded.engine, plain = excluded.plain, sealed = excluded.sealed,
mappings = excluded.mappings, version = excluded.version, vault = excluded.vault
"""
MAPPINGS = ('mappingId', 'incomingMapperId', 'outgoingMapperId', 'integrationLogLevel')
SAID, SAID_AS_ERROR = 'said', 'said as an error'  # kinds of the health of an instance
LOG_LEVELS = ('', 'Debug', 'Verbose')  # the empty one is the server's own


@dataclass(frozen=True)
class Instance:
    """A configured integration.

    ``values`` are the parameters that may be shown; of credentials the user name. ``secrets`` are the rest: passwords
    and encrypted parameters. ``vault`` names the shared credentials that some parameters take theirs from. ``version`` grows with
    each change.
    """

    id: str
    name: str
    integration_id: str
    enabled: bool = True
    engine: str = ''
    values: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    mappings: dict[str, str] = field(default_factory=dict)
    version: int = 0
    health: str = ''
    vault: dict[str, str] = field(default_factory=dict)
    health_kind: str = ''

    @property
    def is_healthy(self) -> bool:
        """Whether the health is empty, or a note."""
        return not self.health or self.health_kind == SAID

    def parameters(self, integration: Integration) -> dict[str, Any]:
        """Return what ``demisto.params()`` gives to a command."""
        return {parameter.name: self._parameter(parameter) for parameter in integration.parameters}

    def _parameter(self, parameter: Parameter) -> Any:
        value, secret = self.values.get(parameter.name), self.secrets.get(parameter.name, '')
        if parameter.type == CREDENTIALS:
            name = self.vault.get(parameter.name, '')
            shared = {
                'cacheExpiry': '0001-01-01T00:00:00Z',
                'id': name,
                'name': name,
                'password': secret if name else '',
                'sshkey': '',
                'user': (value or '') if name else '',
                'vaultInstanceId': '',
            }
            return {
                'credential': name,
                'credentials': shared,
                'identifier': value or '',
                'password': secret,
                'passwordChanged': False,
            }
        if parameter.is_secret:
            return secret
        if parameter.type == BOOLEAN:
            return bool(value)
        if parameter.type == MULTIPLE_SELECT:
            return value or []
        return '' if value is None else str(value)

    @property
    def logs_debug(self) -> bool:
        """Whether the log level of the instance makes every command of it run in debug mode."""
        return bool(self.mappings.get('integrationLogLevel'))

    def to_answer(self, integration: Integration) -> dict[str, Any]:
        """Return the instance as the REST calls show it: a secret is only said to be there."""
        return {
            'id': self.id,
            'name': self.name,
            'brand': integration.name,
            'category': integration.category,
            'enabled': 'true' if self.enabled else 'false',
            'engine': self.engine,
            'version': self.version,
            'data': [{**parameter.to_answer(), **self._shown(parameter)} for parameter in integration.parameters],
            'isIntegrationScript': True,
            'configuration': integration.to_answer(with_commands=False),  # they can take 100 kB
            'health': self.health,
            **{name: self.mappings.get(name, '') for name in MAPPINGS},
        }

    def _shown(self, parameter: Parameter) -> dict[str, Any]:
        value, has_secret = self.values.get(parameter.name), bool(self.secrets.get(parameter.name))
        if parameter.type == CREDENTIALS:
            name = self.vault.get(parameter.name, '')
            shown = {'credential': name, 'identifier': value or '', 'password': '', 'passwordChanged': False}
            return {'value': shown, 'hasvalue': bool(value) or has_secret or bool(name)}
        if parameter.is_secret:
            return {'value': '', 'hasvalue': has_secret}
        return {'value': '' if value is None else value, 'hasvalue': value not in (None, '')}

    def changed(self, integration: Integration, data: list[dict[str, Any]]) -> 'Instance':
        """Return a copy with the parameters of a request. An empty secret stays the stored one while it is said to have a value.

        Raises:
            Refusal: a parameter is unknown, or its value has another shape.
        """
        parameters = {parameter.name: parameter for parameter in integration.parameters}
        values, secrets, vault = dict(self.values), dict(self.secrets), dict(self.vault)
        for item in data:
            parameter = parameters.get(str(item.get('name')))
            if not parameter:
                raise Refusal(f'{integration.name} has no parameter {item.get("name")!r}: use the names of its configuration.')
            _take(parameter, item, values, secrets)
            if parameter.type == CREDENTIALS and isinstance(item.get('value'), dict):
                _take_vault(parameter.name, str(item['value'].get('credential') or ''), vault)
        return replace(self, values=values, secrets=secrets, vault=vault)


def _take(parameter: Parameter, item: dict[str, Any], values: dict[str, Any], secrets: dict[str, str]) -> None:
    value, has_value = item.get('value'), item.get('hasvalue', False)
    if not parameter.is_secret:
        values[parameter.name] = _plain(parameter, value)
        return
    keep = bool(has_value)
    if parameter.type == CREDENTIALS:
        if value and not isinstance(value, dict):
            raise Refusal(f'The parameter {parameter.name} takes credentials: send {{"identifier": ..., "password": ...}}.')
        value = value or {}
        values[parameter.name] = str(value.get('identifier') or '')
        keep = keep and not value.get('passwordChanged')
        value = value.get('password')
    if value:
        secrets[parameter.name] = str(value)
    elif not keep:
        secrets.pop(parameter.name, None)


def _take_vault(name: str, credential: str, vault: dict[str, str]) -> None:
    if credential:
        vault[name] = credential
    else:
        vault.pop(name, None)


def _plain(parameter: Parameter, value: Any) -> Any:
    if parameter.type == BOOLEAN:
        return value is True or str(value).lower() == 'true'
    if parameter.type == MULTIPLE_SELECT and isinstance(value, str):
        return [each.strip() for each in value.split(',') if each.strip()]
    if isinstance(value, dict) or (isinstance(value, list) and parameter.type != MULTIPLE_SELECT):
        raise Refusal(f'The parameter {parameter.name} takes a text, not {type(value).__name__}.')
    if parameter.type == INTERVAL and value not in (None, '') and not is_interval(value):
        raise Refusal(f'{parameter.label} cannot be {value!r}: enter a whole number of minutes from 1 to 999999.')
    return value


class Instances:
    """The instances, their integration contexts and last runs, kept in the database.

    Args:
        object_versions: versions of integration contexts are objects, not numbers.
    """

    def __init__(self, database: Database, vault: Vault, object_versions: bool = False) -> None:
        self._database = database
        self._vault = vault
        self._object_versions = object_versions

    def new(self, integration: Integration, name: str) -> Instance:
        """Return an instance with the defaults of its integration, not yet stored."""
        blank = Instance(str(uuid.uuid4()), name, integration.id)
        defaults = [
            {'name': each.name, 'value': each.default}
            for each in integration.parameters
            if each.default is not None and each.type != CREDENTIALS
        ]
        return blank.changed(integration, defaults)

    def save(self, instance: Instance, version: int | None = None) -> Instance:
        """Store an instance as a new version.

        Args:
            instance: what to store.
            version: the version that it is based on; None stores it over whatever is there.
        Raises:
            Refusal: another instance has its name.
            Conflict: the stored one has another version.
        """
        with self._database.writing() as connection:
            row = connection.execute('SELECT version FROM instances WHERE id = ?', (instance.id,)).fetchone()
            current = row['version'] if row else 0
            if version is not None and version != current:
                raise Conflict(f'{instance.name!r} is at version {current}, not {version}: read it again and repeat the change.')
            stored = replace(instance, version=current + 1)
            try:
                connection.execute(
                    _SAVE,
                    self._columns(stored),
                )
            except sqlite3.IntegrityError:
                raise Refusal(f'There is already an instance named {instance.name!r}: choose another name.') from None
        return stored

    def _columns(self, instance: Instance) -> tuple[Any, ...]:
        return (
            instance.id,
            instance.name,
            instance.integration_id,
            instance.enabled,
            instance.engine,
            json.dumps(instance.values),
            self._vault.seal(instance.secrets, f'instances/{instance.id}'),
            json.dumps(instance.mappings),
            instance.version,
            instance.health,
            json.dumps(instance.vault),
        )

    def all(self) -> list[Instance]:
        with self._database.reading() as connection:
            return [self._instance(row) for row in connection.execute('SELECT * FROM instances ORDER BY name').fetchall()]

    def get(self, key: str) -> Instance:
        """One instance by its id or its name.

        Raises:
            NotFound: there is none.
        """
        with self._database.reading() as connection:
            row = connection.execute('SELECT * FROM instances WHERE id = ? OR name = ?', (key, key)).fetchone()
        if not row:
            raise NotFound(f'There is no instance {key!r}: take the name or id of one in the list of instances.')
        return self._instance(row)

    def delete(self, instance_id: str) -> None:
        """Remove an instance with all that it remembers.

        Raises:
            NotFound: there is none of this id.
        """
        with self._database.writing() as connection:
            if not connection.execute('DELETE FROM instances WHERE id = ?', (instance_id,)).rowcount:
                raise NotFound(f'There is no instance of id {instance_id!r}: it may have been deleted already.')

    def set_enabled(self, instance_id: str, enabled: bool) -> Instance:
        """Enable or disable an instance.

        Raises:
            NotFound: there is none of this id.
        """
        return self.save(replace(self.get(instance_id), enabled=enabled))

    def free_name(self, integration: Integration) -> str:
        """Return a name for a new instance that no other one has, as the platform proposes it."""
        taken = {each.name for each in self.all()}
        number = 1
        while f'{integration.name}_instance_{number}' in taken:
            number += 1
        return f'{integration.name}_instance_{number}'

    def set_health(self, instance_id: str, text: str, kind: str = '') -> None:
        """Store how the last fetch went; empty text means well.

        Args:
            kind: SAID or SAID_AS_ERROR, as the command said it; empty for the error that ended it.
        """
        with self._database.writing() as connection:
            connection.execute('UPDATE instances SET health = ?, health_kind = ? WHERE id = ?', (text, kind, instance_id))

    def clear_health(self, instance_id: str) -> None:
        """Forget how the last fetch went, except what a command said as an error: it has to take that back itself."""
        with self._database.writing() as connection:
            connection.execute("UPDATE instances SET health = '' WHERE id = ? AND health_kind != ?", (instance_id, SAID_AS_ERROR))

    def _instance(self, row: sqlite3.Row) -> Instance:
        return Instance(
            row['id'],
            row['name'],
            row['integration_id'],
            bool(row['enabled']),
            row['engine'],
            json.loads(row['plain']),
            self._vault.unseal(row['sealed'], f'instances/{row["id"]}'),
            json.loads(row['mappings']),
            row['version'],
            row['health'],
            json.loads(row['vault']),
            row['health_kind'],
        )

    def integration_context(self, instance_id: str) -> tuple[dict[str, Any], Any]:
        """Return the integration context and its version; an empty one of version 0 when nothing was stored yet."""
        with self._database.reading() as connection:
            row = connection.execute('SELECT * FROM integration_contexts WHERE instance_id = ?', (instance_id,)).fetchone()
        context = self._vault.unseal(row['sealed'], f'integration_contexts/{instance_id}') if row else {}
        return context, self._version_of(row['version'] if row else 0)

    def _version_of(self, number: int) -> Any:
        return {'version': number, 'sequenceNumber': number, 'primaryTerm': 1} if self._object_versions else number

    def set_integration_context(self, instance_id: str, context: dict[str, Any], version: Any) -> None:
        """Store the integration context as a new version.

        Args:
            version: the version that the change is based on; -1 stores it over whatever is there.
        Raises:
            Conflict: another version has been stored since.
            NotFound: the instance has been deleted.
        """
        sealed = self._vault.seal(context, f'integration_contexts/{instance_id}')
        with self._database.writing() as connection:
            row = connection.execute('SELECT version FROM integration_contexts WHERE instance_id = ?', (instance_id,)).fetchone()
            current = row['version'] if row else 0
            if version not in (-1, self._version_of(current)):
                raise Conflict(
                    f'The integration context is at version {current}, not {version}: read it again and repeat the change.'
                )
            _remember(
                connection, 'INSERT OR REPLACE INTO integration_contexts VALUES (?, ?, ?)', (instance_id, sealed, current + 1)
            )

    def last_run(self, instance_id: str) -> dict[str, Any]:
        """Return what the last fetch stored; empty before the first one."""
        with self._database.reading() as connection:
            row = connection.execute('SELECT sealed FROM last_runs WHERE instance_id = ?', (instance_id,)).fetchone()
        return dict(self._vault.unseal(row['sealed'], f'last_runs/{instance_id}')) if row else {}

    def set_last_run(self, instance_id: str, last_run: dict[str, Any]) -> None:
        """Store where the next fetch begins.

        Raises:
            NotFound: the instance has been deleted.
        """
        sealed = self._vault.seal(last_run, f'last_runs/{instance_id}')
        with self._database.writing() as connection:
            _remember(connection, 'INSERT OR REPLACE INTO last_runs VALUES (?, ?)', (instance_id, sealed))


def _remember(connection: sqlite3.Connection, statement: str, values: tuple[Any, ...]) -> None:
    try:
        connection.execute(statement, values)
    except sqlite3.IntegrityError:
        raise NotFound('The instance has been deleted while its command ran: add it again.') from None
