"""The live picture as a page in any browser."""
