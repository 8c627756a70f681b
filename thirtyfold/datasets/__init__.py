"""Labels and files: what lies on disk, as samples, and back."""
