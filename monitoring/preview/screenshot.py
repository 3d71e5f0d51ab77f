"""Pictures of the page: a headless Chromium takes them, Pillow makes them small."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import browser
from PIL import Image

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
)
LIMIT = 200_000


def take(page: Path, fragment: str, size: tuple[int, int], target: Path) -> int:
    """Writes a picture of a part of the page; returns its bytes."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.png"
        command = [
            browser.find(),
            *FLAGS,
            f"--user-data-dir={folder}/profile",
            f"--window-size={size[0]},{size[1]}",
            f"--screenshot={raw}",
            f"{page.resolve().as_uri()}#{fragment}",
        ]
        subprocess.run(command, check=True, timeout=120, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        picture = Image.open(raw).convert("RGB")
        target.parent.mkdir(parents=True, exist_ok=True)
        for colours in (256, 128, 64, 32):
            picture.quantize(colours, dither=Image.Dither.NONE).save(target, optimize=True)
            if target.stat().st_size < LIMIT:
                return target.stat().st_size
    raise ValueError(f"{target.name} stays above {LIMIT} bytes")
