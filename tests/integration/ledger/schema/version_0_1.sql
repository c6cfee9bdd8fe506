-- What version 0.1 wrote to a ledger at revision 0007.
INSERT INTO observe.address_type (id, name, group_name, created_at) OVERRIDING SYSTEM VALUE VALUES
(1, 'duckdb', 'database', '2024-03-01 12:00:00+00:00'::timestamptz),
(2, 'postgres', 'database', '2024-03-01 12:00:00+00:00'::timestamptz);

SELECT setval(pg_get_serial_sequence('observe.address_type', 'id'), 2);

INSERT INTO observe.connection (id, name, state, status, errors, service_provider, config, active, content_hash, created_at) VALUES
('lake', 'Lake', 'active', 'healthy', '[]'::jsonb, 'duckdb', '{"path": "lake.duckdb", "memory_limit": null, "external_access": false}'::jsonb, true, 'c400a47953e435c44b29674e3c409319cb1bddaea80dcf1457e88b01929417c4', '2024-03-01 12:00:00+00:00'::timestamptz),
('ops', 'Operations', 'active', 'healthy', '[]'::jsonb, 'postgres', '{"url": null, "host": "db.example", "port": "5432", "user": "observe", "sslmode": null, "database": "ops", "password": "************"}'::jsonb, true, '165cd2e2054ef60adb92fbe14f09e663fcb62a655305c3095486e20c7729ba49', '2024-03-01 12:00:00+00:00'::timestamptz);

INSERT INTO observe.data_model (id, name, state, status, errors, type, config, active, content_hash, created_at) VALUES
('flights', 'Flights', 'active', 'valid', '[]'::jsonb, 'sql', '{"sql_query": "SELECT id, changed FROM flights"}'::jsonb, true, '2824a03140370d77e841e4b00f571e6a313c6f4de9b344275cdcd48135298f0c', '2024-03-01 12:00:00+00:00'::timestamptz);

INSERT INTO observe.pipeline_type (id, name, freshness_number, freshness_datepart, mute_freshness_check, mute_timeliness_check, active, content_hash, created_at) OVERRIDING SYSTEM VALUE VALUES
(1, 'extraction', 24, 'hour', false, false, true, '9f38de297e28e83a5657f4b06305e64b658dfb00c3697fe3f1b7165a70f2cf22', '2024-03-01 12:00:00+00:00'::timestamptz);

SELECT setval(pg_get_serial_sequence('observe.pipeline_type', 'id'), 1);

INSERT INTO observe.request_slot (id, scope, started_at, completed_at) OVERRIDING SYSTEM VALUE VALUES
(1, 'datascale:token', '2024-03-01 12:00:00+00:00'::timestamptz, '2024-03-01 12:01:00+00:00'::timestamptz),
(2, 'datascale:token', '2024-03-01 12:00:00+00:00'::timestamptz, NULL);

SELECT setval(pg_get_serial_sequence('observe.request_slot', 'id'), 2);

INSERT INTO observe.script (id, name, platform, content, extra_config, created_at) OVERRIDING SYSTEM VALUE VALUES
(1, 'v.sql', 'postgres', 'CREATE VIEW flights AS SELECT id FROM orders', '{}'::jsonb, '2024-03-01 12:00:00+00:00'::timestamptz);

SELECT setval(pg_get_serial_sequence('observe.script', 'id'), 1);

INSERT INTO observe.address (id, name, address_type_id, database_name, schema_name, table_name, created_at) OVERRIDING SYSTEM VALUE VALUES
(1, 'lake.analytics.flights', 1, NULL, NULL, NULL, '2024-03-01 12:00:00+00:00'::timestamptz),
(2, 'ops.public.flights', 2, 'ops', 'public', 'flights', '2024-03-01 12:00:00+00:00'::timestamptz),
(4, 'ops.public.orders', 2, 'ops', 'public', 'orders', '2024-03-01 12:00:00+00:00'::timestamptz);

SELECT setval(pg_get_serial_sequence('observe.address', 'id'), 4);

