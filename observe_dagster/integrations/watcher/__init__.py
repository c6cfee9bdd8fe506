"""A Watcher server: pipelines, rules, executions, watermarks and lineage."""
