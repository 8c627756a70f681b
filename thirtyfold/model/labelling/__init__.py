"""What each task learns of a photo: a module a kind of labels, found by the task's name in ``base.LABELLINGS``."""
