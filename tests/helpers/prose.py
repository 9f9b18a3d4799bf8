"""The prose of the repository: its pages and its notebooks, their text, links and headings."""

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import nbformat

from tests.helpers import ROOT

NOT_OURS = re.compile(r"(?:^|/)(?:build|dist|runs|shared|venv|\.(?!github/)[^/]*)/")

FENCED = re.compile(r"^(`{3,}|~{3,}).*?^\1\s*$", re.S | re.M)
CODE = re.compile(r"(`+).+?\1", re.S)
MARKDOWN_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)", re.M)
HTML_LINK = re.compile(r"""<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)=["']([^"']+)["']""")
HEADING = re.compile(r"^#{1,6} +(.+?)\s*#*$", re.M)
NAMED = re.compile(r"""<[^>]*\b(?:id|name)=["']([^"']+)["']""")


def pages(root: Path = ROOT) -> list[Path]:
    """Return all Markdown files and notebooks, but for those that tools put there."""
    found = [*root.rglob("*.md"), *root.rglob("*.ipynb")]
    return sorted(path for path in found if not NOT_OURS.search(str(path.relative_to(root))))


def text_of(page: Path, *, code: bool = False) -> str:
    """Return the text of a page; of a notebook, that of its cells of prose, or of all cells."""
    if page.suffix != ".ipynb":
        return page.read_text("utf8")
    notebook = nbformat.reads(page.read_text("utf8"), as_version=nbformat.NO_CONVERT)
    return "\n\n".join(
        cell.source for cell in notebook.cells if code or cell.cell_type == "markdown"
    )


def prose_of(text: str) -> str:
    """Return a page's text without code, in which brackets and words mean something else."""
    return CODE.sub("", FENCED.sub("", text))


def anchors_of(page: Path) -> set[str]:
    """Return what may stand behind # in a link to a page.

    GitHub makes a heading small, drops what is neither a letter nor a digit, and numbers headings
    that come twice; Jupyter only puts hyphens for spaces.
    """
    text = FENCED.sub("", text_of(page))
    headings = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", each) for each in HEADING.findall(text)]
    if page.suffix == ".ipynb":
        return {re.sub(r"[`*]", "", each).replace(" ", "-") for each in headings}
    seen: Counter[str] = Counter()
    anchors = set(NAMED.findall(text))
    for heading in headings:
        anchor = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        anchors.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return anchors


def broken_links(page: Path) -> list[str]:
    """Return the links of a page that lead to no file or heading of the repository."""
    broken, prose = [], prose_of(text_of(page))
    links = [inline or listed for inline, listed in MARKDOWN_LINK.findall(prose)]
    for link in links + HTML_LINK.findall(prose):
        if re.match(r"[a-z][a-z0-9+.-]*:|//", link):
            continue  # to somewhere else: not tried
        place, _, anchor = unquote(link).partition("#")
        target = page.parent / place if place else page
        if not target.exists() or (
            anchor and target.suffix in (".md", ".ipynb") and anchor not in anchors_of(target)
        ):
            broken.append(link)
    return broken
