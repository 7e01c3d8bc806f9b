"""WSGI application, run by the gateway (picard/asgi.py) in its threads."""

import logging
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "picard.settings")

application = get_wsgi_application()

from django.conf import settings  # noqa: E402  (the settings are selected above)

from accounts.keys import refuse_wrong_master_keys  # noqa: E402  (its models need loaded apps)
from core.db.cancellation import has_client_disconnected  # noqa: E402
from core.db.time_limits import limit_statements  # noqa: E402
from memories.index.dimensions import refuse_wrong_dimensions  # noqa: E402
from picard.config.checks import check_database_roles, check_proxy  # noqa: E402
from picard.database.pooler import refuse_unfit_pooler  # noqa: E402

logging.getLogger("django.request").addFilter(
    lambda _record: not has_client_disconnected()
)  # its errors are intended
limit_statements(settings.STATEMENT_TIMEOUT_S)
refuse_unfit_pooler()
refuse_wrong_master_keys()
refuse_wrong_dimensions()
for warning in [*check_database_roles(), *check_proxy()]:
    logging.getLogger(__name__).warning("%s: %s %s", warning.id, warning.msg, warning.hint)
