"""Pages of the website to which messages refer. A test looks each up at the server."""

APPS = "/accounts/apps/"
REVIEW = "/memories/review/"
TOKENS = "/accounts/tokens/"
