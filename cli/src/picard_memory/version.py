"""The version of this package: that of the server that it was released with."""

VERSION = "0.2.0"  # a test compares it with pyproject.toml and the server's
