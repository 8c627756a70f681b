"""Labelled photos, multiplied."""
