"""Label formats: what other tools keep, as samples, and back."""
