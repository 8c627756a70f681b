"""Camera and model to screen."""
