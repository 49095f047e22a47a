"""Model files: what is written comes back, and whatever else a file holds gives one clear error."""

import hashlib
import json
import math
import os
import pickle
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pofx.files.model_file import (
    FORMAT_VERSION,
    ModelFileError,
    ModelHeader,
    load_module,
    read,
    read_header,
    write,
)

HEADER = ModelHeader(
    "VAE",
    {"latent_dim": 3, "image_shape": [8, 8], "levels": None, "text": 'quote " and \\ and é and \ud800'},
    {"calibration": [0.1, -1e300, math.inf, -math.inf]},
    {"seed": 0, "pofx": "0.1.0"},
)
DIGEST_AT = 8 + len('{"__metadata__":{"sha256":"')


def make() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2))


def tensors_of(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {f"module.{name}": value for name, value in module.state_dict().items()}


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    torch.manual_seed(0)
    path = write(tmp_path_factory.mktemp("model") / "model.pofx", HEADER, tensors_of(make()))
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, content: bytes) -> Path:
    (tmp_path / "model.pofx").write_bytes(content)
    return tmp_path / "model.pofx"


def seal(content: bytes) -> bytes:
    """The content with the right digest: what somebody who means harm would write."""
    before, after = content[:DIGEST_AT], content[DIGEST_AT + 64 :]
    return before + hashlib.sha256(before + b"0" * 64 + after).hexdigest().encode() + after


def split(content: bytes) -> tuple[dict, bytes]:
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), content[end:]


def join(entries: dict, data: bytes) -> bytes:
    head = json.dumps(entries, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return seal(len(head).to_bytes(8, "little") + head + data)


def edited_header(content: bytes, **changes: object) -> bytes:
    entries, data = split(content)
    entries["__metadata__"]["pofx"] = json.dumps({**json.loads(entries["__metadata__"]["pofx"]), **changes})
    return join(entries, data)


def load_all(path: Path) -> torch.nn.Module:
    return load_module(make, read(path))


# What is written comes back


def test_round_trip(tmp_path: Path) -> None:
    module = make()
    tensors = {
        **tensors_of(module),
        "half": torch.ones(2, dtype=torch.bfloat16),
        "mask": torch.tensor([True, False]),
        "transposed": torch.arange(6).reshape(2, 3).T,
        "scalar": torch.tensor(3.0, dtype=torch.float64),
        "empty": torch.zeros(0, 5),
        "naïve": torch.ones(1, dtype=torch.uint8),
    }
    file = read(write(tmp_path / "a.pofx", HEADER, tensors))
    assert file.header == HEADER == read_header(tmp_path / "a.pofx")
    assert file.shapes == {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}
    loaded = file.tensors()
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(loaded[name], tensor), name
    rebuilt = load_module(make, file)
    x = torch.randn(5, 4)
    assert torch.equal(rebuilt.eval()(x), module.eval()(x))
    assert all(parameter.requires_grad for parameter in rebuilt.parameters())


def test_the_same_contents_give_the_same_bytes_as_a_valid_safetensors_file(tmp_path: Path) -> None:
    tensors = {f"t{i}": torch.full((i + 1,), float(i)) for i in range(8)}
    first, second = (write(tmp_path / name, HEADER, tensors).read_bytes() for name in ("a.pofx", "b"))
    assert first == second
    assert safetensors.torch.load(first).keys() == tensors.keys()
    assert (8 + int.from_bytes(first[:8], "little")) % 8 == 0  # the data are aligned


def test_not_a_number_survives_in_the_header(tmp_path: Path) -> None:
    write(tmp_path / "a.pofx", ModelHeader("GAN", {}, {"score": math.nan}, {}), {})
    score = read_header(tmp_path / "a.pofx").state["score"]
    assert isinstance(score, float)
    assert math.isnan(score)


def test_tied_tensors_are_written_and_tied_again(tmp_path: Path) -> None:
    def make_tied() -> torch.nn.Module:
        first, second = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
        second.weight = first.weight
        return torch.nn.Sequential(first, second)

    module = make_tied()
    rebuilt = load_module(make_tied, read(write(tmp_path / "a.pofx", HEADER, tensors_of(module))))
    assert rebuilt[0].weight is rebuilt[1].weight
    assert rebuilt[0].bias is not rebuilt[1].bias
    assert torch.equal(rebuilt[1].weight, module[1].weight)


def test_building_leaves_the_global_generator_and_hooks_alone(path: Path) -> None:
    state = torch.get_rng_state()
    load_all(path)
    assert torch.equal(torch.get_rng_state(), state)
    torch.nn.Linear(1234, 5)  # a guard left behind would refuse it


def test_one_file_may_hold_several_networks(tmp_path: Path) -> None:
    both = torch.nn.ModuleDict({"generator": torch.nn.Linear(2, 3), "critic": torch.nn.Linear(3, 1)})
    file = read(write(tmp_path / "a.pofx", HEADER, both.state_dict()))
    rebuilt = load_module(lambda: torch.nn.Linear(3, 1), file, prefix="critic.")
    assert torch.equal(rebuilt.weight, both["critic"].weight)


def test_what_the_format_lacks_is_refused_at_writing(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="keys"):
        write(tmp_path / "a", ModelHeader("VAE", {}, {"classes": {1: "one"}}, {}), {})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        write(tmp_path / "a", ModelHeader("VAE", {"x": object()}, {}, {}), {})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="types"):
        write(tmp_path / "a", ModelHeader("VAE", [], {}, {}), {})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="complex64"):
        write(tmp_path / "a", HEADER, {"x": torch.zeros(1, dtype=torch.complex64)})
    with pytest.raises(ValueError, match="16 MiB"):
        write(tmp_path / "a", ModelHeader("VAE", {}, {"long": "x" * 2**24}, {}), {})
    assert list(tmp_path.iterdir()) == []


