"""Django's PostgreSQL backend over the embedded server (picard/embedded_postgres.py)."""
