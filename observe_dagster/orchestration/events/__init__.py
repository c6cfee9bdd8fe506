"""What Dagster's event log says: followed, and turned into facts and health events."""
