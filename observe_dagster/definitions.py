"""The composition root: the environment and the declared files in, one Dagster code location out."""

import os

import dagster as dg

from observe_dagster.orchestration.build import build_definitions
from observe_dagster.settings import Settings
from observe_dagster.spec import load_project


@dg.definitions
def defs() -> dg.Definitions:
    """Everything under OBSERVE_DEFS as assets, schedules and sensors; connects to no database."""
    settings = Settings.from_environment()
    return build_definitions(load_project(settings.defs, environment=os.environ), settings=settings)
