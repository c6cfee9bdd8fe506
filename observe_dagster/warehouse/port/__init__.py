"""What every engine offers, and what is handed to it."""
