"""Damaged files: no reader ends in anything but one line, takes over a second, or over 500 MB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_damaged_files_get_one_line_each():
    command = [sys.executable, "-m", "tests.fuzz", "--inputs", "20000", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1], check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "faults" in done.stdout