# Half-written files


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_writer_leaves_the_old_file(path: Path, content: bytes) -> None:
    program = f"""
import os, signal
from pofx.files.model_file import ModelHeader, write
os.fsync = lambda descriptor: os.kill(os.getpid(), {int(getattr(signal, "SIGKILL", 9))})
write({str(path)!r}, ModelHeader("GAN", {{}}, {{}}, {{}}), {{}})
"""
    assert subprocess.run([sys.executable, "-c", program], env=child_environment(), check=False).returncode < 0
    assert path.read_bytes() == content
    leftovers = [other for other in path.parent.iterdir() if other != path]
    assert leftovers, "the writer was to be killed with its temporary file half-written"
    assert all(other.suffix == ".partial" for other in leftovers)


def test_a_failed_write_leaves_the_old_file_alone(path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(path, HEADER, {})
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == content


def child_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}


# Damaged files: always the one error


def check_flip(content: bytes, path: Path, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(content) - 1))
    mask = data.draw(st.integers(1, 255))
    path.write_bytes(content[:position] + bytes([content[position] ^ mask]) + content[position + 1 :])
    with pytest.raises(ModelFileError, match=r"model\.pofx"):
        read(path)


def check_cut(content: bytes, path: Path, data: st.DataObject) -> None:
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(ModelFileError, match=r"model\.pofx"):
        read(path)


def check_forgery(content: bytes, path: Path, data: st.DataObject) -> None:
    """A changed header with the right digest: refused, or a file that really is a model; never another error."""
    end = 8 + int.from_bytes(content[:8], "little")
    forged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(DIGEST_AT + 64, end - 1))
        forged[position] = data.draw(st.sampled_from(b'0123456789{}[]",:\\x -\xff\x00'))
    path.write_bytes(seal(bytes(forged)))
    try:
        load_all(path)
    except ModelFileError as error:
        assert "model.pofx" in str(error)


WRONG_ENTRIES = st.one_of(
    st.fixed_dictionaries({"shape": st.lists(st.integers(-3, 2**70), max_size=4)}),
    st.fixed_dictionaries({"data_offsets": st.lists(st.integers(-5, 2**66), min_size=0, max_size=3)}),
    st.fixed_dictionaries({"dtype": st.sampled_from(["F8_E4M3", "C64", "F4", "OBJECT", "", "U64", None, 3])}),
    st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers()),
)


def check_wrong_entry(content: bytes, path: Path, data: st.DataObject) -> None:
    entries, values = split(content)
    name = data.draw(st.sampled_from([key for key in entries if key != "__metadata__"]))
    change = data.draw(WRONG_ENTRIES)
    changed = {**entries[name], **change} if isinstance(change, dict) else change
    path.write_bytes(join({**entries, name: changed}, values))
    if changed == entries[name]:
        return
    with pytest.raises(ModelFileError, match=r"model\.pofx"):
        load_all(path)


