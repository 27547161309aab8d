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

    exercises = commands.add_parser("build-exercises", help="for authors: make exercises/ from solutions/")
    exercises.add_argument("names", nargs="*", metavar="NAME", help="04_critic or 04; default: all of solutions/")
    exercises.add_argument("--check", action="store_true", help="write nothing; exit 1 if something would change")
    exercises.add_argument("--no-run", action="store_true", help="do not run the cells, keep their outputs")
    exercises.set_defaults(run=_build_exercises)

    progress = commands.add_parser("progress", help="what you have done, and what is next")
    progress.add_argument("file", nargs="?", metavar="FILE", help="a progress file; default: the one in exercises/")
    progress.set_defaults(run=_progress)

    grade = commands.add_parser("grade", help="grade exercise notebooks: files, or folders of them")
    grade.add_argument("paths", nargs="+", metavar="PATH", help="a notebook, or a folder that is searched for them")
    form = grade.add_mutually_exclusive_group()
    for name in ("json", "csv", "html"):
        form.add_argument(f"--{name}", action="store_const", const=name, dest="form", help=f"report as {name}")
    grade.add_argument("-o", "--output", metavar="FILE", help="write the report to FILE instead of showing it")
    grade.add_argument("--jobs", type=int, metavar="N", help="worker processes; default: one per core, at most 4")
    grade.set_defaults(run=_grade, form="text")

    serve = commands.add_parser("serve", help="the course model as a local server on both wire formats")
    serve.add_argument("--port", type=int, default=8099, help="default: 8099; 0 takes a free one")
    serve.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1, for programs on this computer only")
    serve.add_argument("--latency", default="0", metavar="SECONDS", help="before each answer: 0.5 or 0.2,0.8")
    serve.add_argument("--pace", type=float, default=0.0, metavar="SECONDS", help="before each piece of a stream")
    serve.add_argument("--faults", default="", metavar="NAMES", help="one per request: 429,none,stream-cut")
    serve.add_argument("--seed", type=int, default=0, help="another seed gives other random choices")
    serve.set_defaults(run=_serve)

    rerecord = commands.add_parser("rerecord", help="for authors: run lessons on a model into a recording, and compare")
    rerecord.add_argument("file", metavar="FILE", help="class.jsonl; an older one is kept under its date")
    rerecord.add_argument("names", nargs="*", metavar="NAME", help="04_critic or 04; default: all lessons")
    rerecord.add_argument("--backend", default="anthropic", help="as in connect(); default: anthropic")
    rerecord.add_argument("--model", metavar="ID", help="default: the backend's; auto: the newest of its line")
    rerecord.set_defaults(run=_rerecord)
    return parser


def _rerecord(options: argparse.Namespace) -> int:
    from .rerecord import rerecord_command

    return rerecord_command(options.file, options.names, options.backend, options.model)


def _serve(options: argparse.Namespace) -> int:
    from .course_model.serve_command import serve_command

    return serve_command(options.host, options.port, options.latency, options.pace, options.faults, options.seed)


def _build_exercises(options: argparse.Namespace) -> int:
    from .learning.build import build_exercises
    from .learning.manifest import CourseError

    try:
        changed = build_exercises(options.names, check=options.check, run=not options.no_run)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    if options.check and changed:
        print("Not as built:", *changed, sep="\n  ", file=sys.stderr)
        print("Run python -m cai_helpers build-exercises and look at what changed.", file=sys.stderr)
        return 1
    return 0


def _progress(options: argparse.Namespace) -> int:
    from .learning.progress_file import progress_of

    try:
        print(progress_of(options.file))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _grade(options: argparse.Namespace) -> int:
    from .learning.reports import grade_command

    return grade_command(options.paths, options.form, options.output, options.jobs)


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
