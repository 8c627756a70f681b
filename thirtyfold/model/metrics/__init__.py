"""Figures about predictions and their truth: pure functions over :class:`thirtyfold.model.evaluate.Judged`."""