INSERT INTO observe.pipeline (id, slug, name, managed, pipeline_type_id, connection_id, data_model_id, destination_connection_id, destination_schema, destination_table, state, paused_by_user, status, errors, watermark, next_watermark, last_target_insert, freshness_number, freshness_datepart, mute_freshness_check, mute_timeliness_check, load_lineage, config, active, content_hash, created_at) OVERRIDING SYSTEM VALUE VALUES
(1, 'flights-daily', 'Flights, daily', true, 1, 'ops', 'flights', 'lake', 'analytics', 'flights', 'active', false, 'running', '[]'::jsonb, NULL, '10', NULL, NULL, NULL, false, false, true, '{"id": "flights-daily", "name": "Flights, daily", "tags": {}, "group": null, "state": "active", "engine": "local", "owners": [], "verify": "none", "monitors": {}, "schedule": {"type": "on_demand", "delay": "0s"}, "mparticle": null, "sync_mode": {"lag": null, "from": null, "type": "incremental", "until": null, "max_catchup": null, "null_iterator": "reject", "iterator_field": "changed", "max_rows_per_run": null, "iterator_timezone": "UTC", "iterator_data_type": "timestamp"}, "destination": {"table": "flights", "schema": "analytics", "write_mode": "upsert", "primary_key": ["id"], "connection_id": "lake", "schema_change": "evolve", "soft_delete_field": null, "max_delete_percent": 20.0}, "environment": "production", "connection_id": "ops", "data_model_id": "flights", "freshness_number": null, "pipeline_metadata": {}, "timeliness_number": null, "freshness_datepart": null, "pipeline_type_name": "extraction", "timeliness_datepart": null, "field_transformation": {"cast": {}, "drop": [], "rename": {}, "constant": {}}, "mute_freshness_check": false, "mute_timeliness_check": false, "anomaly_detection_rules": []}'::jsonb, true, 'f5c95ef39d44cb20e0343f7df4bac8947a175000bcbd2ab2236fe90bdd29f1a6', '2024-03-01 12:00:00+00:00'::timestamptz),
(2, 'flights-hourly', 'Flights, hourly', true, 1, 'ops', 'flights', 'lake', 'analytics', 'flights', 'active', false, 'faulted', '["the disk was full"]'::jsonb, '10', '20', '2024-03-01 12:01:00+00:00'::timestamptz, NULL, NULL, false, false, false, '{"id": "flights-hourly", "name": "Flights, hourly", "tags": {}, "group": null, "state": "active", "engine": "local", "owners": [], "verify": "none", "monitors": {}, "schedule": {"type": "on_demand", "delay": "0s"}, "mparticle": null, "sync_mode": {"lag": null, "from": null, "type": "incremental", "until": null, "max_catchup": null, "null_iterator": "reject", "iterator_field": "changed", "max_rows_per_run": null, "iterator_timezone": "UTC", "iterator_data_type": "timestamp"}, "destination": {"table": "flights", "schema": "analytics", "write_mode": "upsert", "primary_key": ["id"], "connection_id": "lake", "schema_change": "evolve", "soft_delete_field": null, "max_delete_percent": 20.0}, "environment": "production", "connection_id": "ops", "data_model_id": "flights", "freshness_number": null, "pipeline_metadata": {}, "timeliness_number": null, "freshness_datepart": null, "pipeline_type_name": "extraction", "timeliness_datepart": null, "field_transformation": {"cast": {}, "drop": [], "rename": {}, "constant": {}}, "mute_freshness_check": false, "mute_timeliness_check": false, "anomaly_detection_rules": [{"active": true, "method": "robust", "z_threshold": 3.5, "metric_field": "total_rows", "lookback_days": 30, "minimum_executions": 8}]}'::jsonb, true, 'e9fa5c3767b7cb018748b6c5a156c100d9df396fbfaabfbb4bbfe3346f9b8b35', '2024-03-01 12:00:00+00:00'::timestamptz),
(3, 'dbt/orders', 'Orders', false, NULL, NULL, NULL, NULL, NULL, NULL, 'active', false, 'idle', '[]'::jsonb, NULL, NULL, '2024-03-01 12:03:00+00:00'::timestamptz, 1, 'day', false, false, false, '{}'::jsonb, true, '31cf9f83e41cd7c0d29bcbe5c47930fafbd0f76ac3b461b0bb56d92ec28a27a9', '2024-03-01 12:00:00+00:00'::timestamptz);

