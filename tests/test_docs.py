"""The documentation matches the code: settings, codes, scopes, commands, targets, links and names."""

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class

from accounts.actor import Channel
from memories import scopes
from memories.mcp.tools import TOOLS
from memories.models import IndexState, Visibility
from memories.portability.readers.catalog import IMPORT_FORMATS
from picard.config.paths import PROJECT
from tests.interop.clients.programs import CLIENTS

APPS = ("accounts", "core", "memories", "oauth", "picard")
CONFIGURATION = PROJECT / "docs" / "configuration.md"
EXCLUDED_FOLDERS = {".venv", "build", "node_modules", "staticfiles"}  # their pages are not ours
TYPES = {"str": "text", "int": "integer", "float": "number", "bool": "boolean", "list": "list", "db": "URL"}
COMPUTED = object()  # a default that is computed at run time
# Terms of the code that mean something specific in Picard: docs/glossary.md explains each one.
GLOSSARY_TERMS = {
    *("actor", "channel", "data key", "embedding space", "expired", "grant", "handle", "hit", "master key"),
    *("memory", "passage", "persona", "proposal", "revision", "rotation", "sealed", "source", "token"),
}


@cache
def list_pages() -> list[Path]:
    pages: list[Path] = []
    for folder, subfolders, names in os.walk(PROJECT):
        subfolders[:] = [name for name in subfolders if name not in EXCLUDED_FOLDERS and name[0] != "."]
        pages += [Path(folder, name) for name in names if name.endswith(".md") and name[0] != "."]
    return sorted(pages)


@cache
def read_text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def parse_table_rows(page: Path) -> list[list[str]]:
    """Return the rows of all tables of a page, as lists of cells."""
    lines = [line.strip() for line in read_text(page).splitlines()]
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")
    ]


def names_in_first_column(page: Path) -> set[str]:
    """Return what is in backticks in the first column of the page's tables, up to the first space."""
    return {word for row in parse_table_rows(page) for word in re.findall(r"`([^` ]+)[^`]*`", row[0])}


def list_python_files() -> Iterator[Path]:
    yield PROJECT / "manage.py"
    for package in APPS:
        yield from sorted((PROJECT / package).rglob("*.py"))


# --- Settings -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Variable:
    """An environment variable that the code reads. type: as in the documentation; empty if unknown."""

    name: str
    type: str = ""
    default: Any = COMPUTED


@cache
def find_variables() -> dict[str, Variable]:
    """Return the variables of the code and of the compose file, which reads the same `.env`."""
    compose = read_text(PROJECT / "docker-compose.yml")
    compose_variables = {name: Variable(name) for name in re.findall(r"\$\{([A-Z_]+)", compose)}
    texts = (path.read_text(encoding="utf-8") for path in list_python_files())
    reading = (text for text in texts if re.search(r"os\.environ|os\.getenv|_load_secret|\benv\.", text))
    nodes = (node for text in reading for node in ast.walk(ast.parse(text)))
    return compose_variables | {
        variable.name: variable for node in nodes for variable in _find_variables_in(node)
    }


def _find_variables_in(node: ast.AST) -> Iterator[Variable]:
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
        yield Variable(ast.literal_eval(node.slice))
    if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
        return
    function, name = ast.unparse(node.func), str(node.args[0].value)
    if function in ("os.environ.get", "os.getenv"):
        yield Variable(name)
    elif function == "_load_secret":
        yield from (Variable(name), Variable(f"{name}_FILE"))
    elif function.startswith("env.") and (function := function.removeprefix("env.")) in {
        *TYPES,
        "email_url",
        "read_origin",
    }:
        yield Variable(name, TYPES.get(function, "URL"), _default(node))


def _default(call: ast.Call) -> Any:
    defaults = [keyword.value for keyword in call.keywords if keyword.arg == "default"]
    try:
        return ast.literal_eval(defaults[0]) if defaults else COMPUTED
    except ValueError:
        return COMPUTED


def parse_documented_variables() -> dict[str, list[str]]:
    rows = [row for row in parse_table_rows(CONFIGURATION) if len(row) == 4]
    return {row[0].strip("`"): row for row in rows if re.fullmatch(r"`[A-Z_]+`", row[0])}


def parse_example_variables() -> dict[str, str]:
    return dict(re.findall(r"^#?([A-Z][A-Z_]+)=(.*)$", read_text(PROJECT / ".env.example"), re.MULTILINE))


def test_documented_variables_match_the_code() -> None:
    assert set(parse_documented_variables()) == set(find_variables())