def check_swap(content: bytes, path: Path, data: st.DataObject) -> None:
    """Two tensors of different shapes under each other's names."""
    entries, values = split(content)
    names = [key for key in entries if key != "__metadata__"]
    first, second = data.draw(st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True))
    kinds = [(entries[name]["shape"], entries[name]["dtype"]) for name in (first, second)]
    path.write_bytes(join({**entries, first: entries[second], second: entries[first]}, values))
    if kinds[0] != kinds[1]:
        with pytest.raises(ModelFileError, match="do not fit"):
            load_all(path)


DAMAGES = [check_flip, check_cut, check_forgery, check_wrong_entry, check_swap]
BRIEF = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("check", DAMAGES)
@BRIEF
@given(data=st.data())
def test_damage(check, content: bytes, tmp_path: Path, data: st.DataObject) -> None:
    check(content, tmp_path / "model.pofx", data)


@pytest.mark.slow
@pytest.mark.parametrize("check", DAMAGES)
@settings(BRIEF, max_examples=2000)
@given(data=st.data())
def test_damage_thoroughly(check, content: bytes, tmp_path: Path, data: st.DataObject) -> None:
    check(content, tmp_path / "model.pofx", data)


def test_every_single_bit_counts(path: Path, content: bytes) -> None:
    for position in [*range(DIGEST_AT + 64 + 10), len(content) - 1]:
        for bit in range(8):
            path.write_bytes(content[:position] + bytes([content[position] ^ (1 << bit)]) + content[position + 1 :])
            with pytest.raises(ModelFileError):
                read(path)


def test_appended_bytes_are_seen(path: Path, content: bytes) -> None:
    path.write_bytes(content + b"\0")
    with pytest.raises(ModelFileError, match="checksum"):
        read_header(path)
    path.write_bytes(seal(content + b"\0" * 8))
    with pytest.raises(ModelFileError):
        read_header(path)


def test_a_file_replaced_between_header_and_tensors_is_seen(path: Path, tmp_path: Path) -> None:
    file = read(path)
    write(path, HEADER, tensors_of(make()))
    with pytest.raises(ModelFileError, match="changed"):
        file.tensors()


# Foreign and unknown files


class Bomb:
    def __reduce__(self) -> tuple:
        return (os.mkdir, ("unpickled",))


def test_foreign_files_are_refused_and_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("L", (64, 64)).save("model.png")
    safetensors.torch.save_file({"x": torch.zeros(100)}, "plain.safetensors", metadata={"format": "pt"})
    Path("model.pkl").write_bytes(pickle.dumps(Bomb()))
    torch.save({"bomb": Bomb()}, "model.pt")
    Path("empty.pofx").write_bytes(b"")
    Path("text.pofx").write_text("This is no model.\n" * 100)
    Path("zeros.pofx").write_bytes(bytes(1000))
    files = list(tmp_path.iterdir())
    assert len(files) == 7
    for file in files:
        with pytest.raises(ModelFileError, match="not a pofx model file") as raised:
            read(file)
        assert str(file) in str(raised.value)
    assert not (tmp_path / "unpickled").exists()


def test_missing_files_folders_and_pipes(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing.pofx")
    with pytest.raises(ModelFileError, match="folder"):
        read_header(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")  # opening it would wait for a writer for ever
        with pytest.raises(ModelFileError, match="device"):
            read(tmp_path / "pipe")


def test_a_newer_format_says_update(path: Path, content: bytes) -> None:
    path.write_bytes(edited_header(content, format_version=FORMAT_VERSION + 1, something="new"))
    with pytest.raises(ModelFileError, match=r"newer pofx.*update"):
        read_header(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"class_name": 3},
        {"parameters": []},
        {"state": None},
        {"provenance": "here"},
        {"format_version": True},
        {"format_version": 0},
        {"format_version": "1"},
        {"extra": 1},
    ],
    ids=str,
)
def test_unknown_contents_are_refused(path: Path, content: bytes, changes: dict) -> None:
    path.write_bytes(edited_header(content, **changes))
    with pytest.raises(ModelFileError, match="unknown contents"):
        read_header(path)


def test_an_unknown_dtype_is_refused(path: Path, content: bytes) -> None:
    entries, data = split(content)
    name = "module.2.num_batches_tracked"
    path.write_bytes(join({**entries, name: {**entries[name], "dtype": "U64"}}, data))
    with pytest.raises(ModelFileError, match="unknown dtype, U64"):
        read(path)


@pytest.mark.parametrize("text", ["[]", "1", "", "{", "[" * 100_000, "9" * 5000, "null"], ids=lambda text: text[:5])
def test_a_header_that_is_no_json_object_is_refused(path: Path, content: bytes, text: str) -> None:
    entries, data = split(content)
    entries["__metadata__"]["pofx"] = text
    path.write_bytes(join(entries, data))
    with pytest.raises(ModelFileError):
        read_header(path)


