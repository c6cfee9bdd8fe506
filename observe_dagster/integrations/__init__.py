"""Tells neighbouring systems what the pipelines know: facts in, requests out, through the ledger's outbox."""
