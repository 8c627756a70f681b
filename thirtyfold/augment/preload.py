"""What a worker process needs, loaded once in the process that all of them are forked from.

``engines`` names this module to :mod:`multiprocessing`; nobody else imports it.
"""

from thirtyfold.augment import jobs, transform
from thirtyfold.augment.recipes import SEED

__all__ = ["jobs"]

# Loads albumentations, and OpenCV with it.
transform.build(SEED.steps[0])
