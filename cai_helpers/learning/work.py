"""A learner's own files: all of them as one archive, back from it, and a newer edition without losing answers.

    save_work()                     # my_work.zip beside the folder notebooks/, with a link to download it
    restore_work("my_work.zip")     # an archive that was put into the course's folder
    renew("04_critic")              # the course's new notebook, with the answers of the saved one

In the browser a saved notebook hides the one that the site ships. Each shipped notebook carries a mark of its edition
(metadata.cai.edition); the package of the site knows the marks of all (editions.json).
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from html import escape
from pathlib import Path, PurePosixPath
from typing import Any

from . import progress_file
from .asides import Sentence

ARCHIVE = "my_work.zip"
FOLDERS = ("exercises", "notebooks")
EDITIONS = Path(__file__).resolve().parents[1] / "editions.json"  # only in the package that the browser's site ships
LARGEST = 20_000_000  # bytes of one file; a course's own are far smaller
MOST = 200_000_000  # bytes of a whole archive, unpacked
NOT_WORK = {"__pycache__", ".ipynb_checkpoints", ".cache", ".venv"}


class Download(Sentence):
    """A sentence that shows as a link to download a file."""

    name: str
    data: bytes

    @classmethod
    def of(cls, text: str, name: str, data: bytes) -> Download:
        """The sentence with its file."""
        found = cls(text)
        found.name, found.data = name, data
        return found

    def _repr_html_(self) -> str:
        code = base64.b64encode(self.data).decode("ascii")
        link = f'<a download="{self.name}" href="data:application/zip;base64,{code}">Download {self.name}</a>'
        return f"<p>{escape(self)}<br>{link}</p>"


# --- Archive ---


def save_work(file: str = ARCHIVE) -> Sentence:
    """All notebooks that differ from the course's, progress files and other files, as one archive to download.

    Save the open notebooks first (Ctrl+S): what is not saved is not in it.
    """
    root, packed = course_folder(), io.BytesIO()
    target = root / Path(file).name
    names: list[str] = []
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in own_files(root, target):
            name = path.relative_to(root).as_posix()
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), path.read_bytes(), zipfile.ZIP_DEFLATED)
            names.append(name)
    if not names:
        return Sentence("There is nothing to keep yet: no notebook was changed, and there is no progress file.")
    said = f"{len(names)} files are in {target.name}: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}."
    try:
        target.write_bytes(packed.getvalue())
    except OSError as error:
        said += f" It could not be written into the course's folder ({error.strerror}): use the link."
    return Download.of(said, target.name, packed.getvalue())


def restore_work(file: str = ARCHIVE) -> Sentence:
    """Put the files of an archive back. What is there and differs is kept beside it as NAME.before.ipynb."""
    root = course_folder()
    found = next((path for path in (Path(file), root / file) if path.is_file()), None)
    if found is None:
        return Sentence(f"There is no file {file}: put it into the course's folder (drag it into the file list).")
    try:
        files = read_archive(found.read_bytes())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError) as error:
        return Sentence(f"{found.name} is not an archive of the course, so nothing was changed ({error}).")
    notes, written, kept = [], 0, []
    for name, data in files.items():
        path = root / name
        if path.name == progress_file.FILE and path.is_file():
            notes.append(merge_progress(path, data))
            continue
        if path.is_file() and path.read_bytes() != data:
            aside = free_name(path, "before")
            path.replace(aside)
            kept.append(aside.relative_to(root).as_posix())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        written += 1
    beside = f" What was there before is kept as {', '.join(kept)}." if kept else ""
    said = (
        f"{written} files were put back from {found.name}.{beside} Close open notebooks without saving, then open them."
    )
    return Sentence("\n".join([said, *filter(None, notes)]))


def read_archive(data: bytes) -> dict[str, bytes]:
    """{name: content}. ValueError for names that lead out of the course's folder, and for too much data."""
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MOST:
            raise ValueError(f"more than {MOST // 1_000_000} MB")
        for entry in archive.infolist():
            parts = PurePosixPath(entry.filename.replace("\\", "/"))
            if entry.is_dir():
                continue
            if parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]:
                raise ValueError(f"the name {entry.filename} leads out of the folder")
            files[parts.as_posix()] = archive.read(entry)
    return files


def merge_progress(path: Path, data: bytes) -> str:
    """Take an archived progress file into the present one; "" or a sentence about what went wrong."""
    try:
        old = progress_file.parse(data.decode("utf-8-sig"))
    except ValueError:
        return f"The {path.name} of the archive could not be read; the present one stays."
    state, note = progress_file.read(path)
    return " ".join(filter(None, [note, progress_file.write(path, progress_file.merged(state, old))]))


