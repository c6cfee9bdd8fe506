"""mParticle's Warehouse Sync as an engine: resources from the declaration, runs there, and the record of them here."""
