"""Files that people send for their runs: kept by organisation and digest, uploaded in pieces."""
