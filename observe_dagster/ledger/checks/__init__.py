"""What checks judge by, what they found, and their current status."""
