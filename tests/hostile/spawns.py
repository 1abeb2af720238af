"""Trains in a process that it spawns, and never itself."""

import multiprocessing


def work():
    import toy

    toy.train()


if __name__ == "__main__":
    worker = multiprocessing.get_context("spawn").Process(target=work)
    worker.start()
    worker.join()