def test_example_file_lists_every_variable_commented_out() -> None:
    assert set(parse_example_variables()) == set(find_variables())
    assert not re.findall(r"^[A-Z]", read_text(PROJECT / ".env.example"), re.MULTILINE)


def test_types_and_defaults_match_the_documentation() -> None:
    documented, examples = parse_documented_variables(), parse_example_variables()
    for variable in find_variables().values():
        _name, type_name, default, _meaning = documented[variable.name]
        assert not variable.type or type_name == variable.type, variable
        if variable.default not in ("", COMPUTED):
            assert _literal(default.strip("`")) == variable.default, variable
            assert _literal(examples[variable.name]) == variable.default, variable


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


# --- Check codes, scopes, commands, targets ---------------------------------------------------------------


def test_documented_check_codes_match_the_code() -> None:
    code = {
        found
        for path in list_python_files()
        for found in re.findall(r"picard\.E\d{3}", path.read_text(encoding="utf-8"))
    }
    documented = [row[0] for row in parse_table_rows(CONFIGURATION) if row[0].startswith("picard.E")]
    assert sorted(documented) == sorted(code)


def test_pages_name_only_existing_check_codes() -> None:
    known_codes = set(re.findall(r"\bE\d{3}\b", " ".join(row[0] for row in parse_table_rows(CONFIGURATION))))
    for page in list_pages():
        assert set(re.findall(r"\bE\d{3}\b", read_text(page))) <= known_codes, page


def test_every_scope_is_documented() -> None:
    documented = names_in_first_column(PROJECT / "docs" / "architecture.md")
    assert {name for name in documented if ":" in name} == set(scopes.DESCRIPTIONS)


def list_commands() -> set[str]:
    return {name for name, app in get_commands().items() if str(app) in APPS}


def parse_documented_commands() -> dict[str, str]:
    section = read_text(CONFIGURATION).split("\n## Commands\n")[1].split("\n## ")[0]
    found: dict[str, str] = {}
    for usage in re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE):
        name = usage.split()[0]
        found[name] = f"{found.get(name, '')} {usage}"
    return found


def test_documented_commands_match_the_code() -> None:
    assert set(parse_documented_commands()) == list_commands()


@pytest.mark.parametrize("name", sorted(list_commands() - {"migrate"}))
def test_command_options_are_documented(name: str) -> None:
    app = str(get_commands()[name])
    parser = load_command_class(app, name).create_parser("manage.py", name)
    django_options = {"-h", "--help", "--version", "--verbosity", "--settings", "--pythonpath", "--traceback"}
    django_options |= {"--no-color", "--force-color", "--skip-checks"}
    own_options = {
        action.option_strings[-1] for action in parser._actions if action.option_strings
    } - django_options
    actions = {
        choice for action in parser._actions if action.dest == "act" for choice in action.choices or ()
    }
    documented = parse_documented_commands()[name]
    assert not [option for option in own_options | actions if option not in documented]


def parse_make_targets() -> dict[str, str]:
    rules = re.findall(
        r"^([a-z][a-z-]*):(?!=)(.*)$", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    return dict(rules)


def test_make_targets_have_descriptions() -> None:
    assert parse_make_targets()
    assert not [name for name, rest in parse_make_targets().items() if "## " not in rest]


def find_make_targets(name: str) -> set[str]:
    return set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", read_text(PROJECT / name), re.MULTILINE))


def test_contributing_lists_all_make_targets() -> None:
    assert find_make_targets("CONTRIBUTING.md") == set(parse_make_targets())


def test_readme_names_only_existing_make_targets() -> None:
    assert {"run", "test"} <= find_make_targets("README.md") <= set(parse_make_targets())


def test_every_mcp_tool_is_documented() -> None:
    assert set(TOOLS) <= names_in_first_column(PROJECT / "docs" / "mcp.md")


def test_every_import_format_is_documented() -> None:
    [table, *_] = re.findall(r"(?:^\|.*\n)+", read_text(PROJECT / "docs" / "moving.md"), re.MULTILINE)
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split(" | ")[1])}
    assert named == set(IMPORT_FORMATS)


def test_client_table_matches_the_locks() -> None:
    """`make interop` writes the table anew: with other clients or versions, it would tell of what nobody ran."""
    rows = [row[:3] for row in parse_table_rows(PROJECT / "docs" / "clients.md")[1:]]
    addresses = ("`127.0.0.1`", "`localhost`")
    assert rows == [[client.name, client.version, address] for client in CLIENTS for address in addresses]


# --- Pages ------------------------------------------------------------------------------------------------


