"""Labelled photos, multiplied.

The library's function ``thirtyfold.augment`` has the name of this room. Importing any module of a room binds the
room to that name, over whatever stood there, so this room can be called as the function.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

from thirtyfold.augment.by_name import augment

# albumentations asks the network for its newest version at import unless told not to.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")


class _CallableRoom(ModuleType):
    __call__ = staticmethod(augment)


sys.modules[__name__].__class__ = _CallableRoom
