"""How a model is judged: a module a task, found by its name in ``base.EXAMS``."""
