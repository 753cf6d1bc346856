"""The page on serving keeps its word: its examples run against a server, and its files fit it.

Commands of its `shell-session` blocks are run and judged as those of `console` blocks are, with the
address of a server that the test starts.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from console_blocks import read_steps, run_step
from prometheus_client.parser import text_string_to_metric_families
from running_server import Server, running_server

from capsule_inspect.dataset.prepare import prepare_dataset
from capsule_inspect.settings.groups import DataSettings

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "serving.md").read_text(encoding="utf-8")
DASHBOARD = json.loads((DOCS / "grafana-dashboard.json").read_text(encoding="utf-8"))
TOKEN = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `index.md` draws, a token, and the files of the page."""
    root = tmp_path_factory.mktemp("serving")
    prepare_dataset("drawn", root / "capsules", DataSettings(count=36, seed=3, size=600))
    (root / "token").write_text(TOKEN)
    for name, code in re.findall(r"<!-- client: (\S+) -->\n+```python\n(.*?)```", PAGE, re.DOTALL):
        (root / name).write_text(code, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


@pytest.fixture(scope="module")
def metrics(server: Server, folder: Path) -> dict[str, set[str]]:
    """The labels of each metric of a server that has inspected a picture."""
    picture = (folder / "capsules/pictures/0000.png").read_bytes()
    httpx.post(f"{server.address}/v1/inspect", files={"file": picture}).raise_for_status()
    text = ""
    for _ in range(100):  # a request is counted once its answer is on its way
        text = httpx.get(f"{server.address}/metrics").text
        if 'route="/v1/inspect"' in text:
            break
        time.sleep(0.1)
    return {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_examples_print_what_the_page_shows(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    monkeypatch.setenv("SERVER", server.address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    steps = [
        replace(step, command=step.command.replace("http://127.0.0.1:8000", server.address))
        for step in read_steps(PAGE.replace("```shell-session", "```console"))
    ]
    assert sum("curl" in step.command for step in steps) >= 6
    wrong = [line for step in steps for line in run_step(step, folder, 60, "docs/serving.md")]
    assert not wrong, "\n".join(wrong)


def test_the_client_waits_while_the_server_is_full_and_says_why_it_was_refused(
    folder: Path,
) -> None:
    with running_server("--token-file", folder / "token") as locked:
        environment = {**os.environ, "SERVER": locked.address, "no_proxy": "127.0.0.1"}
        run = [sys.executable, "inspect_over_http.py"]
        refused = subprocess.run(
            run, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert "The token is missing or wrong." in refused.stderr
        environment["TOKEN"] = TOKEN
        answered = subprocess.run(
            run, cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
    assert [line.split()[0] for line in answered.stdout.splitlines()] == [
        "0000.png",
        "0001.png",
        "0002.png",
    ]


def test_every_form_of_an_answer_in_the_table_is_one(server: Server, folder: Path) -> None:
    picture = (folder / "capsules/pictures/0000.png").read_bytes()

    def ask(query: str = "", accept: str = "*/*") -> httpx.Response:
        url = f"{server.address}/v1/inspect{query}"
        files = {"file": ("0000.png", picture)}
        return httpx.post(url, files=files, headers={"Accept": accept}).raise_for_status()

    for accept in re.findall(r"`(?:Accept: )?((?:application|text|image)/[\w-]+)`", PAGE):
        assert ask(accept=accept).headers["content-type"].startswith(accept)
    answer = ask("?overlay=true").json()
    assert set(answer["files"]) == {answer["rows"][0]["overlay"]}
    answer = ask("?mask=png").json()
    assert set(answer["files"]) == {answer["rows"][0]["mask"]}
    assert set(ask("?mask=rle").json()["masks"][0]) == {"size", "counts"}
    assert ask("?threshold=0.5").json()["threshold"] == 0.5


def test_the_statuses_are_those_of_the_api(server: Server) -> None:
    inspect = httpx.get(f"{server.address}/openapi.json").json()["paths"]["/v1/inspect"]["post"]
    errors = {int(status) for status in inspect["responses"]} - {200}
    listed = {int(status) for status in re.findall(r"^\| (\d{3}) \|", PAGE, re.MULTILINE)}
    assert listed == errors | {500}


def test_a_prefix_is_taken_off_by_the_proxy_and_known_to_the_server(folder: Path) -> None:
    options = ("--root-path", "/capsules", "--allow-host", "inspect.example.com")
    host = {"Host": "inspect.example.com"}
    with running_server(*options) as prefixed:
        address = prefixed.address.removesuffix("/capsules")
        assert httpx.get(f"{address}/health/ready", headers=host).json() == {"status": "ready"}
        picture = (folder / "capsules/pictures/0000.png").read_bytes()
        sent = {**host, "Origin": "https://inspect.example.com"}
        answer = httpx.post(f"{address}/v1/inspect", files={"file": picture}, headers=sent)
        assert answer.status_code == 200
        other = {"Host": "elsewhere.example.com"}
        assert httpx.get(f"{address}/v1/model", headers=other).status_code == 400
    location = re.search(r"location (\S+)/ \{\n\s+proxy_pass (\S+);", PAGE)
    assert location is not None
    assert location[1] == options[1]
    assert location[2].endswith(":8000/")


def expressions() -> list[str]:
    """What the dashboard asks Prometheus."""
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def test_the_dashboard_asks_for_metrics_that_there_are(metrics: dict[str, set[str]]) -> None:
    names = r"\b(?:capsule_inspect|process)_\w+"
    queries = [variable.get("definition", "") for variable in DASHBOARD["templating"]["list"]]
    asked = {name for text in (*expressions(), *queries) for name in re.findall(names, text)}
    assert asked - metrics.keys() == set()
    assert len(asked) > 10


def test_the_dashboard_selects_by_labels_that_metrics_have(
    metrics: dict[str, set[str]],
) -> None:
    for expression in expressions():
        for name, selected in re.findall(r"(\w+)\{(.*?)\}", expression):
            labels = set(re.findall(r"(\w+)[=!]", selected))
            assert labels - {"job"} <= metrics[name], expression
        grouped = re.findall(r"by \((.*?)\)", expression)
        wanted = {label.strip() for group in grouped for label in group.split(",")}
        (first, *_) = re.findall(r"(\w+)\{", expression)
        assert wanted <= metrics[first], expression


def test_the_dashboard_shows_what_the_page_promises() -> None:
    text = " ".join(expressions())
    assert all(f"histogram_quantile({part}," in text for part in ("0.5", "0.95", "0.99"))
    assert "heatmap" in {panel["type"] for panel in DASHBOARD["panels"]}
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_every_metric_is_described(metrics: dict[str, set[str]]) -> None:
    text = PAGE.replace("`…_high`", "`capsule_inspect_training_high`")
    described = set(re.findall(r"`(capsule_inspect_\w+)`", text))
    families = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in metrics}
    ours = {name for name in families if name.startswith("capsule_inspect_")}
    # `_created` of a counter has the name of its family, without `_total`.
    assert {name for name in ours if f"{name}_total" not in ours} == described


def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd is not installed")
    (unit,) = re.findall(r"<!-- unit: \S+ -->\n+```ini\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "capsule-inspect.service"
    file.write_text(unit.replace("/opt/capsule-inspect/bin/capsule-inspect", sys.executable))
    told = subprocess.run([verify, "verify", file], capture_output=True, text=True, check=False)
    assert file.name not in told.stderr, told.stderr
    stop, timeout = re.search(r"TimeoutStopSec=(\d+)", unit), 30
    assert stop is not None
    assert int(stop[1]) > timeout
