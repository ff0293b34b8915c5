"""Benchmark: runs, their records, plans of many. Importing this room does not load torch; training does."""

from pd4ml.benchmark.calibrate import calibrate, ensemble
from pd4ml.benchmark.execute import Failure, Outcome, State, plan_states, run_plan
from pd4ml.benchmark.infer import Question, infer, observe
from pd4ml.benchmark.intervals import intervals
from pd4ml.benchmark.plan import Cell, Plan, available_plans, load_plan
from pd4ml.benchmark.record import Record, find_records, read_record
from pd4ml.benchmark.run import Run, evaluate, load_run, train
from pd4ml.benchmark.shift import shift
from pd4ml.benchmark.transform import transform

__all__ = [
    "Cell",
    "Failure",
    "Outcome",
    "Plan",
    "Question",
    "Record",
    "Run",
    "State",
    "available_plans",
    "calibrate",
    "ensemble",
    "evaluate",
    "find_records",
    "infer",
    "intervals",
    "load_plan",
    "load_run",
    "observe",
    "plan_states",
    "read_record",
    "run_plan",
    "shift",
    "train",
    "transform",
]
