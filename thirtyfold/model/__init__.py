"""Labelled photos to a trained model. The only room that imports keras and tensorflow."""
