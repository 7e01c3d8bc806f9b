"""How often the protocol's endpoints may be asked, by client address unless said otherwise."""

from accounts.rate_limits import Limit

TOKEN = Limit("oauth-token", 600)
REVOKE = Limit("oauth-revoke", 300)
INTROSPECT = Limit("oauth-introspect", 1_200)
WRONG_QUESTIONS = Limit("oauth-wrong-questions", 300)  # at the consent page, where right ones are not counted
REGISTER = Limit("oauth-register", 30, window_s=3_600.0)
DOCUMENTS = Limit("oauth-documents", 20, window_s=3_600.0)  # of apps, fetched for one person
