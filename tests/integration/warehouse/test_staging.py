"""Arrow streams become Parquet parts in a folder, and nothing is left when a run is killed."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from observe_dagster.records import Column
from observe_dagster.warehouse.port.source import RowStream
from observe_dagster.warehouse.staging.objects import ObjectStore, run_folder, stage_through_files
from observe_dagster.warehouse.staging.spool import spool

MOST, MOST_DAYS = 2**63 - 1, 2**31 - 1
IDS = {"prefix": "loads", "pipeline_id": "orders", "execution_key": "run-1"}


def stream_of(batches, schema=None) -> RowStream:
    batches = list(batches)
    return RowStream(format="arrow", columns=(), schema=schema or batches[0].schema, batches=iter(batches))


def numbered(count: int, rows: int, length: int = 100) -> list[pa.RecordBatch]:
    texts = [f"{number:06d}" * (length // 6) for number in range(rows)]
    return [
        pa.record_batch({"c0": pa.array(range(n * rows, (n + 1) * rows)), "c1": pa.array(texts)}) for n in range(count)
    ]


@pytest.fixture
def store(tmp_path) -> ObjectStore:
    return ObjectStore.from_uri((tmp_path / "store").as_uri())


def test_every_row_is_in_one_part_of_a_bounded_size_and_one_row_group(tmp_path):
    batches, ids = numbered(10, 1_000), []

    for number, part in enumerate(spool(stream_of(batches), tmp_path, most_bytes=300_000), start=1):
        with pq.ParquetFile(part.path) as file:
            assert (part.number, part.rows, file.num_row_groups) == (number, file.metadata.num_rows, 1)
            assert file.metadata.row_group(0).total_byte_size <= 330_000
            ids.extend(file.read().column("c0").to_pylist())
        assert part.bytes == part.path.stat().st_size

    assert ids == list(range(10_000))
    assert number >= 4


def test_at_most_one_part_is_on_disk_and_it_is_deleted_when_handed_on(tmp_path):
    parts = spool(stream_of(numbered(6, 500)), tmp_path, most_bytes=50_000)

    for part in parts:
        assert list(tmp_path.iterdir()) == [part.path]
    assert list(tmp_path.iterdir()) == []


def test_a_batch_that_is_too_large_is_split(tmp_path):
    parts = list(spool(stream_of(numbered(1, 10_000)), tmp_path, most_bytes=200_000))

    assert sum(part.rows for part in parts) == 10_000
    assert len(parts) >= 5


def test_rows_are_read_only_as_parts_are_taken(tmp_path):
    taken = 0

    def counted():
        nonlocal taken
        for batch in numbered(50, 100):
            taken += 1
            yield batch

    stream = RowStream(format="arrow", columns=(), schema=numbered(1, 1)[0].schema, batches=counted())
    next(spool(stream, tmp_path, most_bytes=30_000))

    assert taken <= 5


def test_a_stream_without_rows_has_no_parts(tmp_path):
    schema = pa.schema([("c0", pa.int64())])
    empty = pa.RecordBatch.from_pylist([], schema=schema)

    assert list(spool(stream_of([empty]), tmp_path)) == []
    with pytest.raises(ValueError, match="'pgcopy' has no Arrow batches"):
        next(spool(RowStream(format="pgcopy", columns=(), blocks=iter([])), tmp_path))


def test_values_pass_unharmed_also_infinite_times_and_those_that_nanoseconds_cannot_hold(tmp_path):
    micros = pa.array([MOST, -MOST, None, -62135596800000000, 253402300799999999], pa.int64())
    columns = {
        "plain": micros.cast(pa.timestamp("us")),
        "zoned": micros.cast(pa.timestamp("us", "UTC")),
        "day": pa.array([MOST_DAYS, -MOST_DAYS, None, 0, 1], pa.int32()).cast(pa.date32()),
        "time": pa.array([0, 86_399_999_999, None, 1, 2], pa.int64()).cast(pa.time64("us")),
        "double": pa.array([float("inf"), float("-inf"), None, 0.1, -0.0]),
        "bytes": pa.array([b"\x00\xff", b"", None, b"a", b"b"]),
        "text": pa.array(["ü\x00", "", None, "a", "b"]),
        "list": pa.array([[1, None], [], None, [2], [3]], pa.list_(pa.int32())),
        "decimal": pa.array([None] * 5, pa.decimal128(38, 9)),
        "times": pa.ListArray.from_arrays(pa.array([0, 1, 2, 3, 4, 5], pa.int32()), micros.cast(pa.timestamp("us"))),
    }
    batch = pa.record_batch(columns)

    (read,) = [pq.read_table(part.path) for part in spool(stream_of([batch]), tmp_path)]

    for name in columns:
        actual, expected = read.column(name).combine_chunks(), batch.column(name)
        assert actual.type.equals(expected.type) or name in {"list", "times"}
        if name in {"plain", "zoned", "times"}:
            target = pa.list_(pa.int64()) if name == "times" else pa.int64()
            actual, expected = actual.cast(target), expected.cast(target)
        if name == "day":
            actual, expected = actual.cast(pa.int32()), expected.cast(pa.int32())
        assert actual.to_pylist() == expected.to_pylist(), name


def test_timestamps_are_microseconds_and_a_finer_one_is_refused(tmp_path):
    seconds = pa.record_batch({"c0": pa.array([1], pa.int64()).cast(pa.timestamp("s", "UTC"))})
    (part,) = [pq.read_schema(part.path) for part in spool(stream_of([seconds]), tmp_path)]
    assert part.field("c0").type == pa.timestamp("us", "UTC")

    nanoseconds = pa.record_batch({"c0": pa.array([1], pa.int64()).cast(pa.timestamp("ns"))})
    stream = stream_of([nanoseconds])
    stream.columns = (Column(name="placed_at", native="timestamp_ns", data_type=None),)
    with pytest.raises(ValueError, match=r"column 'placed_at': .* lose data"):
        list(spool(stream, tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_parts_are_uploaded_under_the_runs_keys_with_their_rows(store):
    parts = stage_through_files(stream_of(numbered(4, 1_000)), store, **IDS, most_bytes=150_000)

    keys = [part.key for part in parts]
    assert (
        keys
        == store.list("loads")
        == [f"{run_folder(*IDS.values())}/part-{n:05d}.parquet" for n in range(1, len(keys) + 1)]
    )
    assert sum(part.rows for part in parts) == 4_000
    assert len(keys) >= 3


def test_the_next_run_takes_the_place_of_an_earlier_ones_parts_and_leaves_other_pipelines(store):
    stage_through_files(stream_of(numbered(1, 10)), store, **IDS)
    stage_through_files(stream_of(numbered(1, 10)), store, **{**IDS, "pipeline_id": "other"})
    (part,) = stage_through_files(stream_of(numbered(1, 10)), store, **{**IDS, "execution_key": "run-2"})

    assert store.list(run_folder("loads", "orders")) == [part.key]
    assert len(store.list("loads")) == 2
    assert store.delete(run_folder("loads", "orders")) == 1
    assert store.delete(run_folder("loads", "orders")) == 0
    assert len(store.list("loads")) == 1


def test_a_stream_that_breaks_leaves_nothing(store):
    def broken():
        yield from numbered(3, 1_000)
        raise OSError("the source is gone")

    stream = RowStream(format="arrow", columns=(), schema=numbered(1, 1)[0].schema, batches=broken())
    with pytest.raises(OSError, match="the source is gone"):
        stage_through_files(stream, store, **IDS, most_bytes=100_000)

    assert store.list() == []


KILLED = """
import sys, time
from tests.integration.warehouse.test_staging import IDS, numbered
from observe_dagster.warehouse.port.source import RowStream
from observe_dagster.warehouse.staging.objects import ObjectStore, stage_through_files

def slow():
    for batch in numbered(1000, 1000):
        yield batch
        time.sleep(0.01)

stream = RowStream(format="arrow", columns=(), schema=numbered(1, 1)[0].schema, batches=slow())
stage_through_files(stream, ObjectStore.from_uri(sys.argv[1]), **IDS, most_bytes=100_000)
"""


def test_what_a_killed_run_left_is_swept_by_its_age(store, tmp_path):
    process = subprocess.Popen([sys.executable, "-c", KILLED, (tmp_path / "store").as_uri()])
    deadline = time.monotonic() + 60
    while len(store.list("loads")) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    left = store.list("loads")
    assert len(left) >= 3

    now = datetime.now(UTC)
    assert store.sweep("loads", older_than=now - timedelta(hours=1)) == 0
    assert store.sweep("loads", older_than=now + timedelta(minutes=1)) == len(left)
    assert store.list("loads") == []
    assert store.sweep("nothing/there", older_than=now) == 0
