"""The training as a command: what it makes, what it begins with, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from programs import python
from trainings import config_of, recordings_of, rewrite, tiny_training

import ser_ros.training.loop as loop
import ser_ros.training.run as training
from ser_ros.__main__ import main
from ser_ros.bundle import Bundle, Calibration
from ser_ros.classifier import Classifier, softmax
from ser_ros.corpora import Clip, read_manifest
from ser_ros.errors import SerError
from ser_ros.errors.audio import UnreadableFile
from ser_ros.errors.config import BadValue, SpeakersInTraining
from ser_ros.errors.training import CheckpointMismatch, EmptyClass
from ser_ros.evaluation.baseline import population
from ser_ros.evaluation.clips import Heard
from ser_ros.evaluation.seen import acquaintance
from ser_ros.features import FeatureConfig, ImageMaker
from ser_ros.framing import windows_of
from ser_ros.labels import FOUR
from ser_ros.network import build_network
from ser_ros.runtime import open_runtime
from ser_ros.training.about import licence_of_weights
from ser_ros.training.checkpoint import CHECKPOINT
from ser_ros.training.checks import check_beginning, checked
from ser_ros.training.export import network_of, to_onnx
from ser_ros.training.run import run
from ser_ros.training.scoring import calibrate, listen
from ser_ros.training.split import Parts
from ser_ros.training.start import begin, origin

soundfile = pytest.importorskip("soundfile")
torch = pytest.importorskip("torch")

pytestmark = pytest.mark.train

SMALL = FeatureConfig(bands=32, hop=1024)


@pytest.fixture
def folder(tmp_path):
    return tiny_training(tmp_path)


# ── a whole training ──────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_the_command_makes_a_bundle_that_loads_and_predicts(
    folder, ser_ros, voices, capsys, caplog
):
    (folder / "noises").mkdir()
    (folder / "noises" / "LICENCE.txt").write_text("not a recording")
    noise = np.random.default_rng(1).uniform(-0.1, 0.1, 48_000).astype(np.float32)
    soundfile.write(folder / "noises" / "hiss.wav", noise, 16_000)
    words = ["train", folder / "tiny.yaml", "--run", folder / "run", "--out", folder / "bundle"]
    words += ["--set", f"noise_folder={folder / 'noises'}", "--set", "augment.noise=1.0"]
    done = ser_ros(*words)
    assert done.returncode == 0, done.stderr
    assert "epoch 2 of 2" in done.stderr
    assert "unseen speakers, fold 0 held out" in done.stdout
    assert "uar" in done.stdout
    assert len((folder / "run" / "history.csv").read_text().splitlines()) == 3
    assert (folder / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")

    bundle = Bundle.load(folder / "bundle")
    assert bundle.name == "tiny"
    assert bundle.labels == FOUR
    assert bundle.features == FeatureConfig(bands=32, hop=1024, deltas=0)
    figures = bundle.about["metrics"]["held_out"]
    assert figures["all"]["n"] == figures["emodb"]["n"] == 4
    told = bundle.about["training"]
    assert told["corpora"]["emodb"] == {"clips": 4, "speakers": 1, "licence": "CC0 1.0"}
    assert told["noises"] == ["noises"]
    assert told["held_out_speakers"] == ["emodb/03"]
    assert told["settings"]["augment"]["noise"] == 1.0
    assert told["settings"]["augment"]["views"] == 2  # as in the file
    assert bundle.about["licence"] == "CC0 1.0"
    json.dumps(bundle.manifest())

    whole, _ = Classifier(bundle, "onnxruntime").clip(voices[0])
    assert whole.probabilities.sum() == pytest.approx(1, abs=1e-5)
    torch_says, _ = Classifier(bundle, "torch").clip(voices[0])
    np.testing.assert_allclose(whole.probabilities, torch_says.probabilities, atol=1e-3)

    words = [str(word) for word in words]
    assert main(words) == 1
    assert capsys.readouterr().err.startswith("train: --out is ")
    caplog.set_level("INFO")
    assert main([*words, "--resume", "--force"]) == 0  # nothing is trained anew
    assert "Going on after epoch 2" in caplog.text
    assert Bundle.load(folder / "bundle").sha256 == bundle.sha256


@pytest.mark.slow
def test_what_is_learned_along_is_not_in_the_bundle_and_nobody_held_out_makes_no_figures(
    folder, capsys
):
    # Two labels; the others are learned along. MFCC, a validation, TensorBoard.
    pytest.importorskip("tensorboard")
    words = ["--set", "labels=[angry, sad]", "--set", "auxiliary=[neutral, happy, fear]"]
    words += ["--set", "merged={}", "--set", "held_out_fold=null", "--set", "validation_fold=0"]
    words += ["--set", "features.cepstra=30", "--set", "epochs=1", "--tensorboard"]
    assert main(["train", str(folder / "tiny.yaml"), "--run", str(folder / "run"), *words]) == 0
    said = capsys.readouterr()
    assert "No clip was held out" in said.out
    bundle = Bundle.load(folder / "run" / "bundle")
    assert bundle.labels.labels == ("angry", "sad")
    assert bundle.features.shape == (1, 30, 40)
    assert "metrics" not in bundle.about
    assert bundle.about["training"]["held_out_speakers"] == []
    assert bundle.about["training"]["corpora"]["emodb"]["clips"] == 4  # the rest validates
    assert list((folder / "run" / "tensorboard").glob("events*"))
    row = (folder / "run" / "history.csv").read_text().splitlines()[1].split(",")
    assert 0 <= float(row[2]) <= 1


@pytest.mark.slow
def test_figures_of_a_random_split_say_so(folder):
    bundle = run(config_of(folder, split="random", epochs=1), folder / "run", folder / "bundle")
    told = bundle.about["metrics"]["split"]
    assert "random split" in told
    assert "unseen" not in told
    assert bundle.about["training"]["held_out_speakers"] == []


# ── what it refuses ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def asked(monkeypatch):
    """Let the command train nothing; return what it would have called with."""
    calls: list[tuple] = []

    def called(*arguments):
        calls.append(arguments)
        raise BadValue("asked", 1, "nothing more")

    monkeypatch.setattr(training, "run", called)
    return calls


def test_a_checkpoint_is_gone_on_from_only_when_asked(folder, asked, capsys, caplog):
    caplog.set_level("INFO")
    words = ["train", str(folder / "tiny.yaml"), "--run", str(folder / "run")]
    main([*words, "--resume"])
    assert "no '" in caplog.text and "a training begins" in caplog.text
    (folder / "run").mkdir()
    (folder / "run" / CHECKPOINT).touch()
    capsys.readouterr()
    assert main(words) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    for way in ("--resume", "--run", "--force"):
        assert way in said
    assert len(asked) == 1
    main([*words, "--resume"])
    main([*words, "--force"])
    assert [call[4] for call in asked] == [True, True, False]


def test_where_the_command_keeps_things(folder, asked, monkeypatch):
    monkeypatch.chdir(folder)
    main(["train", "tiny.yaml"])
    main(["train", "tiny.yaml", "--run", "elsewhere"])
    main(["train", "tiny.yaml", "--views", "/data/views"])
    runs, own, shared = (call[1:4] for call in asked)
    assert runs == (Path("runs/tiny"), Path("runs/tiny/bundle"), Path("runs/views"))
    assert own == (Path("elsewhere"), Path("elsewhere/bundle"), Path("elsewhere/views"))
    assert shared[2] == Path("/data/views")


def test_paths_of_the_command_line_are_relative_to_here(folder, asked, monkeypatch):
    (folder / "here").mkdir()
    (folder / "here" / "mine.pth").touch()
    monkeypatch.chdir(folder / "here")
    words = ["manifest=m.csv", "noise_folder=[a, /b]", "augment.room_folder=r", "weights=mine.pth"]
    main(["train", str(folder / "tiny.yaml"), *[w for word in words for w in ("--set", word)]])
    main(["train", str(folder / "tiny.yaml"), "--set", "weights=imagenet"])
    config = asked[0][0]
    assert config.path(config.manifest) == folder / "here" / "m.csv"
    assert [str(path) for path in config.noise_folders] == [str(folder / "here" / "a"), "/b"]
    assert config.augment.room_folder == str(folder / "here" / "r")
    assert config.augment.views == 2
    assert config.weights_file == str(folder / "here" / "mine.pth")
    assert asked[1][0].weights_file == "imagenet"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--set", "epoch=3"), "'epoch'"),
        (("--set", "epochs"), "KEY=VALUE"),
        (("--set", "epochs=many"), "epochs"),
        (("--set", "labels=[angry"), "--set"),
        (("--set", "name=a: b: c"), "--set"),
        (("--set", "root=/tmp"), "'root'"),
        (("--set", "augment.nois=1"), "'nois'"),
        (("--set", "epochs.many=1"), "epochs"),
        (("--set", "augment=1", "--set", "augment.noise=1"), "augment"),
    ],
)
def test_the_command_refuses_in_a_sentence(folder, capsys, words, named):
    assert main(["train", str(folder / "tiny.yaml"), *words]) == 1
    said = capsys.readouterr().err
    assert named in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("module", ["torch", "sklearn"])
def test_without_the_extra_the_command_says_what_to_install(folder, module):
    """Python with nothing but what a robot has, as far as the command can tell."""
    code = (
        "import sys, importlib.util as u\n"
        "find = u.find_spec\n"
        f"u.find_spec = lambda name, *a: None if name == {module!r} else find(name, *a)\n"
        "from ser_ros.__main__ import main\n"
        f"sys.exit(main(['train', {str(folder / 'tiny.yaml')!r}]))"
    )
    done = python("-c", code)
    assert done.returncode == 1
    assert f"'{module}' is not installed; run scripts/setup --train" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def no_sad_in_training(row: str) -> str:
    return "" if ",sad," in row and ",08," in row else row


def only_fear_held_out(row: str) -> str:
    if ",03," not in row:
        return row
    cells = row.split(",")
    return ",".join([cells[0], "fear", *cells[2:]])


def speaker_in_two_folds(row: str) -> str:
    return row[:-1] + "0" if row.startswith("08a05Wa") else row


def a_fold_missing(row: str) -> str:
    return row[:-1] if row.startswith("08a05Wa") else row


def no_folds_and_no_speakers(row: str) -> str:
    return row[:-1].replace(",03,", ",,").replace(",08,", ",,")


def no_folds_and_one_speaker(row: str) -> str:
    return row[:-1].replace(",03,", ",08,")


def missing_clip(row: str) -> str:
    return row.replace("08a05Wa.flac", "gone.flac")


@pytest.mark.parametrize(
    ("change", "settings", "error", "named"),
    [
        (no_sad_in_training, {}, EmptyClass, "'sad'"),
        (only_fear_held_out, {}, SerError, "emotion that the model knows"),
        (speaker_in_two_folds, {}, BadValue, "emodb/08"),
        (a_fold_missing, {}, BadValue, "08a05Wa"),
        (no_folds_and_no_speakers, {}, SerError, "`split: random`"),
        (no_folds_and_one_speaker, {}, SerError, r"emodb/08.*`split: random`"),
        (missing_clip, {}, SerError, "gone.flac"),
        (None, {"held_out_fold": 7}, BadValue, "held_out_fold is 7"),
        (None, {"validation_fold": 7}, BadValue, "validation_fold is 7"),
        (None, {"held_out_corpus": "nemo"}, BadValue, "held_out_corpus"),
        (None, {"corpora": ("emodb", "nemo")}, BadValue, "nemo"),
        (None, {"corpora": ("emo-db",)}, BadValue, "emo-db"),
        (None, {"manifest": "nowhere.csv"}, SerError, "nowhere.csv"),
        (None, {"noise_folder": "nowhere"}, SerError, "nowhere"),
        (None, {"weights": "nowhere"}, SerError, "nowhere"),
    ],
    ids=lambda v: getattr(v, "__name__", None) or (str(v) if isinstance(v, dict) else None),
)
def test_a_training_that_cannot_start_says_why(folder, monkeypatch, change, settings, error, named):
    def started(*_, **__):
        raise AssertionError("it began to train")

    monkeypatch.setattr(loop, "_loss", started)
    if change:
        rewrite(folder, change)
    with pytest.raises(error, match=named) as caught:
        run(config_of(folder, **settings), folder / "run", folder / "bundle")
    assert "\n" not in str(caught.value)
    assert not (folder / "bundle").exists()


def test_a_clip_that_cannot_be_read_is_named(folder):
    config = config_of(folder)
    soundfile.write(folder / "08a05Wa.flac", np.zeros(100), 4000, format="FLAC")
    with pytest.raises(SerError, match=r"08a05Wa.flac.* 4000"):
        recordings_of(folder, config)


# ── what a training begins with ───────────────────────────────────────────────────────────────


def test_weights_of_torchvision_are_taken_and_its_classifier_is_not(tmp_path, caplog):
    caplog.set_level("INFO")
    torch.manual_seed(1)
    given = build_network(SMALL, 1000).state_dict()
    old = {
        name.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): value
        for name, value in given.items()
    }  # as the file of 2017 spells them
    assert old.keys() != given.keys()
    for state in (given, old):
        torch.save(state, tmp_path / "weights.pth")
        found = build_network(SMALL, 4, weights=str(tmp_path / "weights.pth")).state_dict()
        assert found["classifier.weight"].shape == (4, 1024)
        for name, value in given.items():
            assert name.startswith("classifier") or torch.equal(found[name], value), name
    assert "weights.pth" in caplog.text
    mono = build_network(
        FeatureConfig(bands=32, hop=1024, deltas=0), 4, weights=str(tmp_path / "weights.pth")
    )
    assert mono.features.conv0.in_channels == 1
    assert "first layer is new" in caplog.text


@pytest.mark.parametrize("content", [b"", b"no weights", None, [1, 2], {"features.x": 1}], ids=repr)
def test_a_file_of_other_weights_is_refused(tmp_path, content):
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(BadValue, match=r"weights.*DenseNet121"):
        build_network(SMALL, 4, weights=str(path))


@pytest.mark.slow
def test_without_a_network_imagenet_gives_way_to_random_weights(folder, monkeypatch, caplog):
    caplog.set_level("INFO")
    build_network(SMALL, 4)  # lets torchvision be imported
    from torchvision.models import WeightsEnum

    def unreachable(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr(WeightsEnum, "get_state_dict", unreachable)
    config = config_of(folder, weights="imagenet", epochs=1)
    training = run(config, folder / "run", folder / "bundle").training
    assert training["began_with"] == "random weights"
    assert "no route to host" in caplog.text
    assert "begins with random weights" in caplog.text
    # What goes on began with what it began with, though the network is there by now.
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda *_, **__: pytest.fail("fetched"))
    training = run(config, folder / "run", folder / "again").training
    assert training["began_with"] == "random weights"
    with pytest.raises(CheckpointMismatch, match="its weights is 'imagenet', here it is ''"):
        run(replace(config, weights=""), folder / "run", folder / "other")


def test_a_recording_is_its_file(folder):
    from ser_ros import audio

    config = config_of(folder)
    for recording in recordings_of(folder, config):
        samples = audio.load(recording.clip.path)
        np.testing.assert_allclose(recording.samples(), samples, atol=1 / 32768)
    clips = read_manifest(folder / "manifest.csv")
    with pytest.raises(EmptyClass, match="'fear' in what 'here' would learn"):
        checked(config_of(folder, labels="seven"), clips, None, "here")


# ── beginning with a model ────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_a_training_begins_with_a_bundle_and_inherits_its_terms_and_its_speakers(folder, caplog):
    caplog.set_level("INFO")
    first = run(config_of(folder, epochs=1), folder / "first", folder / "bundle")
    about = dict(first.about) | {"licence": "CC BY-NC-SA 4.0"}
    replace(first, about=about).save(folder / "bundle")
    config = config_of(folder, epochs=1, learning_rate=1e-9, weights=str(folder / "bundle"))
    second = run(config, folder / "second", folder / "tuned")
    assert "begins with all of the model 'tiny'" in caplog.text
    assert second.about["licence"] == "CC BY-NC-SA 4.0"
    assert second.about["training"]["speakers"] == ["emodb/08"]
    # So small a learning rate leaves the weights as they were.
    before, after = (network_of(b).state_dict()["classifier.weight"] for b in (first, second))
    assert torch.allclose(before, after, atol=1e-3)
    other = replace(config, features=FeatureConfig(bands=48, hop=1024, deltas=0))
    begin(other, origin(other))
    assert "knows images of 1 x 32 x 40, here they are 1 x 48 x 40" in caplog.text
    # Who chose the epoch was not trained on, and may choose again; who was trained on may not.
    clips = read_manifest(folder / "manifest.csv")
    chooser, trained = ([c for c in clips if c.speaker == f"emodb/{s}"] for s in ("03", "08"))
    chose = {"speakers": ["emodb/08"], "validation_speakers": ["emodb/03"]}
    validated = replace(first, about={"training": chose})
    check_beginning(config, Parts([], chooser, [], ""), validated)
    with pytest.raises(SpeakersInTraining, match="emodb/08"):
        check_beginning(config, Parts([], trained, [], ""), validated)
    # Speaker 08 was trained on: no figure for unseen speakers can come from the other fold now.
    with pytest.raises(SpeakersInTraining, match="emodb/08"):
        run(replace(config, held_out_fold=1), folder / "third", folder / "flattered")


@pytest.mark.parametrize(
    ("of_data", "expected"),
    [
        ({"CC0 1.0"}, "CC0 1.0"),
        ({"CC BY-NC-SA 4.0", "CC0 1.0", "CC BY 3.0"}, "CC BY-NC-SA 4.0"),
        ({"CC BY-NC-SA 4.0; X", "CC0 1.0"}, "CC BY-NC-SA 4.0; X"),
        ({"CC BY-NC-SA 4.0", "ETRI's terms"}, "CC BY-NC-SA 4.0; ETRI's terms"),
        ({"CC BY-NC-SA 4.0", "CC BY 4.0, research"}, "CC BY 4.0, research; CC BY-NC-SA 4.0"),
    ],
)
def test_weights_carry_every_licence_that_asks_for_more(of_data, expected):
    assert licence_of_weights(of_data) == expected


def test_a_held_out_recording_that_is_missing_is_told_before_the_training(folder):
    rewrite(folder, lambda row: row.replace("03a05Wa.flac", "gone.flac"))
    with pytest.raises(UnreadableFile, match=r"gone\.flac"):
        run(config_of(folder), folder / "run", folder / "bundle")
    assert not (folder / "run").exists()


# ── what is exported ──────────────────────────────────────────────────────────────────────────


def test_the_exported_network_says_what_the_trained_one_said(tmp_path, shipped_bundle, voices):
    network = network_of(shipped_bundle)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in network.parameters():  # so that 16 bits do not hold them as they are
            weight *= 1 + 3e-4 * torch.randn(weight.shape, generator=generator)
    exported = replace(shipped_bundle, network=to_onnx(network, shipped_bundle.features))
    runtime = open_runtime(exported, "onnxruntime")
    maker, size = ImageMaker(shipped_bundle.features), shipped_bundle.features.window
    for voice in voices[:4]:
        image = maker(next(windows_of(voice, size, size)))
        with torch.no_grad():
            expected = network(torch.from_numpy(image[None]))[0].numpy()
        np.testing.assert_allclose(softmax(runtime(image), 1.0), softmax(expected, 1.0), atol=1e-3)


# ── who calibrates ────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_a_validation_fold_calibrates_and_nobody_else_has_to(folder, caplog):
    manifest = folder / "manifest.csv"
    head, *rows = manifest.read_text().splitlines()
    for row in list(rows):  # a third voice: the second's, lower
        if ",08," in row:
            name = row.split(",")[0]
            sound, rate = soundfile.read(folder / name)
            soundfile.write(folder / f"low-{name}", sound, rate * 3 // 4)
            rows.append("low-" + row.replace(",08,", ",09,")[:-1] + "2")
    manifest.write_text("\n".join([head, *rows]) + "\n")
    bundle = run(config_of(folder, validation_fold=2), folder / "one", folder / "bundle")
    training = bundle.training
    assert training["held_out_speakers"] == ["emodb/03"]
    assert training["validation_speakers"] == training["calibrated_on"] == ["emodb/09"]
    assert "fitted on the validation clips" in bundle.about["metrics"]["split"]
    assert not acquaintance(bundle, [clip_of("emodb/03")]).fitted
    # A voice is compared with theirs, and not with what was learned.
    strangers = [clip for clip in read_manifest(manifest) if clip.speaker == "emodb/09"]
    said = listen(Classifier(bundle, "onnxruntime"), strangers)
    assert bundle.neutral_logits == pytest.approx(population(said, 1), abs=1e-3)
    # What began with it tells who chose its epoch, too.
    further = config_of(folder, weights=str(folder / "bundle"), epochs=1)
    told = run(further, folder / "two", folder / "further").training
    assert told["validation_speakers"] == ["emodb/09"]
    assert told["calibrated_on"] == ["emodb/03"]
    # Without anybody held out it is still calibrated; without anybody at all that is said.
    some = config_of(folder, held_out_fold=None, validation_fold=2, epochs=1)
    kept = run(some, folder / "three", folder / "some")
    assert kept.calibration != Calibration() and "metrics" not in kept.about
    assert "Nobody is left to calibrate on" not in caplog.text
    every = config_of(folder, held_out_fold=None, epochs=1)
    assert run(every, folder / "four", folder / "every").calibration == Calibration()
    assert "Nobody is left to calibrate on" in caplog.text
    # A last stage on everybody: what is known of strangers is what the one before it told.
    last = replace(every, weights=str(folder / "bundle"))
    whole = run(last, folder / "five", folder / "whole")
    assert whole.sha256 != bundle.sha256
    assert whole.calibration == bundle.calibration
    assert whole.neutral_logits == bundle.neutral_logits
    assert "as the model begun with has them" in caplog.text
    assert whole.training["calibrated_on"] == ["emodb/09"]
    assert whole.training["held_out_speakers"] == []
    assert acquaintance(whole, [clip_of("emodb/03")]).seen == ["emodb/03"]
    metrics = whole.about["metrics"]
    assert bundle.sha256 in metrics.pop("of") and metrics == bundle.about["metrics"]
    # Of one that tells other emotions apart, nothing is taken.
    other = replace(last, labels=("angry", "sad"))
    other = run(other, folder / "six", folder / "other")
    assert other.calibration == Calibration() and "metrics" not in other.about


def test_one_voice_gives_a_threshold_for_its_own_temperature():
    random = np.random.default_rng(1)
    truth = random.integers(0, 4, 200)
    logits = random.normal(0, 1, (200, 4)) + 2.0 * np.eye(4)[truth]
    heard = [
        Heard(clip_of("a"), int(t), 4 * row[None].astype(np.float32), np.ones(1, np.float32))
        for t, row in zip(truth, logits, strict=True)
    ]
    found = calibrate(heard)
    assert found.temperature > 2
    sure = [softmax(h.logits[0], found.temperature).max() for h in heard]
    assert np.mean(np.array(sure) >= found.uncertain_below) == pytest.approx(0.7, abs=0.01)


def clip_of(speaker: str) -> Clip:
    return Clip(Path("x.wav"), "angry", speaker, "emodb")
