"""A warehouse whose reading, asking and writing each work on a connection of one kind."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.port.destination import Destination
from observe_dagster.warehouse.port.reader import Reader
from observe_dagster.warehouse.port.source import Source
from observe_dagster.warehouse.port.warehouse import OpenOptions, Session

_S = TypeVar("_S", bound=Session)
_Opened_co = TypeVar("_Opened_co", bound=Session, covariant=True)


class OpenSession(Protocol[_Opened_co]):
    """Connects; raises ConnectionFailedError."""

    def __call__(self, options: OpenOptions, *, writes: bool) -> _Opened_co:
        """Open a connection that writes or one that only reads."""
        ...


@dataclass(slots=True, kw_only=True)
class SessionWarehouse(Generic[_S]):
    """One connection's engine; `version` is the query for the engine's name and version."""

    connection_id: str
    default_schema: str
    dialect: Dialect
    version: str
    open_session: OpenSession[_S]
    make_source: Callable[[_S], Source]
    make_reader: Callable[[_S], Reader]
    make_destination: Callable[[_S], Destination]

    def test(self) -> str:
        """Connect and return the engine's name and version; raises ConnectionFailedError."""
        with self.session(OpenOptions(lock_wait_seconds=5), writes=False) as session:
            return str(session.fetch(self.version)[0][0])

    @contextmanager
    def source(self, options: OpenOptions) -> Generator[Source]:
        """Open a read-only session."""
        with self.session(options, writes=False) as session:
            yield self.make_source(session)

    @contextmanager
    def reader(self, options: OpenOptions) -> Generator[Reader]:
        """Open a session that only asks."""
        with self.session(options, writes=False) as session:
            yield self.make_reader(session)

    @contextmanager
    def destination(self, options: OpenOptions) -> Generator[Destination]:
        """Open a session that writes."""
        with self.session(options, writes=True) as session:
            yield self.make_destination(session)

    @contextmanager
    def session(self, options: OpenOptions, *, writes: bool) -> Generator[_S]:
        """Open a session that runs statements as they are; without `writes` it only reads."""
        session = self.open_session(options, writes=writes)
        try:
            yield session
        finally:
            session.close()
