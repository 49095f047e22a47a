"""Log-probabilities on a device that has no float64, as Apple's MPS.

Torch's fake tensors have shapes, dtypes and a device, here MPS, and no numbers: an operation on tensors of two devices
fails as on the real one. What is float64 on the device fails too, by a mode of this file.
"""

import copy

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

import pofx
from pofx.distributions.numerics import from_double, in_double
from pofx.families.autoregressive import completion
from pofx.families.variational import bounds

MPS = torch.device("mps:0")


class NoFloat64(TorchDispatchMode):
    """Refuses what MPS refuses: float64 there, and a copy to the CPU that changes float32 to it on the way."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        given, made = ([t for t in tree_leaves(tree) if isinstance(t, torch.Tensor)] for tree in (args, result))
        there = [t for t in given + made if t.device.type == "mps"]
        copies = function is torch.ops.aten._to_copy.default
        if any(t.dtype == torch.float64 for t in (there + given + made if copies and there else there)):
            raise TypeError(
                "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."
            )
        return result


class NotLinked(TorchFunctionMode):
    """A few functions ask for torch's MPS code before they look at the fake; their results are like the CPU's."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        try:
            return function(*args, **kwargs)
        except RuntimeError as error:
            if "not linked" not in str(error):
                raise
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        assert {t.device.type for t in tensors} <= {"mps"}, "tensors of two devices"
        args, kwargs = tree_map_only(torch.Tensor, torch.Tensor.cpu, (args, kwargs))
        result = function(*args, **{name: "cpu" if name == "device" else value for name, value in kwargs.items()})
        return tree_map_only(torch.Tensor, lambda t: on_mps(t.fake_mode, *t.shape, dtype=t.dtype), result)


@pytest.fixture
def mode():
    return FakeTensorMode(allow_non_fake_inputs=True)


def on_mps(mode, *shape, dtype=torch.float32):
    return FakeTensor(mode, torch.empty(*shape, dtype=dtype, device="meta"), MPS)


def moved(mode, module):
    """A copy of the module whose tensors are on the device."""
    module = copy.deepcopy(module)
    for part in module.modules():
        for tensors in (part._parameters, part._buffers):
            for name, tensor in tensors.items():
                if tensor is not None:
                    tensors[name] = on_mps(mode, *tensor.shape, dtype=tensor.dtype)
    return module


def test_the_simulated_device_refuses(mode):
    x = on_mps(mode, 3)
    with mode, NoFloat64():
        for refused in (lambda: x.double(), lambda: x.to("cpu", torch.float64)):
            with pytest.raises(TypeError, match="MPS"):
                refused()
        with pytest.raises(RuntimeError, match="device"):
            x + in_double(x)


def test_to_double_and_back(mode):
    x = on_mps(mode, 3)
    with mode, NoFloat64():
        double = in_double(x)
        back = from_double(double, MPS)
    assert (double.device.type, double.dtype) == ("cpu", torch.float64)
    assert (back.device, back.dtype) == (MPS, torch.float32)
    here = torch.rand(3)
    assert torch.equal(in_double(here), here.double())
    assert from_double(in_double(here), here.device).dtype == torch.float64


IMAGES = np.random.default_rng(0).integers(0, 4, size=(40, 4, 4))
SMALL = {"max_epochs": 1, "conditional": True, "device": "cpu", "random_state": 0}
MODELS = {
    "PixelCNN": lambda: pofx.PixelCNN(n_channels=4, n_layers=1, **SMALL),
    "VAE": lambda: pofx.VAE(width=4, depth=1, latent_dim=2, **SMALL),
}


@pytest.fixture(params=MODELS)
def fitted(request, mode):
    model = MODELS[request.param]().fit(IMAGES, np.arange(40) % 2)
    model.module_ = moved(mode, model.module_)
    return model


def through_map(model, monkeypatch, mode, call):
    """Run a public call up to what it asks of the network, on a batch that is on the device."""

    def one_chunk(reader, function):
        x_NCHW = on_mps(mode, 5, 1, 4, 4, dtype=torch.int64)
        with torch.no_grad(), mode, NoFloat64(), NotLinked():
            result = function(x_NCHW, None)
            for part in result if isinstance(result, tuple) else (result,):
                assert in_double(part).cpu().shape[0] == 5
        raise StopIteration

    monkeypatch.setattr(model, "_map", one_chunk)
    if hasattr(model, "_score_noise"):
        # The noise is made from the numbers of an image, on the CPU, and then moved.
        monkeypatch.setattr(model, "_score_noise", lambda x: on_mps(mode, 4, len(x), 2))
    with pytest.raises(StopIteration):
        getattr(model, call)(IMAGES)


@pytest.mark.parametrize("call", ["score_samples", "surprise_map", "typicality_statistics", "transform"])
def test_what_every_density_answers(call, fitted, monkeypatch, mode):
    through_map(fitted, monkeypatch, mode, call)


def test_log_prob_map_on_the_device(monkeypatch, mode):
    model = MODELS["PixelCNN"]().fit(IMAGES, np.arange(40) % 2)
    model.module_ = moved(mode, model.module_)
    through_map(model, monkeypatch, mode, "log_prob_map")


def test_classes_given_what_is_known(mode):
    model = MODELS["PixelCNN"]().fit(IMAGES, np.arange(40) % 2)
    module = moved(mode, model.module_)
    x_NCHW = on_mps(mode, 5, 1, 4, 4, dtype=torch.int64)
    known_NCHW = on_mps(mode, 5, 1, 4, 4, dtype=torch.bool)
    log_prior_K = torch.log(torch.from_numpy(model.class_prior_))
    with torch.no_grad(), mode, NoFloat64(), NotLinked():
        posterior_NK = completion._posterior(module, x_NCHW, known_NCHW, mode.from_tensor(log_prior_K))
    assert posterior_NK.dtype == torch.float64


def test_importance_weights_on_the_device(mode):
    mean_NL = on_mps(mode, 5, 2)
    with mode, NoFloat64(), NotLinked():
        bound_N = bounds.importance_weighted_bound(lambda z_SNL: z_SNL.sum(2), mean_NL, mean_NL, 4)
    assert bound_N.dtype == torch.float64
