"""Where the bundled Valkey keeps its data unless told otherwise, and how that folder is made."""

from __future__ import annotations

from pathlib import Path

HOME = ".cio-load"
FOLDER = Path(HOME) / "queue"
"""Under the current directory."""


def make_folder(folder: Path) -> None:
    """Make *folder*, for this user only. A ``.cio-load`` that is made for it is kept out of git: jobs hold people's data."""
    home = next((each for each in (folder, *folder.parents) if each.name == HOME), None)
    is_new = home is not None and not home.exists()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if home is not None and is_new:
        (home / ".gitignore").write_text("*\n", encoding="ascii")
