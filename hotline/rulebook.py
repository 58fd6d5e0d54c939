"""Everything an operator edits as data, loaded and checked together: flow, categories, routes, calendar."""

from dataclasses import dataclass
from pathlib import Path

from hotline.acd.policy import AcdPolicy, read_acd_policy
from hotline.errors import ConfigError
from hotline.intent.router import Router
from hotline.ivr.check import check_flows
from hotline.ivr.flow import FlowFile
from workorders.calendar import WorkCalendar
from workorders.errors import WorkOrderError
from workorders.routing import RoutingRules, load_calendar

FLOW = "12348.yaml"
"""The flow that answers the line."""


CALLBACK_FLOW = "callback.yaml"
"""The flow of calls that agents place."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The data of one line, sound as a whole."""

    folder: Path
    flow: FlowFile
    callback: FlowFile
    router: Router
    rules: RoutingRules
    calendar: WorkCalendar
    acd: AcdPolicy

    @classmethod
    def load(cls, folder: Path) -> "Rulebook":
        """Load it. Raises `ConfigError` with every problem of every file."""
        if problems := check_flows(folder):
            raise ConfigError(problems)
        acd = read_acd_policy(folder)
        router = Router.load(folder)
        try:
            rules = RoutingRules.load(folder, router.categories)
            calendar = load_calendar(folder, rules)
        except WorkOrderError as error:
            raise ConfigError([str(error)]) from error
        flow, callback = (FlowFile.load(folder / name) for name in (FLOW, CALLBACK_FLOW))
        return cls(folder, flow, callback, router, rules, calendar, acd)
