"""Whether a window can be shown here. To be asked first: where there is no screen, Qt ends the whole process."""

from __future__ import annotations

import os
import sys
from functools import cache

HOW_TO_GO_ON = "log in with a desktop, or use `ssh -X`; on a server, `xvfb-run -a` gives a screen that nobody sees"


def screen_problem() -> str | None:
    """Why no window can be shown here, as half a sentence; ``None`` if one can.

    On Linux a ``DISPLAY`` that nobody answers counts as none: `cv2.imshow` and labelme
    abort the process there (SIGABRT), which no ``except`` can catch.
    """
    if sys.platform in ("win32", "darwin"):
        return None
    if os.environ.get("DISPLAY"):
        return _display_problem(os.environ["DISPLAY"])
    if os.environ.get("WAYLAND_DISPLAY"):
        return None
    return "there is no screen (neither DISPLAY nor WAYLAND_DISPLAY is set)"


def window_problem() -> str | None:
    """Why OpenCV can't show a window here; ``None`` if it can. Imports cv2.

    Stricter than :func:`screen_problem`: OpenCV needs its build with windows, and on
    Linux an X screen (its wheels speak no Wayland of their own; desktops bring XWayland).
    """
    problem = screen_problem()
    if problem is not None:
        return problem
    if sys.platform not in ("win32", "darwin") and not os.environ.get("DISPLAY"):
        return "OpenCV needs an X screen, and DISPLAY is not set (start XWayland)"
    if opencv_is_headless():
        return "the OpenCV installed here cannot show windows (it is opencv-python-headless)"
    return None


def opencv_is_headless() -> bool:
    """Whether the OpenCV that is installed was built without windows. Imports cv2."""
    import cv2

    # `cv2.imshow` exists in both builds; only this flag tells them apart.
    return bool(cv2.version.headless)  # type: ignore[attr-defined]  # missing in its stubs


@cache
def _display_problem(display: str) -> str | None:
    import ctypes

    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return None  # nothing to ask with; the name of a screen is all we know
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    if not xcb.xcb_connection_has_error(connection):
        # Left open until the process ends: an Xvfb whose last client leaves starts anew, and turns
        # away whoever comes just then, which would be our own window.
        return None
    xcb.xcb_disconnect(connection)
    return f"the screen DISPLAY={display} does not answer, or does not let us in"
