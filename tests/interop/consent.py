"""The user at the consent page that an app opens in a browser."""

import html
import re

import httpx

from tests.chaos.people import TOKEN, Person, find_match

SCOPE = re.compile(r'name="scopes" value="([^"]+)"')
REFRESH = re.compile(r'http-equiv="refresh"\s+content="\d+;\s*url=([^"]+)"', re.IGNORECASE)


def allow_access(person: Person, url: str) -> str:
    """Allow all requested scopes at this authorization URL; return the redirect URL, without opening it."""
    page = person.get(url).text
    fields = {"scopes": SCOPE.findall(page), "reach": "all", "csrfmiddlewaretoken": find_match(TOKEN, page)}
    answer = person.send_request("POST", url, data={"answer": "allow", **fields})
    return read_redirect(answer)


def read_redirect(answer: httpx.Response) -> str:
    """Return where the answer of the consent page leads: a redirect, or a page that navigates by itself."""
    if answer.is_redirect:
        return answer.headers["Location"]
    assert answer.status_code == 200, answer.text
    return html.unescape(find_match(REFRESH, answer.text))
