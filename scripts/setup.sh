#!/bin/sh
# Everything a fresh Debian or Ubuntu with Python 3.11 to 3.13 needs: `sh scripts/setup.sh VENV`.
# The locks are installed with --no-deps, so that pip and uv both give exactly one OpenCV.
set -eu
venv=${1:-.venv}

suits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; }

python=${PYTHON:-}
if [ -z "$python" ]; then
  for candidate in python3 python3.13 python3.12 python3.11; do
    if suits "$candidate"; then python=$candidate; break; fi
  done
fi
if [ -z "$python" ] || ! suits "$python"; then
  echo "thirtyfold needs Python 3.11, 3.12 or 3.13 (TensorFlow has no wheels for others); install one, or name it: make PYTHON=/path/to/python3.12" >&2
  exit 7
fi

PYTHON="$python" sh scripts/system_libraries.sh
"$python" -m venv --clear "$venv"
"$venv/bin/python" -m pip install --quiet --no-deps --require-hashes -r requirements.lock
"$venv/bin/python" -m pip install --quiet --no-deps --require-hashes -r requirements-dev.lock
"$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation --editable .
