"""What can be counted in source text: lines, functions, docstrings, duplicates."""

import ast
import io
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER,
}  # fmt: skip
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One module, by its file."""

    path: Path

    @cached_property
    def text(self) -> str:
        """The text of the file."""
        return self.path.read_text("utf8")

    @cached_property
    def tree(self) -> ast.Module:
        """The text, parsed."""
        return ast.parse(self.text)

    @cached_property
    def code(self) -> set[int]:
        """The numbers of the lines that are neither blank nor docstring nor comment."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        lines = {
            line
            for token in tokens
            if token.type not in NO_CODE
            for line in range(token.start[0], token.end[0] + 1)
        }
        documented = (node for node in self.documented if ast.get_docstring(node) is not None)
        for first in (node.body[0] for node in documented):
            lines -= set(range(first.lineno, first.end_lineno + 1))
        return lines

    @property
    def documented(self) -> list[ast.Module | ast.ClassDef | Function]:
        """Everything that has a docstring, or should; an empty module needs none."""
        nodes = (node for node in ast.walk(self.tree) if isinstance(node, DOCUMENTED))
        return [node for node in nodes if node.body]

    @property
    def functions(self) -> list[Function]:
        """All functions and methods, those within others too."""
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @property
    def quoted_types(self) -> list[str]:
        """What stands in quotation marks in annotations, where no import is needed at run time."""
        nodes = list(ast.walk(self.tree))
        annotations = [getattr(node, "annotation", None) for node in nodes]
        annotations += [node.returns for node in nodes if isinstance(node, Function)]
        parts = (part for each in annotations if each for part in ast.walk(each))
        texts = [part.value for part in parts if isinstance(part, ast.Constant)]
        return [text for text in texts if isinstance(text, str)]

    def length(self, node: Function) -> int:
        """Return the lines of code of a function, from its `def` on."""
        return len(self.code.intersection(range(node.lineno, node.end_lineno + 1)))


def find_sources(folder: Path, leave_out: Iterable[str] = ()) -> list[Source]:
    """Return the modules below a folder, but for those in some of its subfolders."""
    paths = sorted(folder.rglob("*.py"))
    left_out = [folder / name for name in leave_out]
    return [Source(path) for path in paths if not set(left_out) & set(path.parents)]


def is_annotated(function: Function) -> bool:
    """Return whether each argument, other than `self` and `cls`, and the result have a type."""
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    wanted = [each for each in arguments if each and each.arg not in ("self", "cls")]
    return function.returns is not None and all(each.annotation for each in wanted)


def find_duplicates(sources: Iterable[Source], size: int = 6) -> list[str]:
    """Return `path:line ~ path:line` of runs of code that stand in two positions.

    A run has at least `size` lines of code, the same but for their indentation. Imports, and lines
    without a letter, count as no line.
    """
    seen: dict[tuple[str, ...], list[tuple[Path, int, int]]] = defaultdict(list)
    for source in sources:
        lines = list(_comparable(source))
        for index in range(len(lines) - size + 1):
            run = lines[index : index + size]
            seen[tuple(text for _, text in run)].append((source.path, index, run[0][0]))
    pairs = {
        (path, other, index, other_index): f"{path}:{line} ~ {other}:{other_line}"
        for found in seen.values()
        for (path, index, line), (other, other_index, other_line) in pairwise(found)
    }
    # A longer run begins where the window one line before is no duplicate too.
    return [text for (a, b, i, j), text in pairs.items() if (a, b, i - 1, j - 1) not in pairs]


def _comparable(source: Source) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line that duplicates are searched in."""
    imports = [
        node for node in ast.walk(source.tree) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    left_out = {line for node in imports for line in range(node.lineno, node.end_lineno + 1)}
    for number, line in enumerate(source.text.splitlines(), 1):
        if number in source.code - left_out and any(letter.isalpha() for letter in line):
            yield number, line.strip()
