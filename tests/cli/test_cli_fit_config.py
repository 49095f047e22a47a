"""``pofx fit --config``."""

import pytest
from cli_runs import same_weights

import pofx
from pofx.cli import main

CONFIG = """
# Comments and both ways to write a name.
model: vae
max_epochs: 2
latent-dim: 3
width: 16
depth: 1
learning_rate: 3e-3
early_stopping: null
ema_half_life: ~
conditional: yes
verbose: no
seed: 5
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fit.yaml").write_text(CONFIG)
    return tmp_path / "fit.yaml"


def test_the_file_gives_options_and_the_command_line_wins(config):
    assert main(["fit", "digits", "-o", "m.pofx", "--config", "fit.yaml", "--latent-dim", "4", "--depth=2"]) == 0
    model = pofx.load("m.pofx")
    parameters = model.get_params()
    found = {name: parameters[name] for name in ("max_epochs", "latent_dim", "width", "depth", "learning_rate")}
    assert found == {"max_epochs": 2, "latent_dim": 4, "width": 16, "depth": 2, "learning_rate": 3e-3}
    assert parameters["early_stopping"] is None and parameters["ema_half_life"] is None
    assert parameters["conditional"] is True
    assert model.seed_ == 5


def test_source_and_output_can_stand_in_the_file(config):
    config.write_text(CONFIG + "source: digits\noutput: there.pofx\n")
    assert main(["fit", "--config", "fit.yaml"]) == 0
    assert pofx.load("there.pofx").seed_ == 5


@pytest.mark.parametrize("content", ["", "# nothing\n", "---\n"])
def test_an_empty_file_says_nothing(content, config):
    config.write_text(content)
    assert main(["fit", "digits", "-o", "m.pofx", "--config", "fit.yaml", "--max-epochs", "1", "--no-verbose"]) == 0


def test_info_prints_the_file_that_repeats_a_fit(config, capsys):
    assert main(["fit", "digits", "-o", "a.pofx", "--config", "fit.yaml"]) == 0
    capsys.readouterr()
    assert main(["info", "a.pofx", "--config"]) == 0
    config.with_name("again.yaml").write_text(capsys.readouterr().out)
    assert main(["fit", "digits", "-o", "b.pofx", "--config", "again.yaml", "--no-verbose"]) == 0
    assert same_weights("a.pofx", "b.pofx")


def test_info_prints_shapes_as_the_command_line_has_them(config, tmp_path, capsys):
    X = pofx.load_source("digits").images.reshape(-1, 64)
    pofx.VAE(image_shape=(4, 16), max_epochs=1, width=8, depth=1, random_state=0).fit(X[:50]).save("a.pofx")
    assert main(["info", "a.pofx", "--config"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["model: vae", "image_shape: 4x16", "levels: null"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("latnt_dim: 3", "unknown option: latnt-dim. Did you mean latent-dim?"),
        ("config: other.yaml", "unknown option: config."),
        ("latent_dim: many", 'Invalid value for --latent-dim from fit.yaml: unable to convert "many" into int.'),
        ("conditional: maybe", 'unable to convert "maybe" into bool'),
        ("architecture: mpl", 'Did you mean "mlp"?'),
        ("model: vea", "Did you mean 'vae'?"),
        ("size: 3by4", "32x48"),
        ("seed: -1", "--seed"),
        ("latent_dim: [1, 2]", "fit.yaml gives latent_dim no plain value"),
        ("latent_dim: {a: 2}", "fit.yaml gives latent_dim no plain value"),
        ("- latent_dim", "fit.yaml should hold lines such as latent_dim: 16"),
        ("latent_dim 3", "fit.yaml should hold lines such as latent_dim: 16"),
        ("width: 3\nwidth: 4", "line 2: width is there twice"),
        ("latent_dim: 3\nlatent-dim: 4", "fit.yaml has latent-dim twice"),
        ("a: b: c", "fit.yaml cannot be read as YAML, line 1"),
        ("? [a]\n: b", "fit.yaml cannot be read as YAML, line 1"),
        ("a: !!python/object/apply:os.system [ls]", "fit.yaml gives a no plain value"),
        ("a: &a [*a]", "fit.yaml cannot be read as YAML"),
        ("[" * 5000, "fit.yaml cannot be read as YAML"),
        ("a: \x00", "fit.yaml cannot be read as YAML"),
        ("# " + "x" * 2**20, "fit.yaml is too large"),
    ],
)
def test_errors_of_the_file_are_those_of_the_command_line(content, message, config, capsys):
    config.write_text(content)
    assert main(["fit", "digits", "-o", "m.pofx", "--config", "fit.yaml"]) == 2
    err = capsys.readouterr().err
    assert message in err and err.startswith("pofx: ") and err.count("\n") == 1


def test_bytes_that_are_no_text(config, capsys):
    config.write_bytes(b"a: \xff\xfe")
    assert main(["fit", "digits", "-o", "m.pofx", "--config", "fit.yaml"]) == 2
    assert "cannot be read as YAML" in capsys.readouterr().err


def test_a_file_that_is_not_there(config, capsys):
    assert main(["fit", "digits", "-o", "m.pofx", "--config", "fitt.yaml"]) == 1
    assert capsys.readouterr().err == "pofx: fitt.yaml does not exist\n"
