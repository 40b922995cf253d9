-- only sqlite
CREATE INDEX events_in_commit_order ON events (tx, seq);
-- end
