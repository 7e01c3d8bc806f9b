"""The product's settings, with access tokens that expire within seconds, so that every client has to refresh."""

import os

from picard.settings import *  # noqa: F403
from picard.settings import OAUTH2_PROVIDER

OAUTH2_PROVIDER["ACCESS_TOKEN_EXPIRE_SECONDS"] = int(os.environ["MATRIX_TOKEN_S"])
OAUTH2_PROVIDER["CIMD_METADATA_FETCHER"] = "tests.interop.clients.document_fetcher.LoopbackFetcher"
