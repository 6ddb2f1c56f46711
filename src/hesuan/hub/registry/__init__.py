"""On record of organisations: documents, typed facts, relations between parties, aid from elsewhere."""
