"""The sensors, one file each."""
