"""Which browser takes the pictures."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find() -> str:
    """The program, or an error that says what is missing."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    raise FileNotFoundError(f"none of {', '.join(NAMES)} is installed; --no-pictures does without")
