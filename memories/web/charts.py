"""Charts as SVG shapes, computed on the server: stacked bars, or a line. templates/components/chart.html draws them.

Numbers are whole and not negative. Coordinates are units of the view box. For right-to-left languages time goes from
right to left. Colours are classes of the style sheet, and each series has a pattern of its own besides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.formats import number_format
from django.utils.translation import get_language_bidi

WIDTH, HEIGHT = 340, 180
TOP, BOTTOM = 10, 24  # margins: half a line of text, and the labels of time
CHARACTER = 7.5  # width of a digit
TONES = 5  # in components/chart_patterns.html
STEPS = (2, 4, 6, 10)  # of the upper end of the axis, times a power of ten: their halves are whole


@dataclass(frozen=True)
class Series:
    """Numbers of one kind. tone: the number of its colour and pattern. url: where its name leads."""

    name: str
    counts: Sequence[int]
    tone: int = 0
    url: str = ""

    @property
    def total(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True)
class Label:
    """A text in a chart. anchor: which end of it is at x, in the direction of the language."""

    text: str
    x: str
    y: str
    anchor: str


@dataclass(frozen=True)
class Shape:
    """A path. text: a tooltip."""

    path: str
    tone: int = 0
    text: str = ""


@dataclass(frozen=True)
class Chart:
    """What the template draws, and the same numbers as a table."""

    name: str  # unique on the page
    title: str
    description: str
    series: Sequence[Series]
    lines: Sequence[str]  # y of the horizontal lines
    labels: Sequence[Label]
    shapes: Sequence[Shape]
    hints: Sequence[Shape]  # invisible, over the whole height, with tooltips
    rows: Sequence[tuple[str, Sequence[int]]]
    is_line: bool = False
    has_legend: bool = False
    left: int = 0
    right: int = WIDTH
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def is_empty(self) -> bool:
        return not any(count for series in self.series for count in series.counts)


@dataclass(frozen=True)
class _Plane:
    """The part of a chart in which its shapes are."""

    count: int
    highest: int
    left: float
    right: float
    is_mirrored: bool

    @property
    def step(self) -> float:
        return (self.right - self.left) / self.count

    def get_x(self, place: int) -> float:
        """Return where the room of a place begins, on its left."""
        return self.left + self.step * (self.count - 1 - place if self.is_mirrored else place)

    def get_y(self, value: int) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / self.highest


def build_bars(
    name: str,
    title: str,
    description: str,
    *,
    series: Sequence[Series],
    times: Sequence[str],
    has_legend: bool = True,
) -> Chart:
    """Return a chart of bars, the series stacked. times: a text for each number of a series."""
    sums = sum_series(series, len(times))
    plane = _build_plane(max(sums, default=0), len(times))
    below = [0] * len(times)
    shapes = []
    for each in series:
        parts = []
        for place, count in enumerate(each.counts):
            if count:
                parts.append(_draw_bar(plane, place, below[place], below[place] + count))
                below[place] += count
        shapes.append(Shape("".join(parts), each.tone))
    chart = _build_chart(name, title, description, series, times, plane, shapes, sums)
    return replace(chart, has_legend=has_legend)


def build_line(name: str, title: str, description: str, *, series: Series, times: Sequence[str]) -> Chart:
    """Return a chart of one line with the area below it, such as of a total."""
    plane = _build_plane(max(series.counts, default=0), len(times))
    points = [
        f"{plane.get_x(place) + plane.step / 2:.1f} {plane.get_y(count):.1f}"
        for place, count in enumerate(series.counts)
    ]
    line = "M" + "L".join(points)
    ends = [plane.get_x(place) + plane.step / 2 for place in (len(times) - 1, 0)]
    area = f"{line}L{ends[0]:.1f} {HEIGHT - BOTTOM}L{ends[1]:.1f} {HEIGHT - BOTTOM}z"
    shapes = [Shape(area), Shape(line, 1)]
    return _build_chart(name, title, description, [series], times, plane, shapes, series.counts, is_line=True)


def _build_chart(
    name: str,
    title: str,
    description: str,
    series: Sequence[Series],
    times: Sequence[str],
    plane: _Plane,
    shapes: Sequence[Shape],
    sums: Sequence[int],
    *,
    is_line: bool = False,
) -> Chart:
    values = (0, plane.highest // 2, plane.highest)
    axis = plane.right + 6 if plane.is_mirrored else plane.left - 6
    scale = [
        Label(format_number(value), f"{axis:.1f}", f"{plane.get_y(value) + 4:.1f}", "end") for value in values
    ]
    return Chart(
        name=name,
        title=title,
        description=description,
        series=series,
        lines=[f"{plane.get_y(value):.1f}" for value in values],
        labels=[*scale, *_label_times(plane, times)],
        shapes=shapes,
        hints=[
            Shape(
                f"M{plane.get_x(place):.1f} {TOP}h{plane.step:.1f}v{HEIGHT - BOTTOM - TOP}h-{plane.step:.1f}z",
                text=f"{time}: {format_number(value)}",
            )
            for place, (time, value) in enumerate(zip(times, sums, strict=True))
            if value
        ],
        rows=[(time, [each.counts[place] for each in series]) for place, time in enumerate(times)],
        is_line=is_line,
        left=round(plane.left),
        right=round(plane.right),
    )


def sum_series(series: Sequence[Series], count: int) -> list[int]:
    """Return the sums of the series' numbers, place by place."""
    return [sum(each.counts[place] for each in series) for place in range(count)]


def format_number(value: int) -> str:
    """Return the number as people of the current language write it, with its groups of digits."""
    return number_format(value, use_l10n=True, force_grouping=True)


def _build_plane(highest: int, count: int) -> _Plane:
    top = _round_up(highest)
    margin = len(format_number(top)) * CHARACTER + 10
    is_mirrored = get_language_bidi()
    left, right = (4.0, WIDTH - margin) if is_mirrored else (margin, WIDTH - 4.0)
    return _Plane(max(count, 1), top, left, right, is_mirrored)


def _round_up(value: int) -> int:
    """Return the end of an axis that reaches the value and has a whole number in its middle."""
    power = 1
    while True:
        for step in STEPS:
            if step * power >= value:
                return step * power
        power *= 10


def _draw_bar(plane: _Plane, place: int, lower: int, upper: int) -> str:
    gap = min(plane.step * 0.25, 8)
    x, width = plane.get_x(place) + gap / 2, plane.step - gap
    top, bottom = plane.get_y(upper), plane.get_y(lower)
    height = max(bottom - top - (1 if lower else 0), 0.8)  # a narrow gap between stacked parts
    return f"M{x:.1f} {top:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z"


def _label_times(plane: _Plane, times: Sequence[str]) -> list[Label]:
    """Return the first, the middle and the last time: more would not fit on a phone in every language."""
    places = [0, (len(times) - 1) // 2, len(times) - 1]
    ends = (plane.step, 0.0) if plane.is_mirrored else (0.0, plane.step)
    offsets = (ends[0], plane.step / 2, ends[1])
    return [
        Label(times[place], f"{plane.get_x(place) + offset:.1f}", f"{HEIGHT - 6}", anchor)
        for place, offset, anchor in zip(places, offsets, ("start", "middle", "end"), strict=True)
    ]
