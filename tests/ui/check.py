"""The Prefect UI as a person uses it: open the run form, change a setting, submit, wait, look at what came of it.

    python -m tests.ui.check [OUT_FOLDER]     pictures in OUT_FOLDER (build/ui)

Needs Debian's chromium and `pip install 'textmill[ui]'`. Starts a server, a worker and a small site of its own.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

from flows.demo_site import serve_site
from tests.flows import tiny
from tests.flows.server import BIN, ROOT, deploy_all, run_prefect, run_server, run_worker

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
MINUTES = 6


def field(page: Page, *path: str) -> Locator:
    """The part of the form that is labelled by the last name, inside those of the names before it."""
    scope: Locator | Page = page
    for name in path:
        label = page.locator(":scope > .p-label__header .schema-form-property__label")
        named = label.filter(has_text=re.compile(rf"^{re.escape(name)}( \(Optional\))?$"))
        scope = scope.locator(".schema-form-property", has=named).first
    assert isinstance(scope, Locator)
    return scope


def run_form(page: Page, address: str, deployment: str) -> str:
    """Fill in the form of the pipeline's deployment and submit it; the flow run's id."""
    page.goto(f"{address}/deployments/deployment/{deployment}/run", wait_until="domcontentloaded")
    min_length = field(page, "recipe", "Clean", "Filters", "Length", "Min").locator("input")
    expect(min_length).to_have_value(str(tiny.SETTINGS["clean"]["filters"]["length"]["min"]), timeout=60_000)
    expect(field(page, "recipe", "Crawl", "Source", "Kind").locator("button").first).to_be_visible()
    min_length.fill("120")
    min_length.scroll_into_view_if_needed()
    page.screenshot(path=OUT / "1-form-changed.png")
    page.screenshot(path=OUT / "2-form-whole.png", full_page=True)
    with page.expect_response(lambda answer: "create_flow_run" in answer.url and answer.ok) as created:
        page.get_by_role("button", name="Submit").click()
    run: str = created.value.json()["id"]
    return run


def check(page: Page, address: str, deployment: str, env: dict[str, str], store: Path) -> None:
    """One run from the form to its pictures."""
    run = run_form(page, address, deployment)
    page.goto(f"{address}/runs/flow-run/{run}", wait_until="domcontentloaded")
    deadline = time.monotonic() + 60 * MINUTES
    while (state := state_of(run, env)) not in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
        assert time.monotonic() < deadline, f"the run is still {state} after {MINUTES} minutes"
        time.sleep(3)
    page.wait_for_timeout(3000)
    page.screenshot(path=OUT / "3-run.png")
    assert state == "COMPLETED", run_prefect(env, "flow-run", "logs", run)
    manifest = json.loads(next(store.glob("clean/*/manifest.json")).read_text())
    assert manifest["semantic"]["filters"]["length"]["min"] == 120, "the form's value reached the stage"
    page.goto(f"{address}/runs/flow-run/{run}?tab=Artifacts", wait_until="domcontentloaded")
    page.get_by_text("Artifacts", exact=True).first.click()
    page.wait_for_timeout(2000)
    page.screenshot(path=OUT / "4-artifacts-of-the-run.png")
    for number, key in enumerate(("clean", "pretrain", "evaluate", "pipeline"), start=5):
        page.goto(f"{address}/artifacts/key/{key}", wait_until="domcontentloaded")
        page.locator("a[href*='/artifacts/artifact/']").first.click()  # the newest one's own page
        page.wait_for_timeout(2500)
        page.screenshot(path=OUT / f"{number}-artifact-{key}.png", full_page=True)
    page.goto(next(store.glob("evaluate/*/report.html")).as_uri())
    page.screenshot(path=OUT / "9-report.png", full_page=True)


def state_of(run: str, env: dict[str, str]) -> str:
    """The run's state type, from the API."""
    import urllib.request

    with urllib.request.urlopen(f"{env['PREFECT_API_URL']}/flow_runs/{run}") as answer:
        return str(json.load(answer)["state_type"])


def main() -> None:
    """Everything from an empty folder."""
    if not Path(CHROMIUM).exists():
        sys.exit(f"{CHROMIUM} is not there: apt-get install chromium")
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny.build(folder / "site")
        with serve_site(folder / "site", 0) as site, run_server(folder, folder / "store") as (address, env):
            deploy_all(env)
            parameters = folder / "parameters.yaml"
            parameters.write_text(json.dumps({"recipe": tiny.settings_at(site)}))
            deployment = tiny_deployment(env, parameters)
            with run_worker(folder, env), sync_playwright() as play:
                browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                page = browser.new_page(viewport={"width": 1400, "height": 1000})
                check(page, address, deployment, env, folder / "store")
                browser.close()
    print(f"all well; pictures in {OUT}")


def tiny_deployment(env: dict[str, str], parameters: Path) -> str:
    """A deployment of the pipeline whose form is filled in for the small site; its id."""
    program = (
        "import json, sys, pathlib\n"
        "from prefect.client.orchestration import get_client\n"
        "from prefect.client.schemas.actions import DeploymentUpdate\n"
        "with get_client(sync_client=True) as client:\n"
        "    deployment = client.read_deployment_by_name('pipeline/pipeline')\n"
        "    values = json.loads(pathlib.Path(sys.argv[1]).read_text())\n"
        "    client.update_deployment(deployment.id, DeploymentUpdate(parameters=values))\n"
        "    print(deployment.id)\n"
    )
    done = subprocess.run(
        [str(BIN / "python"), "-c", program, str(parameters)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()[-1]


OUT = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "ui")

if __name__ == "__main__":
    main()
