"""docs/compliance.md matches the marks of the tests."""

from tests.compliance import matrix


def test_compliance_page_is_up_to_date() -> None:
    stored = (matrix.PROJECT / "docs" / "compliance.md").read_text(encoding="utf-8")
    assert stored == matrix.render_page(), (
        "regenerate it: python -m tests.compliance.matrix > docs/compliance.md"
    )
