"""What the benchmarks share: a server with a source table, a pipeline, a sync in a process of its own, a report."""
