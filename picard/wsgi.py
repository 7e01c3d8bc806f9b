"""The WSGI application: what the front (picard/asgi.py) runs in its threads."""

import os

from django.core.wsgi import get_wsgi_application

from picard.config.checks import refuse_wrong_master_keys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "picard.settings")

application = get_wsgi_application()
refuse_wrong_master_keys()
