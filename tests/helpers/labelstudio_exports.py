"""Tasks as Label Studio exports them."""

GOOD, BAD = "Dry it well and keep it warm.", "No idea."


def annotation(value, kind="pairwise", *, by=1, name="pw", to="answer1", **more):
    result = {"value": value, "from_name": name, "to_name": to, "type": kind, "id": "k"}
    return {"id": by, "completed_by": by, "result": [result], "was_cancelled": False, **more}


def picks(side, **more):
    return annotation({"selected": side}, **more)


def task(*annotations, number=1, data=None, **more):
    data = data or {"prompt": f"What now? {number}", "answer1": BAD, "answer2": GOOD}
    return {"id": number, "annotations": list(annotations), "data": data, "project": 3, **more}


def flat(number, said, annotator, **more):
    data = {"id": number, "prompt": f"What now? {number}", "answer1": BAD, "answer2": GOOD}
    about = {"annotator": annotator, "annotation_id": 10 * number + annotator, "lead_time": 2.5}
    dates = {"created_at": "2024-01-01", "updated_at": "2024-01-01"}
    return data | {"pw": said} | about | dates | more
