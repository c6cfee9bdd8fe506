"""The SQL that users declare: exactly one SELECT, and what it reads."""
