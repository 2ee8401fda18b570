# Rill in one image, without tools to build anything: every dependency comes as a wheel.
# How to run it, and who can reach it: docs/deploy.md.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app

COPY requirements.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --require-hashes -r requirements.lock

COPY wsgi.py gunicorn.conf.py LICENSE ./
COPY app app
COPY templates templates
COPY static static

# The code stays root's: Rill runs as somebody who can write to /data and /tmp only.
RUN chmod -R a+rX . && python -m compileall -q app wsgi.py \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin rill \
    && install -d -o rill -g rill -m 0700 /data
USER rill
VOLUME /data
ENV DATABASE_URL=sqlite:////data/rill.db PORT=8000

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "\
import os, urllib.request as r; \
r.build_opener(r.ProxyHandler({})).open(f'http://localhost:{os.environ[\"PORT\"]}/livez', timeout=4)"]

# exec: SIGTERM has to reach gunicorn, which lets running replies finish. Give it 30 s (docker stop --timeout 30).
CMD ["sh", "-c", "flask --app wsgi db upgrade && exec gunicorn -c gunicorn.conf.py wsgi:app"]
