"""The version of Picard, as in pyproject.toml, which is not part of the image. The REST API has its own."""

VERSION = "0.2.0"
