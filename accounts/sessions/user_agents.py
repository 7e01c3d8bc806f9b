"""Names of browsers and systems in a User-Agent header."""

from django.utils.translation import gettext as _

# The first match wins: Edge and Opera contain "Chrome" too, and all contain "Safari".
BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "Mac",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}
CHARACTERS = 60


def describe_user_agent(user_agent: str) -> str:
    """Return a name such as "Firefox on Windows"; for other programs, the start of the header."""
    browser = next((name for mark, name in BROWSERS.items() if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return user_agent[:CHARACTERS] or _("Unknown program")
