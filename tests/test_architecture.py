"""The rules of docs/architecture.md that can be read off the code: who imports whom, and what every table has."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
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
DOORS = ("memories.api", "memories.web", "memories.mcp", "memories.admin", "memories.management")
NOT_FOR_THE_DOMAIN = (
    *DOORS, "oauth", "picard", "oauth2_provider", "rest_framework", "allauth", "mcp",
    "django.http", "django.views", "django.shortcuts", "django.urls", "django.forms", "django.template",
)  # fmt: skip
HEAVY = ("langchain", "langchain_core", "langchain_openai", "openai", "onnxruntime", "numpy", "tokenizers")
PROVIDERS = (
    "memories.providers.embeddings_local",
    "memories.providers.embeddings_openai",
)  # imported when a text is embedded
MAX_DOMAIN_LINES = 300
MAX_FILES_IN_FOLDER = 16
ALLOWED_ING_NAMES = {"logging", "onboarding", "ranking"}  # nouns of the field
# A package's own modules that may import everything below it; __init__ may, too.
ENTRY_MODULES = ("urls", "admin", "apps", "signals")
MAX_SHARE_OF_ANY = 0.05  # of all annotations


# --- Who imports whom -----------------------------------------------------------------------------------


def modules(*packages: str) -> list[str]:
    paths = (path for package in packages for path in (PROJECT / package).rglob("*.py"))
    names = (
        ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__") for path in paths
    )
    return sorted(name for name in names if ".migrations" not in name)


def domain() -> list[str]:
    return [name for name in modules("memories") if not is_in(name, DOORS)]


def is_in(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def path_of(module: str) -> Path:
    path = PROJECT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(path_of(module).read_text(encoding="utf-8"))


def imported_by(module: str) -> set[str]:
    """Every module that is imported anywhere in it; `from a import b` counts as a and as a.b."""
    return {name for node in ast.walk(tree_of(module)) for name in _names(node)}


def imported_at_once_by(module: str) -> set[str]:
    """What importing the module imports: not what stands in functions, nor under TYPE_CHECKING."""
    return {name for node in _run_at_import(tree_of(module).body) for name in _names(node)}


def _run_at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _run_at_import(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in ("body", "orelse", "finalbody"):
                yield from _run_at_import(getattr(node, part, []))


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        yield str(node.module)
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def wrong(names: set[str], *packages: str) -> set[str]:
    return {name for name in names if is_in(name, packages)}


def packages() -> list[str]:
    return [name for name in modules(*PACKAGES) if path_of(name).name == "__init__.py"]


def imports_among_children(package: str) -> dict[str, set[str]]:
    """Map each module and subpackage directly in the package ("" for the project) to the siblings it imports."""
    prefix = f"{package}." if package else ""
    known = set(modules(*PACKAGES)) - {package}
    graph: dict[str, set[str]] = {}
    for module in known:
        child = module.removeprefix(prefix).partition(".")[0]
        is_entry = package != "" and module in {f"{prefix}{name}" for name in ENTRY_MODULES}
        if module.startswith(prefix) and not is_entry:
            imported = {
                name.removeprefix(prefix).partition(".")[0]
                for name in imported_by(module) & known
                if name.startswith(prefix)
            }
            graph.setdefault(child, set()).update(imported - {child})
    return graph


@pytest.mark.parametrize("package", ["", *packages()])
def test_siblings_do_not_import_each_other_in_a_circle(package: str) -> None:
    try:
        TopologicalSorter(imports_among_children(package)).prepare()
    except CycleError as error:
        pytest.fail(f"circular imports in {package or 'the project'}: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("module", modules("core"))
def test_core_imports_no_other_package_of_ours(module: str) -> None:
    assert not wrong(imported_by(module), *APPS, "benchmarks")


def test_core_has_no_models() -> None:
    assert not apps.is_installed("core")
    assert not [model for model in apps.get_models() if is_in(model.__module__, ("core",))]


@pytest.mark.parametrize("module", modules("accounts"))
def test_accounts_imports_only_core(module: str) -> None:
    assert not wrong(imported_by(module), "oauth", "memories", "picard")


@pytest.mark.parametrize("module", modules("oauth"))
def test_oauth_imports_only_accounts_and_core(module: str) -> None:
    assert not wrong(imported_by(module), "memories", "picard")


@pytest.mark.parametrize("module", modules("memories"))
def test_memories_does_not_import_picard(module: str) -> None:
    assert not wrong(imported_by(module), "picard")


@pytest.mark.parametrize("module", modules("core", *APPS))
def test_no_product_code_imports_benchmarks(module: str) -> None:
    assert not wrong(imported_by(module), "benchmarks")


@pytest.mark.parametrize("module", domain())
def test_the_domain_knows_no_door(module: str) -> None:
    assert not wrong(imported_by(module), *NOT_FOR_THE_DOMAIN)


@pytest.mark.parametrize("module", [name for name in modules("memories") if is_in(name, DOORS)])
def test_doors_know_the_domain_and_not_each_other(module: str) -> None:
    others = tuple(door for door in DOORS if not is_in(module, (door,)))
    assert not wrong(imported_by(module), *others)


@pytest.mark.parametrize("module", modules(*APPS))
def test_what_is_heavy_is_imported_when_it_is_used(module: str) -> None:
    forbidden: tuple[str, ...] = HEAVY + PROVIDERS
    if module in PROVIDERS:
        forbidden = tuple(name for name in HEAVY if name != "langchain_core")  # the class they are made of
    assert not wrong(imported_at_once_by(module), *forbidden)


@pytest.mark.parametrize("module", modules(*APPS))
def test_nothing_is_imported_by_a_star(module: str) -> None:
    assert not {name for name in imported_by(module) if name.endswith(".*")}


@pytest.mark.parametrize("module", domain())
def test_a_domain_module_holds_one_topic(module: str) -> None:
    assert len(path_of(module).read_text(encoding="utf-8").splitlines()) <= MAX_DOMAIN_LINES


def annotations_of(module: str) -> Iterator[ast.expr]:
    """The annotations of the module's parameters, returns and assigned names."""
    for node in ast.walk(tree_of(module)):
        found: ast.expr | None = None
        if isinstance(node, ast.arg | ast.AnnAssign):
            found = node.annotation
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found = node.returns
        if found is not None:
            yield found


