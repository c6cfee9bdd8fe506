"""Publishing: facts through the outbox to a receiver that judges every request, and the event log that they come from.

First, metadata, lineage and column lineage of many tables go into the outbox and out of it again, in the batches that
Monte Carlo takes, over HTTP on the loopback interface; beside it, each fact as a request of its own, with no outbox.
Then a log of millions of Dagster's events is followed to its end in ticks with a time budget, one of which dies in the
middle of a batch; beside it, the log is read page by page in one go. The log is that of runs with one materialization
and one check each; `events/s` counts what is handed over, `log rows/s` the rows that this passes. Exits 1 when anything
is lost, or comes twice without reason.
"""

import json
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.support.child import peak_mb
from benchmarks.support.following import FOLLOWERS, TYPES
from benchmarks.support.report import parser, show, write
from benchmarks.support.rounds import CHILD, Answer, ask, in_turn, median, spread
from observe_dagster.embedded import create_database, start_embedded, stop_embedded
from observe_dagster.ledger import migrate

DELIVERIES = ("outbox, in batches", "a request for each fact")
_TAKEN_IN_AT_ONCE = 200


def main() -> int:
    """Publish, follow, print."""
    options = parser(__doc__, "publish")
    options.add_argument("--tables", type=int, default=5_000, help="three facts are published of each")
    options.add_argument("--events", type=int, default=2_000_000, help="rows of the event log")
    options.add_argument("--tick", type=float, default=15.0, help="seconds that a tick may follow the log")
    options.add_argument("--types", nargs="+", choices=TYPES, default=list(TYPES))
    options.add_argument("--repeat", type=int, default=3, help="rounds of publishing")
    options.add_argument("--follow-repeat", type=int, default=1, help="rounds of following, which take minutes each")
    options.add_argument("--quick", action="store_true", help="few facts, few events, once")
    chosen = options.parse_args()
    if chosen.quick:
        chosen.tables, chosen.events, chosen.tick, chosen.repeat = 50, 12_000, 2.0, 1
        chosen.types = TYPES[1:]
    with _server() as (home, server):
        delivered = in_turn({way: partial(_deliver, server, way, chosen.tables) for way in DELIVERIES}, chosen.repeat)
        deliveries = [_delivery_row(way, delivered) for way in DELIVERIES]
        show(f"Publishing three facts of each of {chosen.tables:,} tables", deliveries)
        log = _write_log(home, server, chosen.events)
        print(f"{log['rows']:,} rows were written to the event log in {log['seconds']:.0f} s")
        contestants = {
            (way, types): partial(_follow, log, way, types, chosen.tick) for types in chosen.types for way in FOLLOWERS
        }
        followed = in_turn(contestants, chosen.follow_repeat)
        follows = [_follow_row(way, types, log["rows"], followed) for way, types in followed]
    show(f"Following {log['rows']:,} rows of Dagster's event log", follows)
    wrong = [*_undelivered(delivered, chosen.tables), *_unfollowed(followed, chosen.tick)]
    rounds = {"repeat": chosen.repeat, "follow_repeat": chosen.follow_repeat, "rows": log["rows"]}
    write(chosen.json, **rounds, deliveries=deliveries, follows=follows, wrong=wrong)
    print(
        "; ".join(wrong) or "Everything arrived and was handed over, in order; only what the dying tick had came again."
    )
    return 1 if wrong else 0


@contextmanager
def _server() -> Generator[tuple[Path, str]]:
    with tempfile.TemporaryDirectory(prefix="observe-publish-") as folder:
        home = Path(folder)
        try:
            yield home, start_embedded(home / "server", options={"max_wal_size": "4GB"})
        finally:
            stop_embedded(home / "server")


def _deliver(server: str, way: str, tables: int) -> Answer:
    from benchmarks.support.receiver import receiver

    url = create_database(server, f"outbox_{time.monotonic_ns()}")
    migrate(url)
    with receiver() as gateway:
        return ask("publish", {"way": way, "tables": tables, "ledger": url, "gateway": gateway})


