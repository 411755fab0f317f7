"""What must be true of the source as a whole: who may import whom, what is light, what is never called."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ("envs", "rewards", "agents", "scripts")
LIBRARY = LAYERS[:3]
# Packages that take long to import or come with an extra: never imported while envs/ and rewards/ are imported.
HEAVY = {
    "accelerate", "datasets", "imageio", "matplotlib", "minihack", "mujoco", "nle", "open_clip", "openai", "pandas",
    "peft", "PIL", "ray", "rich", "sb3_contrib", "scipy", "stable_baselines3", "sympy", "tensorboard", "tokenizers",
    "torch", "torchvision", "transformers", "trl", "tyro", "vllm",
}  # fmt: skip


def files_of(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def each_file(*folders: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", files_of(*folders), ids=label)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported(node: ast.AST) -> list[str]:
    """Return the modules that a statement imports; of ``from a import b`` also ``a.b``, which may be a module."""
    match node:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=str(module), names=names, level=0):
            return [module, *(f"{module}.{name.name}" for name in names)]
    return []


def all_imports(path: Path) -> list[str]:
    return [module for node in ast.walk(parsed(path)) for module in imported(node)]


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs when a module is imported: all but the bodies of functions and of ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from at_import(child)


def layer_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "rewardium" and len(parts) > 1 and parts[1] in LAYERS else None


@each_file(*LAYERS)
def test_imports_run_one_way(path):
    own = LAYERS.index(path.relative_to(ROOT).parts[0])
    wrong = [module for module in all_imports(path) if (layer := layer_of(module)) and LAYERS.index(layer) > own]
    assert not wrong, f"{label(path)} may import what stands left of it in {LAYERS}, never {wrong}"


@each_file(*LIBRARY, "tests")
def test_no_bare_and_no_relative_imports(path):
    """``import envs`` would make a second copy of the package with a second registry."""
    wrong = [module for module in all_imports(path) if module.split(".")[0] in LAYERS]
    wrong += [ast.unparse(node) for node in ast.walk(parsed(path)) if isinstance(node, ast.ImportFrom) and node.level]
    assert not wrong, f"write rewardium.<...> in {label(path)}: {wrong}"


@each_file("scripts")
def test_scripts_import_the_library_by_its_name(path):
    assert not [module for module in all_imports(path) if module.split(".")[0] in LIBRARY]


@each_file("envs", "rewards")
def test_nothing_heavy_is_imported_with_the_core(path):
    heavy = [name for node in at_import(parsed(path)) for name in imported(node) if name.split(".")[0] in HEAVY]
    assert not heavy, f"import {heavy} inside the functions of {label(path)} that use it"


CALLS_NEVER_MADE = {
    "eval", "exec", "compile", "__import__", "pickle.load", "pickle.loads", "pickle.Unpickler", "dill.load",
    "cloudpickle.load", "cloudpickle.loads", "joblib.load", "marshal.loads", "os.system", "yaml.load",
    "yaml.unsafe_load", "yaml.full_load",
}  # fmt: skip


# Programs that a policy wrote are run by one file, in processes of the sandbox and never in the caller's.
CALLS_OF_THE_SANDBOX = {"envs/tools/sandbox/inside.py": {"eval", "compile"}}


@each_file(*LAYERS)
def test_text_is_never_run_and_pickles_are_never_loaded(path):
    never_made = CALLS_NEVER_MADE - CALLS_OF_THE_SANDBOX.get(label(path), set())
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        place = f"{label(path)}:{node.lineno}: {ast.unparse(node)}"
        assert name not in never_made, place
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        assert name != "torch.load" or keywords.get("weights_only") == "True", place
        assert keywords.get("allow_pickle", "False") == "False", place
        assert keywords.get("shell", "False") == "False", place
        assert keywords.get("trust_remote_code", "False") == "False", place


@each_file(*LIBRARY)
def test_the_library_validates_with_errors_not_with_assert(path):
    asserts = [node.lineno for node in ast.walk(parsed(path)) if isinstance(node, ast.Assert)]
    assert not asserts, f"{label(path)} lines {asserts}: raise RewardiumError, `python -O` removes assert"


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_package_is_installed():
    folders = {path.parent for path in files_of(*LIBRARY)}
    packages = {f"rewardium.{'.'.join(folder.relative_to(ROOT).parts)}" for folder in folders}
    assert packages == set(pyproject()["tool"]["setuptools"]["packages"])
    missing = [label(folder) for folder in folders if not (folder / "__init__.py").is_file()]
    assert not missing, f"these folders need an __init__.py: {missing}"


@pytest.mark.parametrize("folder", LIBRARY)
def test_types_are_shipped(folder):
    assert (ROOT / folder / "py.typed").is_file()


def test_rewardium_itself_is_a_namespace():
    assert not (ROOT / "__init__.py").exists()


def test_constraints_are_names_and_versions_only():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if not re.fullmatch(r"[A-Za-z0-9][\w.-]*==[\w.]+", line)]
    assert not wrong
    names = [line.split("==")[0].lower().replace("_", "-") for line in lines]
    assert len(names) == len(set(names))


def test_the_changelog_tells_of_the_version():
    version = pyproject()["project"]["version"]
    assert re.search(
        rf"^## \[{re.escape(version)}\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )


def test_the_make_targets_that_the_documents_name_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for document in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"`make ([a-z-]+)", (ROOT / document).read_text(encoding="utf-8")):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{document} names `make {target}`"


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_relative_links_of_the_documents_lead_somewhere(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", text):
        assert (ROOT / target).exists(), f"{document} links to {target}"


BLOCKED = """
import importlib.abc, sys

HEAVY = set(sys.argv[1].split(","))

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in HEAVY:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Blocker())
import gymnasium as gym
import rewardium.envs, rewardium.rewards
from rewardium.rewards.wrappers import DenseReward

env = DenseReward(gym.make("rewardium/RandomCalculation-v0", num_steps=1), "verify + 0.1 * format")
prompt, info = env.reset(seed=0)
_, reward, terminated, _, info = env.step("\\\\boxed{" + info["task"].reference + "}")
assert terminated and info["success"] and abs(reward - 1.1) < 1e-6, (reward, info)
assert len(rewardium.rewards.names()) > 5
print("works")
"""


def test_the_core_works_without_any_extra():
    result = subprocess.run(
        [sys.executable, "-c", BLOCKED, ",".join(HEAVY)], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.stdout == "works\n", result.stderr