def own_files(root: Path, archive: Path) -> Iterator[Path]:
    """The files worth keeping, in order: no shipped notebook that nobody changed, no archive, no cache."""
    shipped = editions()
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            inside = path.relative_to(root)
            if NOT_WORK & set(inside.parts) or not path.is_file() or path == archive:
                continue
            if path.stat().st_size > LARGEST or path.suffix == ".zip":
                continue
            if path.suffix == ".ipynb" and shipped.get(inside.as_posix()) == source_mark(path):
                continue
            yield path
    if (root / progress_file.FILE).is_file():
        yield root / progress_file.FILE


# --- Editions ---


def older_note() -> str:
    """A sentence about notebooks of this folder that were saved from an earlier edition; "" where there are none."""
    older = older_notebooks(progress_file.HOME)
    if not older:
        return ""
    names = ", ".join(older)
    command = f'from cai_helpers.learning import renew; renew("{older[0]}")'
    return (
        f"Saved here, and older than the course: {names}. You see your saved copy. To get the new notebook and keep "
        f"your answers, save, then run: {command}"
    )


def older_notebooks(folder: Path) -> list[str]:
    """Names, without ending, of a folder's notebooks whose edition is not the one that the site ships."""
    shipped = editions()
    found = []
    for path in sorted(folder.glob("*.ipynb")):
        mark = shipped.get(f"{folder.name}/{path.name}")
        saved = edition_of(path) if mark else None
        if saved and saved != mark:
            found.append(path.stem)
    return found


def renew(name: str) -> Sentence:
    """Get the course's edition of a notebook in this folder ("04_critic"), with the answers of the saved one.

    The saved one stays beside it as NAME.mine.ipynb. Works in the browser, where the site holds the new edition.
    """
    path = progress_file.HOME / f"{Path(name).name.removesuffix('.ipynb')}.ipynb"
    mark = editions().get(f"{path.parent.name}/{path.name}")
    if mark is None:
        return Sentence(f"{path.name} does not come from this site, so there is no newer edition of it here.")
    if not path.is_file() or edition_of(path) == mark:
        return Sentence(f"{path.name} is the course's present edition already.")
    mine, aside = path.read_bytes(), free_name(path, "mine")
    aside.write_bytes(mine)
    path.unlink()  # the site's own copy shows again
    try:
        new = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        path.write_bytes(mine)
        return Sentence(f"The new {path.name} could not be read, so the saved one is back.")
    moved = move_answers(json.loads(mine), new)
    if moved:
        path.write_text(json.dumps(new, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    said = f"{path.name} is the course's edition now, with {moved} answers of yours; the old one is {aside.name}."
    return Sentence(f"{said} Close its tab without saving, then open it from the file list.")


def move_answers(old: dict[str, Any], new: dict[str, Any]) -> int:
    """Put the answers of one notebook into the cells of another that have the same key; how many were moved."""
    answers = dict(answer_cells(old))
    moved = 0
    for key, cell in answer_cells(new):
        if key in answers and _text(answers[key]) != _text(cell):
            cell["source"] = answers[key]["source"]
            moved += 1
    return moved


def answer_cells(notebook: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(key, cell) of the cells that hold an answer."""
    for cell in notebook.get("cells", []):
        mark = cell.get("metadata", {}).get("cai", {})
        if mark.get("role") == "answer" and mark.get("key"):
            yield mark["key"], cell


@functools.lru_cache(maxsize=1)
def editions() -> dict[str, str]:
    """{notebook: mark of the edition that the site ships}; empty outside the browser's site."""
    try:
        found: dict[str, str] = json.loads(EDITIONS.read_text(encoding="utf-8"))
    except OSError:
        return {}
    return found


def edition_of(path: Path) -> str | None:
    """The edition that a saved notebook came from; None where it says none or cannot be read."""
    try:
        mark = json.loads(path.read_text(encoding="utf-8"))["metadata"]["cai"]["edition"]
        return mark if isinstance(mark, str) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def source_mark(path: Path) -> str | None:
    """The mark of the sources that a notebook holds now; equals its edition where nobody changed a cell."""
    try:
        return mark_of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def mark_of(notebook: dict[str, Any]) -> str:
    """A mark that changes when a source of the notebook does; outputs do not count."""
    return hashlib.sha256(json.dumps([_text(cell) for cell in notebook["cells"]]).encode()).hexdigest()[:12]


def course_folder() -> Path:
    """The folder that holds notebooks/ and exercises/."""
    here = progress_file.HOME
    return here.parent if here.name in FOLDERS else here


def free_name(path: Path, word: str) -> Path:
    """NAME.word.ending, or with a number where that is taken."""
    number = 1
    while (found := path.with_name(f"{path.stem}.{word}{'' if number == 1 else number}{path.suffix}")).exists():
        number += 1
    return found


def _text(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)
