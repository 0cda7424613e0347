"""A command whose packages are not installed says which extra brings them."""

import subprocess
import sys

import pytest

WITHOUT = """
import sys
sys.modules[sys.argv[1]] = None  # what an import of a package that is not there comes to
sys.argv = ["easel", "train", "world"]
from easel.cli.main import main
main()
"""


@pytest.mark.parametrize(("package", "said"), [("skia", "easel[train]"), ("json", "ModuleNotFoundError")])
def test_a_missing_package_of_the_trainer_is_one_sentence(package: str, said: str):
    done = subprocess.run([sys.executable, "-c", WITHOUT, package], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert ("Traceback" in done.stderr) == (package != "skia")
