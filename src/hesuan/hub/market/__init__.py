"""The market: offerings and dated prices, work orders, quotes that bind, orders, deposits."""
