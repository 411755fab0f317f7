"""Models are loaded one at a time: while ``transformers`` builds a model, all threads of the process feel it."""

from __future__ import annotations

import threading

ONE_AT_A_TIME = threading.Lock()
"""Held while a model is built. Two threads that build models at the same time get tensors without data, since
``transformers`` replaces parts of torch for the while."""
