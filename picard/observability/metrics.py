"""/metrics in Prometheus' text format, protected by METRICS_TOKEN."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from picard.observability import stats
from picard.observability.access import has_metrics_token

if TYPE_CHECKING:
    from prometheus_client import Metric


@require_safe
def metrics_view(request: HttpRequest) -> HttpResponse:
    """Return the metrics; 404 if no token is configured, 401 without a valid token."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not has_metrics_token(request):
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
    """Metrics computed on each scrape: counts of the database and of the web server's processes."""

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for metric in stats.collect_database_metrics():
            yield GaugeMetricFamily(f"picard_{metric.name}", metric.help, value=metric.value)
        for metric in stats.collect_web_server_metrics():
            is_counter = metric.name.endswith("_total")
            family = CounterMetricFamily if is_counter else GaugeMetricFamily
            yield family(metric.name, metric.help, value=metric.value)
