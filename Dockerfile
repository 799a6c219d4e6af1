# One image, one process, not root. Build: docker build -t mlops-bot .
# Run: docs/operations.md. The working directory /data holds mlops-bot.yaml and, with SQLite, the database.

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
COPY requirements/install.lock requirements/base.lock requirements/charts.lock requirements/
# `--build-arg LOCK=base`: without charts, 170 MB less.
ARG LOCK=charts
RUN python -m venv /venv \
 && /venv/bin/pip install --require-hashes -r requirements/install.lock -r requirements/${LOCK}.lock
COPY pyproject.toml README.md ./
COPY bot bot
COPY integrations integrations
COPY sandbox sandbox
COPY runbooks runbooks
RUN /venv/bin/pip install --no-deps --no-build-isolation --editable . \
 && /venv/bin/python -m compileall -q bot integrations \
 && /venv/bin/pip uninstall --yes uv pip

FROM python:3.11.14-slim-bookworm
LABEL org.opencontainers.image.title="mlops-bot" \
      org.opencontainers.image.description="The ChatOps incident responder for machine-learning systems." \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 bot \
 && useradd --uid 10001 --gid bot --no-create-home --home-dir /data --shell /usr/sbin/nologin bot \
 && install -d -o bot -g bot -m 0750 /data
COPY --from=build /venv /venv
COPY --from=build /app /app
COPY LICENSE NOTICE /app/
# Within a container the port must be reachable from outside; there the bot starts only with a token (MLOPS_BOT_WEB__TOKEN).
# Two malloc arenas, not one a thread: Python's threads take turns, and what each keeps for itself is never used by another.
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=2 \
    MLOPS_BOT_WEB__HOST=0.0.0.0 MLOPS_BOT_WEB__PORT=8000
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['MLOPS_BOT_WEB__PORT']}/livez\", timeout=4)"]
ENTRYPOINT ["mlops-bot"]
CMD ["serve"]
