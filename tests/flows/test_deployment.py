"""The README's commands for server, worker and deployments, and a run through a real worker."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tasks.store import Store
from tests.flows import tiny
from tests.flows.server import deploy_all, run_prefect, run_server, run_worker

pytestmark = [pytest.mark.long, pytest.mark.prefect, pytest.mark.xdist_group("deployment"), pytest.mark.timeout(420)]


def request_api(address: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """One request to the server's API."""
    request = urllib.request.Request(
        f"{address}/api/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def find_json_boxes(schema: dict[str, Any]) -> list[str]:
    """Properties of a parameter schema that the UI can only show as a raw JSON box: objects without fields, unions."""
    named = schema.get("definitions") or schema.get("$defs") or {}
    wrong = []
    for owner, definition in {"": schema, **named}.items():
        for name, field in definition.get("properties", {}).items():
            is_null_or_one = len([one for one in field.get("anyOf", []) if one.get("type") != "null"]) <= 1
            if (field.get("type") == "object" and "properties" not in field) or not is_null_or_one:
                wrong.append(f"{owner}.{name}")
    return wrong


def test_deployments_run_through_a_worker(tmp_path: Path) -> None:
    site = tmp_path / "site"
    tiny.build(site)
    settings = tiny.settings_from(site)
    with run_server(tmp_path, tmp_path / "store") as (address, env):
        deploy_all(env)
        names = {deployment["name"]: deployment for deployment in request_api(address, "deployments/filter", {})}
        stages = {"crawl", "clean", "dedup", "tokenize", "pretrain", "finetune", "evaluate"}
        assert set(names) == {"pipeline", "pipeline-gpu", "nightly", "tune", *stages}
        assert names["pretrain"]["work_pool_name"] == "gpu"
        schedule = names["nightly"]["schedules"][0]
        assert not schedule["active"], "a schedule is shipped switched off"
        assert schedule["schedule"]["timezone"] == "Etc/UTC"
        assert schedule["slug"] == "nightly"
        for name, deployment in names.items():
            assert find_json_boxes(deployment["parameter_openapi_schema"]) == [], name
        with run_worker(tmp_path, env):
            body = {"parameters": {"recipe": settings}, "state": {"type": "SCHEDULED", "name": "Scheduled"}}
            run = request_api(address, f"deployments/{names['pipeline']['id']}/create_flow_run", body)["id"]
            deadline = time.monotonic() + 240
            while (state := request_api(address, f"flow_runs/{run}")["state_type"]) not in (
                "COMPLETED",
                "FAILED",
                "CRASHED",
            ):
                assert time.monotonic() < deadline, (tmp_path / "worker-cpu.log").read_text()
                time.sleep(1)
        assert state == "COMPLETED", run_prefect(env, "flow-run", "logs", run)
        shown = {artifact["key"] for artifact in request_api(address, "artifacts/filter", {})}
        assert {"crawl", "clean", "dedup", "tokenize", "pretrain", "evaluate", "pipeline"} <= shown
    artifact = Store(tmp_path / "store").find("evaluate")
    assert (artifact.folder / "report.html").exists()
