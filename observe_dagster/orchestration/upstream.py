"""Which tables each pipeline's table is made from, as a graph without circles."""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from observe_dagster.config.project import Project
from observe_dagster.orchestration.names import destination_key
from observe_dagster.orchestration.translator import TableKeys, source_keys

Upstream = Mapping[dg.AssetKey, Sequence[dg.AssetKey]]


def upstream_of_all(project: Project, keys: TableKeys) -> Upstream:
    """What each pipeline's table depends on. Pipelines may read one another's tables; Dagster's graph may not."""
    return without_circles(
        {destination_key(pipeline): source_keys(pipeline, project, keys) for pipeline in project.pipelines}
    )


def without_circles(declared: Upstream) -> Upstream:
    """The same edges less those that close a circle; of two assets in a circle the one named first keeps its edge."""
    kept: dict[dg.AssetKey, list[dg.AssetKey]] = {key: [] for key in declared}
    finished: set[dg.AssetKey] = set()
    for root in declared:
        path: dict[dg.AssetKey, Iterator[dg.AssetKey]] = {root: iter(declared[root])} if root not in finished else {}
        while path:
            key, rest = next(reversed(path.items()))
            dep = next(rest, None)
            if dep is None:
                del path[key]
                finished.add(key)
            elif dep not in path:
                kept[key].append(dep)
                if dep in declared and dep not in finished:
                    path[dep] = iter(declared[dep])
    return kept
