"""The user at the consent page that an app opens in a browser."""

import html
import re

import httpx

from tests.chaos.people import TOKEN, Person, find_match

SCOPE = re.compile(r'name="scopes" value="([^"]+)"[^>]* checked')
REFRESH = re.compile(r'http-equiv="refresh" content="0;\s*url=([^"]+)"')


def allow_access(person: Person, url: str) -> str:
    """Allow the preselected scopes at this authorization URL; return the redirect URL, without opening it."""
    page = person.get(url).text
    fields = {"scopes": SCOPE.findall(page), "reach": "all", "csrfmiddlewaretoken": find_match(TOKEN, page)}
    headers = {"Accept": "text/html"}  # a browser: it gets a page that navigates, a program a redirect
    answer = person.send_request("POST", url, data={"answer": "allow", **fields}, headers=headers)
    return read_redirect(answer)


def read_redirect(answer: httpx.Response) -> str:
    """Return where the browser goes: to the redirect, or where the page navigates by itself."""
    if answer.is_redirect:
        return answer.headers["Location"]
    assert answer.status_code == 200, answer.text
    return html.unescape(find_match(REFRESH, answer.text))
