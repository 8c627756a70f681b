"""A finished model, and what it finds."""
