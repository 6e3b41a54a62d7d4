"""Layer `flask`: a JSON endpoint as Flask's documentation writes it, on the layer `gunicorn`.

It adds routing, contexts, request and response objects (Werkzeug), and signals. It validates nothing.
"""

from typing import Any

from flask import Flask, request

app = Flask(__name__)


@app.post("/")
def user() -> dict[str, Any]:
    """Return a new User, made from the one in the body."""
    user = request.get_json()
    return {"id": user["id"], "name": user["name"], "email": user["email"]}
