"""What ran: executions, their lock, their statements."""
