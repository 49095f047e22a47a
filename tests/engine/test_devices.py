"""What a device is asked for, and how exactly it convolves."""

import pytest
import torch
from sklearn.base import clone

import pofx
from pofx.engine.devices import full_float32, resolve_device


@pytest.fixture
def on_a_mac(monkeypatch):
    """Torch says that there is Apple's MPS, and no CUDA."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "is_available", lambda: True, raising=False)
    monkeypatch.setattr(torch.mps, "device_count", lambda: 1)


def test_auto_is_mps_only_for_what_it_computes(on_a_mac):
    assert resolve_device("auto").type == "mps"
    assert resolve_device("auto", torch.float64).type == "cpu"


def test_float64_on_mps_is_refused(on_a_mac):
    assert resolve_device("mps").type == "mps"
    with pytest.raises(ValueError, match="no float64"):
        resolve_device("mps", torch.float64)


def test_fitting_in_float64_goes_to_the_cpu(on_a_mac, rng_images):
    model = pofx.VAE(max_epochs=1, width=4, depth=1, latent_dim=2, precision="float64", device="auto", random_state=0)
    model.fit(rng_images)
    assert model.score_samples(rng_images).shape == (len(rng_images),)
    with pytest.raises(ValueError, match="no float64"):
        model.set_params(device="mps").fit(rng_images)


@pytest.fixture(params=["old", "new"])
def tf32_allowed(request):
    """The user's setting, by the flag of old or, for one kind of operation alone, by that of torch 2.9 on."""
    cudnn = torch.backends.cudnn
    if request.param == "old":
        before, cudnn.allow_tf32 = cudnn.allow_tf32, True
        yield lambda: cudnn.allow_tf32
        cudnn.allow_tf32 = before
        return
    if not hasattr(cudnn, "conv"):
        pytest.skip("this torch has one flag for all")
    kinds, before = (cudnn.conv, cudnn.rnn), (cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision)
    cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision = "tf32", "ieee"
    yield lambda: "tf32" in (cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision)
    for kind, precision in zip(kinds, before, strict=True):
        kind.fp32_precision = precision


def test_full_float32_is_restored(tf32_allowed):
    with pytest.raises(KeyError), full_float32():
        assert not tf32_allowed()
        raise KeyError
    assert tf32_allowed()


@pytest.mark.parametrize("call", ["score_samples", "log_prob_map", "surprise_map", "sample", "complete", "fit"])
def test_a_pixelcnn_speaks_in_full_float32(call, fitted_pixelcnn, tf32_allowed):
    check_calls(call, fitted_pixelcnn, tf32_allowed)


@pytest.mark.parametrize("call", ["score_samples", "transform", "reconstruct", "sample", "inverse_transform", "fit"])
def test_a_vae_speaks_in_full_float32(call, fitted_vae, tf32_allowed):
    check_calls(call, fitted_vae, tf32_allowed)


def check_calls(call, fitted, tf32_allowed):
    """Every convolution of the call, save those that a gradient is taken of, is in full float32."""
    model, X = fitted
    arguments = {
        "sample": (2,),
        "inverse_transform": ([[0.0, 0.0], [1.0, 1.0]],),
        "complete": (X[:2], torch.arange(16).reshape(4, 4).numpy() % 3 > 0),
    }.get(call, (X,))
    in_tf32, in_training = [], []

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            if function is torch.conv2d or function is torch.nn.functional.linear:
                (in_training if torch.is_grad_enabled() else in_tf32).append(tf32_allowed())
            return function(*args, **(kwargs or {}))

    with Watch():
        getattr(clone(model) if call == "fit" else model, call)(*arguments)
    assert in_tf32 and not any(in_tf32)
    assert all(in_training) and bool(in_training) == (call == "fit")
    assert tf32_allowed()


@pytest.fixture(scope="module")
def rng_images():
    return torch.randint(4, (40, 4, 4), generator=torch.Generator().manual_seed(0)).numpy()


@pytest.fixture(scope="module")
def fitted_pixelcnn(rng_images):
    return pofx.PixelCNN(max_epochs=1, n_channels=4, n_layers=1, device="cpu", random_state=0).fit(
        rng_images
    ), rng_images


@pytest.fixture(scope="module")
def fitted_vae(rng_images):
    return pofx.VAE(max_epochs=1, width=4, depth=1, latent_dim=2, device="cpu", random_state=0).fit(
        rng_images
    ), rng_images
