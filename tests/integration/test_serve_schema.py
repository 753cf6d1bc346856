"""`capsule-inspect serve` keeps what its OpenAPI document says, whatever a generator sends."""

import subprocess
import sys
from pathlib import Path

import pytest
from running_server import running_server

pytest.importorskip("schemathesis")

TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105  (of this test alone)


@pytest.mark.slow
@pytest.mark.parametrize("has_token", [False, True])
def test_no_5xx_and_no_undeclared_answer(tmp_path, has_token):
    options: list[object] = []
    headers: list[str] = []
    if has_token:
        (tmp_path / "token").write_text(TOKEN)
        options = ["--token-file", tmp_path / "token"]
        headers = ["--header", f"Authorization: Bearer {TOKEN}"]
    with running_server(*options) as running:
        done = subprocess.run(
            [
                Path(sys.executable).parent / "schemathesis",
                *("run", f"{running.address}/openapi.json", "--no-color", "--seed", "1"),
                *("--max-examples", "150", "--continue-on-failure"),
                # A schema cannot say what bytes are a picture, so valid data may be refused.
                *("--exclude-checks", "positive_data_acceptance"),
                *headers,
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        assert "Tested: 5" in done.stdout
        assert "Traceback" not in running.log
