-- The next short number follows from the orders themselves; a row that every order of a location changed made them wait
-- for each other.
DROP TABLE order_counters;
