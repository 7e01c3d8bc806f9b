"""Objects whose keys are topics, IDs or days: {"food": ["I like tea."]}, {"2025-01-03": "I keep bees"}."""

import re

from memories.portability.readers.memory_tools.entries import find_text
from memories.portability.readers.memory_tools.generic.place import Object
from memories.portability.readers.memory_tools.prose import is_id, is_prose, is_readable

DATE_KEY = re.compile(r"\d{4}-\d\d(?:-\d\d)?(?:[T ]\d\d:.{2,24})?")


def is_topic(member: object) -> bool:
    """Return whether a value is a list of facts, as in {"food": ["I like tea."], "work": ["I weld."]}."""
    if not isinstance(member, list) or not member:
        return False
    facts = [each for each in member if isinstance(each, str) and is_prose(each)]
    entries = [each for each in member if isinstance(each, dict) and find_text(each) is not None]
    others = [each for each in member if not isinstance(each, str | dict)]
    return not others and 2 * (len(facts) + len(entries)) >= len(member)


def are_entries(value: Object) -> bool:
    """Return whether the members are entries by their names or IDs, or texts by their IDs or days."""
    is_diary = bool(value) and all(map(DATE_KEY.fullmatch, value))
    members = list(value.values())
    if is_diary:
        members = [each for member in members for each in (member if isinstance(member, list) else [member])]
    texts = [find_text(member) if isinstance(member, dict) else member for member in members]
    is_fact = is_readable if is_diary else is_prose
    facts = [text for text in texts if isinstance(text, str) and is_fact(text)]
    has_strings = any(isinstance(member, str) for member in members)
    return (
        all(isinstance(text, str) for text in texts)
        and 2 * len(facts) >= len(texts) > 0
        and (not has_strings or is_diary or all(map(is_id, value)))
    )
