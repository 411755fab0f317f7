from __future__ import annotations

import builtins
import json
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.rewards.models import vision_encoder
from rewardium.rewards.models.vision_encoder import CONFIG_FILE, WEIGHTS_FILE, VisionEncoder, load_vision_encoder

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")

from rewardium.rewards.learning.small_clip import TINY, build_clip, save_clip  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip")
    save_clip(build_clip(TINY, seed=0), TINY, path)
    return path


@pytest.fixture(scope="module")
def encoder(folder):
    return load_vision_encoder(str(folder), "cpu")


def frames(count, size=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def copied(folder, target):
    target.mkdir()
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        (target / name).write_bytes((folder / name).read_bytes())
    return target


def test_it_gives_what_open_clip_gives(folder, encoder):
    from PIL import Image

    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(["a pole", "a pole upright"])
    given = frames(3)
    model.eval()
    with torch.inference_mode():
        images = torch.stack([transform(Image.fromarray(frame)) for frame in given])
        expected = model.encode_image(images, normalize=True).numpy()
        said = model.encode_text(tokens, normalize=True).numpy()
    np.testing.assert_allclose(encoder.encode_images(given), expected, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(["a pole", "a pole upright"]), said, atol=1e-5)


@pytest.fixture(scope="module")
def transformer_folder(tmp_path_factory):
    """A model of the architecture of ViT-bigG-14."""
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("vit")
    vision = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "mlp_ratio": 4.9231, "patch_size": 8}
    text = {**TINY.model_config()["text_cfg"], "context_length": 77}
    config = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}
    torch.manual_seed(0)
    save_file(open_clip.CLIP(**config).state_dict(), folder / WEIGHTS_FILE)
    # without a "preprocess_cfg", as the folders of many models: open_clip's own means hold
    (folder / CONFIG_FILE).write_text(json.dumps({"model_cfg": config}))
    return folder


def test_a_vision_transformer(transformer_folder):
    from PIL import Image

    encoder = load_vision_encoder(str(transformer_folder), "cpu")
    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{transformer_folder}")
    given = frames(3, size=48)
    with torch.inference_mode():
        images = torch.stack([transform(Image.fromarray(frame)) for frame in given])
        expected = model.eval().encode_image(images, normalize=True).numpy()
    np.testing.assert_allclose(encoder.encode_images(given), expected, atol=0.01)


def test_mixed_precision_gives_nearly_the_same(transformer_folder):
    encoder = load_vision_encoder(str(transformer_folder), "cpu")
    model = open_clip.create_model(f"local-dir:{transformer_folder}", precision="bf16").eval()
    half = VisionEncoder(model, encoder.tokenizer, encoder.transform, "half", dtype=torch.bfloat16)
    given, texts = frames(5), ["a pole", "a pole upright"]
    assert half.encode_images(given).dtype == np.float32
    np.testing.assert_allclose(half.encode_images(given), encoder.encode_images(given), atol=0.03)
    np.testing.assert_allclose(half.encode_texts(texts), encoder.encode_texts(texts), atol=0.03)


def test_shapes_types_and_lengths(encoder):
    images, texts = encoder.encode_images(frames(5)), encoder.encode_texts(["a pole"] * 2)
    assert (images.shape, texts.shape) == ((5, 16), (2, 16))
    assert images.dtype == texts.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(np.concatenate([images, texts]), axis=1), 1.0, atol=1e-5)
    assert encoder.encode_images(frames(0)).shape == encoder.encode_images([]).shape == (0, 16)
    assert encoder.encode_texts([]).shape == (0, 16)
    assert (encoder.image_size, encoder.dimensions) == (32, 16)


def test_a_frame_gets_one_vector_however_it_is_given(encoder):
    given = frames(9)
    given.flags.writeable = False
    expected = encoder.encode_images(given)
    np.testing.assert_allclose(encoder.encode_images(list(given)), expected, atol=1e-6)
    np.testing.assert_allclose(encoder.encode_images(given[::-1])[::-1], expected, atol=1e-6)
    np.testing.assert_allclose(encoder.encode_images([given[4]])[0], expected[4], atol=1e-6)


def test_memory_bounds_the_frames_of_one_pass(encoder, monkeypatch):
    small = VisionEncoder(encoder.model, encoder.tokenizer, encoder.transform, "small", memory=500_000)
    seen = []
    encode = small._encode
    monkeypatch.setattr(small, "_encode", lambda images: seen.append(len(images)) or encode(images))
    given = frames(2 * small.batch_size + 1)
    np.testing.assert_allclose(small.encode_images(given), encoder.encode_images(given), atol=1e-6)
    assert seen == [small.batch_size, small.batch_size, 1]
    assert 1 < small.batch_size < encoder.batch_size
    assert VisionEncoder(encoder.model, encoder.tokenizer, encoder.transform, "one", memory=1).batch_size == 1


def test_a_sentence_is_read_once(encoder, monkeypatch):
    read = []
    sentences = encoder._sentences
    monkeypatch.setattr(encoder, "_sentences", lambda texts: read.append(list(texts)) or sentences(texts))
    first = encoder.encode_texts(["once only", "twice", "once only"])
    np.testing.assert_array_equal(encoder.encode_texts(["once only"])[0], first[0])
    np.testing.assert_array_equal(first[0], first[2])
    assert read == [["once only", "twice"]]


def test_the_memory_of_sentences_is_bounded(encoder, monkeypatch):
    monkeypatch.setattr(vision_encoder, "_TEXTS_KEPT", 2)
    encoder.encode_texts(["a", "b", "c"])
    assert list(encoder._texts) == ["b", "c"]


