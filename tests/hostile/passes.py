"""Echoes its input on both streams, trains a little, and ends as it is told."""

import os
import sys

import toy

heard = sys.stdin.read()
sys.stdout.write(heard)
sys.stderr.write(heard.upper())
sys.stdout.flush()
toy.train(steps=3)
if sys.argv[1] == "raises":
    raise ValueError("enough")
if sys.argv[1] == "killed":
    os.kill(os.getpid(), 15)
if sys.argv[1] == "at_once":
    os._exit(4)
sys.exit(int(sys.argv[1]))
