"""What is written for people: links lead somewhere, words are spelt right, nothing is left open."""

import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.helpers.prose import ROOT, broken_links, pages, prose_of, text_of

# American words that slip in; in code they stay as libraries have them.
AMERICAN = re.compile(
    r"\b(?:colou?rize\w*|colors?|colored|gray|centers?|centered|centimeters?|millimeters?|behaviors?"
    r"|neighbors?|neighboring|labeled|labeling|modeled|fiber|favorite|catalog|dialog|artifacts?"
    r"|(?:normali|optimi|generali|initiali|minimi|maximi|summari|visuali|reali|recogni|organi)"
    r"z(?:e[ds]?|ing)"
    r"|analyz(?:e[ds]?|ing))\b",
    re.I,
)

# What the project once wrote for a term of the field, or in a riddle, and what to write instead.
BANISHED = {
    r"(?<!there )\b(?:is|are) none\b": "is not a valid ...",
    r'"""(?:Give|Tell|Say|Bring|Lay)\b': "Return, Raise, Map, Resample",
    r"\bodds\b": "probability",
    r"\bchance\b": "random generator, probability",
    r"\b(?:the|a) share\b|\bshares? of\b": "fraction",
    r"(?<!scenes\.)\bpictures?\b": "image",  # the goldens' script has one
    r"\bgrounds?\b(?! truth)": "background",
    r"\bhills?\b": "Gaussian, peak",
    r"\b(?:a|each|first|per|no|another) looks?\b|\b(?:one|second) look\b|look_again": "pass, view",
    r"\b(?:known|given|true) places?\b": "position",
    r"\bdeeds?\b": "action",
    r"\bchatter\b": "messages",
    r"\b(?:a|the|no|with) covers?\b": "occluder",
    r"\bheld[- ]back\b": "held out",
    r"\bmade[- ]up\b": "procedural",
    r"\banew\b": "again",
    r"\bbeside it\b": "next to it, with it",
    r"\bwhose way\b": "after which program",
    r"\btoys?\b": "example",
    r"\bdepart(?:s|ures?)?\b": "exceeds the tolerance",
}

each_page = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))


@each_page
def test_links_lead_to_files_and_headings(page):
    assert not broken_links(page)


@each_page
def test_nothing_is_left_open(page):
    assert not re.findall(r"@@|\bTODO\b|\bTBD\b|\bFIXME\b|\bXXX\b", text_of(page))


@each_page
def test_prose_is_spelt_the_british_way(page):
    assert not AMERICAN.findall(prose_of(text_of(page)))


def test_lines_of_code_fit_their_boxes():
    """Of GitHub's page, 900 pixels wide."""
    for page in (page for page in pages() if page.suffix == ".md"):
        blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text("utf8"), re.M | re.S)
        assert not [line for block in blocks for line in block.splitlines() if len(line) > 95], page


@pytest.mark.parametrize("phrase", BANISHED)
def test_banished_phrase_stays_away(phrase):
    # "is None" is code; the other phrases may begin a sentence.
    pattern = re.compile(phrase, 0 if "none" in phrase else re.I)
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path, text in written().items()
        for line in text.splitlines()
        if pattern.search(line)
    ]
    assert not found, f"write {BANISHED[phrase]!r}"


@lru_cache
def written():
    """Return the text of all modules, pages and notebooks, but for this file."""
    texts = {page: text_of(page, code=True) for page in pages()}
    for pattern in ("*.py", "openpose_keras/**/*.py", "tests/**/*.py", "weights/*.py"):
        texts |= {path: path.read_text("utf8") for path in ROOT.glob(pattern)}
    texts.pop(Path(__file__))
    return texts


def test_words_are_spelt_right(tmp_path):
    pytest.importorskip("codespell_lib")
    for path, text in {**written(), Path("wrong.md"): "It is " + "rec" + "ieved."}.items():
        (tmp_path / "_".join(path.parts[-3:])).write_text(text, "utf8")
    command = [sys.executable, "-m", "codespell_lib", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not result.stderr.strip()
    (found,) = result.stdout.splitlines()
    assert "wrong.md" in found


def test_american_words_are_found_in_prose_and_left_in_code():
    prose = prose_of("The Color of `color`.\n\n```python\nnormalize(gray)\n```\n")
    assert AMERICAN.findall(prose) == ["Color"]


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("[a](there.md#a-heading-of-it)", []),
        ("[a](there.md#a-heading-of-it-1)", []),
        ("[a](there.md#no-heading)", ["there.md#no-heading"]),
        ("[a](missing.md)", ["missing.md"]),
        ('<img src="missing.png" width="9">', ["missing.png"]),
        ("[a](https://example.org/x) [b](mailto:a@example.org)", []),
        ("`[a](missing.md)`\n\n```\n[b](missing.md)\n```\n", []),
        ("## My *own* heading\n\n[a](#my-own-heading)", []),
        ("[a][1]\n\n[1]: missing.md", ["missing.md"]),
        ("[a](book.ipynb#The-first-part)", []),
        ("[a](book.ipynb#the-first-part)", ["book.ipynb#the-first-part"]),
        ("[a](with%20space.md)", []),
    ],
)
def test_a_broken_link_is_found(tmp_path, text, broken):
    (tmp_path / "there.md").write_text("# A heading, of it!\n" * 2)
    (tmp_path / "with space.md").write_text("")
    cells = [new_markdown_cell("## The first part"), new_code_cell("x = '[a](gone.md)'")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "book.ipynb")
    page = tmp_path / "page.md"
    page.write_text(text)
    assert broken_links(page) == broken
    assert not broken_links(tmp_path / "book.ipynb")  # its code is no prose


def test_the_readme_and_what_tools_put_here_are_told_apart(tmp_path):
    for name in ("README.md", "a/b.ipynb", ".venv/x.md", "a/.ipynb_checkpoints/b.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert pages(tmp_path) == [tmp_path / "README.md", tmp_path / "a/b.ipynb"]
