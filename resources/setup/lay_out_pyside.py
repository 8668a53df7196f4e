"""Lays PySide6's Python side out as files with byte code, below `shiboken6/files.dir` of this environment.

It comes zipped inside a library, and is unzipped and compiled anew at every start: a twentieth of the desk's. Asked by
`SBK_EMBED=0`, it lays itself out (shiboken6's signature_bootstrap, `handle_embedding_switch`), and is read from there.
"""

from __future__ import annotations

import compileall
import os
import sys
from pathlib import Path

os.environ["SBK_EMBED"] = "0"

import shiboken6

laid_out = Path(shiboken6.__file__).parent / "files.dir"
sys.exit(not laid_out.is_dir() or not compileall.compile_dir(laid_out, quiet=1))
