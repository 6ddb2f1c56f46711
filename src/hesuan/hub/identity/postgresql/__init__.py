"""Django's PostgreSQL engine, which also tells the database for whom it reads (see ``row_security``)."""
