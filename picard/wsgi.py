"""WSGI application, run by the gateway (picard/asgi.py) in its threads."""

import logging
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "picard.settings")

application = get_wsgi_application()

from accounts.keys import refuse_wrong_master_keys  # noqa: E402  (its models need loaded apps)
from picard.config.checks import check_database_roles  # noqa: E402

refuse_wrong_master_keys()
for warning in check_database_roles():
    logging.getLogger(__name__).warning("%s: %s %s", warning.id, warning.msg, warning.hint)
