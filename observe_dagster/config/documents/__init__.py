"""The files a user writes: found, read, and every problem in them reported with file and line."""
