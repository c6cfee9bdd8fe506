"""What every load has in common: its run record, and infinities on their way."""
