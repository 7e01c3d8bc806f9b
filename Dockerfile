# Picard in a container. Web server: the default command. Worker and migrations: see docker-compose.yml.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
COPY requirements.txt ./
RUN python -m venv /venv && /venv/bin/pip install --require-hashes --no-compile -r requirements.txt
COPY manage.py ./
COPY core core
COPY picard picard
COPY accounts accounts
COPY oauth oauth
COPY memories memories
COPY templates templates
COPY locale locale
COPY static static
COPY .ci/slim-environment /usr/local/bin/
RUN DATABASE_URL=postgresql:///none /venv/bin/python manage.py collectstatic --no-input --verbosity 0 \
    && slim-environment /venv /app

FROM ${PYTHON_IMAGE}
# One process per container, because each loads the embedding model. To scale: WEB_WORKERS, or more containers.
# TMPDIR is in the volume: uploads are spooled to files, and /tmp is often in memory (as in docker-compose.yml).
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    BIND=0.0.0.0 PORT=8000 PICARD_HOME=/data TMPDIR=/data WEB_WORKERS=1
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
RUN mkdir /data && chown 10001:10001 /data
VOLUME /data
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
CMD ["gunicorn", "--config", "python:picard.gunicorn", "picard.asgi:application"]
