"""The product's settings, with the server of the suite at /mcp, and a token for each request.

The suite sends no token. Everything else is as in the product: the view, its checks and the exchange with the SDK.
"""

import os
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from picard.settings import *  # noqa: F403
from picard.settings import MIDDLEWARE as PRODUCT_MIDDLEWARE

ROOT_URLCONF = "tests.interop.conformance.urls"
MIDDLEWARE = ["tests.interop.conformance.settings.with_token", *PRODUCT_MIDDLEWARE]
API_REQUESTS_PER_MINUTE = 60_000
WORK_SECONDS_PER_MINUTE = 0


def with_token(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    def answer(request: HttpRequest) -> Any:
        request.META["HTTP_AUTHORIZATION"] = f"Bearer {os.environ['CONFORMANCE_TOKEN']}"
        return get_response(request)

    return answer
