"""/metrics in Prometheus' text format, for whoever shows METRICS_TOKEN."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from picard.observability import stats

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """404 unless a token is set; 401 for whoever does not show it."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not _shows_token(request):
        return HttpResponse("Unauthorized\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    lines = [_lines(figure) for figure in (*stats.of_database(), *stats.of_process())]
    return HttpResponse("".join(lines), content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _shows_token(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and constant_time_compare(token, settings.METRICS_TOKEN)


def _lines(figure: stats.Figure) -> str:
    name = f"picard_{figure.name}"
    return f"# HELP {name} {figure.help}\n# TYPE {name} gauge\n{name} {figure.value:.15g}\n"
