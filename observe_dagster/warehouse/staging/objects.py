"""Parts of a load in a local folder or a bucket, under keys that say whose they are."""

import hashlib
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from observe_dagster.warehouse.port.source import RowStream
from observe_dagster.warehouse.staging.spool import MOST_BYTES, Part, spool


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedPart:
    """A part in the store."""

    key: str
    rows: int
    bytes: int


class ObjectStore:
    """Files below a root of a pyarrow file system; keys are relative to the root, with slashes."""

    def __init__(self, file_system: Any, root: str) -> None:
        self._files, self._root = file_system, root.rstrip("/")

    @classmethod
    def from_uri(cls, uri: str) -> Self:
        """The store at an absolute path or a URI: `file://`, `s3://bucket/folder` or `gs://bucket/folder`."""
        import pyarrow.fs

        return cls(*pyarrow.fs.FileSystem.from_uri(uri))

    def put(self, part: Part, key: str) -> StagedPart:
        """Copy a part to a key, in place of what is there."""
        path = self._path(key)
        self._files.create_dir(path.rpartition("/")[0], recursive=True)
        with part.path.open("rb") as source, self._files.open_output_stream(path) as target:
            shutil.copyfileobj(source, target, 1 << 20)
        return StagedPart(key=key, rows=part.rows, bytes=part.bytes)

    def delete(self, prefix: str) -> int:
        """Delete the files below a folder, and the folder; return how many files there were."""
        keys = self.list(prefix)
        for key in keys:
            self._files.delete_file(self._path(key))
        # In a bucket folders are only the beginnings of keys.
        if keys and self._files.type_name == "local":
            self._files.delete_dir(self._path(prefix))
        return len(keys)

    def sweep(self, prefix: str, *, older_than: datetime) -> int:
        """Delete the files below a folder that were written before an instant: what crashed runs left behind."""
        old = [info for info in self._infos(prefix) if info.mtime is not None and info.mtime < older_than]
        for info in old:
            self._files.delete_file(info.path)
        return len(old)

    def _infos(self, prefix: str) -> list[Any]:
        from pyarrow import fs

        selector = fs.FileSelector(self._path(prefix).rstrip("/"), recursive=True, allow_not_found=True)
        return [info for info in self._files.get_file_info(selector) if info.type is fs.FileType.File]

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _key(self, path: str) -> str:
        return path.removeprefix(f"{self._root}/")

    def list(self, prefix: str = "") -> list[str]:
        """The keys of the files below a folder, in order; none where there is no such folder."""
        return sorted(self._key(info.path) for info in self._infos(prefix))


def run_folder(prefix: str, pipeline_id: str, execution_key: str | None = None) -> str:
    """The folder of a pipeline's parts, or of one run's."""
    folders = [prefix.strip("/"), *(_digest(part) for part in (pipeline_id, execution_key) if part is not None)]
    return "/".join(folder for folder in folders if folder)


def stage_through_files(
    stream: RowStream,
    store: ObjectStore,
    *,
    prefix: str,
    pipeline_id: str,
    execution_key: str,
    most_bytes: int = MOST_BYTES,
) -> list[StagedPart]:
    """Upload a stream's rows part by part, each as soon as it is ready; at most one is on disk.

    What an earlier run of the pipeline left is deleted first, and where the stream breaks, what was uploaded of it.
    """
    store.delete(run_folder(prefix, pipeline_id))
    folder = run_folder(prefix, pipeline_id, execution_key)
    try:
        with TemporaryDirectory(prefix="observe-spool-") as local:
            parts = spool(stream, Path(local), most_bytes=most_bytes)
            return [store.put(part, f"{folder}/{part.path.name}") for part in parts]
    except BaseException:
        store.delete(folder)
        raise


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
