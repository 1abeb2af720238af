"""A thread of Python's is alive while it trains, and it prints."""

import threading

import toy

done = threading.Event()
threading.Thread(target=done.wait, name="keeper").start()
try:
    print("at work")
    toy.train()
finally:
    done.set()
