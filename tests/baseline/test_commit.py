"""Which commit a project is at, from git's own files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pytest_cio_load.baseline.commit import commit_of

COMMIT = "3f9a1c2b" * 5


def git(folder: Path, head: str, **files: str) -> Path:
    """A ``.git`` with these files."""
    place = folder / ".git"
    for name, content in {"HEAD": head, **files}.items():
        file = place / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return place


def test_a_branch(tmp_path: Path) -> None:
    """From its own file, from any folder inside the project."""
    git(tmp_path, "ref: refs/heads/main\n", refs__heads__main=f"{COMMIT}\n")
    (tmp_path / "tests" / "load").mkdir(parents=True)
    assert commit_of(tmp_path) == commit_of(tmp_path / "tests" / "load") == COMMIT


def test_a_packed_branch(tmp_path: Path) -> None:
    """From the file that holds many; a branch whose name ends alike is another one."""
    packed = f"# pack-refs with: peeled\n{'0' * 40} refs/heads/my/main\n{COMMIT} refs/heads/main\n^{'1' * 40}\n"
    git(tmp_path, "ref: refs/heads/main\n", **{"packed-refs": packed})
    assert commit_of(tmp_path) == COMMIT


def test_no_branch(tmp_path: Path) -> None:
    """The commit stands in HEAD itself."""
    git(tmp_path, f"{COMMIT}\n")
    assert commit_of(tmp_path) == COMMIT


def test_a_worktree(tmp_path: Path) -> None:
    """Its ``.git`` is a file that points elsewhere, and its branches are those of the repository."""
    main = git(tmp_path / "main", "ref: refs/heads/main\n", refs__heads__topic=f"{COMMIT}\n")
    own = main / "worktrees" / "topic"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/topic\n", encoding="utf-8")
    (own / "commondir").write_text("../..\n", encoding="utf-8")
    (tmp_path / "topic").mkdir()
    (tmp_path / "topic" / ".git").write_text(f"gitdir: {own}\n", encoding="utf-8")
    assert commit_of(tmp_path / "topic") == COMMIT


@pytest.mark.parametrize(
    ("head", "files"),
    [("ref: refs/heads/main\n", {}), ("ref: refs/heads/main\n", {"packed-refs": "# nothing\n"})],
)
def test_a_project_without_a_commit(tmp_path: Path, head: str, files: dict[str, str]) -> None:
    """Has none to name."""
    git(tmp_path, head, **files)
    assert commit_of(tmp_path) == ""


def test_a_git_that_cannot_be_read(tmp_path: Path) -> None:
    """Nor has one whose files are damaged or gone."""
    (tmp_path / ".git").mkdir()
    assert commit_of(tmp_path) == ""
    (tmp_path / ".git" / "HEAD").write_bytes(b"\xff\xfe")
    assert commit_of(tmp_path) == ""


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_it_is_what_git_says(tmp_path: Path) -> None:
    """On a repository that git made."""

    def run(*words: str) -> str:
        asked = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false", *words]
        return subprocess.run(asked, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    run("init", "-q")
    run("commit", "-q", "--allow-empty", "-m", "one")
    assert commit_of(tmp_path) == run("rev-parse", "HEAD")
    run("pack-refs", "--all")
    assert commit_of(tmp_path) == run("rev-parse", "HEAD")
