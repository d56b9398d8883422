"""checkov has nothing to say of the rendered objects but what helm/checkov.yaml gives reasons for."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from tests.helm.binaries import checkov
from tests.helm.charts import CHART, KUBERNETES, NEWEST, VARIANTS, text

if TYPE_CHECKING:
    from pathlib import Path


def test_checkov(tmp_path: Path) -> None:
    for name, values in VARIANTS.items():
        rendering = text("--values", str(values), kubernetes=KUBERNETES.get(name, NEWEST))
        (tmp_path / f"{name}.yaml").write_text(rendering)
    options = ["--config-file", str(CHART.parent / "checkov.yaml"), "--directory", str(tmp_path)]
    done = subprocess.run(
        [checkov(), *options, "--output", "json"], capture_output=True, text=True, check=False, timeout=110
    )
    report = json.loads(done.stdout)
    failed = [f"{each['check_id']} {each['resource']}" for each in report["results"]["failed_checks"]]
    assert failed == []
    assert report["summary"]["passed"] > 400
    assert report["summary"]["parsing_errors"] == 0
    assert done.returncode == 0
