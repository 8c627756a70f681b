"""thirtyfold: from a hundred webcam photos to a detector that runs live."""

__version__ = "0.1.0"
