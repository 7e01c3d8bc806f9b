"""/metrics in Prometheus' text format, for whoever shows METRICS_TOKEN."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from picard.observability import stats

if TYPE_CHECKING:
    from prometheus_client import Metric


@require_safe
def metrics_view(request: HttpRequest) -> HttpResponse:
    """404 unless a token is set; 401 for whoever does not show it."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not _has_valid_token(request):
        return HttpResponse("Unauthorized\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    from prometheus_client import CollectorRegistry, PlatformCollector
    from prometheus_client.exposition import choose_encoder

    from picard.observability import http_metrics

    registry = CollectorRegistry()
    registry.register(GaugeCollector())
    registry.register(http_metrics.collector())
    PlatformCollector(registry)
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(registry), content_type=content_type, headers={"Cache-Control": "no-store"})


class GaugeCollector:
    """What is looked up when it is asked for: counts of the database, and of the web server's processes."""

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for figure in stats.collect_database_metrics():
            yield GaugeMetricFamily(f"picard_{figure.name}", figure.help, value=figure.value)
        for figure in stats.of_web_server():
            is_counter = figure.name.endswith("_total")
            family = CounterMetricFamily if is_counter else GaugeMetricFamily
            yield family(figure.name, figure.help, value=figure.value)


def _has_valid_token(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and constant_time_compare(token, settings.METRICS_TOKEN)
