"""Whether a scheduled run of a pipeline may start now, decided from its declaration and its recorded state."""

from typing import Protocol

from observe_dagster.config.models.pipeline import Pipeline


class RecordedPipeline(Protocol):
    """The recorded state of a pipeline that blocks scheduled runs."""

    @property
    def paused_by_user(self) -> bool:
        """Somebody paused it from the command line."""
        ...

    @property
    def status(self) -> str:
        """One of idle, running, faulted, stopped."""
        ...

    @property
    def errors(self) -> tuple[str, ...]:
        """Why it is faulted."""
        ...


def blocked_by_config(pipeline: Pipeline) -> str | None:
    """The reason why its declaration blocks it, in a sentence: a state that is not active; None when nothing does."""
    if pipeline.state == "paused":
        return f"Pipeline {pipeline.id} is paused in its declaration; set state: active to run it."
    if pipeline.state == "new":
        return f"Pipeline {pipeline.id} is new; set state: active to run it."
    return None


def blocked_by_state(pipeline: Pipeline, recorded: RecordedPipeline) -> str | None:
    """The reason why its state blocks it, in a sentence: paused by hand, faulted or running; None when nothing does."""
    if recorded.paused_by_user:
        return f"Pipeline {pipeline.id} was paused by hand; `observe resume {pipeline.id}` lets it run again."
    if recorded.status == "faulted":
        cause = " ".join(recorded.errors) or "no message was recorded"
        return (
            f"Pipeline {pipeline.id} is faulted: {cause} Scheduled runs wait until its configuration changes or a "
            "manual run succeeds."
        )
    if recorded.status == "running":
        return f"Pipeline {pipeline.id} is already in progress."
    return None
