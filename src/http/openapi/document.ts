import { error } from "../../protocols/openai-responses.ts";
import { CACHE_HEADERS, CACHE_PARAMETERS } from "./caching.ts";
import type { Content, ErrorStatus, NamedSchema, Operation } from "./operation.ts";
import { describeSchema, describeSchemas, type JsonSchema, referTo } from "./schemas.ts";
import { WAIT_HEADERS, WAIT_PARAMETERS } from "./waiting.ts";

/** An OpenAPI 3.1 document. https://spec.openapis.org/oas/v3.1.1.html */
export type OpenapiDocument = {
  readonly openapi: string;
  readonly info: JsonSchema;
  readonly servers: readonly JsonSchema[];
  readonly security: readonly JsonSchema[];
  readonly tags: readonly JsonSchema[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, JsonSchema>>>>;
  readonly components: Readonly<Record<string, JsonSchema>>;
};

const OPENAI_ERROR: NamedSchema = { name: "Error", schema: error };

const ERRORS: Readonly<Record<ErrorStatus, string>> = {
  400: "The request is wrong, or asks for what isn't there; `param` names the field.",
  401: "There are keys, and none was shown, or one that is not known or has expired.",
  403: "The key does not allow this model, or this request; or, without keys, the gateway isn't known by the name in `Host`.",
  404: "There is no such model, and the message lists those that exist; or nothing is kept under that id.",
  405: "The URL takes other methods, which `allow` lists; or this one only to open a WebSocket.",
  409: "A later request with the same `sluice-supersede` header has taken this one's place.",
  413: "The body is larger than `--max-body-bytes`.",
  415: "The body is not `application/json`, or is compressed; or it has no content type, and a web page may have sent it.",
  426: "Whoever listens for this gateway can't open WebSockets.",
  429: "The key has used up one of its limits. `retry-after` says when to try again.",
  500: "A failure of the server's; the log has it under the request's id.",
  503: "Too many requests are in hand, the model's engine was given up, or nothing can be kept on disk. `retry-after` says when to try again, if that helps.",
  504: "Only a stored answer was to be had (`Cache-Control: only-if-cached`), and there is none.",
  529: "Too many requests are in hand, in the status that Anthropic has for it.",
};

/**
 * Describes `operations` as OpenAPI 3.1. Throws if two operations or two schemas share a name.
 *
 * @param version Sluice's version
 */
export function describeApi(operations: readonly Operation[], version: string): OpenapiDocument {
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const operation of operations) {
    const methods = paths[operation.path] ?? {};
    if (operation.method in methods) throw new Error(`${operation.method} ${operation.path} is described twice.`);
    paths[operation.path] = { ...methods, [operation.method]: describeOperation(operation) };
  }
  const requests = operations.flatMap(({ request }) => request ?? []);
  const answers = operations.flatMap((operation) => [
    ...Object.values(operation.answers).flatMap(({ content = {} }) => Object.values(content)),
    ...(operation.errors.length > 0 || operation.access !== "open" ? [operation.errorBody ?? OPENAI_ERROR] : []),
  ]);
  const sent = describeSchemas(requests, "input");
  const received = describeSchemas(
    answers.filter((answer) => answer !== "text"),
    "output",
  );
  const shared = Object.keys(sent).find((name) => name in received);
  if (shared !== undefined) throw new Error(`A request and an answer have the name ${shared}. Give each its own.`);
  return {
    openapi: "3.1.0",
    info: {
      title: "Sluice",
      version,
      description: "An OpenAI-compatible gateway over llama.cpp. docs/api.md explains each field.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    // The empty object is for gateways without keys.
    security: [{}, { BearerKey: [] }, { HeaderKey: [] }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: { ...sent, ...received },
      securitySchemes: {
        BearerKey: { type: "http", scheme: "bearer", description: "An API key, as OpenAI's clients send it." },
        HeaderKey: {
          type: "apiKey",
          in: "header",
          name: "x-api-key",
          description: "An API key, as Anthropic's clients send it.",
        },
      },
      headers: {
        RequestId: { description: "The request's id, which is also in the log.", schema: { type: "string" } },
        ...Object.fromEntries(
          Object.entries(WAIT_HEADERS).map(([component, { description }]) => [
            component,
            { description, schema: { type: "integer", minimum: 0 } },
          ]),
        ),
        ...Object.fromEntries(
          Object.entries(CACHE_HEADERS).map(([component, { description, schema }]) => [
            component,
            { description, schema },
          ]),
        ),
      },
    },
  };
}

/** The document for a gateway that is mounted below `prefix`, such as `/llm`, or `""`. */
export function mountAt(document: OpenapiDocument, prefix: string): OpenapiDocument {
  return prefix === "" ? document : { ...document, servers: [{ url: prefix }] };
}

function describeOperation(operation: Operation): JsonSchema {
  const {
    id,
    tag,
    summary,
    description,
    request,
    waits = false,
    isCached = false,
    errors,
    errorBody = OPENAI_ERROR,
  } = operation;
  const parameters = [
    ...(operation.parameters ?? []),
    ...(waits ? WAIT_PARAMETERS : []),
    ...(isCached ? CACHE_PARAMETERS : []),
  ];
  const headers = { ...(waits && WAIT_HEADERS), ...(isCached && CACHE_HEADERS) };
  const answers = Object.entries(operation.answers).map(([status, answer]) => [
    status,
    describeResponse(answer.description, answer.content, headers),
  ]);
  const isOpen = operation.access === "open";
  const failures = (isOpen ? errors : [...errors, 401 as const]).map((status) => [
    String(status),
    describeResponse(ERRORS[status], { "application/json": errorBody }, headers),
  ]);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(parameters.length > 0 && {
      parameters: parameters.map(({ schema, isGreedy: _, ...rest }) => ({
        ...rest,
        ...(rest.in === "path" && { required: true }),
        schema: describeSchema(schema, "input"),
      })),
    }),
    ...(isOpen && { security: [] }),
    ...(request !== undefined && {
      requestBody: {
        required: request.isOptional !== true,
        content: {
          "application/json": {
            schema: { $ref: referTo(request.name) },
            examples: Object.fromEntries(Object.entries(request.examples).map(([name, value]) => [name, { value }])),
          },
        },
      },
    }),
    responses: Object.fromEntries([...answers, ...failures]),
  };
}

/** @param own the headers besides those of all answers, by the names of the document's components */
function describeResponse(
  description: string,
  content: Content | undefined,
  own: Readonly<Record<string, { readonly name: string }>>,
): JsonSchema {
  const headers = Object.entries(own).map(([component, { name }]) => [
    name,
    { $ref: `#/components/headers/${component}` },
  ]);
  const media = Object.entries(content ?? {}).map(([type, schema]) => [
    type,
    { schema: schema === "text" ? { type: "string" } : { $ref: referTo(schema.name) } },
  ]);
  return {
    description,
    headers: { "x-request-id": { $ref: "#/components/headers/RequestId" }, ...Object.fromEntries(headers) },
    ...(media.length > 0 && { content: Object.fromEntries(media) }),
  };
}
