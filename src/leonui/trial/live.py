"""Watching from inside: for notebooks and for loops of one's own."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from leonui.record import Record
from leonui.runs import create
from leonui.trial import probe
from leonui.trial.plan import Plan


class Watch:
    """A watch over this process, from its making to ``stop`` or the end of its ``with`` block.

    >>> import torch
    >>> with Watch() as seen:
    ...     optimizer = torch.optim.SGD([w := torch.ones(1, requires_grad=True)], lr=0.1)
    ...     w.square().sum().backward()
    ...     optimizer.step()
    >>> seen.record.losses()
    [1.0]
    """

    def __init__(self, folder: str | Path | None = None):
        self.folder = Path(folder) if folder else create("watch")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._probe = probe.start(Plan(str(self.folder)))

    @property
    def record(self) -> Record:
        """What was written down until now."""
        self._probe.ledger.drain()
        return Record.read(self._probe.ledger.writer.path)

    def stop(self) -> None:
        """Stop watching; torch's functions are put back as they were."""
        probe.end(self._probe)

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and error is not None:
            self._probe.failed(kind, error, trace)
        self.stop()


def watch(folder: str | Path | None = None) -> Watch:
    """Watch what this process trains from now on; torch is imported if it is not yet.

    The Record is written to ``folder``, by default a new run under ``.leonui``.
    """
    return Watch(folder)