def test_links_are_not_broken() -> None:
    for page in list_pages():
        prose = re.sub(r"```.*?```", "", read_text(page), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            if "://" in target or target.startswith("mailto:"):
                continue
            file, _, anchor = target.partition("#")
            path = (page.parent / file).resolve() if file else page
            assert path.exists(), (page, target)
            assert not anchor or anchor in _list_anchors(path), (page, target)


@cache
def _list_anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub generates for the headings."""
    headings = re.findall(r"^#+ (.+)$", read_text(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_readme_pictures_exist() -> None:
    names = re.findall(r'(?:src|srcset)="([^"]+)"', read_text(PROJECT / "README.md"))
    assert names
    assert not [name for name in names if not (PROJECT / name).exists()]


def test_files_named_in_pages_exist() -> None:
    pattern = rf"`((?:{'|'.join([*APPS, 'tests', 'docs', 'templates', 'static'])})/[\w./-]+)"
    names = {
        (page, name.rstrip(".")) for page in list_pages() for name in re.findall(pattern, read_text(page))
    }
    missing = {name for _page, name in names if not any(PROJECT.glob(f"{name}*"))}
    assert [each for each in names if each[1] in missing] == []


def test_functions_named_in_pages_exist() -> None:
    """Names as in `memories/fields.py:SealedTextField.seal`, or `keywords.store_words` within memories."""
    pattern = r"`([\w/]+(?:\.py)?)[.:]([A-Za-z_.]+)[^`]*`"
    found = {(page, *named) for page in list_pages() for named in re.findall(pattern, read_text(page))}
    for page, module, name in sorted(found):
        path = (
            PROJECT / module if "/" in module else PROJECT / "memories" / f"{module.removesuffix('.py')}.py"
        )
        is_scope = f"{module}:{name}" in scopes.DESCRIPTIONS
        if path.suffix == ".py" and ("/" in module or path.exists()) and name != "py" and not is_scope:
            assert name.split(".")[-1] in _list_definitions(path), (page, module, name)


def test_tests_named_in_contributing_exist() -> None:
    names = set(re.findall(r"`(test_\w+)`", read_text(PROJECT / "CONTRIBUTING.md")))
    texts = (path.read_text(encoding="utf-8") for path in (PROJECT / "tests").rglob("test_*.py"))
    defined = {name for text in texts for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)}
    assert names
    assert names <= defined


@cache
def _list_definitions(module: Path) -> set[str]:
    nodes = ast.walk(ast.parse(module.read_text(encoding="utf-8")))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in nodes if isinstance(node, kinds)}


def test_pages_named_in_code_exist() -> None:
    names = {
        (path.name, page)
        for path in list_python_files()
        for page in re.findall(r"docs/[\w./-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert names
    assert not [(name, page) for name, page in names if not (PROJECT / page).exists()]


def test_where_to_change_table_names_existing_files() -> None:
    page = read_text(PROJECT / "docs" / "architecture.md")
    section = page.split("\n## Where do I change ...?\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| `([^`]+)` \| (.+) \|$", section, re.MULTILINE)
    assert len(rows) == len({change for change, *_ in rows}) == 20
    names = [name for _, first, rest in rows for name in (first, *re.findall(r"`([\w/.-]+/[\w.-]+)`", rest))]
    assert not [name for name in names if not (PROJECT / name).is_file()]


def test_package_table_is_complete() -> None:
    page = read_text(PROJECT / "docs" / "architecture.md")
    section = page.split("\n## Packages\n")[1].split("\n## ")[0]
    names = set(re.findall(r"`([\w/]+)`", " ".join(re.findall(r"^\| (.+?) \|", section, re.MULTILINE))))
    assert not [name for name in names if not (PROJECT / name).is_dir()]
    packages = {
        str(path.parent.relative_to(PROJECT)) for app in APPS for path in PROJECT.glob(f"{app}/*/__init__.py")
    }
    assert packages - names <= {f"{app}/{name}" for app in APPS for name in ("management", "migrations")}


def test_decision_index_is_complete() -> None:
    folder = PROJECT / "docs" / "decisions"
    index = read_text(folder / "README.md")
    assert not [path.name for path in folder.glob("0*.md") if f"({path.name})" not in index]


def test_glossary_is_sorted_and_has_no_duplicates() -> None:
    terms = [row[0] for row in parse_table_rows(PROJECT / "docs" / "glossary.md")[1:]]
    assert terms == sorted(set(terms))


def test_glossary_explains_the_terms_of_the_code() -> None:
    meanings = {row[0]: row[1] for row in parse_table_rows(PROJECT / "docs" / "glossary.md")}
    assert not {*GLOSSARY_TERMS, *Visibility.values, *IndexState.values} - set(meanings)
    assert all(f"`{channel}`" in meanings["channel"] for channel in Channel)
