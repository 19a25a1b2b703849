"""What a JSON Schema cannot say of a request, put right in the requests that are meant to be right.

Nothing is taken back of what is checked: those that are meant to be wrong go out as they were made.
"""

import os
from pathlib import Path

import schemathesis

SAMPLES = Path(os.environ["SAMPLES"])


@schemathesis.hook
def before_call(ctx, case, kwargs):
    if case.path == "/v1/records":
        case.headers["Authorization"] = "Bearer a-token-of-tests"
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.method == "POST" and case.path in MESSAGES:
        as_the_channel_reads_it(case, kwargs)
    elif case.path == "/v1/checks":
        every_line_has_its_number(case.body)
    elif case.path == "/v1/records":
        something_is_asked_for(case)


MESSAGES = {"/v1/channels/{channel}/messages", "/v1/channels/{channel}/checks", "/soap/{channel}"}


def as_the_channel_reads_it(case, kwargs):
    """A message is right when a mapping of its channel says so."""
    sample = SAMPLES / case.path_parameters.get("channel", "")
    if sample.is_file():
        kwargs["data"] = sample.read_bytes()
        # The sample is not of whatever type was drawn.
        case.headers["Content-Type"] = "application/octet-stream"


def every_line_has_its_number(body):
    """No two orders of a prescription have the same rx_id."""
    orders = body.get("orders") if isinstance(body, dict) else None
    for number, order in enumerate(orders if isinstance(orders, list) else []):
        order["rx_id"] = str(number)


def something_is_asked_for(case):
    """Of two parameters, or of three, one is needed."""
    if not {"entity", "query"} & set(case.query):
        case.query["query"] = "visits"
    if not {"key", "patient", "from"} & set(case.query):
        case.query["from"] = "20200101"