@pytest.mark.parametrize("packages", [PACKAGES, ("core", *APPS)], ids=["all", "without benchmarks"])
def test_few_annotations_contain_any(packages: tuple[str, ...]) -> None:
    """At most 5 % of the annotations contain Any, with and without the benchmarks."""
    annotations = [each for module in modules(*packages) for each in annotations_of(module)]
    with_any = [each for each in annotations if re.search(r"\bAny\b", ast.unparse(each))]
    assert len(with_any) <= MAX_SHARE_OF_ANY * len(annotations)


@pytest.mark.parametrize("module", modules(*APPS))
def test_the_owner_of_a_row_never_changes(module: str) -> None:
    assigned = (node for node in ast.walk(tree_of(module)) if isinstance(node, ast.Attribute))
    assert not [
        node for node in assigned if node.attr in ("owner", "owner_id") and isinstance(node.ctx, ast.Store)
    ]


def test_setting_up_django_loads_nothing_heavy() -> None:
    asks = f"import sys, django; django.setup(); print([name for name in {HEAVY} if name in sys.modules])"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "picard.settings", "EMBEDDING_PROVIDER": "local"}
    answer = subprocess.run(
        [sys.executable, "-c", asks], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


# --- How files are named and grouped ----------------------------------------------------------------------


@pytest.mark.parametrize("package", packages())
def test_a_folder_has_at_most_sixteen_python_files(package: str) -> None:
    folder = path_of(package).parent
    assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= MAX_FILES_IN_FOLDER


def test_module_names_are_nouns_not_gerunds() -> None:
    names = {name.rpartition(".")[2] for name in modules(*PACKAGES)}
    assert {name for name in names if name.endswith("ing")} <= ALLOWED_ING_NAMES


@pytest.mark.parametrize("package", [name for name in packages() if name != "memories.models"])
def test_package_init_files_are_empty(package: str) -> None:
    assert path_of(package).read_text(encoding="utf-8") == ""


# --- What every table has -------------------------------------------------------------------------------

OWNERLESS = {"EmbeddingSpace"}  # the server's own
TABLES = [model for model in apps.get_models() if model._meta.app_label in APPS]
OWNED = [model for model in apps.get_app_config("memories").get_models() if model.__name__ not in OWNERLESS]
SEALED = [
    (model, field)
    for model in TABLES
    for field in model._meta.get_fields()
    if isinstance(field, SealedTextField | StrictEncryptedTextField)
]


def name_of(given: object) -> str:
    return given.__name__ if isinstance(given, type) else str(given)


def is_owned(model: type[models.Model]) -> bool:
    return any(field.name == "owner" for field in model._meta.get_fields())


@pytest.mark.parametrize("model", OWNED, ids=name_of)
def test_every_owned_table_carries_its_owner(model: type[models.Model]) -> None:
    owner = model._meta.get_field("owner")
    assert isinstance(owner, models.ForeignKey)
    assert owner.related_model is User
    assert not owner.null


@pytest.mark.parametrize("model", OWNED, ids=name_of)
def test_unique_constraints_start_with_the_owner(model: type[models.Model]) -> None:
    unique = [each for each in model._meta.constraints if isinstance(each, models.UniqueConstraint)]
    assert all(each.fields and each.fields[0] == "owner" for each in unique)
    assert not [field for field in model._meta.fields if field.unique and not field.primary_key]


@pytest.mark.parametrize("model", OWNED, ids=name_of)
def test_ids_that_people_see_are_made_before_the_row(model: type[models.Model]) -> None:
    key = model._meta.pk
    if not isinstance(key, models.CompositePrimaryKey):
        assert isinstance(key, models.UUIDField)
        assert model().pk.version == 7


@pytest.mark.parametrize(("model", "field"), SEALED, ids=name_of)
@pytest.mark.parametrize("lookup", ["exact", "in", "contains", "gt", "regex"])
def test_no_query_can_ask_for_what_is_sealed(model: type[models.Model], field: Any, lookup: str) -> None:
    with pytest.raises(FieldError):
        str(model._default_manager.filter(**{f"{field.name}__{lookup}": ["x"]}).query)


@pytest.mark.parametrize(("model", "field"), SEALED, ids=name_of)
def test_what_is_sealed_is_in_no_index(model: type[models.Model], field: Any) -> None:
    indexed = {name for index in model._meta.indexes for name in (*index.fields, *(index.include or ()))}
    assert field.name not in indexed
    assert not field.db_index
    assert not field.unique


def test_sealed_rows_know_their_owner() -> None:
    assert SEALED
    assert all(is_owned(model) for model, field in SEALED if isinstance(field, SealedTextField))


def test_there_is_no_approximate_index_over_all_owners() -> None:
    """The planner would choose it, and half of the answers would be missing."""
    for model in TABLES:
        approximate = [each for each in model._meta.indexes if isinstance(each, HnswIndex | IvfflatIndex)]
        assert all("owner" in str(each.condition) for each in approximate)
    for (label, _name), migration in MigrationLoader(None).disk_migrations.items():
        if label in APPS:
            source = str(sys.modules[migration.__module__].__file__)
            assert "using hnsw" not in Path(source).read_text(encoding="utf-8").lower()
