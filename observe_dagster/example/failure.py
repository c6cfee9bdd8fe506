"""What ends the demo when it does not come out as it must."""

from observe_dagster.errors import ObserveError


class DemoFailedError(ObserveError):
    """A destination differs from its source, a run reported other counts, or a fault was not found as it should be."""
