"""Where commands written for version 0.1 look for the Celery application."""

from observe_dagster.orchestration.instance.celery_app import app, execute_job, resume_job

__all__ = ["app", "execute_job", "resume_job"]
