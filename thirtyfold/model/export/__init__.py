"""A trained model in every form that it is run in, and how far the forms are from each other."""

from thirtyfold.model.export.write import Exported, export_model

__all__ = ["Exported", "export_model"]
