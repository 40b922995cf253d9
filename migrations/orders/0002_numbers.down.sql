CREATE TABLE order_counters (
    tenant_id UUID NOT NULL,
    location_id UUID NOT NULL,
    business_date TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, location_id, business_date)
);
INSERT INTO order_counters (tenant_id, location_id, business_date, number)
SELECT tenant_id, location_id, business_date, MAX(number) FROM orders GROUP BY tenant_id, location_id, business_date;
