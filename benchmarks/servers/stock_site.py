"""The shipped front before another list (stock.py): `gunicorn benchmarks.servers.stock_site:application`."""

from django.conf import settings

from picard.asgi import application as application  # sets Django up

settings.ROOT_URLCONF = "benchmarks.servers.stock"
