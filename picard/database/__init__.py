"""Django's PostgreSQL backend over the embedded server (picard/postgres/manager.py)."""
