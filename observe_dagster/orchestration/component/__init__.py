"""The Dagster Component and its JSON schema."""