def test_hostile_sentences(encoder):
    for text in ("", "\ud800", "\x00", "<end_of_text>" * 3, "pole " * 100_000, "🙂"):
        assert np.isfinite(encoder.encode_texts([text])).all()
    with pytest.raises(RewardiumError, match="sentences"):
        encoder.encode_texts([None])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([np.zeros((32, 32, 3), np.float32)], "uint8"),
        ([np.zeros((4, 4, 3), np.uint8)], "too small"),
        ([np.zeros((32, 32, 3), np.uint8), np.zeros((33, 33, 3), np.uint8)], "one size"),
    ],
    ids=["type", "size", "sizes"],
)
def test_frames_that_it_cannot_read(encoder, given, message):
    with pytest.raises(RewardiumError, match=message):
        encoder.encode_images(given)


def test_frames_are_checked_before_there_are_any(encoder):
    encoder.check_frames((64, 64, 3), np.uint8)
    with pytest.raises(RewardiumError, match="too small for an encoder of 32"):
        encoder.check_frames((4, 4, 3), np.uint8)


def test_an_encoder_is_loaded_once_in_a_process(folder):
    barrier = threading.Barrier(4)

    def load(_):
        barrier.wait()
        return load_vision_encoder(str(folder), "cpu")

    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(load, range(4)))
    assert all(encoder is loaded[0] for encoder in loaded)


def test_a_model_that_was_trained_again_is_read_again(tmp_path):
    for seed in (0, 1):
        save_clip(build_clip(TINY, seed=seed), TINY, tmp_path)
        encoder = load_vision_encoder(str(tmp_path), "cpu")
        expected = build_clip(TINY, seed=seed).visual.conv1.weight
        assert torch.equal(encoder.model.visual.conv1.weight, expected)


def test_nothing_is_trained(encoder):
    assert not encoder.model.training
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "ARCHITECTURE/WEIGHTS"),
        (None, "ARCHITECTURE/WEIGHTS"),
        ("ViT-B-33/openai", "unknown architecture 'ViT-B-33'; did you mean .*ViT-B-32"),
        ("ViT-B-32/opnai", "unknown weights of ViT-B-32 'opnai'; did you mean 'openai'"),
        ("ViT-B-32", "unknown weights of ViT-B-32 ''"),
        ("runs/clip/nothing", "train_clip.py --out runs/clip/nothing"),
        ("/no/such/folder", "no folder '/no/such/folder'"),
    ],
    ids=str,
)
def test_no_such_model(name, message):
    with pytest.raises(RewardiumError, match=message):
        load_vision_encoder(name, "cpu")


def test_no_such_device(folder):
    with pytest.raises(RewardiumError, match="device"):
        load_vision_encoder(str(folder), "tpu")


def test_weights_that_cannot_be_fetched(monkeypatch):
    def refuse(*arguments, **keywords):
        raise ConnectionError("no network")

    monkeypatch.setattr(open_clip.factory, "download_pretrained", refuse)
    with pytest.raises(RewardiumError, match=r"cannot load the vision encoder 'RN50/openai': .*no network"):
        load_vision_encoder("RN50/openai", "cpu")


def cut_short(folder):
    weights = folder / WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[:100_000])


def scribble(folder):
    (folder / WEIGHTS_FILE).write_bytes(b"\x80\x04pickle")


def other_shape(folder):
    config = json.loads((folder / CONFIG_FILE).read_text())
    config["model_cfg"] = replace(TINY, dimensions=24).model_config()
    (folder / CONFIG_FILE).write_text(json.dumps(config))


def no_json(folder):
    (folder / CONFIG_FILE).write_text("{")


def empty_config(folder):
    (folder / CONFIG_FILE).write_text("{}")


def no_squares(folder):
    config = json.loads((folder / CONFIG_FILE).read_text())
    config["preprocess_cfg"]["resize_mode"] = "tile"
    (folder / CONFIG_FILE).write_text(json.dumps(config))


def not_finite(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / WEIGHTS_FILE)
    weights["visual.conv1.weight"][:] = float("nan")
    save_file(weights, folder / WEIGHTS_FILE)


@pytest.mark.parametrize(
    "damage",
    [cut_short, scribble, other_shape, no_json, empty_config, no_squares, not_finite],
    ids=lambda f: f.__name__,
)
def test_a_damaged_model_is_one_error(folder, tmp_path, damage):
    target = copied(folder, tmp_path / "clip")
    damage(target)
    with pytest.raises(RewardiumError, match=r"cannot load|corrupt|resize_mode"):
        load_vision_encoder(str(target), "cpu")


@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE])
def test_a_folder_without_a_file(folder, tmp_path, name):
    target = copied(folder, tmp_path / "clip")
    (target / name).rename(target / "pytorch_model.bin")  # a pickle is no substitute
    with pytest.raises(RewardiumError, match=f"it has no {name}"):
        load_vision_encoder(str(target), "cpu")


def test_a_missing_extra_is_named(folder, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **keywords):
        if name.split(".")[0] == "open_clip":
            raise ModuleNotFoundError("No module named 'open_clip'", name="open_clip")
        return real(name, *arguments, **keywords)

    target = copied(folder, tmp_path / "clip")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"rewardium\[vision\]"):
        load_vision_encoder(str(target), "cpu")


def _use(encoder, queue):
    try:
        encoder.encode_images(frames(1))
    except RewardiumError as error:
        queue.put(str(error))


def test_a_forked_process_is_told_and_does_not_hang(encoder):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=_use, args=(encoder, queue))
    process.start()
    assert "after a fork" in queue.get(timeout=60)
    process.join(timeout=60)
