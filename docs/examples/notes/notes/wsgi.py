"""WSGI application for servers such as gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "notes.settings"
application = get_wsgi_application()
