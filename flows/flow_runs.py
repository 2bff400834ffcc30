"""The engine that all flows share: they go on without Prefect's server, and end in a state that says what is missing.

Every flow imports this file, and with it changes Prefect's engine in its process: a flow that a worker runs is called
by Prefect alone. It is not in flows/prefect_internals.py, because that loads Prefect's server, which takes seconds.
"""

import functools
from typing import Any, TypeVar, cast

from prefect import State, flow_engine
from prefect.states import Completed

from tasks.server_outage.run_despite_outage import run_despite_outage
from tasks.store import Artifact, Store
from tasks.store.incomplete import list_incomplete

Result = TypeVar("Result", Artifact, list[Artifact])


@functools.cache  # once a process
def let_flows_outlive_server() -> None:
    """Make Prefect's engine run every flow as `run_despite_outage` does."""
    run_flow_sync = flow_engine.run_flow_sync

    def run_flow(
        flow: Any, flow_run: Any = None, parameters: Any = None, return_type: Any = "result", **named: Any
    ) -> Any:
        result = run_despite_outage(
            flow,
            lambda tracked_flow: run_flow_sync(tracked_flow, flow_run, parameters, return_type=return_type, **named),
            lambda function: function(**flow.validate_parameters(parameters or {})),
        )
        # when the server was lost, it is what the flow's function returned
        if return_type == "state":
            return result if isinstance(result, State) else Completed(data=result)
        return get_data(result) if isinstance(result, State) else result

    flow_engine.run_flow_sync = run_flow  # type: ignore[assignment]


def get_data(state: State[Any]) -> Any:
    """Return the data of a state that a flow returned."""
    # when Prefect has ended the flow, they are in a record
    return getattr(state.data, "result", state.data)


def end_flow(result: Result, *inputs: Artifact) -> Result:
    """Return a flow's result; in a state named Incomplete, which says what is missing, when an artifact is incomplete.

    Prefect takes the result out of the state again. `inputs` are artifacts that the flow built beside the result's.
    """
    message = describe_missing([*inputs, *(result if isinstance(result, list) else [result])])
    return cast("Result", Completed(name="Incomplete", message=message, data=result)) if message else result


def describe_missing(artifacts: list[Artifact]) -> str:
    """Name the incomplete ones of a run's artifacts, and what they lack; empty when there is none."""
    store = Store.current()
    manifests = [store.manifest(artifact.stage, artifact.key) for artifact in artifacts]
    incomplete = list_incomplete(manifest for manifest in manifests if manifest)
    return "; ".join([*incomplete, "the next run asks again"]) if incomplete else ""


let_flows_outlive_server()