# Hostile headers


def test_a_header_length_beyond_the_file_is_refused_before_reading(path: Path, content: bytes) -> None:
    for length in (len(content), 2**24 + 1, 2**63, 2**64 - 1):
        path.write_bytes(seal(length.to_bytes(8, "little") + content[8:]))
        with pytest.raises(ModelFileError, match="header does not fit"):
            read(path)


def test_shapes_of_a_billion_take_no_memory(tmp_path: Path, content: bytes) -> None:
    """In a child process that may take only 256 MiB more than it has: an attempt to allocate would fail differently."""
    resource = pytest.importorskip("resource")
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs the size of the process")
    entries, data = split(content)
    name = "module.0.weight"
    for i, shape in enumerate([[10**9, 10**9], [10**9], [2**62, 4], [0, 10**18]]):
        huge = {**entries, name: {**entries[name], "shape": shape}}
        (tmp_path / f"{i}.pofx").write_bytes(join(huge, data))
    (tmp_path / "4.pofx").write_bytes(content)
    program = f"""
import resource
import torch
from pathlib import Path
from pofx.files.model_file import ModelFileError, load_module, read
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, used + 2**28))
wide = lambda: torch.nn.Linear(10**9, 10**9)
for path in sorted(Path({str(tmp_path)!r}).iterdir()):
    try:
        load_module(wide, read(path))
    except ModelFileError as error:
        assert not isinstance(error.__cause__, MemoryError) and "memory" not in str(error), error
    else:
        raise AssertionError(path)
"""
    del resource
    done = subprocess.run([sys.executable, "-c", program], env=child_environment(), check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_a_billion_layers_are_stopped(path: Path) -> None:
    built = 0

    def layers(kind) -> torch.nn.Module:
        nonlocal built
        module = torch.nn.Sequential()
        for _ in range(10**9):
            module.append(kind())
            built += 1
        return module

    for kind in (lambda: torch.nn.Linear(4, 3), torch.nn.ReLU, lambda: torch.nn.BatchNorm1d(3)):
        built = 0
        with pytest.raises(ModelFileError, match="far more"):
            load_module(lambda kind=kind: layers(kind), read(path))
        assert built < 1000


def test_a_network_that_does_not_fit_is_refused_by_name(path: Path) -> None:
    def without_bias() -> torch.nn.Module:
        module = make()
        module[3] = torch.nn.Linear(3, 2, bias=False)
        return module

    with pytest.raises(ModelFileError, match=r"3\.bias"):
        load_module(without_bias, read(path))
    with pytest.raises(ModelFileError, match="do not fit"):
        load_module(lambda: make().double(), read(path))
    with pytest.raises(ModelFileError, match=r"shape \(5, 4\)"):
        load_module(lambda: torch.nn.Linear(4, 5), read(path))


@pytest.mark.parametrize(
    "error", [ValueError, TypeError, RuntimeError, OverflowError, MemoryError, ZeroDivisionError, RecursionError]
)
def test_errors_of_the_constructor_become_the_one_error(path: Path, error: type[Exception]) -> None:
    def fail() -> torch.nn.Module:
        raise error("no such width")

    with pytest.raises(ModelFileError, match="no such width"):
        load_module(fail, read(path))


def test_values_that_no_file_can_bring_back_are_refused(tmp_path: Path) -> None:
    class Loose(torch.nn.Module):
        def __init__(self, how: str) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(3))
            if how == "buffer":
                self.register_buffer("loose", torch.zeros(3), persistent=False)
            if how == "attribute":
                self.loose = torch.zeros(3)

    class Extra(Loose):
        def get_extra_state(self) -> object:
            return {"loose": 1}

    file = read(write(tmp_path / "a.pofx", HEADER, {"module.weight": torch.ones(3)}))
    for maker in (lambda: Loose("buffer"), lambda: Loose("attribute"), lambda: Extra("extra")):
        with pytest.raises(ModelFileError, match=r"loose|extra_state"):
            load_module(maker, file)


def test_reading_takes_about_twice_the_size_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pofx", HEADER, {"x": torch.zeros(2**20)})
    tracemalloc.start()
    try:
        file = read(path)
        _, for_header = tracemalloc.get_traced_memory()
        file.tensors()
        _, for_tensors = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert for_header < 3 * 2**20  # blocks of 1 MiB, however big the file
    assert for_tensors < 2.5 * path.stat().st_size
