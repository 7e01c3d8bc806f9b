"""The Insights page: its charts, their tables, and what it says where there is nothing to draw."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone, translation

from accounts.actor import Channel
from accounts.ids import new_id_at
from accounts.models import User
from memories.models import AuditAction, AuditEvent, IndexState, Memory
from memories.web.charts import HEIGHT, WIDTH, Series, build_bars, build_line
from tests.factories import remember
from tests.oauth.flows import make_app

PAGE = "/memories/insights/"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def get_page(client: Client, query: str = "") -> str:
    response = client.get(PAGE + query)
    assert response.status_code == 200
    return response.content.decode()


def get_section(html: str, heading: str) -> str:
    [section] = re.findall(rf'<section[^>]*aria-labelledby="{heading}-heading".*?</section>', html, re.DOTALL)
    return str(section)


def list_rows(section: str) -> list[list[str]]:
    """Return the cells of the rows of all tables."""
    rows = re.findall(r"<tr>(.*?)</tr>", section, re.DOTALL)
    return [re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", row) for row in rows]


def use(user: User, client_id: str, days: int, action: AuditAction = AuditAction.MEMORY_READ) -> None:
    moment = timezone.now() - timedelta(days=days)
    AuditEvent.objects.create(
        id=new_id_at(moment),
        owner=user,
        actor_id=user.pk,
        door=Channel.MCP,
        client_id=client_id,
        action=action,
        memory_ids=[new_id_at(moment)],
        happened_at=moment,
    )


def test_without_memories_each_section_says_what_to_do(ada_client: Client) -> None:
    html = get_page(ada_client)
    assert "<figure" not in html
    assert 'href="/memories/new/"' in get_section(html, "growth")
    assert 'href="/connect/"' in get_section(html, "activity")
    assert "Add tags to a memory" in get_section(html, "tags")
    assert "once two memories are indexed" in get_section(html, "unsettled")


def test_one_memory_is_drawn(ada: User, ada_client: Client) -> None:
    remember(ada, "One.", tags=["home"])
    html = get_page(ada_client)
    assert html.count("<figure") == 3
    assert "1 in total" in get_section(html, "growth")


@pytest.mark.parametrize(
    ("query", "bars", "current"),
    [
        ("", 12, "12 months"),
        ("?range=30d", 30, "30 days"),
        ("?range=all", 12, "All time"),
        ("?range=x", 12, "12 months"),
    ],
)
def test_range_is_part_of_the_url(ada: User, ada_client: Client, query: str, bars: int, current: str) -> None:
    remember(ada, "One.")
    html = get_page(ada_client, query)
    assert re.findall(r'<a href="\?range=\w+" aria-current="true">([^<]+)</a>', html) == [current]
    assert len(list_rows(get_section(html, "growth"))) == 2 * (bars + 1)


def test_table_has_the_numbers_of_the_chart(ada: User, ada_client: Client) -> None:
    for days, count in ((2, 1), (1, 3)):
        for number in range(count):
            memory = remember(ada, f"{days} {number}.")
            Memory.objects.filter(pk=memory.pk).update(created_at=timezone.now() - timedelta(days=days))
    section = get_section(get_page(ada_client, "?range=30d"), "growth")
    rows = list_rows(section)
    assert [row[1] for row in rows[1:31]][-4:] == ["0", "1", "3", "0"]
    assert [row[1] for row in rows[32:]][-4:] == ["0", "1", "4", "4"]
    hints = re.findall(r"<title>([^<]+): (\d+)</title>", section)
    assert [tuple(row) for row in rows[1:31] if row[1] != "0"] == hints[:2]


def test_activity_names_apps_and_leads_to_their_pages(ada: User, ada_client: Client) -> None:
    made = make_app(name="Notebook")
    made.connect(ada)
    for _ in range(3):
        use(ada, made.application.client_id, 1)
    use(ada, made.application.client_id, 1, AuditAction.MEMORY_CREATE)
    use(ada, "gone", 1)
    section = get_section(get_page(ada_client), "activity")
    assert re.search(r'<a href="/accounts/apps/[^"]+" dir="auto">Notebook</a>', section)
    assert "4 in total" in section
    assert "1 in total" in section
    assert '<span dir="auto">gone</span>' in section


def test_many_apps_are_stacked_as_the_most_active_and_the_others(ada: User, ada_client: Client) -> None:
    for number in range(8):
        for _ in range(number + 1):
            use(ada, f"app {number}", 1)
    section = get_section(get_page(ada_client), "activity")
    header = list_rows(section)[0]
    assert header == ["Month", "app 7", "app 6", "app 5", "app 4", "Other apps"]
    assert f'Other apps</span><span class="legend-count">{4 + 3 + 2 + 1}</span>' in section


def test_tags_lead_to_the_list(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "One.", tags=["<b>home"])
    section = get_section(get_page(ada_client), "tags")
    assert f'href="/memories/?tag={memory.tags.get().pk}" dir="auto">&lt;b&gt;home</a>' in section


def test_duplicates_lead_to_the_page_that_settles_them(
    ada: User, ada_client: Client, index: Callable[[], int], settings: Any
) -> None:
    settings.EMBEDDING_PROVIDER = "tests.providers.WordHashes"
    remember(ada, "My dog likes long walks.")
    newer = remember(ada, "My dog likes long walks!")
    index()
    section = get_section(get_page(ada_client), "unsettled")
    assert "1 pair of memories" in section
    assert f'href="/memories/{newer.pk}/#similar"' in section
    assert 'id="similar"' in ada_client.get(f"/memories/{newer.pk}/").content.decode()


def test_index_shows_what_is_indexed_and_in_which_language(ada: User, ada_client: Client) -> None:
    for state in IndexState:
        memory = remember(ada, f"{state}.")
        Memory.objects.filter(pk=memory.pk).update(index_state=state)
    section = " ".join(re.sub(r"<[^>]+>", " ", get_section(get_page(ada_client), "index")).split())
    for text in ("Indexed 1", "Indexing 1", "Failed 1", "English 1"):
        assert text in section


def test_page_is_small_and_has_few_queries(
    ada: User, ada_client: Client, django_assert_max_num_queries: Any
) -> None:
    """The longest tables: 30 days, all series, large numbers, and no inline style."""
    for number in range(12):
        memory = remember(
            ada, f"{number}.", tags=[f"a rather long name of tag {tag}" for tag in range(number)]
        )
        Memory.objects.filter(pk=memory.pk).update(created_at=timezone.now() - timedelta(days=number))
        for days in range(29):
            use(ada, f"a rather long name of app {number}", days)
            use(ada, f"a rather long name of app {number}", days, AuditAction.MEMORY_CREATE)
    with django_assert_max_num_queries(16):  # of these, one charges the work of slow requests
        html = get_page(ada_client, "?range=30d")
    assert "style=" not in html
    assert len(html) < 55_000


# --- Shapes -----------------------------------------------------------------------------------------------

TIMES = [f"day {number}" for number in range(5)]


def test_bars_are_as_high_as_their_numbers_and_stacked() -> None:
    series = [Series("a", [1, 2, 0, 4, 8]), Series("b", [1, 0, 0, 0, 2])]
    chart = build_bars("n", "t", "d", series=series, times=TIMES)
    bars = [list(map(float, NUMBER.findall(part))) for part in chart.shapes[0].path.split("z") if part]
    assert [round(bar[3] / bars[0][3]) for bar in bars] == [1, 2, 4, 8]
    [first, last] = [
        list(map(float, NUMBER.findall(part))) for part in chart.shapes[1].path.split("z") if part
    ]
    assert first[1] < bars[0][1]
    assert last[0] == bars[-1][0]
    assert [label.text for label in chart.labels[:3]] == ["0", "5", "10"]


@pytest.mark.parametrize("counts", [[0], [1], [10**9, 1], [0] * 60, list(range(400))])
def test_shapes_stay_within_the_chart(counts: list[int]) -> None:
    times = [str(place) for place in range(len(counts))]
    for chart in (
        build_bars("n", "t", "d", series=[Series("a", counts)], times=times),
        build_line("n", "t", "d", series=Series("a", counts), times=times),
    ):
        corners = re.findall(r"[ML]([\d.]+) ([\d.]+)", "".join(shape.path for shape in chart.shapes))
        assert all(0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT for x, y in corners)


def test_time_goes_from_right_to_left_in_such_languages() -> None:
    with translation.override("ar"):
        chart = build_bars("n", "t", "d", series=[Series("a", [1, 0, 0, 0, 1])], times=TIMES)
    first, last = [float(NUMBER.findall(part)[0]) for part in chart.shapes[0].path.split("z") if part]
    assert first > last
    assert float(chart.labels[0].x) > chart.right


def test_numbers_are_written_as_in_the_language() -> None:
    with translation.override("de"):
        chart = build_line("n", "t", "d", series=Series("a", [1_000, 20_000]), times=["a", "b"])
    assert [label.text for label in chart.labels[:3]] == ["0", "10.000", "20.000"]
    assert chart.hints[1].text == "b: 20.000"
