"""What MkDocs can't be told in mkdocs.yml: the language of a page, and that no line ends within an option's name."""

from __future__ import annotations

import re
from typing import Any

LANGUAGES = ("fr",)
_INLINE_CODE = re.compile(r"<code>([^<]*)</code>")
_OPTION = re.compile(r"--[a-z][a-z0-9-]*")


def on_page_content(html: str, **_: Any) -> str:
    """Mark the options in sentences and tables (`--recipe`): site.css keeps them whole, as browsers break at dashes."""
    return _INLINE_CODE.sub(lambda code: _OPTION.sub(r'<span class="option">\g<0></span>', code[0]), html)


def on_post_page(output: str, *, page: Any, **_: Any) -> str:
    """Say the page's own language to screen readers and search engines; the theme knows one for all pages."""
    folder = page.file.src_uri.partition("/")[0]
    return output.replace('<html lang="en"', f'<html lang="{folder}"', 1) if folder in LANGUAGES else output
