DROP INDEX orders_on_board;
CREATE INDEX orders_on_board ON orders (tenant_id, location_id) WHERE on_board;
DROP INDEX orders_of_tenant;
