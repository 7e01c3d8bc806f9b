"""The charts of the Insights page, in the words of the current language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from memories.insights.app_days import AppActivity
from memories.insights.growth import Growth
from memories.insights.periods import Period, Unit
from memories.insights.tag_trends import TagTrends
from memories.web.charts import TONES, Chart, Series, build_bars, build_line, format_number, sum_series

FORMATS = {Unit.DAY: "MONTH_DAY_FORMAT", Unit.MONTH: "YEAR_MONTH_FORMAT", Unit.YEAR: "Y"}
OTHERS = TONES - 1  # the tone of all others together


@dataclass(frozen=True)
class AppLink:
    """The name of an app, and the URL of its page while it is connected."""

    name: str
    url: str = ""


@dataclass(frozen=True)
class InsightCharts:
    """Builds the charts of one period."""

    period: Period

    @cached_property
    def times(self) -> list[str]:
        return [self._format_time(start) for start in self.period.starts]

    @property
    def when(self) -> str:
        """Return the heading of the column of times."""
        return {Unit.DAY: _("Day"), Unit.MONTH: _("Month"), Unit.YEAR: _("Year")}[self.period.unit]

    def draw_saved(self, growth: Growth) -> Chart:
        title = {
            Unit.DAY: _("Memories saved per day"),
            Unit.MONTH: _("Memories saved per month"),
            Unit.YEAR: _("Memories saved per year"),
        }[self.period.unit]
        return self._draw_bars("saved", title, [Series(_("Saved memories"), growth.saved)], has_legend=False)

    def draw_total(self, growth: Growth) -> Chart:
        text = _("From %(first)s to %(last)s: from %(before)s to %(after)s memories.") % {
            **self._get_ends(),
            "before": format_number(growth.totals[0]),
            "after": format_number(growth.totals[-1]),
        }
        series = Series(_("Memories"), growth.totals)
        return build_line("total", _("All memories"), text, series=series, times=self.times)

    def draw_reads(self, apps: Sequence[AppActivity], links: Mapping[str, AppLink]) -> Chart:
        counts = [(links[app.client_id], app.reads) for app in apps]
        return self._draw_bars("reads", _("Reads by app"), self._stack_apps(counts))

    def draw_writes(self, apps: Sequence[AppActivity], links: Mapping[str, AppLink]) -> Chart:
        counts = [(links[app.client_id], app.writes) for app in apps]
        return self._draw_bars("writes", _("Writes by app"), self._stack_apps(counts))

    def draw_tags(self, tags: TagTrends) -> Chart:
        series = [
            Series(each.tag.name, each.counts, tone, f"{reverse('memories:list')}?tag={each.tag.pk}")
            if each.tag
            else Series(_("Other tags"), each.counts, OTHERS)
            for tone, each in enumerate(tags.trends)
        ]
        return self._draw_bars("tags", _("Saved memories by tag"), series)

    def _draw_bars(
        self, name: str, title: str, series: Sequence[Series], *, has_legend: bool = True
    ) -> Chart:
        sums = sum_series(series, len(self.times))
        text = ""
        if any(sums):
            text = _("From %(first)s to %(last)s: %(total)s in total, most in %(most)s (%(highest)s).") % {
                **self._get_ends(),
                "total": format_number(sum(sums)),
                "most": self.times[sums.index(max(sums))],
                "highest": format_number(max(sums)),
            }
        return build_bars(name, title, text, series=series, times=self.times, has_legend=has_legend)

    def _stack_apps(self, counts: Sequence[tuple[AppLink, Sequence[int]]]) -> list[Series]:
        """Return a series for each of the first apps, without inactive ones, and one for all others.

        An app has the same tone in all charts.
        """
        series = [Series(app.name, numbers, tone, app.url) for tone, (app, numbers) in enumerate(counts)]
        if len(series) > TONES:
            others = sum_series(series[OTHERS:], len(self.period.starts))
            series[OTHERS:] = [Series(_("Other apps"), others, OTHERS)]
        return [each for each in series if each.total]

    def _get_ends(self) -> dict[str, str]:
        return {"first": self.times[0], "last": self.times[-1]}

    def _format_time(self, start: datetime) -> str:
        return date_format(start, FORMATS[self.period.unit])
