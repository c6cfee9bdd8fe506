"""A vendor as somebody would add it: row counts of tables, sent to a data catalog."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from observe_dagster.integrations.facts import TABLE_METADATA, Fact, as_record
from observe_dagster.integrations.http import Client
from observe_dagster.integrations.publisher import ItemSender, Publisher, PublisherContext
from observe_dagster.integrations.registry import PublisherEntry
from observe_dagster.ledger import NewPublication, Publication


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogPublisher(Publisher):
    url: str
    token: str = field(repr=False)

    def enqueue_facts(self, context: PublisherContext, facts: Sequence[tuple[str, Fact]]) -> int:
        common = {"publisher": "catalog", "kind": TABLE_METADATA}
        publications = (
            NewPublication(ordering_key=fact.ordering_key, record=as_record(fact), dedupe_key=key, **common)
            for key, fact in facts
            if fact.kind == TABLE_METADATA
        )
        return context.ledger.outbox.enqueue_all(publications, now=context.clock())

    @contextmanager
    def sender(self, context: PublisherContext) -> Iterator[ItemSender]:
        with Client(self.url, {"Authorization": f"Bearer {self.token}"}, system="Catalog") as client:

            def post(item: Publication, seconds: float) -> Mapping[str, Any]:
                return client.request("POST", "/tables", json=item.record, timeout=seconds).json()

            yield ItemSender(publisher="catalog", kinds=[TABLE_METADATA], post=post)


def publisher(environment: Mapping[str, str]) -> CatalogPublisher:
    return CatalogPublisher(url=environment["CATALOG_URL"], token=environment["CATALOG_TOKEN"])


ENTRY = PublisherEntry(name="catalog", open=publisher, variables=("CATALOG_URL",), secrets=("CATALOG_TOKEN",))
