-- Tenants, people, sessions and devices. Tables named platform_… belong to the installation and to no tenant.

-- The short names of all businesses: read before it is known whose rows may be seen.
CREATE TABLE platform_slug (
    slug TEXT PRIMARY KEY,
    id UUID NOT NULL UNIQUE
);

CREATE TABLE tenant (
    tenant_id UUID PRIMARY KEY,
    version BIGINT NOT NULL,
    data BYTES NOT NULL
);

CREATE TABLE location (
    tenant_id UUID NOT NULL,
    location_id UUID NOT NULL,
    -- only postgres
    sort_name TEXT COLLATE "C" NOT NULL,
    -- end
    -- only sqlite
    sort_name TEXT NOT NULL,
    -- end
    state INTEGER NOT NULL,
    version BIGINT NOT NULL,
    data BYTES NOT NULL,
    PRIMARY KEY (tenant_id, location_id)
);
CREATE INDEX location_by_name ON location (tenant_id, sort_name, location_id);
-- Open locations have different names.
CREATE UNIQUE INDEX location_open_name ON location (tenant_id, sort_name) WHERE state = 1;

CREATE TABLE person (
    tenant_id UUID NOT NULL,
    person_id UUID NOT NULL,
    login_name TEXT NOT NULL,
    email TEXT,
    -- only postgres
    sort_name TEXT COLLATE "C" NOT NULL,
    -- end
    -- only sqlite
    sort_name TEXT NOT NULL,
    -- end
    state INTEGER NOT NULL,
    -- Access tokens issued up to then are void.
    not_before TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    data BYTES NOT NULL,
    PRIMARY KEY (tenant_id, person_id),
    UNIQUE (tenant_id, login_name),
    UNIQUE (tenant_id, email)
);
CREATE INDEX person_by_name ON person (tenant_id, sort_name, person_id);

-- The beginnings under which a person is found.
CREATE TABLE person_term (
    tenant_id UUID NOT NULL,
    -- only postgres
    term TEXT COLLATE "C" NOT NULL,
    -- end
    -- only sqlite
    term TEXT NOT NULL,
    -- end
    person_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, term, person_id)
);
CREATE INDEX person_term_of ON person_term (tenant_id, person_id);

CREATE TABLE person_location (
    tenant_id UUID NOT NULL,
    location_id UUID NOT NULL,
    person_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, location_id, person_id)
);
CREATE INDEX person_location_of ON person_location (tenant_id, person_id);

CREATE TABLE person_role (
    tenant_id UUID NOT NULL,
    role INTEGER NOT NULL,
    person_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, role, person_id)
);
CREATE INDEX person_role_of ON person_role (tenant_id, person_id);

-- Apart from the person, so that no reading of people ever touches it.
CREATE TABLE password (
    tenant_id UUID NOT NULL,
    person_id UUID NOT NULL,
    hash TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, person_id)
);

-- A session is a family of refresh tokens. They are computed from seed and generation with the server's key.
CREATE TABLE session (
    tenant_id UUID NOT NULL,
    session_id UUID NOT NULL,
    principal_kind INTEGER NOT NULL,
    principal_id UUID NOT NULL,
    device_label TEXT NOT NULL,
    seed BYTES NOT NULL,
    generation BIGINT NOT NULL,
    rotated_at TIMESTAMPTZ NOT NULL,
    began_at TIMESTAMPTZ NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    auth_time TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, session_id)
);
CREATE INDEX session_by_principal ON session (tenant_id, principal_id, session_id);
CREATE INDEX session_by_age ON session (seen_at);

-- Kept for as long as an access token may live.
CREATE TABLE revocation (
    tenant_id UUID NOT NULL,
    revocation_id UUID NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    data BYTES NOT NULL,
    PRIMARY KEY (tenant_id, revocation_id)
);
CREATE INDEX revocation_by_age ON revocation (at);

CREATE TABLE device (
    tenant_id UUID NOT NULL,
    device_id UUID NOT NULL,
    location_id UUID NOT NULL,
    -- only postgres
    sort_name TEXT COLLATE "C" NOT NULL,
    -- end
    -- only sqlite
    sort_name TEXT NOT NULL,
    -- end
    state INTEGER NOT NULL,
    seen_at TIMESTAMPTZ,
    not_before TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    data BYTES NOT NULL,
    PRIMARY KEY (tenant_id, device_id)
);
CREATE INDEX device_by_name ON device (tenant_id, sort_name, device_id);
-- Active devices of one location have different names.
CREATE UNIQUE INDEX device_active_name ON device (tenant_id, location_id, sort_name) WHERE state = 1;

-- Devices that ask to be let in. Whose they will be is not known before somebody approves.
CREATE TABLE platform_pairing (
    secret_digest BYTES PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    kind INTEGER NOT NULL,
    label TEXT NOT NULL,
    began_at TIMESTAMPTZ NOT NULL,
    -- 0 open, 1 approved, 2 denied.
    decision INTEGER NOT NULL,
    decided_at TIMESTAMPTZ,
    for_tenant UUID,
    for_device UUID,
    by_person UUID,
    polled_at TIMESTAMPTZ,
    session_id UUID,
    collected_at TIMESTAMPTZ
);
CREATE INDEX platform_pairing_by_age ON platform_pairing (began_at);

-- Tries of one account, and counts of tries of one address or business. The keys are keyed digests.
CREATE TABLE platform_guess (
    subject BYTES PRIMARY KEY,
    tries BYTES NOT NULL,
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX platform_guess_by_age ON platform_guess (at);

CREATE TABLE platform_guess_count (
    subject BYTES PRIMARY KEY,
    slot BIGINT NOT NULL,
    counted BIGINT NOT NULL,
    previous BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX platform_guess_count_by_age ON platform_guess_count (at);

-- Keys that sign access tokens. The private part is sealed with the installation's secret.
CREATE TABLE platform_signing_key (
    number BIGINT PRIMARY KEY,
    kid TEXT NOT NULL UNIQUE,
    public_key BYTES NOT NULL,
    sealed_key BYTES NOT NULL,
    sign_from TIMESTAMPTZ NOT NULL
);
