"""The version of Picard. pyproject.toml and the MCP endpoint read it here; the version of the REST API is its own."""

VERSION = "0.2.0"
