"""Works in a folder that is gone when it ends."""

import os
import tempfile

import toy

with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    toy.train()
    os.chdir("/")
