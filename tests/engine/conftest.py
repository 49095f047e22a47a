from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests write a checkpoint at every step, and nobody pulls the plug."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
