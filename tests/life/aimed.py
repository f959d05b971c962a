"""Runs the program so that it is killed, or stopped, where the environment says.

    AIM='kill | commit issue intent | after' python -m tests.life.aimed daemon …

What is struck is the program as it is: this does what `python -m rotator daemon …` does.
"""

import runpy
import sys

from tests.life.aim import Aim, install

if __name__ == "__main__":
    install(Aim.given())
    sys.argv[0] = "rotator"
    runpy.run_module("rotator", run_name="__main__", alter_sys=True)
