-- What every service stands on: its log, its idempotency records, and how far it has read the logs of others.

-- The log: history, audit trail, outbox and stream in one. Rows are added, never changed.
CREATE TABLE events (
    tenant_id UUID NOT NULL,
    -- only postgres
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    tx BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    -- end
    -- only sqlite
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tx BIGINT NOT NULL DEFAULT 0,
    -- end
    kind TEXT NOT NULL,
    aggregate_id UUID NOT NULL,
    version BIGINT NOT NULL CHECK (version > 0),
    location_id UUID,
    actor TEXT NOT NULL,
    request_id TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    payload BYTES NOT NULL,
    -- only postgres
    PRIMARY KEY (tenant_id, seq),
    -- end
    UNIQUE (tenant_id, aggregate_id, version)
);
CREATE INDEX events_in_commit_order ON events (tx, seq);

-- only sqlite
CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events BEGIN
    SELECT RAISE(ABORT, 'events are never changed');
END;
CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events BEGIN
    SELECT RAISE(ABORT, 'events are never deleted');
END;
-- end
-- only postgres
CREATE FUNCTION events_are_not_changed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'events are never changed or deleted';
END $$;
CREATE TRIGGER events_are_not_changed BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION events_are_not_changed();
-- end

-- One row per idempotency key: what was asked (a keyed digest) and what was answered (sealed).
CREATE TABLE idempotency (
    tenant_id UUID NOT NULL,
    key_digest BYTES NOT NULL,
    request_digest BYTES NOT NULL,
    answer BYTES NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, key_digest)
);
CREATE INDEX idempotency_by_age ON idempotency (at);

-- How far each consumer of another service's log has read. Changed in the transaction that holds the effect.
CREATE TABLE cursors (
    consumer TEXT PRIMARY KEY,
    position TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL
);
