"""How often the protocol's endpoints may be asked, by client address unless said otherwise."""

from accounts.rate_limits import RateLimit

TOKEN = RateLimit("oauth-token", 600)
REVOKE = RateLimit("oauth-revoke", 300)
INTROSPECT = RateLimit("oauth-introspect", 1_200)
INVALID_AUTHORIZATION_REQUESTS = RateLimit(
    "oauth-wrong-questions", 300
)  # at the consent page, where right ones are not counted
REGISTER = RateLimit("oauth-register", 30, window_s=3_600.0)
METADATA_DOCUMENTS = RateLimit("oauth-documents", 20, window_s=3_600.0)  # of apps, fetched for one person