def _write_log(home: Path, server: str, events: int) -> Answer:
    from observe_dagster.orchestration.instance.home import prepare_dagster_home
    from observe_dagster.settings import Settings

    url = create_database(server, "events")
    dagster_home = prepare_dagster_home(Settings(home=home, defs=home))
    environment = {"DAGSTER_HOME": str(dagster_home), "OBSERVE_DATABASE_URL": url}
    return ask("support.following", {"part": "write", "events": events, "url": url}, environment) | {
        "environment": environment
    }


def _follow(log: Answer, way: str, types: str, tick: float) -> Answer:
    return ask("support.following", {"part": "follow", "way": way, "types": types, "tick": tick}, log["environment"])


def _delivery_row(way: str, delivered: Mapping[str, Sequence[Answer]]) -> dict[str, Any]:
    own, ours = delivered[way], delivered[DELIVERIES[0]]
    rate = median(own, "facts per second")
    return {
        "way": way,
        "facts": own[0]["facts"],
        "requests": own[0]["requests"],
        "taken in /s": median(own, "taken in per second") or "-",
        "delivered /s": median(own, "delivered per second"),
        "in all /s": rate,
        "±%": spread(own, "facts per second"),
        "times faster": median(ours, "facts per second") / rate,
        "CPU ms a fact": median(own, "CPU ms a fact"),
        "bytes a request": round(own[0]["bytes"] / own[0]["requests"]),
        "bytes a fact": round(own[0]["bytes"] / own[0]["facts"]),
        "peak MB": median(own, "peak MB"),
    }


def _follow_row(
    way: str, types: str, rows: int, followed: Mapping[tuple[str, str], Sequence[Answer]]
) -> dict[str, Any]:
    own, ours = followed[way, types], followed[FOLLOWERS[0], types]
    seconds = median(own, "seconds")
    return {
        "way": way,
        "types": types,
        "events": own[0]["events"],
        "seconds": seconds,
        "±%": spread(own, "seconds"),
        "events/s": own[0]["events"] / seconds,
        "log rows/s": rows / seconds,
        "CPU s": median(own, "cpu"),
        "CPU to ours": median(own, "cpu") / median(ours, "cpu"),
        "peak MB": median(own, "peak MB"),
        "ticks": own[0]["ticks"],
        "longest tick s": max(each["longest tick"] for each in own),
        "handed over twice": own[0]["twice"],
    }


def _undelivered(delivered: Mapping[str, Sequence[Answer]], tables: int) -> Iterator[str]:
    for way, answers in delivered.items():
        if any(each["facts"] != 3 * tables for each in answers):
            yield f"{way}: {[each['facts'] for each in answers]} facts arrived of {3 * tables}"


def _unfollowed(followed: Mapping[tuple[str, str], Sequence[Answer]], tick: float) -> Iterator[str]:
    for (way, types), answers in followed.items():
        for each in answers:
            if each["missing"] or each["out of order"]:
                yield f"{way}, {types}: {each['missing']} missing, {each['out of order']} out of order"
            if each["twice"] != each["of the dying tick"]:
                yield f"{way}, {types}: {each['twice']} twice, of which {each['of the dying tick']} with reason"
            if way == FOLLOWERS[0] and each["longest tick"] > tick + 5:
                yield f"{way}, {types}: a tick took {each['longest tick']:.1f} s"


def child(told: dict[str, Any]) -> None:
    """Be one measurement."""
    deliver = _through_the_outbox if told["way"] == DELIVERIES[0] else _one_by_one
    print(json.dumps(deliver(told)))


