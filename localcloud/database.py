"""The cloud's memory: records in SQLite, read whole at the start and written through, one transaction a call."""

from __future__ import annotations

import dataclasses
import math
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from localcloud import records
from localcloud.clock import ClockPosition
from localcloud.errors import LocalCloudError
from localcloud.folder_lock import lock_folder

SCHEMA = 1
FILE_NAME = "cloud.db"

R = TypeVar("R")


@dataclasses.dataclass(frozen=True)
class Sight:
    """Whose eyes look at the tables: things of other accounts, and things made after `until`, are not there."""

    account: str
    until: float = math.inf

    def shows(self, record: Any) -> bool:
        return bool(record.account == self.account and getattr(record, "created", 0.0) <= self.until)


class Table(Generic[R]):
    """The records of one kind, in the order they were made. The first field of a record is its key.

    A table of things that accounts own (`owned`) shows, while a sight is set, what that shows alone, and gives what
    is put in to its account.
    """

    def __init__(self, name: str, kind: type[R], connection: sqlite3.Connection, owned: bool = False) -> None:
        self.owned = owned
        self.sight: Sight | None = None
        self._name = name
        self._key = dataclasses.fields(kind)[0].name  # type: ignore[arg-type]
        self._adapter: TypeAdapter[R] = TypeAdapter(kind)
        self._connection = connection
        self._rows: dict[str, R] = {}
        self._before: dict[str, R | None] = {}
        connection.execute(f"CREATE TABLE IF NOT EXISTS {name} (key TEXT PRIMARY KEY, body TEXT NOT NULL)")
        for key, body in connection.execute(f"SELECT key, body FROM {name} ORDER BY rowid"):  # noqa: S608
            self._rows[key] = self._adapter.validate_json(body)

    def __iter__(self) -> Iterator[R]:
        sight = self.sight
        return iter([record for record in self._rows.values() if sight is None or sight.shows(record)])

    def __len__(self) -> int:
        return len(self._rows) if self.sight is None else len(list(iter(self)))

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def get(self, key: str) -> R | None:
        record = self._rows.get(key)
        return record if record is None or self.sight is None or self.sight.shows(record) else None

    def __getitem__(self, key: str) -> R:
        record = self.get(key)
        if record is None:
            raise KeyError(key)
        return record

    def everywhere(self) -> Iterator[R]:
        """The records of all accounts, whoever looks."""
        return iter(list(self._rows.values()))

    def put(self, record: R) -> R:
        """Add the record, or replace the one with the same key."""
        if self.sight is not None:
            record = dataclasses.replace(record, account=self.sight.account)  # type: ignore[type-var]
        key: str = getattr(record, self._key)
        self._before.setdefault(key, self._rows.get(key))
        self._rows[key] = record
        return record

    def change(self, key: str, **changes: Any) -> R:
        """Replace some fields of a record. Raises KeyError when there is none."""
        return self.put(dataclasses.replace(self._rows[key], **changes))  # type: ignore[type-var]

    def delete(self, key: str) -> None:
        if key in self._rows:
            self._before.setdefault(key, self._rows[key])
            del self._rows[key]

    def clear(self) -> None:
        for key in list(self._rows):
            self.delete(key)

    def write(self) -> None:
        """Put what changed into the open transaction."""
        for key in self._before:
            if key in self._rows:
                body = self._adapter.dump_json(self._rows[key]).decode("utf-8")
                self._connection.execute(
                    f"INSERT INTO {self._name} VALUES (?, ?) "  # noqa: S608
                    "ON CONFLICT (key) DO UPDATE SET body = excluded.body",
                    (key, body),
                )
            else:
                self._connection.execute(f"DELETE FROM {self._name} WHERE key = ?", (key,))  # noqa: S608

    def settle(self) -> None:
        """What was written is now the truth: there is no way back."""
        self._before.clear()

    def undo(self) -> None:
        """Go back to what was true after the last `settle`."""
        for key, record in self._before.items():
            if record is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = record
        self._before.clear()


