-- On SQLite the log's order is that of its rows: an index beside it is written with every event and never helps.
-- only sqlite
DROP INDEX events_in_commit_order;
-- end
