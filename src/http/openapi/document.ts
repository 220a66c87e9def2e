import { error } from "../../protocols/openai-responses.ts";
import { CACHE_HEADERS, CACHE_PARAMETERS } from "./caching.ts";
import type { Content, ErrorStatus, NamedSchema, Operation } from "./operation.ts";
import { RESUME_HEADERS, RESUME_PARAMETERS, streams } from "./resuming.ts";
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
  400: "The request is invalid, or refers to something that doesn't exist; `param` names the field.",
  401: "The key is missing, unknown or expired.",
  403: "The key does not allow this model or request; or, without keys, `Host` isn't a name of the gateway.",
  404: "The model does not exist, and the message lists those that do; or nothing is stored under that id.",
  405: "The URL accepts other methods, which `allow` lists; or this one only to open a WebSocket.",
  409: "A later request with the same `sluice-supersede` header replaced this one; or what is to be changed is in use, or can't be changed here.",
  410: "The stream was there, and the message says what became of it.",
  413: "The body or the file is larger than a limit, which the message names.",
  415: "The body is compressed, or not of the content type that is expected; or a web page may have sent it.",
  422: "The settings that were read can't be used; the message says what is wrong with them. Nothing was changed.",
  426: "The server in front of this gateway can't open WebSockets.",
  429: "The key has used up one of its limits; `retry-after` says when to try again. Or too many such connections are open.",
  500: "A failure of the server. The log has the details under the request's id.",
  501: "The gateway is part of another program, which must be started again for other settings.",
  503: "Too many requests are in progress, the model's engine has failed, or nothing can be stored on disk. `retry-after` says when to try again, if that helps.",
  504: "Only a stored answer was allowed (`Cache-Control: only-if-cached`), and there is none.",
  529: "Too many requests are in progress (Anthropic's status).",
};

const ENDED: Operation["answers"] = {
  204: { description: "The stream that was taken up has ended, and nothing follows." },
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
      description:
        "An OpenAI-compatible gateway in front of language models that run on your own machine or on other servers. docs/api.md explains each field.",
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
          Object.entries({ ...WAIT_HEADERS, ...CACHE_HEADERS, ...RESUME_HEADERS }).map(
            ([component, { description, schema }]) => [component, { description, schema }],
          ),
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
  const isStreamed = streams(operation);
  const parameters = [
    ...(operation.parameters ?? []),
    ...(waits ? WAIT_PARAMETERS : []),
    ...(isCached ? CACHE_PARAMETERS : []),
    ...(isStreamed ? RESUME_PARAMETERS : []),
  ];
  const headers = {
    ...(waits && WAIT_HEADERS),
    ...(isCached && CACHE_HEADERS),
    ...(isStreamed && RESUME_HEADERS),
  };
  const answers = Object.entries({ ...operation.answers, ...(isStreamed && ENDED) }).map(([status, answer]) => [
    status,
    describeResponse(answer.description, answer.content, headers),
  ]);
  const isOpen = operation.access === "open";
  const all = [...errors, ...(isStreamed ? [410 as const] : []), ...(isOpen ? [] : [401 as const])];
  const failures = all.map((status) => [
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
          [mediaTypeOf(request)]: {
            schema: { $ref: referTo(request.name) },
            examples: Object.fromEntries(Object.entries(request.examples).map(([name, value]) => [name, { value }])),
          },
        },
      },
    }),
    responses: Object.fromEntries([...answers, ...failures]),
  };
}

/** @param own the headers that not all answers have, by the names of the document's components */
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

function mediaTypeOf({ isForm, isLines }: NonNullable<Operation["request"]>): string {
  if (isForm === true) return "multipart/form-data";
  return isLines === true ? "application/x-ndjson" : "application/json";
}
