"""The rules of docs/architecture.md that static checks can hold: imports, names and the columns of tables."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import FieldError
from django.db import models
from django.db.migrations.loader import MigrationLoader
from pgvector.django import HnswIndex, IvfflatIndex

from accounts.fields import StrictEncryptedTextField
from accounts.models import User
from memories.fields import SealedTextField
from picard.config.paths import PROJECT

APPS = ("accounts", "oauth", "memories", "picard")
PACKAGES = ("core", *APPS, "benchmarks")
CHANNELS = ("memories.api", "memories.web", "memories.mcp", "memories.admin", "memories.management")
FORBIDDEN_IN_DOMAIN = (
    *CHANNELS, "oauth", "picard", "oauth2_provider", "rest_framework", "allauth", "mcp",
    "django.http", "django.views", "django.shortcuts", "django.urls", "django.forms", "django.template",
)  # fmt: skip
HEAVY = ("langchain", "langchain_core", "langchain_openai", "openai", "onnxruntime", "numpy", "tokenizers")
PROVIDERS = (
    "memories.providers.embeddings_local",
    "memories.providers.embeddings_multilingual",
    "memories.providers.embeddings_openai",
)  # imported when the first text is embedded
MAX_DOMAIN_LINES = 300
MAX_FILES_IN_FOLDER = 16
ALLOWED_ING_NAMES = {"logging", "onboarding", "ranking"}  # nouns of the field
# Modules of a package that may import everything below it; __init__ may, too.
ENTRY_MODULES = ("urls", "admin", "apps", "signals")
MAX_SHARE_OF_ANY = 0.05  # of all annotations


# --- Imports -----------------------------------------------------------------------------------


@cache
def list_modules(*names: str) -> list[str]:
    paths = (path for package in names for path in (PROJECT / package).rglob("*.py"))
    dotted = (
        ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__") for path in paths
    )
    return sorted(name for name in dotted if ".migrations" not in name)


def list_domain_modules() -> list[str]:
    return [name for name in list_modules("memories") if not is_in(name, CHANNELS)]


def is_in(name: str, parents: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in parents)


def get_path(module: str) -> Path:
    path = PROJECT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def parse_module(module: str) -> ast.Module:
    return ast.parse(get_path(module).read_text(encoding="utf-8"))


@cache
def get_imports(module: str) -> frozenset[str]:
    """Return every module imported anywhere in this module; `from a import b` counts as a and a.b."""
    return frozenset(name for node in ast.walk(parse_module(module)) for name in _imported_names(node))


def get_imports_at_load(module: str) -> frozenset[str]:
    """Return what the module imports when it is loaded: not in functions or under TYPE_CHECKING."""
    return frozenset(
        name
        for node in _iterate_load_time_statements(parse_module(module).body)
        for name in _imported_names(node)
    )


def _iterate_load_time_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _iterate_load_time_statements(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in ("body", "orelse", "finalbody"):
                yield from _iterate_load_time_statements(getattr(node, part, []))


def _imported_names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        yield str(node.module)
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def find_forbidden(modules: Iterable[str], *forbidden: str) -> dict[str, set[str]]:
    """Return by module what it imports of the forbidden packages, if anything."""
    found = {module: {name for name in get_imports(module) if is_in(name, forbidden)} for module in modules}
    return {module: names for module, names in found.items() if names}


def list_packages() -> list[str]:
    return [name for name in list_modules(*PACKAGES) if get_path(name).name == "__init__.py"]


def map_sibling_imports(package: str) -> dict[str, set[str]]:
    """Map each module and subpackage directly in the package ("" for the project) to the siblings it imports."""
    prefix = f"{package}." if package else ""
    all_modules = set(list_modules(*PACKAGES)) - {package}
    graph: dict[str, set[str]] = {}
    for module in all_modules:
        child = module.removeprefix(prefix).partition(".")[0]
        is_entry = package != "" and module in {f"{prefix}{name}" for name in ENTRY_MODULES}
        if module.startswith(prefix) and not is_entry:
            imported = {
                name.removeprefix(prefix).partition(".")[0]
                for name in get_imports(module) & all_modules
                if name.startswith(prefix)
            }
            graph.setdefault(child, set()).update(imported - {child})
    return graph


def test_siblings_have_no_circular_imports() -> None:
    for package in ("", *list_packages()):
        try:
            TopologicalSorter(map_sibling_imports(package)).prepare()
        except CycleError as error:
            pytest.fail(f"circular imports in {package or 'the project'}: {' <- '.join(error.args[1])}")


def test_core_imports_no_other_package() -> None:
    assert find_forbidden(list_modules("core"), *APPS, "benchmarks") == {}


def test_core_has_no_models() -> None:
    assert not apps.is_installed("core")
    assert not [model for model in apps.get_models() if is_in(model.__module__, ("core",))]


def test_accounts_imports_only_core() -> None:
    assert find_forbidden(list_modules("accounts"), "oauth", "memories", "picard") == {}


def test_oauth_imports_only_accounts_and_core() -> None:
    assert find_forbidden(list_modules("oauth"), "memories", "picard") == {}


def test_memories_does_not_import_picard() -> None:
    assert find_forbidden(list_modules("memories"), "picard") == {}


def test_no_product_code_imports_benchmarks() -> None:
    assert find_forbidden(list_modules("core", *APPS), "benchmarks") == {}


def test_domain_imports_no_channel() -> None:
    assert find_forbidden(list_domain_modules(), *FORBIDDEN_IN_DOMAIN) == {}


@pytest.mark.parametrize("channel", CHANNELS)
def test_channels_do_not_import_each_other(channel: str) -> None:
    others = (each for each in CHANNELS if each != channel)
    assert (
        find_forbidden((name for name in list_modules("memories") if is_in(name, (channel,))), *others) == {}
    )


def test_heavy_libraries_are_imported_lazily() -> None:
    def find_heavy(module: str) -> set[str]:
        forbidden = HEAVY if module in PROVIDERS else HEAVY + PROVIDERS
        return {name for name in get_imports_at_load(module) if is_in(name, forbidden)}

    assert {module: names for module in list_modules(*APPS) if (names := find_heavy(module))} == {}


def test_no_star_imports() -> None:
    assert [
        name for name in list_modules(*APPS) if any(each.endswith(".*") for each in get_imports(name))
    ] == []


def test_domain_modules_are_short() -> None:
    lines = {name: get_path(name).read_text(encoding="utf-8").count("\n") for name in list_domain_modules()}
    assert {name: count for name, count in lines.items() if count > MAX_DOMAIN_LINES} == {}


def get_annotations(module: str) -> Iterator[ast.expr]:
    """Yield the annotations of parameters, return values and variables."""
    for node in ast.walk(parse_module(module)):
        annotation: ast.expr | None = None
        if isinstance(node, ast.arg | ast.AnnAssign):
            annotation = node.annotation
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            annotation = node.returns
        if annotation is not None:
            yield annotation


@pytest.mark.parametrize("names", [PACKAGES, ("core", *APPS)], ids=["all", "without benchmarks"])
def test_few_annotations_contain_any(names: tuple[str, ...]) -> None:
    """At most 5 % of the annotations contain Any, with and without the benchmarks."""
    annotations = [each for module in list_modules(*names) for each in get_annotations(module)]
    with_any = [each for each in annotations if re.search(r"\bAny\b", ast.unparse(each))]
    assert len(with_any) <= MAX_SHARE_OF_ANY * len(annotations)


def test_no_code_assigns_an_owner() -> None:
    assigned = (
        (module, node.attr)
        for module in list_modules(*APPS)
        for node in ast.walk(parse_module(module))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    )
    assert [each for each in assigned if each[1] in ("owner", "owner_id")] == []


def test_django_setup_loads_no_heavy_library() -> None:
    code = f"import sys, django; django.setup(); print([name for name in {HEAVY} if name in sys.modules])"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "picard.settings", "EMBEDDING_PROVIDER": "local"}
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


# --- Names and folders ----------------------------------------------------------------------


def test_folder_has_at_most_sixteen_python_files() -> None:
    folders = (get_path(package).parent for package in list_packages())
    counts = {folder: len({*folder.glob("*.py")} - {folder / "__init__.py"}) for folder in folders}
    assert {folder: count for folder, count in counts.items() if count > MAX_FILES_IN_FOLDER} == {}


def test_module_names_are_nouns_not_gerunds() -> None:
    names = {name.rpartition(".")[2] for name in list_modules(*PACKAGES)}
    assert {name for name in names if name.endswith("ing")} <= ALLOWED_ING_NAMES


def test_package_init_files_are_empty() -> None:
    filled = [package for package in list_packages() if get_path(package).stat().st_size]
    assert filled == ["memories.models"]


# --- Tables -------------------------------------------------------------------------------

OWNERLESS = {"AuditSum", "EmbeddingSpace"}  # belong to the server
TABLES = [model for model in apps.get_models() if model._meta.app_label in APPS]
OWNED = [model for model in apps.get_app_config("memories").get_models() if model.__name__ not in OWNERLESS]
SEALED = [
    (model, field)
    for model in TABLES
    for field in model._meta.get_fields()
    if isinstance(field, SealedTextField | StrictEncryptedTextField)
]


def get_name(value: object) -> str:
    return value.__name__ if isinstance(value, type) else str(value)


def is_owned(model: type[models.Model]) -> bool:
    return any(field.name == "owner" for field in model._meta.get_fields())


@pytest.mark.parametrize("model", OWNED, ids=get_name)
def test_owned_tables_have_an_owner_column(model: type[models.Model]) -> None:
    owner = model._meta.get_field("owner")
    assert isinstance(owner, models.ForeignKey)
    assert owner.related_model is User
    assert not owner.null


@pytest.mark.parametrize("model", OWNED, ids=get_name)
def test_unique_constraints_start_with_the_owner(model: type[models.Model]) -> None:
    unique = [each for each in model._meta.constraints if isinstance(each, models.UniqueConstraint)]
    assert all(each.fields and each.fields[0] == "owner" for each in unique)
    assert not [field for field in model._meta.fields if field.unique and not field.primary_key]


@pytest.mark.parametrize("model", OWNED, ids=get_name)
def test_public_ids_are_generated_before_the_row(model: type[models.Model]) -> None:
    key = model._meta.pk
    if not isinstance(key, models.CompositePrimaryKey):
        assert isinstance(key, models.UUIDField)
        assert model().pk.version == 7


@pytest.mark.parametrize(("model", "field"), SEALED, ids=get_name)
@pytest.mark.parametrize("lookup", ["exact", "in", "contains", "gt", "regex"])
def test_encrypted_fields_cannot_be_queried(model: type[models.Model], field: Any, lookup: str) -> None:
    with pytest.raises(FieldError):
        str(model._default_manager.filter(**{f"{field.name}__{lookup}": ["x"]}).query)


@pytest.mark.parametrize(("model", "field"), SEALED, ids=get_name)
def test_encrypted_fields_are_not_indexed(model: type[models.Model], field: Any) -> None:
    indexed = {name for index in model._meta.indexes for name in (*index.fields, *(index.include or ()))}
    assert field.name not in indexed
    assert not field.db_index
    assert not field.unique


def test_encrypted_rows_have_an_owner() -> None:
    assert SEALED
    assert all(is_owned(model) for model, field in SEALED if isinstance(field, SealedTextField))


def test_no_approximate_index_spans_owners() -> None:
    """The planner would use it, and filtering by owner afterwards would drop half of the results."""
    for model in TABLES:
        approximate = [each for each in model._meta.indexes if isinstance(each, HnswIndex | IvfflatIndex)]
        assert all("owner" in str(each.condition) for each in approximate)
    for (label, _name), migration in MigrationLoader(None).disk_migrations.items():
        if label in APPS:
            source = str(sys.modules[migration.__module__].__file__)
            assert "using hnsw" not in Path(source).read_text(encoding="utf-8").lower()
