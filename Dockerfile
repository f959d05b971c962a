# A first, plain image: the daemon, non-root, with its store on a volume.
#
#   docker build -t rotator .
#   docker run -v rotator-data:/data -v ./policies:/etc/rotator:ro rotator state init   # once
#   docker run -v rotator-data:/data -v ./policies:/etc/rotator:ro rotator
#
# The store is not made by the default command: a volume that was forgotten must not become a
# second, empty memory. Make it once, as above; without it the daemon says so and ends with 2.

FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements/build.txt requirements/rotator.txt ./requirements/
RUN python -m venv /opt/rotator \
    && /opt/rotator/bin/pip install --no-cache-dir --require-hashes \
        -r requirements/build.txt -r requirements/rotator.txt
COPY pyproject.toml README.md LICENSE ./
COPY rotator ./rotator
RUN /opt/rotator/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin rotator \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/rotator /opt/rotator
ENV PATH=/opt/rotator/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    ROTATOR_CONFIG=/etc/rotator \
    ROTATOR_STATE=sqlite:////data/rotator.db \
    ROTATOR_LOG_FORMAT=json
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 9180
# Alive is what matters here: AWS or the store being away is no reason to be restarted.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9180/healthz', timeout=4)"]
ENTRYPOINT ["rotator"]
CMD ["daemon"]
