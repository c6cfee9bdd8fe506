"""Publishes facts about the pipelines to other systems, through the ledger's outbox; one folder for each vendor."""
