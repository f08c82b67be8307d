SELECT s.name, s.{value} AS value, current_user AS role,
    EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname OPERATOR(pg_catalog.=) current_user) AS role_schema
FROM pg_catalog.pg_settings s
WHERE s.name OPERATOR(pg_catalog.=) ANY (ARRAY[
    'search_path', 'TimeZone', 'lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout',
    'default_table_access_method'
])
