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
        """What was written down until now; while it goes on, with what the record's end would say."""
        self._probe.ledger.drain()
        record = Record.read(self._probe.ledger.writer.path)
        if record.rows and not self._probe.asleep:
            record.add({"event": "end", **self._probe.said("live")})
        return record

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