class Database:
    """All tables of one data folder. One process and one thread at a time may use it.

    Raises LocalCloudError when another local cloud has the folder open, or the file cannot be read; the file is
    then left as it is.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = lock_folder(folder)
        self.path = folder / FILE_NAME
        try:
            self._open()
        except (sqlite3.DatabaseError, ValidationError, KeyError, ValueError) as error:
            self._lock.close()
            reason = str(error).splitlines()[0]
            raise LocalCloudError(
                f"The local cloud's file {self.path} cannot be read ({reason}). Nothing was changed. "
                f"Move it away to start with an empty cloud (mv {self.path} {self.path}.broken), "
                "or use another folder: --data FOLDER."
            ) from error

    def _open(self) -> None:
        if self.path.exists():
            # A writing connection would change a file that is not ours; look at it read-only first.
            with _closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as look:
                answer = look.execute("PRAGMA quick_check").fetchone()[0]
                version = look.execute("PRAGMA user_version").fetchone()[0]
            if answer != "ok":
                raise ValueError(f"the check found: {answer}")
            if version != SCHEMA:
                raise ValueError(f"it is of version {version}, this program reads version {SCHEMA}")
        else:
            self.path.touch(mode=0o600)
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self.connection = connection
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY AUTOINCREMENT, time REAL, service TEXT, "
            "action TEXT, error TEXT, params TEXT, request_id TEXT, region TEXT DEFAULT '', caller TEXT DEFAULT '')"
        )
        have = {row[1] for row in connection.execute("PRAGMA table_info(journal)")}
        for column in ("region", "caller"):  # a folder of an earlier version has neither
            if column not in have:
                connection.execute(f"ALTER TABLE journal ADD COLUMN {column} TEXT DEFAULT ''")
        self.instances = Table("instances", records.Instance, connection, owned=True)
        self.disks = Table("disks", records.Disk, connection, owned=True)
        self.snapshots = Table("snapshots", records.Snapshot, connection, owned=True)
        self.images = Table("images", records.Image, connection, owned=True)
        self.vpcs = Table("vpcs", records.Vpc, connection, owned=True)
        self.subnets = Table("subnets", records.Subnet, connection, owned=True)
        self.security_groups = Table("security_groups", records.SecurityGroup, connection, owned=True)
        self.charges = Table("charges", records.Charge, connection, owned=True)
        self.tasks = Table("tasks", records.Task, connection, owned=True)
        self.client_tokens = Table("client_tokens", records.ClientToken, connection, owned=True)
        self.invocations = Table("invocations", records.Invocation, connection, owned=True)
        self.key_pairs = Table("key_pairs", records.KeyPair, connection, owned=True)
        self.addresses = Table("addresses", records.ElasticAddress, connection, owned=True)
        self.accounts = Table("accounts", records.Account, connection)
        self.users = Table("users", records.User, connection)
        self.access_keys = Table("access_keys", records.AccessKey, connection)
        self.roles = Table("roles", records.Role, connection)
        self.temporary_keys = Table("temporary_keys", records.TemporaryKey, connection)
        self.statements = Table("statements", records.Statement, connection)
        self.faults = Table("faults", records.Fault, connection)
        self.offers = Table("offers", records.Offer, connection)
        self.settings_table = Table("settings", records.Settings, connection)
        self.clock = Table("clock", ClockPosition, connection)
        self._tables: list[Table[Any]] = [t for t in vars(self).values() if isinstance(t, Table)]

    @property
    def settings(self) -> records.Settings:
        return self.settings_table.get("settings") or records.Settings()

    @contextmanager
    def seen_by(self, account: str, until: float = math.inf) -> Iterator[None]:
        """Inside, only the things of an account are there (those made until a time), and what is made is its own."""
        sight = Sight(account, until)
        for table in self._tables:
            table.sight = sight if table.owned else None
        try:
            yield
        finally:
            for table in self._tables:
                table.sight = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside are written together at the end, or, after an exception, none of them."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            for table in self._tables:
                table.write()
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            for table in self._tables:
                table.undo()
            raise
        for table in self._tables:
            table.settle()

    def clear(self) -> None:
        """Forget everything but the clock and the settings."""
        for table in self._tables:
            if table not in (self.clock, self.settings_table):
                table.clear()
        self.connection.execute("DELETE FROM journal")

    def close(self) -> None:
        self.connection.close()
        self._lock.close()


@contextmanager
def _closing(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        yield connection
    finally:
        connection.close()
