"""Exit with 0 when the project and all that the given extras name are installed: installed.py llm,control."""

import importlib.metadata
import re
import sys


def main(extras: set[str]) -> int:
    """Look up every requirement's name; versions are the business of pip."""
    try:
        for requirement in importlib.metadata.requires("rewardium") or ():
            extra = re.search(r"""extra == ["']([\w-]+)["']""", requirement)
            if extra is None or extra[1] in extras:
                importlib.metadata.version(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])
    except importlib.metadata.PackageNotFoundError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(set(sys.argv[1].split(","))))
