"""Datafold: monitors and data diffs that run there, its lineage, and uploads of a branch's tables to its CI."""
