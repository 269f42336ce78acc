"""Which commit a project is at, read from its files: no process is started for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def commit_of(inside: Path) -> str:
    """The commit of the git checkout around a path, 40 hexadecimal digits; "" outside of one, or where it cannot be told."""
    for folder in (inside, *inside.absolute().parents):
        git = folder / ".git"
        if git.exists():
            try:
                return _head(git if git.is_dir() else _linked(git))
            except (OSError, UnicodeDecodeError):
                return ""
    return ""


def _linked(file: Path) -> Path:
    """Where a worktree's or a submodule's ``.git`` file points."""
    return (file.parent / file.read_text(encoding="utf-8").partition("gitdir:")[2].strip()).resolve()


def _head(git: Path) -> str:
    said = (git / "HEAD").read_text(encoding="utf-8").strip()
    if not said.startswith("ref:"):
        return said
    name = said[4:].strip()
    common = git / "commondir"
    home = (git / common.read_text(encoding="utf-8").strip()).resolve() if common.exists() else git
    loose = home / name
    if loose.exists():
        return loose.read_text(encoding="utf-8").strip()
    packed = home / "packed-refs"
    lines = packed.read_text(encoding="utf-8").splitlines() if packed.exists() else []
    return next((line.partition(" ")[0] for line in lines if line.endswith(f" {name}")), "")
