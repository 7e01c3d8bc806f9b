"""Import (preview, start, undo) and export in a browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from memories.models import Memory
from tests.e2e.accessibility import check_page
from tests.e2e.test_first_walk import _sign_up
from tests.memories.portability.samples import files as samples

pytestmark = pytest.mark.browser
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


# A dropped folder, as browsers describe it: a reader returns its entries in groups, and none at the end.
DROP_FOLDER = """() => {
    const note = new File(["[2025-05-01] - I grow beans."], "dropped.txt", { type: "text/plain" });
    const entry = { isFile: true, name: "dropped.txt", file: (found) => found(note) };
    const groups = [[entry], []];
    const folder = { name: "Vault", createReader: () => ({ readEntries: (found) => found(groups.shift()) }) };
    const event = new Event("drop", { bubbles: true, cancelable: true });
    const items = [{ kind: "file", webkitGetAsEntry: () => folder }];
    Object.defineProperty(event, "dataTransfer", { value: { types: ["Files"], items } });
    document.querySelector("[data-drop]").dispatchEvent(event);
}"""


def _is_get(route: Route) -> bool:
    return route.request.method == "GET"


@pytest.mark.parametrize(
    ("size", "scheme"),
    [(PHONE, "dark"), (DESKTOP, "light")],
    ids=["phone", "desktop"],
)
def test_files_and_folders_are_previewed_imported_and_undone(
    page: Page, tmp_path: Path, size: dict[str, int], scheme: str
) -> None:
    page.set_viewport_size(size)  # type: ignore[arg-type]
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    zip_path = tmp_path / "chatgpt.zip"
    zip_path.write_bytes(samples.chatgpt_zip().read())
    folder = tmp_path / "Notes"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "config").write_text("[core]")
    (folder / "photo.png").write_bytes(b"\x89PNG\0")
    _sign_up(page)
    page.goto("/memories/import/")
    check_page(page)
    page.get_by_role("button", name="Preview import").click()
    expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("Choose a file or paste text.")
    page.get_by_role("main").get_by_role("alert").get_by_role("link", name="How to get an export").click()
    page.get_by_text("Google Keep", exact=True).click()
    expect(page.get_by_text("Notes and lists with their labels")).to_be_visible()
    check_page(page)
    page.get_by_label("Choose files").set_input_files(zip_path)
    page.get_by_label("Choose a folder").set_input_files(folder)
    page.evaluate(DROP_FOLDER)
    chosen = page.locator(".chosen li")
    expect(chosen).to_contain_text(["chatgpt.zip", "Notes/photo.png", "Vault/dropped.txt", "Not uploaded"])
    check_page(page)
    held: list[Route] = []  # not answered
    page.route(
        "**/memories/import/", lambda route: route.fallback() if _is_get(route) else held.append(route)
    )
    page.get_by_role("button", name="Preview import").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    check_page(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("progressbar")).to_be_hidden()
    held[0].abort()  # else it would be sent by `unroute`
    page.unroute("**/memories/import/")
    page.get_by_role("button", name="Preview import").click()
    expect(page.get_by_role("row", name="Vault/dropped.txt")).to_contain_text("1")
    expect(page.locator(".left-out li").filter(has_text="Notes/photo.png")).to_contain_text("images, sound")
    expect(page.locator(".sample")).to_contain_text("My cat is Tom.")
    assert not Memory.objects.exists()
    check_page(page)
    page.get_by_role("button", name="Import 5 memories").click()
    expect(page.get_by_text("5 memories imported.")).to_be_visible()
    check_page(page)
    page.get_by_role("link", name="Go to memories").click()
    expect(page.locator(".memory")).to_have_count(5)
    page.go_back()
    page.get_by_role("button", name="Undo import").click()
    expect(page.get_by_text("This import was undone.")).to_be_visible()
    assert Memory.objects.filter(deleted_at=None).count() == 0
    page.goto("/memories/export/")
    check_page(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download everything").click()
    assert download.value.suggested_filename.startswith("picard-everything-")


def test_import_works_without_javascript(page: Page, browser: Browser, site: str) -> None:
    _sign_up(page)
    context = browser.new_context(
        base_url=site, java_script_enabled=False, storage_state=page.context.storage_state()
    )
    plain_page = context.new_page()
    plain_page.goto("/memories/import/")
    plain_page.get_by_label("Or paste text").fill(samples.TRANSFER)
    plain_page.get_by_role("button", name="Preview import").click()
    plain_page.get_by_role("button", name="Import 3 memories").click()
    plain_page.get_by_role("button", name="Resume import").click()
    expect(plain_page.get_by_text("3 memories imported.")).to_be_visible()
    context.close()
