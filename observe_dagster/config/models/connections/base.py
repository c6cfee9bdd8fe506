"""What every kind of connection declares, and what its tables are called without credentials."""

from pathlib import PurePath
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictInt
from pydantic.config import JsonDict

from observe_dagster.config.models.base import Declared, Name, Slug

Port = Annotated[str, Field(pattern=r"^\d{1,5}$", coerce_numbers_to_str=True)]


def _both_spellings(schema: JsonDict) -> None:
    provider = str(schema.pop("const"))
    schema["enum"] = [provider, PROVIDER_NAMES[provider]]


Provider = Field(json_schema_extra=_both_spellings)
"""The field `service_provider`; editors offer it in lower case and as the Warehouse Sync document spells it."""

PROVIDER_NAMES: dict[str, str] = {}
"""Each provider as the Warehouse Sync document spells it in answers, by its name in lower case."""


class BaseConnection(Declared):
    """What connections have in common; each kind has its provider's name and its tables' addresses."""

    provider_name: ClassVar[str]
    """The provider as the Warehouse Sync document spells it."""

    id: Slug
    name: Name
    state: Literal["new", "active", "inactive"] = "active"
    datafold_id: StrictInt | None = None
    monte_carlo_resource_uuid: Annotated[str, Field(min_length=1)] | None = None
    monte_carlo_resource_type: Annotated[str, Field(min_length=1)] | None = None

    def __init_subclass__(cls) -> None:
        """Make the provider's spelling known."""
        super().__init_subclass__()
        PROVIDER_NAMES[cls.provider_name.lower()] = cls.provider_name

    @property
    def default_schema(self) -> str:
        """The schema in which the engine looks for a table named without one."""
        return "public"

    @property
    def qualifier(self) -> str:
        """The database or project in a table's fully qualified name, empty where it has none."""
        return ""

    @property
    def database_name(self) -> str:
        """The database, catalog or project that the connection's schemas are in."""
        return self.qualifier

    @property
    def file(self) -> PurePath | None:
        """The file that the database is, which the first run creates; None for a server's."""
        return None

    @property
    def base_uri(self) -> str:
        """The URI that those of the connection's tables begin with."""
        raise NotImplementedError
