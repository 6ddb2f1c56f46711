"""Ray: its Jobs REST API, asked by HTTP as any client of the cluster would; Ray itself is not imported."""
