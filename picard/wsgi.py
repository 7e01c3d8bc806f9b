"""WSGI application, run by the gateway (picard/asgi.py) in its threads."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "picard.settings")

application = get_wsgi_application()

from accounts.keys import refuse_wrong_master_keys  # noqa: E402  (its models need loaded apps)
from memories.index.dimensions import refuse_wrong_dimensions  # noqa: E402

refuse_wrong_master_keys()
refuse_wrong_dimensions()
