"""Publications on their way to others: enqueued, dispatched, delivered."""
