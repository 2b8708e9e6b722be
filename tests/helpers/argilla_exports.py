"""Records as Argilla exports them."""

GOOD, BAD = "Dry it well and keep it warm.", "No idea."


FIELDS = {"prompt": "What now?", "response-1": BAD, "response-2": GOOD}


def said(value, user="u", status="submitted"):
    return {"user_id": user, "value": value, "status": status}


def flat_1(*responses, name="preference", suggestion=None, fields=FIELDS, **more):
    question = {name: list(responses), f"{name}-suggestion": suggestion}
    about = {f"{name}-suggestion-metadata": {"type": None, "score": None, "agent": None}}
    return fields | question | about | {"external_id": None, "metadata": "{}"} | more


def record_1(*responses, name="preference", suggestions=(), fields=FIELDS, **more):
    """A record as the server and `FeedbackRecord.json` have it."""
    given = [
        {"user_id": r["user_id"], "status": r["status"], "values": {name: {"value": r["value"]}}}
        for r in responses
    ]
    return {"fields": fields, "responses": given, "suggestions": list(suggestions), **more}


def record_2(*responses, name="preference", suggestions=None, fields=FIELDS, **more):
    """A record as `rg.Dataset.records.to_json` writes it."""
    given = (
        {name: [{n: r[n] for n in ("value", "user_id")} for r in responses]} if responses else {}
    )
    return {
        "id": "a",
        "status": "completed",
        "fields": fields,
        "metadata": {},
        "suggestions": suggestions or {},
        "responses": given,
        "vectors": {},
        "_server_id": "s",
    } | more


def flat_2(*responses, name="preference", fields=FIELDS, **more):
    """A record as `rg.Dataset.records.to_datasets` has it."""
    columns = {"": "value", ".users": "user_id", ".status": "status"}
    given = {f"{name}.responses{end}": [r[n] for r in responses] for end, n in columns.items()}
    return {"id": "a", "status": "completed", "_server_id": "s"} | fields | given | more


LAYOUTS = {"flat_1": flat_1, "record_1": record_1, "record_2": record_2, "flat_2": flat_2}


RANKED = [{"rank": 2, "value": "response-1"}, {"rank": 1, "value": "response-2"}]
