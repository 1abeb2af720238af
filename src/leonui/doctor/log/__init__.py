"""A past run of which only a log is left: what it is consistent with. A log proves nothing."""

from leonui.doctor.log.judge import diagnose_log

__all__ = ["diagnose_log"]
