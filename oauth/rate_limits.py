"""Rate limits of the OAuth endpoints (decision 0025).

All users of a hosted app share a few IP addresses. What they need to connect and to stay connected is therefore never
counted by network for long: registrations are restored, and credentials of this server count for their user.
"""

from accounts.rate_limits import RateLimit

# Per user for requests with a code or token of this server; all other requests per network.
TOKEN = RateLimit("oauth-token", 600)
REVOKE = RateLimit("oauth-revoke", 300)
INTROSPECT = RateLimit("oauth-introspect", 1_200)  # per client, if it is authenticated
MANAGE = RateLimit("oauth-manage", 300)  # per network: registrations that a client reads, changes or deletes
INVALID_AUTHORIZATION_REQUESTS = RateLimit(
    "oauth-wrong-questions", 300
)  # per network; valid ones do not count
# Per network. A user who connects the app restores it, so only registrations that nobody used count.
REGISTER = RateLimit("oauth-register", 1_200, window_s=3_600.0)
RESTORED_REGISTRATIONS = RateLimit("oauth-restored", 20, window_s=3_600.0)  # per user
PERSONAL_TOKENS = RateLimit("personal-tokens", 30, window_s=3_600.0)  # per user, created or regenerated
METADATA_DOCUMENTS = RateLimit("oauth-documents", 20, window_s=3_600.0)  # per user
DEVICE_REQUESTS = RateLimit("oauth-devices", 1_200, window_s=3_600.0)  # per network
# Codes that no device waits for, so that none can be guessed (RFC 8628 5.1).
WRONG_USER_CODES = RateLimit("oauth-user-codes", 10, window_s=600.0)  # per user
WRONG_USER_CODES_OF_NETWORK = RateLimit("oauth-user-codes-network", 100, window_s=600.0)
