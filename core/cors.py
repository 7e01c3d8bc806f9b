"""CORS headers (Fetch standard) of the endpoints that apps call from web pages of other origins."""

# With `*` for headers that clients, proxies or tracing add; it does not include Authorization. Both wildcards are only
# for requests without credentials: no response has Access-Control-Allow-Credentials, so cookies never count.
ALLOWED_HEADERS = "Authorization, Content-Type, Accept, If-Match, Idempotency-Key, MCP-Protocol-Version, *"
ALLOWED_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
EXPOSED_HEADERS = (
    "Allow, Content-Disposition, ETag, Idempotency-Replayed, Link, Location, Retry-After, WWW-Authenticate, "
    "X-Request-ID"
)
ANY_ORIGIN = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": EXPOSED_HEADERS}
# The answer to OPTIONS, in addition.
PREFLIGHT = {
    "Access-Control-Allow-Methods": ALLOWED_METHODS,
    "Access-Control-Allow-Headers": ALLOWED_HEADERS,
    "Access-Control-Max-Age": "3600",
}
