"""``python -m leonui``."""

from leonui.cli import main

main()
