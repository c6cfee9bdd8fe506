"""What can be declared: one frozen pydantic model a kind."""
