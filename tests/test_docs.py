"""The documentation says what the code does: whatever is set, called or answered by name stands in both."""

import ast
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
from memories.portability.readers.detect import IMPORT_FORMATS
from picard.config.paths import PROJECT

APPS = ("accounts", "core", "memories", "oauth", "picard")
CONFIGURATION = PROJECT / "docs" / "configuration.md"
ELSEWHERE = {".venv", "build", "node_modules", "staticfiles"}  # pages in there are not ours
TYPES = {"str": "text", "int": "integer", "float": "number", "bool": "boolean", "list": "list", "db": "URL"}
COMPUTED = object()  # a default that only the running code knows
# Terms of the code that mean something specific in Picard: docs/glossary.md explains each one.
GLOSSARY_TERMS = {
    *("actor", "channel", "data key", "embedding space", "expired", "grant", "handle", "hit", "master key"),
    *("memory", "passage", "persona", "proposal", "revision", "rotation", "sealed", "source", "token"),
}


def pages() -> list[Path]:
    found = PROJECT.rglob("*.md")
    return sorted(
        path
        for path in found
        if not any(part in ELSEWHERE or part.startswith(".") for part in path.relative_to(PROJECT).parts)
    )


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def rows_of(page: Path) -> list[list[str]]:
    """The rows of all its tables, each as its cells."""
    lines = [line.strip() for line in text_of(page).splitlines()]
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")
    ]


def named_in_first_cells(page: Path) -> set[str]:
    """What stands in backticks in the first column of its tables, up to the first blank."""
    return {word for row in rows_of(page) for word in re.findall(r"`([^` ]+)[^`]*`", row[0])}


def sources() -> Iterator[Path]:
    yield PROJECT / "manage.py"
    for package in APPS:
        yield from sorted((PROJECT / package).rglob("*.py"))


# --- Settings -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Variable:
    """What the code reads from the environment. type: in the words of the page, empty where the code has none."""

    name: str
    type: str = ""
    default: Any = COMPUTED


