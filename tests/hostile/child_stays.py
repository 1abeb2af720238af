"""Leaves a child behind that would live for long after it."""

import os
import time

import toy

toy.train(steps=5)
if not os.fork():
    time.sleep(600)
