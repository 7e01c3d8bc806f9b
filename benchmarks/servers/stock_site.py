"""Entry point for the stock list (stock.py): `gunicorn benchmarks.servers.stock_site:application`."""

from django.conf import settings

from picard.asgi import application as application  # sets up Django

settings.ROOT_URLCONF = "benchmarks.servers.stock"
