"""Monte Carlo's push ingestion: table metadata, table lineage, column lineage, query logs."""
