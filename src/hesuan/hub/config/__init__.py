"""Settings, addresses, server start: the top of the hub."""
