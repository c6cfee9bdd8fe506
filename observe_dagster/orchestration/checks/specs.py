"""The checks of a pipeline's asset as Dagster describes them."""

import dagster as dg

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.orchestration.checks.kinds import pipeline_checks
from observe_dagster.orchestration.translator.keys import KIND_KEY, destination_key


def pipeline_check_specs(pipeline: Pipeline, project: Project) -> list[dg.AssetCheckSpec]:
    """The checks that ride on the runs of a pipeline; each can be run by hand as well."""
    key = destination_key(pipeline)
    return [
        dg.AssetCheckSpec(
            name=check.name, asset=key, description=check.description, metadata={KIND_KEY: check.kind.kind}
        )
        for check in pipeline_checks(pipeline, project)
    ]


def check_keys(pipeline: Pipeline, project: Project) -> list[dg.AssetCheckKey]:
    """The keys of these checks."""
    key = destination_key(pipeline)
    return [dg.AssetCheckKey(key, check.name) for check in pipeline_checks(pipeline, project)]
