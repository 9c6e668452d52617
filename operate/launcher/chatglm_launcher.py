"""The command `chatglm` as pip installs it, and the only name that this project puts into an environment.

The project's own rooms (`tools`, `templates`, `tests` and so on) have names that other programs use as well. So nothing
but this module is installed; it finds the clone and puts it on the path of its own process alone.
"""

import sys
from pathlib import Path


def main() -> None:
    """Run the command line of the clone that this was installed from, else of the one that surrounds the folder."""
    clone = find_clone(Path(__file__).resolve().parent, Path.cwd())
    if clone is None:
        sys.stderr.write(
            "chatglm belongs to its clone: go into its folder, or install it from there: pip install -e .\n"
            "chatglm 须与项目目录一起使用：请进入项目目录，或在该目录中运行 pip install -e .\n"
        )
        sys.exit(2)
    sys.path.insert(0, str(clone))
    from operate.app import main as run

    run()


def find_clone(*starts: Path) -> Path | None:
    """The first folder at or above one of these that holds the project."""
    for start in starts:
        for folder in (start, *start.parents):
            if (folder / "Pulumi.yaml").is_file() and (folder / "operate" / "app.py").is_file():
                return folder
    return None
