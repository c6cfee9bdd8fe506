"""The project that the tests of this folder share."""

import pytest

from observe_dagster.config import Project
from tests.unit.orchestration.chain_project import ATTRIBUTES, declare


@pytest.fixture
def project() -> Project:
    """The chain of pipelines."""
    return declare(ATTRIBUTES)
