"""The console's pages, one module for each room they show."""
