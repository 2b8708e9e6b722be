"""What the tests' HTTP servers answer with."""

import json


def send(handler, status, headers, body):
    """Sends a body, bytes or what JSON can hold, from a request's handler."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", **headers}.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
