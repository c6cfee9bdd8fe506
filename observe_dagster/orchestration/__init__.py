"""Everything that knows Dagster: assets, schedules, sensors, the resource they share, the Component, the instance.

Nothing is imported here: the web server and the daemon import `orchestration.storage` alone and must stay light.
"""