SELECT setval(pg_get_serial_sequence('observe.pipeline', 'id'), 3);

INSERT INTO observe.address_column (id, address_id, name) OVERRIDING SYSTEM VALUE VALUES
(1, 1, 'id'),
(2, 2, 'id'),
(3, 4, 'id');

SELECT setval(pg_get_serial_sequence('observe.address_column', 'id'), 3);

INSERT INTO observe.address_lineage (id, pipeline_id, script_id, source_address_id, target_address_id, created_at) OVERRIDING SYSTEM VALUE VALUES
(1, 2, NULL, 2, 1, '2024-03-01 12:00:00+00:00'::timestamptz),
(2, NULL, 1, 4, 2, '2024-03-01 12:00:00+00:00'::timestamptz);

SELECT setval(pg_get_serial_sequence('observe.address_lineage', 'id'), 2);

INSERT INTO observe.alert (id, subject, check_name, severity, status, pipeline_id, description, details, opened_at, last_seen_at, last_sent_at, resolved_at) OVERRIDING SYSTEM VALUE VALUES
(1, 'lake/analytics/flights', 'columns', 'error', 'resolved', 2, 'It is fail.', '{"kind": "columns", "asset": ["lake", "analytics", "flights"], "worst": "error", "status": "pass", "channels": ["team"], "recovery": "It is pass."}'::jsonb, '2024-03-01 12:00:00+00:00'::timestamptz, '2024-03-01 12:01:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:01:00+00:00'::timestamptz),
(2, 'lake/analytics/flights', 'rows', 'error', 'open', 2, 'It is fail.', '{"kind": "metric", "asset": ["lake", "analytics", "flights"], "worst": "error", "status": "fail", "channels": ["team"]}'::jsonb, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, NULL),
(3, 'sensor:orders@shop', 'tick', 'error', 'open', NULL, 'The tick failed.', '{"kind": "tick", "worst": "error", "status": "fail", "channels": ["team"]}'::jsonb, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, NULL);

SELECT setval(pg_get_serial_sequence('observe.alert', 'id'), 3);

INSERT INTO observe.anomaly_detection_rule (id, pipeline_id, metric_field, method, z_threshold, lookback_days, minimum_executions, active, created_at, updated_at) OVERRIDING SYSTEM VALUE VALUES
(1, 2, 'total_rows', 'robust', 3.5, 30, 8, true, '2024-03-01 12:00:00+00:00'::timestamptz, '2024-03-01 12:00:00+00:00'::timestamptz),
(2, 3, 'bytes', 'robust', 3.5, 30, 8, true, '2024-03-01 12:00:00+00:00'::timestamptz, '2024-03-01 12:00:00+00:00'::timestamptz);

SELECT setval(pg_get_serial_sequence('observe.anomaly_detection_rule', 'id'), 2);

