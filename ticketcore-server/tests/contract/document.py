"""The OpenAPI document, and whether an answer is as it says. `jsonschema_rs` comes with schemathesis."""

import json

import jsonschema_rs


class Undocumented(Exception):
    """An answer that the document does not know."""


class Document:
    def __init__(self, document):
        self.components = document["components"]
        self.operations = {
            operation["operationId"]: (method.upper(), path, operation)
            for path, item in document["paths"].items()
            for method, operation in item.items()
        }

    def check(self, name, status, kind, body):
        """Raises unless the operation may answer like this."""
        responses = self.operations[name][2]["responses"]
        described = responses.get(str(status)) or responses.get(f"{status // 100}XX")
        if described is None:
            raise Undocumented(f"{name}: status {status}")
        content = described.get("content", {})
        if not content and not body:
            return
        kind = (kind or "").split(";")[0].strip()
        if kind not in content:
            raise Undocumented(f"{name}: {status} with content type `{kind}`")
        schema = content[kind].get("schema", {})
        if not kind.endswith("json"):
            return
        value = json.loads(body)
        whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": self.components, **schema}
        for error in jsonschema_rs.validator_for(whole).iter_errors(value):
            raise Undocumented(f"{name}: {status}: {error.message} at {list(error.instance_path)}")
        # Problems have more members, depending on their code.
        if kind == "application/json":
            for member in self.unknown(schema, value, ""):
                raise Undocumented(f"{name}: {status}: no word of the member `{member}`")

    def unknown(self, schema, value, at):
        """Members that no schema names."""
        if isinstance(value, list):
            items = [part["items"] for part in self.parts(schema) if "items" in part]
            for item in value[:100]:
                yield from self.unknown({"anyOf": items}, item, at)
        if not isinstance(value, dict):
            return
        parts = [part for part in self.parts(schema) if part.get("type") != "array"]
        known = {}
        for part in parts:
            for name, member in part.get("properties", {}).items():
                known.setdefault(name, []).append(member)
        anything = any(not part.get("properties") or "additionalProperties" in part for part in parts)
        for name, member in value.items():
            if name in known:
                yield from self.unknown({"anyOf": known[name]}, member, f"{at}/{name}")
            elif not anything:
                yield f"{at}/{name}"

    def parts(self, schema):
        """What a schema is made of, without references and alternatives."""
        if "$ref" in schema:
            yield from self.parts(self.components["schemas"][schema["$ref"].rsplit("/", 1)[1]])
            return
        inner = [part for kind in ("allOf", "anyOf", "oneOf") for part in schema.get(kind, [])]
        for part in inner:
            yield from self.parts(part)
        if not inner and schema.get("type") != "null":
            yield schema
