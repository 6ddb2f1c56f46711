"""``hesuan programme`` without a platform: the linter, one decision, a year of claims."""
