-- Menu, stations, orders and stock. Each row holds its message of the contract; the columns beside it are what is
-- searched, sorted and compared. Moments are microseconds since 1970.

-- The locations as auth tells of them, and a count of the changes to their stations and rules.
CREATE TABLE locations (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    name TEXT NOT NULL,
    zone TEXT NOT NULL,
    currency TEXT NOT NULL,
    open BOOLEAN NOT NULL,
    kitchen_revision BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- A count of the changes to each tenant's menu.
CREATE TABLE menu_revisions (
    tenant_id UUID NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (tenant_id)
);

CREATE TABLE categories (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    state BYTES NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE menu_items (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    state BYTES NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE modifier_groups (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    state BYTES NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE stations (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    location_id UUID NOT NULL,
    state BYTES NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX stations_of ON stations (tenant_id, location_id);

-- A deleted rule stays, so that a rule with the same id goes on counting its versions.
CREATE TABLE routing_rules (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    location_id UUID NOT NULL,
    deleted BOOLEAN NOT NULL,
    state BYTES NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX routing_rules_of ON routing_rules (tenant_id, location_id);

-- `id` is the aggregate of the level's events.
CREATE TABLE stock (
    tenant_id UUID NOT NULL,
    location_id UUID NOT NULL,
    menu_item_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    state BYTES NOT NULL,
    PRIMARY KEY (tenant_id, location_id, menu_item_id)
);

CREATE TABLE order_counters (
    tenant_id UUID NOT NULL,
    location_id UUID NOT NULL,
    business_date TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, location_id, business_date)
);

-- The fold of each order's events.
CREATE TABLE orders (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    location_id UUID NOT NULL,
    number INTEGER NOT NULL,
    business_date TEXT NOT NULL,
    status INTEGER NOT NULL,
    -- The kitchen must know it: it goes on, or a screen still shows it.
    on_board BOOLEAN NOT NULL,
    placed_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- When a station was last done with a line; 0 before the first time.
    bumped_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    state BYTES NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, location_id, business_date, number)
);
CREATE INDEX orders_by_time ON orders (tenant_id, location_id, placed_at, id);
CREATE INDEX orders_on_board ON orders (tenant_id, location_id) WHERE on_board;
CREATE INDEX orders_by_bump ON orders (tenant_id, location_id, bumped_at);
