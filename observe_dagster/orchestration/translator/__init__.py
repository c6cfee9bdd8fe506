"""From declared things to Dagster: keys, specs, metadata, descriptions."""
