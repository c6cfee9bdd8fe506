"""Dagster's instance and processes: home, storage, heartbeat, Celery."""
