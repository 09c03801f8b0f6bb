"""The credentials that instances share: Settings > Integrations > Credentials."""

from dataclasses import dataclass, field, replace

from .clock import now, text_of
from .database import Database
from .errors import NotFound, Refusal
from .instances import Instance
from .vault import Vault


@dataclass(frozen=True)
class Credential:
    """A user name and a password under a name; ``modified`` is an RFC 3339 time."""

    name: str
    user: str
    password: str = field(repr=False)
    modified: str = ''


class Credentials:
    """All shared credentials, the passwords sealed."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def save(self, name: str, user: str, password: str) -> None:
        """Store credentials; those of the same name are replaced. An empty password keeps the stored one.

        Raises:
            Refusal: the name is empty, or there is no password.
        """
        name = name.strip()
        if not name:
            raise Refusal('The credentials have no name. Enter one.')
        password = password or next((each.password for each in self.all() if each.name == name), '')
        if not password:
            raise Refusal('The credentials have no password. Enter one.')
        sealed = self._vault.seal(password, f'credentials/{name}')
        with self._database.writing() as connection:
            connection.execute('INSERT OR REPLACE INTO credentials VALUES (?, ?, ?, ?)', (name, user, sealed, text_of(now())))

    def delete(self, name: str) -> None:
        """Remove credentials.

        Raises:
            NotFound: there are none of this name.
            Refusal: instances use them.
        """
        users = self.users(name)
        if users:
            raise Refusal(f'The credentials {name!r} are used by {", ".join(users)}. Choose others there first.')
        with self._database.writing() as connection:
            if not connection.execute('DELETE FROM credentials WHERE name = ?', (name,)).rowcount:
                raise NotFound(f'There are no credentials {name!r}. They may have been deleted already.')

    def all(self) -> list[Credential]:
        """Return all credentials, by name."""
        with self._database.reading() as connection:
            return [
                Credential(
                    row['name'],
                    row['user'],
                    str(self._vault.unseal(row['sealed'], f'credentials/{row["name"]}')),
                    row['modified'],
                )
                for row in connection.execute('SELECT * FROM credentials ORDER BY name').fetchall()
            ]

    def users(self, name: str) -> list[str]:
        """Return the names of the instances that use some credentials."""
        with self._database.reading() as connection:
            rows = connection.execute(
                'SELECT name FROM instances WHERE ? IN (SELECT value FROM json_each(vault)) ORDER BY name', (name,)
            )
            return [str(row['name']) for row in rows]

    def resolved(self, instance: Instance) -> Instance:
        """Return an instance with the user names and passwords of the credentials that it names.

        Raises:
            Refusal: it names credentials that do not exist.
        """
        if not instance.vault:
            return instance
        known = {each.name: each for each in self.all()}
        values, secrets = dict(instance.values), dict(instance.secrets)
        for parameter, name in instance.vault.items():
            if name not in known:
                raise Refusal(f'The instance {instance.name!r} uses credentials {name!r}, which do not exist. Choose others.')
            values[parameter], secrets[parameter] = known[name].user, known[name].password
        return replace(instance, values=values, secrets=secrets)
