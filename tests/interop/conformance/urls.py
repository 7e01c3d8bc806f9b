"""The product's URLs, with another server at /mcp."""

from django.urls import path

from memories.mcp.view import create_endpoint
from picard.urls import urlpatterns as product_urls
from tests.interop.conformance.server import SERVER

urlpatterns = [path("mcp", create_endpoint(SERVER)), *product_urls]
