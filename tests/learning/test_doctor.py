"""The doctor's findings, each seen fine and not fine."""

from __future__ import annotations

import pytest

from cai_helpers.learning import doctor


@pytest.mark.parametrize(
    ("version", "fine"), [((3, 9, 18), False), ((3, 10, 0), True), ((3, 13, 0), True), ((2, 7, 18), False)]
)
def test_python_version(version: tuple[int, ...], fine: bool) -> None:
    found, sentence = doctor.python_version(version)
    assert found is fine
    assert ("too old" in sentence) is not fine


@pytest.mark.parametrize(
    ("version", "fine"),
    [
        ("8.1.5", True),
        ("8.1.12", True),
        ("8.1.4", False),
        ("8.2", False),
        ("8.2.0", False),
        ("9", False),
        ("8.1.9rc1", True),
    ],
)
def test_bounds(version: str, fine: bool) -> None:
    assert doctor.within(version, [(">=", "8.1.5"), ("<", "8.2")]) is fine


def test_trailing_zeros_are_no_difference() -> None:
    assert doctor.within("3", [("<=", "3.0")])
    assert not doctor.within("3.0", [(">", "3")])


def test_requirements_text_is_read() -> None:
    text = "# words\n-e .\n\nrequests>=2.31,<3   # why >=9\nipywidgets >= 8.1.5 , < 8.2\n"
    assert doctor.read_bounds(text) == {
        "requests": [(">=", "2.31"), ("<", "3")],
        "ipywidgets": [(">=", "8.1.5"), ("<", "8.2")],
    }


def test_every_package_of_the_course_is_looked_at() -> None:
    sentences = [sentence for _, sentence in doctor.packages()]
    assert [sentence.split()[0] for sentence in sentences] == [
        "requests", "ipywidgets", "jupyterlab", "nbval", "pytest",
    ]  # fmt: skip


def test_missing_and_foreign_versions_are_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "read_bounds", lambda text: {"no-such-package": [], "requests": [("<", "1")]})
    findings = doctor.packages()
    assert [fine for fine, _ in findings] == [False, False]
    assert findings[0][1] == "no-such-package is missing: run python -m pip install -r requirements.txt."
    assert "is outside <1" in findings[1][1]


def test_course_model_answers() -> None:
    assert doctor.course_model() == (True, "The course model answers.")


@pytest.mark.parametrize("answer", ["", None, "fails"])
def test_silent_course_model_is_a_problem(answer: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def call(*texts: str) -> str | None:
        if answer == "fails":
            raise RuntimeError("no data files")
        return answer

    monkeypatch.setattr("cai_helpers.call_llm", call)
    fine, sentence = doctor.course_model()
    assert not fine
    assert "requirements.txt" in sentence


def test_keys_are_never_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "sk-" + "s" * 30
    monkeypatch.setenv("ANTHROPIC_API_KEY", secret)
    monkeypatch.setenv("CAI_MODEL", secret)
    monkeypatch.setenv("CAI_BASE_URL", f"https://user:{secret}@host.example:1/v1?key={secret}")
    doctor.examine()
    shown = capsys.readouterr().out
    assert secret not in shown
    assert "ANTHROPIC_API_KEY is set." in shown
    assert "OPENAI_API_KEY is not set" in shown
    assert "https://host.example:1/v1 (rest not shown)" in shown


def test_settings_that_change_the_answers_are_shown() -> None:
    assert doctor.settings({"CAI_BACKEND": "course", "PATH": "x"}) == ["CAI_BACKEND is set to 'course'."]


def test_status_is_1_with_a_problem(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "packages", list)
    monkeypatch.setattr(doctor, "course_model", lambda: (True, "Fine."))
    assert doctor.examine() == 0
    assert "Everything is ready." in capsys.readouterr().out
    monkeypatch.setattr(doctor, "course_model", lambda: (False, "Broken."))
    assert doctor.examine() == 1
    assert "PROBLEM  Broken.\n" in capsys.readouterr().out
