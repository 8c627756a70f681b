"""What is written about a model for people: plots, pictures, ``report.html``, the model card."""
