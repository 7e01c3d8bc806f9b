"""Python SDK of Picard, a personal-memory server."""
