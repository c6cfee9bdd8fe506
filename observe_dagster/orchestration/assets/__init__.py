"""The assets: pipelines, their partitions, and those that run at Warehouse Sync."""
