"""What is declared: connections, data models, pipeline types and pipelines."""
