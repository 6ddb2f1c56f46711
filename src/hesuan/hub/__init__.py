"""The platform: Django, SQLite by default, PostgreSQL in production. Needs the ``hub`` extra."""
