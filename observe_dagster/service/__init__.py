"""What the command line and the API share: context, documents, failures, triggers."""
