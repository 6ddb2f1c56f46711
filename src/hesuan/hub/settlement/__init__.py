"""Settlement: the charge by the receipt's own rule, captures and releases, receipts and their signatures."""
