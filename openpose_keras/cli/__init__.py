"""The command `openpose-keras`: detect, video, fetch, convert, export, inspect, ...

No large package is imported before a sub-command runs, so that `--help` responds immediately. A
sub-command is a module with SUMMARY, DESCRIPTION, `add_arguments(parser)` and `run(args)`.

The exit status is 0, 1 after a failure, 2 for a usage error, or 130 after an interrupt.
"""

import argparse
import contextlib
import io
import os
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from openpose_keras.cli import (
    average,
    convert,
    demo,
    detect,
    evaluate,
    explore,
    export,
    fetch,
    inspect,
    render,
    train,
    verify,
    video,
)
from openpose_keras.cli.options import FORMATS, INTERRUPTED, UsageError
from openpose_keras.cli.paths import right_command
from openpose_keras.core.checks import did_you_mean
from openpose_keras.core.errors import OpenPoseKerasError
from openpose_keras.core.version import __version__

PROGRAM = "openpose-keras"
COMMANDS = (
    detect, video, demo, explore, fetch, convert, export, inspect, verify, evaluate, render, train,
    average,
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: The arguments without the program's name; by default those of the process.

    Returns:
        The exit status.

    Raises:
        SystemExit: From argparse: status 0 after --help and --version, 2 for a usage error.
    """
    _print_any_name()
    warnings.formatwarning = _format_warning
    argv = _join_negative(sys.argv[1:] if argv is None else argv)
    parser = build_parser()
    if not argv or argv[0] == "help":
        argv = [*argv[1:2], "--help"]
    command = parser  # which tells a usage error
    try:
        args, unknown = parser.parse_known_args(argv)
        command = args.parser
        if unknown:
            wrong = next((each for each in unknown if each.startswith("--")), "")
            known = re.findall(r"--([\w-]+)", command.format_usage())
            name = wrong[2:].partition("=")[0]
            hint = did_you_mean(name, known).replace(" '", " '--")
            if "format" in known and name in FORMATS:
                hint = f"; --format {name} asks for it"
            raise UsageError(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return int(args.run(args) or 0)
    except UsageError as error:
        command.error(str(error))
        raise  # not reached: the parser ends the program
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has ended. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OpenPoseKerasError, OSError, ImportError) as error:
        print(f"error: {_error_line(error, argv)}", file=sys.stderr)
        return 1


def _error_line(error: Exception, argv: Sequence[str]) -> str:
    """Format an error in one line, which names the command that accepts the given file."""
    text = str(error)
    if isinstance(error, OSError) and error.filename and error.strerror:
        text = f"{error.filename}: {error.strerror}"  # without the number
    if isinstance(error, ModuleNotFoundError) and error.name:
        text += f"; pip install {error.name.partition('.')[0]}"
    text = " ".join(text.replace("with force=True", "with --force").split())
    given = Path(argv[1] if len(argv) > 1 else "")
    if given.is_file() and f"`{PROGRAM}" not in text:
        text += right_command(given, argv[0])
    return text


def _join_negative(argv: Sequence[str]) -> list[str]:
    """Join arguments such as -5,3,40 to their option: --box=-5,3,40.

    Otherwise argparse takes them for an option.
    """
    joined: list[str] = []
    for each in argv:
        if re.match(r"-[\d.]+,", each) and joined and re.match(r"--[\w-]+$", joined[-1]):
            joined[-1] += f"={each}"
        else:
            joined.append(each)
    return joined


class _Parser(argparse.ArgumentParser):
    """A parser that reports a usage error in one line, with a suggestion for misspelt names."""

    def error(self, message: str) -> NoReturn:
        """Print the error without the usage of all options, and exit with status 2."""
        wrong = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        hint = did_you_mean(wrong[1], re.findall(r"[\w-]+", wrong[2])) if wrong else ""
        self.exit(2, f"{self.prog}: error: {message}{hint}; see {self.prog} --help\n")


def _print_any_name() -> None:
    """Print file names that the terminal's encoding lacks with escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _format_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """Format a warning in one line, without its line of code."""
    return f"warning: {' '.join(str(message).split())}\n"


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all sub-commands.

    Returns:
        The parser. The parsed options contain `run`, the function to call with them.
    """
    parser = _Parser(
        prog=PROGRAM,
        description="Find the keypoints of hands, or of whole people, in photos and videos.",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    with contextlib.suppress(ImportError):  # the extra "completion"
        import shtab

        shtab.add_argument_to(parser, help="print a script that completes options in a shell")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in COMMANDS:
        name = module.__name__.rpartition(".")[2]
        command = commands.add_parser(name, help=module.SUMMARY, description=module.DESCRIPTION)
        module.add_arguments(command)
        command.set_defaults(run=module.run, parser=command)
    return parser
