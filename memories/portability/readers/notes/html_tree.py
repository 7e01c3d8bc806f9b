"""Find elements of HTML by their classes."""

from lxml import etree, html

from memories.portability.files.json_stream import make_entry_too_large_error

MAX_TREE_CHARACTERS = 8_000_000  # a tree takes several times this


def parse_html(text: str) -> html.HtmlElement:
    """Return the root of a document, also of an empty one. Raises ValidationError for one that is too large."""
    if len(text) > MAX_TREE_CHARACTERS:
        raise make_entry_too_large_error()
    parser = html.HTMLParser(no_network=True, huge_tree=False, encoding="utf-8")
    try:
        root = html.document_fromstring(
            text.replace("\0", "").encode("utf-8", "replace") or b"<p>", parser=parser
        )
    except etree.ParserError:
        return html.document_fromstring(b"<p>")
    return root


def find_all(root: html.HtmlElement, class_name: str) -> list[html.HtmlElement]:
    """Return the elements below that have a class."""
    return [
        each
        for each in root.iter()
        if isinstance(each.tag, str) and class_name in each.get("class", "").split()
    ]


def find_text(root: html.HtmlElement, class_name: str) -> str:
    """Return the text of the first element that has a class, as one line."""
    found = find_all(root, class_name)
    return " ".join(found[0].text_content().split()) if found else ""


def to_html(element: html.HtmlElement) -> str:
    return etree.tostring(element, encoding="unicode", method="html", with_tail=False)
