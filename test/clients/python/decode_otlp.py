"""Decodes files with OTLP's requests for traces, by OpenTelemetry's own package, and prints all spans as JSON."""

import json
import sys
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def spans_of(path: str) -> list[dict]:
    request = ExportTraceServiceRequest.FromString(Path(path).read_bytes())
    found = []
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                if any(len(UnknownFieldSet(part)) > 0 for part in (request, resource, scope, span)):
                    raise ValueError("there are fields that OTLP doesn't have")
                told = MessageToDict(span)
                ids = {"traceId": span.trace_id, "spanId": span.span_id, "parentSpanId": span.parent_span_id}
                found.append(told | {name: value.hex() for name, value in ids.items()} | {"schema": scope.schema_url})
    return found


print(json.dumps([span for path in sys.argv[1:] for span in spans_of(path)]))
