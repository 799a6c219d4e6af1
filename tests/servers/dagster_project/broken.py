"""A code location that does not load."""

raise RuntimeError("the warehouse has no table orders_daily")
