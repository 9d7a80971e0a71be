# One image for every gridcast service; the command chooses which one runs.
# Built in two stages, so that the image holds neither uv nor caches.

FROM python:3.11.13-slim-bookworm AS build
RUN pip install --no-cache-dir uv==0.13.9
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/gridcast
WORKDIR /src
# The dependencies first: they change more seldom than the code.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-dev --extra demo --extra postgresql --no-install-project
COPY records records
COPY network network
COPY forecasting forecasting
COPY ingest ingest
COPY storage storage
COPY stream stream
COPY console console
RUN uv sync --frozen --no-dev --extra demo --extra postgresql --no-editable

FROM python:3.11.13-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin gridcast \
    && install -d -o gridcast -g gridcast /var/lib/gridcast
COPY --from=build /opt/gridcast /opt/gridcast
ENV PATH=/opt/gridcast/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
USER gridcast
WORKDIR /var/lib/gridcast
VOLUME /var/lib/gridcast
ENTRYPOINT ["gridcast"]
CMD ["--help"]
