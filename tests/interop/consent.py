"""The user at the consent page that an app opens in a browser."""

import re

from tests.chaos.people import TOKEN, Person, find_match

SCOPE = re.compile(r'name="scopes" value="([^"]+)"[^>]* checked')


def allow_access(person: Person, url: str) -> str:
    """Allow the preselected scopes at this authorization URL; return the redirect URL, without opening it."""
    page = person.get(url).text
    fields = {"scopes": SCOPE.findall(page), "reach": "all", "csrfmiddlewaretoken": find_match(TOKEN, page)}
    answer = person.send_request("POST", url, data={"answer": "allow", **fields})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]
