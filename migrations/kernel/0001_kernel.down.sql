DROP TABLE cursors;
DROP TABLE idempotency;
DROP TABLE events;
-- only postgres
DROP FUNCTION events_are_not_changed();
-- end
