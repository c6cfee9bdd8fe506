"""Observing what the checks judge: the ledger's executions and the warehouses' tables."""
