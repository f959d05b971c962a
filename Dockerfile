# A first, plain image: the daemon, non-root, with its store on a volume.
#
#   docker build -t rotator .
#   docker run --rm -v rotator-data:/data rotator state init                         # once
#   docker run -v rotator-data:/data -v ./policies:/etc/rotator:ro rotator
#
# The default command does not make the store (`daemon --init-state` would): a volume that was
# forgotten must not become a second, empty memory, since what is not remembered cannot be undone.
# Without a store the daemon says so, and how to make one, and ends with 2.
#
# Files that a `file` sink writes belong on a volume of their own, which the consumers mount too.

FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements/build.txt requirements/rotator.txt ./requirements/
# Two environments: what builds the package never gets into the one that is shipped. Wheels only,
# so that no compiler is needed, here or there.
RUN python -m venv /opt/build \
    && python -m venv --without-pip /opt/rotator \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
    && /opt/build/bin/pip --python /opt/rotator/bin/python install --no-cache-dir \
        --require-hashes --only-binary :all: -r requirements/rotator.txt
COPY pyproject.toml README.md LICENSE ./
COPY rotator ./rotator
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/build/bin/pip --python /opt/rotator/bin/python install --no-cache-dir \
        --no-deps --no-index /wheels/*.whl

FROM python:3.13-slim
# A fixed number, so that a volume which one release has written is the next one's, too.
RUN groupadd --gid 10001 rotator \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin rotator \
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
# Health and metrics listen on loopback unless the configuration says `http: {listen: "0.0.0.0:9180"}`.
EXPOSE 9180
# Alive is what matters here: AWS or the store being away is no reason to be restarted. Whoever
# changes the port of `http.listen`, or turns it off, gives `--no-healthcheck` or another one.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9180/healthz', timeout=4)"]
# A stopping daemon brings an issued key to its places first: give it `docker stop --time 120`.
ENTRYPOINT ["rotator"]
CMD ["daemon"]
