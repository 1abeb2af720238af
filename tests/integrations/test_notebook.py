"""The notebook of the docs runs from top to bottom, and shows what it says."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
pytestmark = pytest.mark.filterwarnings("default")  # the kernel's own


def test_it_runs_and_shows_what_was_found(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    *_, diagnosed, found, climbed, report = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert "LR-LOW (caused by)" in diagnosed[-1].data["text/plain"]
    assert found[0].text.startswith("lr 0.")
    for outputs, curves in ((found, 2), (climbed, 2)):
        assert len(outputs[-1].data["application/vnd.plotly.v1+json"]["data"]) >= curves
    assert any("application/vnd.jupyter.widget-view+json" in one.get("data", {}) for one in climbed)  # live progress
    assert report[-1].data["text/plain"].startswith("better: lr 0.")
    assert report[-1].data["text/html"].startswith("<iframe")
