"""Memory that stays between the steps of a training."""

import subprocess
import sys
import textwrap

import pytest
from engine_toys import Toy

from pofx.engine import allocator

#: Blocks as a step allocates and frees them, in a process of its own: how often the system had to give a page.
SCRIPT = """
import ctypes, resource, sys
import torch
from contextlib import nullcontext
from pofx.engine.allocator import memory_is_kept

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def step():
    blocks = [torch.ones(5 * 2**20 // 4) for _ in range(12)]

ctypes.CDLL(None).mallopt(-1, 128 * 2**10)  # gives back at once, whatever was learned before
with memory_is_kept() if sys.argv[1] == "kept" else nullcontext():
    for _ in range(5):  # until the heap is as large as a step needs
        step()
    before = faults()
    for _ in range(5):
        step()
    print((faults() - before) // 5)
"""


def faults_a_step(how):
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(allocator._glibc() is None, reason="the C library is not glibc")
def test_steps_find_their_memory_where_they_left_it():
    assert faults_a_step("kept") < faults_a_step("given back") / 5


@pytest.fixture
def asked(monkeypatch):
    """What a pretended C library is asked for, in order."""
    calls = []

    class Library:
        def mallopt(self, parameter, value):
            calls.append((parameter, value))

        def malloc_trim(self, padding):
            calls.append("trim")

    for name in allocator._WISHES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(allocator, "_glibc", Library)
    return calls


BEGIN, END = [(-3, 32 * 2**20), (-1, 2**31 - 1)], [(-1, 64 * 2**20), "trim"]


def test_memory_goes_back_at_the_end(asked):
    with pytest.raises(ValueError, match="of the step"), allocator.memory_is_kept():
        asked.append("step")
        raise ValueError("of the step")
    assert asked == [*BEGIN, "step", *END]


def test_the_last_one_gives_it_back(asked):
    with allocator.memory_is_kept():
        with allocator.memory_is_kept():
            pass
        asked.append("still training")
    assert asked == [*BEGIN, "still training", *END]


@pytest.mark.parametrize("name", allocator._WISHES)
def test_whoever_sets_the_thresholds_has_his_way(asked, monkeypatch, name):
    monkeypatch.setenv(name, "0")
    with allocator.memory_is_kept():
        pass
    assert asked == []


def test_a_training_keeps_its_memory(asked):
    seen = []

    def hook(batch, terms):
        seen.append(list(asked))
        return terms

    Toy(hook=hook).train()
    assert seen[0] == seen[-1] == BEGIN
    assert asked == [*BEGIN, *END]


def test_other_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: object())
    assert allocator._glibc() is None
    with allocator.memory_is_kept():
        pass
