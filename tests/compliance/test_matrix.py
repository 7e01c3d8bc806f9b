"""docs/compliance.md says what the tests are marked with."""

from tests.compliance import matrix


def test_the_page_is_as_the_tests_are_marked() -> None:
    written = (matrix.PROJECT / "docs" / "compliance.md").read_text(encoding="utf-8")
    assert written == matrix.page(), "make it again: python -m tests.compliance.matrix > docs/compliance.md"
