# SPDX-License-Identifier: Apache-2.0
"""Waiting for something that must happen, with a deadline far beyond what it takes."""

import os
import time

PATIENCE = float(os.environ.get("PATIENCE", 10))  # seconds; only a failing test waits this long


def until(true, what, timeout=PATIENCE, log=None):
    """Returns the first true value of `true()`."""
    deadline = time.monotonic() + timeout
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s for {what}" + ("\n" + log() if log else ""))
        time.sleep(0.01)