@cache
def variables() -> dict[str, Variable]:
    """Of the code, and of the compose file, which takes some of its own from the same `.env`."""
    compose = text_of(PROJECT / "docker-compose.yml")
    of_compose = {name: Variable(name) for name in re.findall(r"\$\{([A-Z_]+)", compose)}
    nodes = (node for path in sources() for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return of_compose | {variable.name: variable for node in nodes for variable in _read_by(node)}


def _read_by(node: ast.AST) -> Iterator[Variable]:
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
        yield Variable(ast.literal_eval(node.slice))
    if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
        return
    called, name = ast.unparse(node.func), str(node.args[0].value)
    if called in ("os.environ.get", "os.getenv"):
        yield Variable(name)
    elif called == "_load_secret":
        yield from (Variable(name), Variable(f"{name}_FILE"))
    elif called.startswith("env.") and (called := called.removeprefix("env.")) in {
        *TYPES,
        "email_url",
        "read_url",
    }:
        yield Variable(name, TYPES.get(called, "URL"), _default(node))


def _default(call: ast.Call) -> Any:
    given = [keyword.value for keyword in call.keywords if keyword.arg == "default"]
    try:
        return ast.literal_eval(given[0]) if given else COMPUTED
    except ValueError:
        return COMPUTED


def documented_variables() -> dict[str, list[str]]:
    rows = [row for row in rows_of(CONFIGURATION) if len(row) == 4]
    return {row[0].strip("`"): row for row in rows if re.fullmatch(r"`[A-Z_]+`", row[0])}


def example_variables() -> dict[str, str]:
    return dict(re.findall(r"^#?([A-Z][A-Z_]+)=(.*)$", text_of(PROJECT / ".env.example"), re.MULTILINE))


def test_every_variable_is_documented_and_none_besides() -> None:
    assert set(documented_variables()) == set(variables())


def test_every_variable_stands_in_the_example_commented_out() -> None:
    assert set(example_variables()) == set(variables())
    assert not re.findall(r"^[A-Z]", text_of(PROJECT / ".env.example"), re.MULTILINE)


@pytest.mark.parametrize("variable", variables().values(), ids=lambda variable: variable.name)
def test_type_and_default_are_as_documented(variable: Variable) -> None:
    _name, its_type, default, _meaning = documented_variables()[variable.name]
    assert not variable.type or its_type == variable.type
    if variable.default in ("", COMPUTED):
        return
    assert _literal(default.strip("`")) == variable.default
    assert _literal(example_variables()[variable.name]) == variable.default


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


# --- Fault codes, scopes, commands, targets ---------------------------------------------------------------


def test_every_fault_code_is_documented_and_none_besides() -> None:
    code = {
        found
        for path in sources()
        for found in re.findall(r"picard\.E\d{3}", path.read_text(encoding="utf-8"))
    }
    documented = [row[0] for row in rows_of(CONFIGURATION) if row[0].startswith("picard.E")]
    assert sorted(documented) == sorted(code)


def test_no_page_names_a_fault_that_does_not_exist() -> None:
    known = set(re.findall(r"\bE\d{3}\b", " ".join(row[0] for row in rows_of(CONFIGURATION))))
    for page in pages():
        assert set(re.findall(r"\bE\d{3}\b", text_of(page))) <= known, page


def test_every_scope_is_documented() -> None:
    documented = named_in_first_cells(PROJECT / "docs" / "architecture.md")
    assert {name for name in documented if ":" in name} == set(scopes.DESCRIPTIONS)


def our_commands() -> set[str]:
    return {name for name, app in get_commands().items() if str(app) in APPS}


def documented_commands() -> dict[str, str]:
    section = text_of(CONFIGURATION).split("\n## Commands\n")[1].split("\n## ")[0]
    found: dict[str, str] = {}
    for given in re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE):
        name = given.split()[0]
        found[name] = f"{found.get(name, '')} {given}"
    return found


def test_every_command_is_documented_and_none_besides() -> None:
    assert set(documented_commands()) == our_commands()


@pytest.mark.parametrize("name", sorted(our_commands() - {"migrate"}))
def test_every_option_of_a_command_is_documented(name: str) -> None:
    app = str(get_commands()[name])
    parser = load_command_class(app, name).create_parser("manage.py", name)
    djangos = {"-h", "--help", "--version", "--verbosity", "--settings", "--pythonpath", "--traceback"}
    djangos |= {"--no-color", "--force-color", "--skip-checks"}
    own = {action.option_strings[-1] for action in parser._actions if action.option_strings} - djangos
    acts = {act for action in parser._actions if action.dest == "act" for act in action.choices or ()}
    said = documented_commands()[name]
    assert not [option for option in own | acts if option not in said]


