#!/bin/sh
# The system libraries that OpenCV and labelme's Qt need, checked and, where this is
# Debian or Ubuntu and we are root, installed: `sh scripts/system_libraries.sh [--tests]`.
# Silent and instant when all is there. Exit code 1 only if OpenCV or Python's venv could
# not work: the demo and the training need no screen, so Qt's libraries are a note.
# --tests: also the screen nobody sees (Xvfb) that tests of windows run on, and the browser
# that opens check's page; those tests skip without.
set -eu
python=${PYTHON:-python3}
missing=""   # packages without which nothing works
wanted=""    # packages for labelme's window, and for tests of windows

# The loader's list of libraries. ldconfig is in /sbin, which is not on every user's PATH.
loader=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null || true)

have_library() {
  case "$loader" in
    *"	$1 "*) return 0 ;;
    "") ls /usr/lib/*/"$1" /lib/*/"$1" /usr/lib/"$1" /usr/lib64/"$1" >/dev/null 2>&1 ;;  # no ldconfig: look ourselves
    *) return 1 ;;
  esac
}

# Each line: library file, Debian package. Ubuntu 24.04 and Debian 13 renamed libglib2.0-0
# (…t64, for 64-bit time); theirs still provides the old name, so apt finds it.
needs() { while read -r library package; do have_library "$library" || printf ' %s' "$package"; done; }

if [ "$(uname -s)" = Linux ]; then
  missing=$(needs <<'LIBRARIES'
libGL.so.1 libgl1
libgthread-2.0.so.0 libglib2.0-0
LIBRARIES
)
  # libEGL and libxcb-cursor are for labelme 7 (Python 3.12 and newer), the rest for all.
  wanted=$(needs <<'LIBRARIES'
libSM.so.6 libsm6
libXext.so.6 libxext6
libEGL.so.1 libegl1
libdbus-1.so.3 libdbus-1-3
libfontconfig.so.1 libfontconfig1
libX11-xcb.so.1 libx11-xcb1
libxkbcommon.so.0 libxkbcommon0
libxkbcommon-x11.so.0 libxkbcommon-x11-0
libxcb-cursor.so.0 libxcb-cursor0
libxcb-icccm.so.4 libxcb-icccm4
libxcb-image.so.0 libxcb-image0
libxcb-keysyms.so.1 libxcb-keysyms1
libxcb-randr.so.0 libxcb-randr0
libxcb-render-util.so.0 libxcb-render-util0
libxcb-shape.so.0 libxcb-shape0
libxcb-xinerama.so.0 libxcb-xinerama0
libxcb-xkb.so.1 libxcb-xkb1
LIBRARIES
)
fi

# Debian's python3 comes without what `python3 -m venv` needs; its package is named after the version.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  missing="$missing $("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])' 2>/dev/null || echo python3-venv)"
fi

if [ "${1:-}" = --tests ] && [ "$(uname -s)" = Linux ]; then
  for pair in Xvfb:xvfb xdotool:xdotool xwininfo:x11-utils xauth:xauth import:imagemagick; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || wanted="$wanted ${pair#*:}"
  done
  command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
    command -v google-chrome >/dev/null 2>&1 || wanted="$wanted chromium"
fi

# shellcheck disable=SC2086  # lists of words
packages=$(echo $missing $wanted)
[ -n "$packages" ] || exit 0

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "installing system libraries: $packages" >&2
  # shellcheck disable=SC2086
  apt_install $packages 2>/dev/null && exit 0
  apt-get update -qq >&2 || true  # a fresh container has no package lists
  # shellcheck disable=SC2086
  apt_install $packages && exit 0
  # An older release may not have one of the others (Ubuntu has no chromium): what everything
  # needs goes first, then each of them by itself.
  # shellcheck disable=SC2086
  if [ -z "$missing" ] || apt_install $missing; then
    left=""
    for package in $wanted; do apt_install "$package" 2>/dev/null || left="$left $package"; done
    [ -z "$left" ] ||
      echo "Note: these could not be installed, so labelme's window or some tests may not run:$left" >&2
    exit 0
  fi
  echo "these could not be installed, and nothing works without: $missing" >&2
  exit 1
fi

if command -v apt-get >/dev/null 2>&1; then
  command="sudo apt-get update && sudo apt-get install -y --no-install-recommends"
else
  command="install what your system calls these Debian packages:"
fi
if [ -n "$missing" ]; then
  echo "System libraries are missing; copy this line, then run the same command again:" >&2
  echo "  $command $packages" >&2
  exit 1
fi
echo "Note: labelme's window or tests of windows need more system libraries; the rest works without:" >&2
echo "  $command $packages" >&2
exit 0
