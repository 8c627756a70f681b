"""Camera to photos."""
