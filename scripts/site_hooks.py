"""What MkDocs can't be told in mkdocs.yml: the language of the pages that are not in English."""

from __future__ import annotations

from typing import Any

LANGUAGES = ("fr",)


def on_post_page(output: str, *, page: Any, **_: Any) -> str:
    """Say the page's own language to screen readers and search engines; the theme knows one for all pages."""
    folder = page.file.src_uri.partition("/")[0]
    return output.replace('<html lang="en"', f'<html lang="{folder}"', 1) if folder in LANGUAGES else output
