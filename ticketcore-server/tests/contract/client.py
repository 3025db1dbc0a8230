"""Calls operations by their names, checks every answer against the document, and counts."""

import http.client
import json
from collections import Counter
from urllib.parse import quote, urlencode, urlsplit

from document import Document

SECONDS = 20


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Server:
    def __init__(self, base):
        self.address = urlsplit(base).netloc
        self.document = Document(self.send("GET", "/openapi.json").json)
        self.good, self.checked, self.keys = Counter(), 0, 0

    def send(self, method, path, body=None, headers=None, until=None):
        connection = http.client.HTTPConnection(self.address, timeout=SECONDS)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            if until is None:
                return Answer(response.status, response.headers, response.read())
            # A stream has no end: as much as was asked for.
            text = b""
            while until not in text:
                line = response.readline(65_536)
                if not line:
                    break
                text += line
            return Answer(response.status, response.headers, text)
        finally:
            connection.close()

    def call(self, name, expected, token=None, body=None, query=None, headers=None, until=None, **parameters):
        """An operation, answered with the status that is expected. Parameters of the path have the names of their braces."""
        method, path, operation = self.document.operations[name]
        for brace, value in parameters.items():
            path = path.replace("{%s}" % brace, quote(str(value), safe=""))
        if query:
            path += "?" + urlencode(query)
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", [])):
            self.keys += 1
            headers.setdefault("Idempotency-Key", f"contract-{self.keys}")
        answer = self.send(method, path, body, headers, until)
        self.document.check(name, answer.status, answer.headers.get("Content-Type"), answer.body)
        self.checked += 1
        if answer.status != expected:
            raise AssertionError(f"{name}: {answer.status} instead of {expected}: {answer.body[:400]!r}")
        if 200 <= answer.status < 300:
            self.good[name] += 1
        return answer