def _through_the_outbox(told: Mapping[str, Any]) -> Answer:
    from benchmarks.support.receiver import monte_carlo_settings
    from observe_dagster.config.project import Project
    from observe_dagster.integrations.monte_carlo.publisher import MonteCarloPublisher
    from observe_dagster.integrations.publisher import PublisherContext, dispatch
    from observe_dagster.ledger import Ledger

    publisher, facts = MonteCarloPublisher(monte_carlo_settings(told["gateway"])), list(_facts(told["tables"]))
    with Ledger.open(told["ledger"]) as ledger:
        context = PublisherContext(project=Project(), ledger=ledger)
        began, before = time.monotonic(), time.process_time()
        for first in range(0, len(facts), _TAKEN_IN_AT_ONCE):
            with ledger.transaction() as tx:
                publisher.enqueue_facts(replace(context, ledger=tx), facts[first : first + _TAKEN_IN_AT_ONCE])
        taken = time.monotonic()
        report = dispatch(publisher, context, seconds=600)
        ended, cpu = time.monotonic(), time.process_time() - before
    receipts = {receipt["invocation_id"]: receipt["bytes"] for _, receipt in report.receipts}
    return {
        "facts": len(report.receipts),
        "requests": len(receipts),
        "bytes": sum(receipts.values()),
        "taken in per second": len(facts) / (taken - began),
        "delivered per second": len(facts) / (ended - taken),
        "facts per second": len(facts) / (ended - began),
        "CPU ms a fact": cpu * 1000 / len(facts),
        "peak MB": peak_mb(),
    }


def _one_by_one(told: Mapping[str, Any]) -> Answer:
    from benchmarks.support.receiver import monte_carlo_settings
    from observe_dagster.config.project import Project
    from observe_dagster.integrations.facts import TABLE_METADATA
    from observe_dagster.integrations.http import encoded
    from observe_dagster.integrations.monte_carlo.payloads import (
        lineage_body,
        lineage_events,
        metadata_body,
        metadata_events,
    )
    from observe_dagster.integrations.monte_carlo.publisher import MonteCarloPublisher, open_client
    from observe_dagster.integrations.monte_carlo.sender import PATHS

    settings, facts = monte_carlo_settings(told["gateway"]), list(_facts(told["tables"]))
    resource = MonteCarloPublisher(settings).resources(Project()).default
    assert resource is not None
    arrived = sent = 0
    with open_client(settings) as client:
        began, before = time.monotonic(), time.process_time()
        for _, fact in facts:
            if fact.kind == TABLE_METADATA:
                body = metadata_body(resource, list(metadata_events(fact, "sdk")), "sdk")
            else:
                events = list(lineage_events(fact, "sdk", across=None))
                body = lineage_body(resource, events, columns=fact.kind == "column_lineage")
            answer = client.request("POST", PATHS[fact.kind], content=encoded(body))
            arrived += answer.status == 202
            sent += answer.bytes_sent
        seconds, cpu = time.monotonic() - began, time.process_time() - before
    rate = len(facts) / seconds
    return {
        "facts": arrived,
        "requests": len(facts),
        "bytes": sent,
        "taken in per second": 0.0,
        "delivered per second": rate,
        "facts per second": rate,
        "CPU ms a fact": cpu * 1000 / len(facts),
        "peak MB": peak_mb(),
    }


def _facts(tables: int) -> Iterator[tuple[str, Any]]:
    """What the materializations of some tables say, kind after kind of each."""
    from observe_dagster.integrations.facts import (
        ColumnLineage,
        ColumnMapping,
        FieldFact,
        SourceColumn,
        Table,
        TableLineage,
        TableMetadata,
    )

    names = [f"column_{number}" for number in range(10)]
    fields = tuple(FieldFact(name=name, type="bigint") for name in names)
    at = datetime.now(UTC).replace(microsecond=0)
    for number in range(tables):
        table = Table(connection_id=None, database="db", schema="public", name=f"table_{number:05}")
        source = Table(connection_id=None, database="db", schema="source", name=table.name)
        columns = tuple(ColumnMapping(column=name, sources=(SourceColumn(source=0, column=name),)) for name in names)
        yield str(number), TableMetadata(table=table, fields=fields, row_count=number, last_update_time=at)
        yield str(number), TableLineage(destination=table, sources=(source,))
        yield str(number), ColumnLineage(destination=table, sources=(source,), columns=columns)


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        child(json.loads(sys.argv[2]))
    else:
        sys.exit(main())