INSERT INTO observe.freshness_pipeline_log (id, pipeline_id, last_dml_timestamp, evaluation_timestamp, freshness_number, freshness_datepart, used_child_config, created_at) OVERRIDING SYSTEM VALUE VALUES
(1, 2, '2024-03-01 08:00:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, 2, 'hour', true, '2024-03-01 12:00:00+00:00'::timestamptz);

SELECT setval(pg_get_serial_sequence('observe.freshness_pipeline_log', 'id'), 1);

INSERT INTO observe.pipeline_execution (id, parent_id, pipeline_id, execution_key, type, status, errors, retry_errors, attempts, logical_date, range_end, start_date, date_recorded, hour_recorded, end_date, duration_seconds, completed_successfully, inserts, updates, unchanged, soft_deletes, rejected, superseded, late, total_rows, bytes, throughput, watermark, next_watermark, reached_watermark, moves_watermark, execution_metadata, anomaly_flags, timeliness_judged_at, anomaly_judged_at, created_at) OVERRIDING SYSTEM VALUE VALUES
(1, NULL, 2, 'first', 'scheduled', 'success', '[]'::jsonb, '[]'::jsonb, 1, '2024-03-01 12:00:00+00:00'::timestamptz, '10', '2024-03-01 12:00:00+00:00'::timestamptz, '2024-03-01'::date, 12, '2024-03-01 12:01:00+00:00'::timestamptz, 60.0, true, 3, 0, 0, 0, 0, 0, 0, 3, 0, 0.05, NULL, '10', '10', true, '{"run_id": 7}'::jsonb, '{"total_rows": true}'::jsonb, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:00:00+00:00'::timestamptz),
(2, 1, 2, 'second', 'scheduled', 'failed', '["the disk was full"]'::jsonb, '["busy"]'::jsonb, 2, '2024-03-01 13:00:00+00:00'::timestamptz, '20', '2024-03-01 13:00:00+00:00'::timestamptz, '2024-03-01'::date, 13, '2024-03-01 13:10:00+00:00'::timestamptz, 600.0, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '10', '20', NULL, true, NULL, NULL, NULL, NULL, '2024-03-01 12:00:00+00:00'::timestamptz),
(3, NULL, 1, 'open', 'scheduled', 'running', '[]'::jsonb, '[]'::jsonb, 1, '2024-03-01 14:00:00+00:00'::timestamptz, '10', '2024-03-01 14:00:00+00:00'::timestamptz, '2024-03-01'::date, 14, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '10', NULL, true, NULL, NULL, NULL, NULL, '2024-03-01 12:00:00+00:00'::timestamptz),
(4, NULL, 3, 'event/1', 'manual', 'success', '[]'::jsonb, '[]'::jsonb, 1, '2024-03-01 12:00:00+00:00'::timestamptz, NULL, '2024-03-01 12:00:00+00:00'::timestamptz, '2024-03-01'::date, 12, '2024-03-01 12:03:00+00:00'::timestamptz, 180.0, true, 0, 0, 0, 0, 0, 0, 0, 120, 0, 0.6666666666666666, NULL, NULL, NULL, false, '{"slots": 2.5}'::jsonb, NULL, NULL, NULL, '2024-03-01 12:00:00+00:00'::timestamptz);

SELECT setval(pg_get_serial_sequence('observe.pipeline_execution', 'id'), 4);

INSERT INTO observe.anomaly_detection_result (pipeline_execution_id, rule_id, violation_value, z_score, historical_mean, z_threshold, threshold_min_value, threshold_max_value, context, detected_at) VALUES
(1, 1, 1.0, 9.0, 100.0, 3.5, 90.0, 110.0, '{"z_score": 9.0, "z_threshold": 3.5, "metric_field": "total_rows", "historical_mean": 100.0}'::jsonb, '2024-03-01 12:02:00+00:00'::timestamptz);

INSERT INTO observe.check_result (id, asset, check_name, kind, status, value, expected, lower_bound, upper_bound, reason, evidence, judged_at, evaluated_at, pipeline_id, pipeline_execution_id, flagged) OVERRIDING SYSTEM VALUE VALUES
(1, 'lake/analytics/flights', 'rows', 'metric', 'pass', 1.0, 100.0, 90.0, 110.0, 'It is pass.', NULL, '2024-03-01 12:00:00+00:00'::timestamptz, '2024-03-01 12:00:00+00:00'::timestamptz, 2, NULL, false),
(2, 'lake/analytics/flights', 'freshness', 'freshness', 'fail', 1.0, 100.0, 90.0, 110.0, 'It is fail.', '{"freshness_number": 2, "used_child_config": true, "freshness_datepart": "hour", "last_dml_timestamp": "2024-03-01T08:00:00+00:00"}'::jsonb, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, 2, NULL, false),
(3, 'lake/analytics/flights', 'rows', 'metric', 'fail', 1.0, 100.0, 90.0, 110.0, 'It is fail.', NULL, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, 2, NULL, true),
(4, 'lake/analytics/flights', 'anomaly_total_rows', 'anomaly', 'fail', 1.0, 100.0, 90.0, 110.0, 'It is fail.', '{"z_score": 9.0, "z_threshold": 3.5, "metric_field": "total_rows", "historical_mean": 100.0}'::jsonb, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, 2, 1, true),
(5, 'lake/analytics/flights', 'timeliness', 'timeliness', 'fail', 1.0, 100.0, 90.0, 110.0, 'It is fail.', '{"timely_number": 10, "timely_datepart": "minute", "execution_status": "completed", "used_child_config": false}'::jsonb, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, 2, 1, false);

SELECT setval(pg_get_serial_sequence('observe.check_result', 'id'), 5);

INSERT INTO observe.check_standing (asset, check_name, kind, status, reason, since, judged_at, last_evaluated_at, last_reported_at, pipeline_id, pipeline_execution_id) VALUES
('lake/analytics/flights', 'anomaly_total_rows', 'anomaly', 'fail', 'It is fail.', '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, 2, 1),
('lake/analytics/flights', 'freshness', 'freshness', 'fail', 'It is fail.', '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, 2, NULL),
('lake/analytics/flights', 'rows', 'metric', 'fail', 'It is fail.', '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, 2, NULL),
('lake/analytics/flights', 'timeliness', 'timeliness', 'fail', 'It is fail.', '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, '2024-03-01 12:02:00+00:00'::timestamptz, 2, 1);

INSERT INTO observe.column_lineage (id, address_lineage_id, source_column_id, target_column_id) OVERRIDING SYSTEM VALUE VALUES
(1, 1, 2, 1),
(2, 2, 3, 2);

SELECT setval(pg_get_serial_sequence('observe.column_lineage', 'id'), 2);

INSERT INTO observe.pipeline_execution_closure (parent_execution_id, child_execution_id, depth) VALUES
(1, 1, 0),
(1, 2, 1),
(2, 2, 0),
(3, 3, 0),
(4, 4, 0);

INSERT INTO observe.publication (id, publisher, kind, ordering_key, record, state, attempts, next_attempt_at, last_error, invocation_id, dedupe_key, lease, leased_until, after_keys, receipt, created_at, sent_at) OVERRIDING SYSTEM VALUE VALUES
(1, 'alerts', 'message', 'team',  E'{"text": "lake/analytics/flights: columns fails\\nIt is fail.\\nsince 2024-03-01 12:00 UTC", "level": "error", "title": "lake/analytics/flights: columns fails", "markdown": "**lake/analytics/flights: columns fails**  \\nIt is fail.  \\nsince 2024-03-01 12:00 UTC"}'::jsonb, 'pending', 0, '2024-03-01 12:00:00+00:00'::timestamptz, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2024-03-01 12:00:00+00:00'::timestamptz, NULL),
(2, 'alerts', 'message', 'team',  E'{"text": "lake/analytics/flights: rows fails\\nIt is fail.\\nsince 2024-03-01 12:02 UTC\\n\\nsensor:orders@shop fails\\nThe tick failed.\\nsince 2024-03-01 12:02 UTC\\n\\nlake/analytics/flights: columns recovered after 1 min\\nIt is pass.\\nsince 2024-03-01 12:00 UTC", "level": "error", "title": "2 new, 1 resolved alerts", "markdown": "**lake/analytics/flights: rows fails**  \\nIt is fail.  \\nsince 2024-03-01 12:02 UTC\\n\\n**sensor:orders@shop fails**  \\nThe tick failed.  \\nsince 2024-03-01 12:02 UTC\\n\\n**lake/analytics/flights: columns recovered after 1 min**  \\nIt is pass.  \\nsince 2024-03-01 12:00 UTC"}'::jsonb, 'pending', 0, '2024-03-01 12:02:00+00:00'::timestamptz, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2024-03-01 12:02:00+00:00'::timestamptz, NULL),
(3, 'monte_carlo', 'table_metadata', 'lake/flights', '{"number": 1}'::jsonb, 'sent', 1, '2024-03-01 12:00:00+00:00'::timestamptz, NULL, 'abc', 'lake/flights:1', NULL, NULL, NULL, '{"status": 202, "invocation_id": "abc"}'::jsonb, '2024-03-01 12:00:00+00:00'::timestamptz, '2024-03-01 12:01:00+00:00'::timestamptz),
(4, 'monte_carlo', 'table_metadata', 'lake/orders', '{"number": 2}'::jsonb, 'dead', 1, '2024-03-01 12:00:00+00:00'::timestamptz, 'answered 400', NULL, 'lake/orders:2', NULL, NULL, NULL, NULL, '2024-03-01 12:00:00+00:00'::timestamptz, NULL),
(5, 'datascale', 'table_metadata', 'sql/1', '{"number": 1}'::jsonb, 'pending', 1, '2024-03-01 12:00:00+00:00'::timestamptz, NULL, NULL, 'sql/1:1', '1f40f7c3494644e3a16f22c35f45ca96', '2024-03-01 12:02:00+00:00'::timestamptz, NULL, NULL, '2024-03-01 12:00:00+00:00'::timestamptz, NULL),
(6, 'monte_carlo', 'table_metadata', 'lake/flights', '{"number": 3}'::jsonb, 'pending', 0, '2024-03-01 12:02:00+00:00'::timestamptz, NULL, NULL, 'lake/flights:3', NULL, NULL, NULL, NULL, '2024-03-01 12:02:00+00:00'::timestamptz, NULL),
(7, 'monte_carlo', 'table_metadata', 'lake/flights', '{"number": 4}'::jsonb, 'pending', 0, '2024-03-01 12:02:00+00:00'::timestamptz, NULL, NULL, 'lake/flights:4', NULL, NULL, NULL, NULL, '2024-03-01 12:02:00+00:00'::timestamptz, NULL),
(8, 'monte_carlo', 'table_metadata', 'lineage:lake/flights', '{"number": 5}'::jsonb, 'pending', 0, '2024-03-01 12:02:00+00:00'::timestamptz, NULL, NULL, 'lineage:lake/flights:5', NULL, NULL, '{lake/flights}', NULL, '2024-03-01 12:02:00+00:00'::timestamptz, NULL),
(9, 'watcher', 'table_metadata', 'flights-hourly', '{"number": 6}'::jsonb, 'pending', 0, '2024-03-01 12:02:00+00:00'::timestamptz, NULL, NULL, 'flights-hourly:6', NULL, NULL, NULL, NULL, '2024-03-01 12:02:00+00:00'::timestamptz, NULL);

SELECT setval(pg_get_serial_sequence('observe.publication', 'id'), 9);

INSERT INTO observe.query_log (id, pipeline_execution_id, connection_id, query_id, query_text, user_name, started_at, ended_at, returned_rows, created_at) OVERRIDING SYSTEM VALUE VALUES
(1, 1, 'ops', 'q1', 'SELECT id, changed FROM flights', 'observe', '2024-03-01 12:00:00+00:00'::timestamptz, '2024-03-01 12:01:00+00:00'::timestamptz, 3, '2024-03-01 12:00:00+00:00'::timestamptz);

SELECT setval(pg_get_serial_sequence('observe.query_log', 'id'), 1);

INSERT INTO observe.schema_change (id, pipeline_execution_id, column_name, change, new_type, action, created_at) OVERRIDING SYSTEM VALUE VALUES
(1, 1, 'origin', 'added', 'text', 'applied', '2024-03-01 12:00:00+00:00'::timestamptz);

SELECT setval(pg_get_serial_sequence('observe.schema_change', 'id'), 1);

INSERT INTO observe.timeliness_pipeline_execution_log (pipeline_execution_id, pipeline_id, duration_seconds, seconds_threshold, execution_status, timely_number, timely_datepart, used_child_config, created_at) VALUES
(1, 2, 1.0, 110.0, 'completed', 10, 'minute', false, '2024-03-01 12:00:00+00:00'::timestamptz);
