"""The person in front of the browser that an app opens."""

import re

from tests.chaos.people import TOKEN, Person, found

SCOPE = re.compile(r'name="scopes" value="([^"]+)"')


def say_yes(person: Person, address: str) -> str:
    """Let the app do all that it asks for at this address; where the browser is sent then, unvisited."""
    page = person.get(address).text
    ticks = {"scopes": SCOPE.findall(page), "reach": "all", "csrfmiddlewaretoken": found(TOKEN, page)}
    answer = person.ask("POST", address, data={"answer": "allow", **ticks})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]
