"""What comes from what."""
