"""The Celery application of the workers that execute runs.

    celery -A observe_dagster.orchestration.instance.celery_app worker

It reads the broker's URL where `deploy/celery/dagster.yaml` lets the run launcher read it, so that no password stands
in a process's arguments. Needs the extra `celery`.
"""

import os

from dagster_celery.config import DEFAULT_CONFIG
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

from observe_dagster.errors import SettingsError

_VARIABLE = "OBSERVE_CELERY_URL"
_RUNS_PER_PROCESS = 100

_url = os.environ.get(_VARIABLE)
if not _url:
    raise SettingsError(f"{_VARIABLE} is not set: the URL of the broker, such as redis://broker.example:6379/0.")

app = make_app(
    {
        "broker": _url,
        "backend": _url,
        "config_source": {
            **DEFAULT_CONFIG,
            # What a run leaves in memory goes with its process.
            "worker_max_tasks_per_child": _RUNS_PER_PROCESS,
            "broker_connection_retry_on_startup": True,
        },
    }
)
execute_job = create_execute_job_task(app)
resume_job = create_resume_job_task(app)
