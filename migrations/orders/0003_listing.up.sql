-- Lists of all locations, and of what is open, read from the newest backwards and stop: without these they would sort, or
-- pass over, all orders that there ever were.
CREATE INDEX orders_of_tenant ON orders (tenant_id, placed_at, id);
DROP INDEX orders_on_board;
CREATE INDEX orders_on_board ON orders (tenant_id, location_id, placed_at, id) WHERE on_board;
