"""The command line: `python -m cai_helpers COMMAND`.

Each command imports its own machinery, so that start-up stays quick.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 fine, 1 not fine, 2 wrong use."""
    options = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = options.run
    return command(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cai_helpers", description="Tools of the course.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    doctor = commands.add_parser("doctor", help="check this computer: Python, packages, course model")
    doctor.set_defaults(run=_doctor)

    build = commands.add_parser("build-lessons", help="for authors: make, run and normalise the lessons")
    build.add_argument("names", nargs="*", metavar="NAME", help="04_critic or 04; default: all lessons")
    build.add_argument("--check", action="store_true", help="write nothing; exit 1 if something would change")
    build.add_argument("--no-run", action="store_true", help="do not run the cells, keep their outputs")
    build.set_defaults(run=_build_lessons)
    return parser


def _doctor(options: argparse.Namespace) -> int:
    from .learning.doctor import examine

    return examine()


def _build_lessons(options: argparse.Namespace) -> int:
    from .learning.lessons import build_lessons
    from .learning.manifest import CourseError

    try:
        changed = build_lessons(options.names, check=options.check, run=not options.no_run)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    if options.check and changed:
        print("Not as built:", *changed, sep="\n  ", file=sys.stderr)
        print("Run python -m cai_helpers build-lessons and look at what changed.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
