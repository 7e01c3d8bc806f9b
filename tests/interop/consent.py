"""The user at the consent page that an app opens in a browser."""

import html
import re

import httpx

from tests.chaos.people import TOKEN, Person, find_match

SCOPE = re.compile(r'name="scopes" value="([^"]+)"[^>]* checked')
REFRESH = re.compile(r'http-equiv="refresh" content="0;\s*url=([^"]+)"')


def allow_access(person: Person, url: str) -> str:
    """Allow the preselected scopes at this authorization URL; return the redirect URL, without opening it."""
    return read_redirect(_submit(person, url))


def allow_device(person: Person, url: str) -> httpx.Response:
    """Allow the preselected scopes to the device whose code is in this URL; return the answer."""
    return _submit(person, url)


def _submit(person: Person, url: str) -> httpx.Response:
    page = person.get(url).text
    fields = {"scopes": SCOPE.findall(page), "reach": "all", "csrfmiddlewaretoken": find_match(TOKEN, page)}
    headers = {"Accept": "text/html"}  # a browser: it gets a page that navigates, a program a redirect
    return person.send_request("POST", url, data={"answer": "allow", **fields}, headers=headers)


def read_redirect(answer: httpx.Response) -> str:
    """Return where the browser goes: to the redirect, or where the page navigates by itself."""
    if answer.is_redirect:
        return answer.headers["Location"]
    assert answer.status_code == 200, answer.text
    return html.unescape(find_match(REFRESH, answer.text))
