CREATE SCHEMA IF NOT EXISTS {schema};

CREATE TABLE IF NOT EXISTS {schema}.fence (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch bigint NOT NULL
);
INSERT INTO {schema}.fence (one, epoch) VALUES (true, 0) ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS {schema}.migration_records (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version text NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    rolled_back_at timestamptz,
    success boolean NOT NULL,
    error_msg text,
    duration_ms bigint,
    backup_path text,
    metadata jsonb NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX IF NOT EXISTS migration_records_live
    ON {schema}.migration_records (version) WHERE success AND rolled_back_at IS NULL;

CREATE TABLE IF NOT EXISTS {schema}.migration_attempts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version text NOT NULL,
    name text NOT NULL,
    direction text NOT NULL,
    checksum text NOT NULL,
    command_id text NOT NULL,
    attempt integer NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    outcome text NOT NULL,
    error_msg text,
    sqlstate text,
    metadata jsonb NOT NULL DEFAULT '{}'
);
-- One run of a command does a step once.
CREATE UNIQUE INDEX IF NOT EXISTS migration_attempts_done
    ON {schema}.migration_attempts (command_id, attempt, version) WHERE outcome = 'done';

CREATE OR REPLACE FUNCTION {schema}.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was attempted is kept for ever: % is append-only', TG_TABLE_NAME;
END
$$;
DROP TRIGGER IF EXISTS append_only ON {schema}.migration_attempts;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.migration_attempts
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse_change();

-- The pieces of migrations that do not run in one transaction. Those that are not closed belong to a migration that has
-- begun and has not come to its end. It comes last: where it is, everything is.
CREATE TABLE IF NOT EXISTS {schema}.migration_pieces (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version text NOT NULL,
    direction text NOT NULL,
    piece integer NOT NULL,
    pieces integer NOT NULL,
    -- How many statements of the file stand up to its end, and the digest of their texts.
    statements integer NOT NULL,
    digest text NOT NULL,
    state text NOT NULL CHECK (state IN ('intended', 'done', 'undone')),
    command_id text NOT NULL,
    attempt integer NOT NULL,
    plan text NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    ended_at timestamptz,
    closed_at timestamptz,
    fingerprint text,
    evidence text,
    metadata jsonb NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX IF NOT EXISTS migration_pieces_open
    ON {schema}.migration_pieces (version, direction, piece) WHERE closed_at IS NULL;