def make_targets() -> dict[str, str]:
    rules = re.findall(
        r"^([a-z][a-z-]*):(?!=)(.*)$", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    return dict(rules)


def test_every_make_target_says_what_it_does() -> None:
    assert make_targets()
    assert not [name for name, rest in make_targets().items() if "## " not in rest]


def targets_named_in(name: str) -> set[str]:
    return set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", text_of(PROJECT / name), re.MULTILINE))


def test_contributing_names_every_make_target_and_none_besides() -> None:
    assert targets_named_in("CONTRIBUTING.md") == set(make_targets())


def test_the_readme_names_only_make_targets_that_exist() -> None:
    assert {"run", "test"} <= targets_named_in("README.md") <= set(make_targets())


def test_every_mcp_tool_is_documented() -> None:
    assert set(TOOLS) <= named_in_first_cells(PROJECT / "docs" / "mcp.md")


def test_every_import_format_is_documented() -> None:
    [table, *_] = re.findall(r"(?:^\|.*\n)+", text_of(PROJECT / "docs" / "moving.md"), re.MULTILINE)
    assert len(table.splitlines()) - 2 == len(IMPORT_FORMATS)  # without the header


# --- Pages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" in target or target.startswith("mailto:"):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), target
        assert not anchor or anchor in _anchors(path), target


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_picture_of_the_readme_exists() -> None:
    named = re.findall(r'(?:src|srcset)="([^"]+)"', text_of(PROJECT / "README.md"))
    assert named
    assert not [name for name in named if not (PROJECT / name).exists()]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(
        rf"`((?:{'|'.join([*APPS, 'tests', 'docs', 'templates', 'static'])})/[\w./-]+)", text_of(page)
    )
    assert not [name for name in named if not list(PROJECT.glob(f"{name.rstrip('.')}*"))]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_function_that_a_page_names_exists(page: Path) -> None:
    """Written as `memories/fields.py:SealedTextField.seal`, or within that app as `indexing.store_words`."""
    for module, name in re.findall(r"`([\w/]+(?:\.py)?)[.:]([A-Za-z_.]+)[^`]*`", text_of(page)):
        path = (
            PROJECT / module if "/" in module else PROJECT / "memories" / f"{module.removesuffix('.py')}.py"
        )
        is_scope = f"{module}:{name}" in scopes.DESCRIPTIONS
        if path.suffix == ".py" and ("/" in module or path.exists()) and name != "py" and not is_scope:
            assert name.split(".")[-1] in _defined_in(path), f"{module}: {name}"


@cache
def _defined_in(module: Path) -> set[str]:
    nodes = ast.walk(ast.parse(module.read_text(encoding="utf-8")))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in nodes if isinstance(node, kinds)}


def test_code_names_only_pages_that_exist() -> None:
    named = {
        (path.name, page)
        for path in sources()
        for page in re.findall(r"docs/[\w./-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert named
    assert not [(name, page) for name, page in named if not (PROJECT / page).exists()]


def test_where_to_change_what_names_files_that_exist() -> None:
    page = text_of(PROJECT / "docs" / "architecture.md")
    section = page.split("\n## Where do I change ...?\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| `([^`]+)` \| (.+) \|$", section, re.MULTILINE)
    assert len(rows) == len({change for change, *_ in rows}) == 20
    named = [name for _, first, rest in rows for name in (first, *re.findall(r"`([\w/.-]+/[\w.-]+)`", rest))]
    assert not [name for name in named if not (PROJECT / name).is_file()]


def test_every_package_is_in_the_table_of_packages() -> None:
    page = text_of(PROJECT / "docs" / "architecture.md")
    section = page.split("\n## Packages\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`([\w/]+)`", " ".join(re.findall(r"^\| (.+?) \|", section, re.MULTILINE))))
    assert not [name for name in named if not (PROJECT / name).is_dir()]
    packages = {
        str(path.parent.relative_to(PROJECT)) for app in APPS for path in PROJECT.glob(f"{app}/*/__init__.py")
    }
    assert packages - named <= {f"{app}/{name}" for app in APPS for name in ("management", "migrations")}


def test_every_decision_is_in_the_index() -> None:
    folder = PROJECT / "docs" / "decisions"
    index = text_of(folder / "README.md")
    assert not [path.name for path in folder.glob("0*.md") if f"({path.name})" not in index]


def test_the_glossary_is_sorted_and_explains_each_word_once() -> None:
    words = [row[0] for row in rows_of(PROJECT / "docs" / "glossary.md")[1:]]
    assert words == sorted(set(words))


def test_the_glossary_explains_the_terms_of_the_code() -> None:
    meanings = {row[0]: row[1] for row in rows_of(PROJECT / "docs" / "glossary.md")}
    assert not {*GLOSSARY_TERMS, *Visibility.values, *IndexState.values} - set(meanings)
    assert all(f"`{channel}`" in meanings["channel"] for channel in Channel)
