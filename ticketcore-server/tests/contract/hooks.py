"""Puts what is really there into every other request that schemathesis means to be valid: ids that it could not guess.

What staff changes for good is the spare event and venue of `walk.py`, and a key that nobody uses.
"""

import json
import os
from itertools import count

import schemathesis

with open(os.environ["KNOWN"], encoding="utf-8") as file:
    THERE = json.load(file)
SPARED = {"set_sale_state", "import_plan", "add_event", "join_waiting_list", "get_waiting_list", "leave_waiting_list"}
TURN = count()


@schemathesis.hook
def before_call(context, case, **kwargs):
    if next(TURN) % 2 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    spared = case.operation.definition.raw.get("operationId") in SPARED
    known = {**THERE["known"], **(THERE["spare"] if spared else {})}
    for name in case.path_parameters or {}:
        if name in known:
            case.path_parameters[name] = known[name]
    if not isinstance(case.body, dict):
        return
    body = {**known, "code": THERE["code"], "seatIds": THERE["seatIds"][next(TURN) % 50 :][:2]}
    for name in case.body:
        if name in body:
            case.body[name] = body[name]
