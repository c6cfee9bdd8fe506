"""What the benchmarks share: a server with a source table, a pipeline, a sync in a process of its own, a report.

Processes that are measured keep what they compile, as programs do: each of them would measure the compiler otherwise.
"""

import os

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
