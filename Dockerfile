# thirtyfold for a machine without a screen: train, evaluate, predict, live in the browser. No labelme: its windows
# would need one (`annotate --view web` draws boxes in the browser).
#
#   make docker
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" thirtyfold train datasets/faces
#
# The page of `live --view web` listens on 127.0.0.1 inside of the container, where nobody can reach it. To let this
# machine in, and nobody else:
#
#   docker run --rm -v "$PWD:/work" -p 127.0.0.1:8765:8765 thirtyfold \
#     live --source clip.mp4 --view web --host 0.0.0.0 --port 8765

FROM python:3.12.11-slim-bookworm AS build
COPY requirements.lock /src/
COPY scripts/locked.py /src/scripts/
COPY dist/thirtyfold-*.whl /src/dist/
WORKDIR /src
RUN python -m venv /opt/thirtyfold \
    && python scripts/locked.py > container.lock \
    && /opt/thirtyfold/bin/pip install --no-cache-dir --no-deps --require-hashes -r container.lock \
    && /opt/thirtyfold/bin/pip install --no-cache-dir --no-deps --no-index dist/thirtyfold-*.whl

FROM python:3.12.11-slim-bookworm
# What OpenCV needs to be imported; scripts/system_libraries.sh has the same list.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/thirtyfold /opt/thirtyfold
# Fetched files stay beside the data; HOME is where any user may write (Matplotlib keeps its list of fonts there).
ENV PATH=/opt/thirtyfold/bin:$PATH \
    HOME=/tmp/home \
    KERAS_HOME=/work/.keras \
    XDG_CACHE_HOME=/work/.cache \
    PYTHONUNBUFFERED=1
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin thirtyfold \
    && mkdir -p /work \
    && chown thirtyfold /work
USER thirtyfold
WORKDIR /work
ENTRYPOINT ["thirtyfold"]
CMD ["--help"]
