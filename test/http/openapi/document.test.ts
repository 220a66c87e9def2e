import { describe, expect, it } from "vitest";
import { z } from "zod";
import { describeApi, mountAt } from "../../../src/http/openapi/document.ts";
import type { Operation } from "../../../src/http/openapi/operation.ts";
import { routes as operations } from "../../../src/http/routes.ts";

const document = describeApi(operations, "1.2.3");
const requestSchema = z.object({ model: z.string(), n: z.int().min(1).nullish() });

function operation(overrides: Partial<Operation> = {}): Operation {
  return {
    method: "post",
    path: "/v1/things/{id}",
    id: "makeThing",
    tag: "Things",
    summary: "Makes a thing",
    parameters: [{ name: "id", in: "path", description: "Which.", schema: z.string() }],
    request: { name: "ThingRequest", schema: requestSchema, examples: { one: { model: "m" } } },
    answers: {
      200: {
        description: "The thing.",
        content: { "application/json": { name: "Thing", schema: z.strictObject({ id: z.string() }) } },
      },
    },
    errors: [400],
    ...overrides,
  };
}

describe("describeApi", () => {
  it("describes a route from the schemas that decode and encode it", () => {
    const { paths, components } = describeApi([operation()], "1.2.3");
    expect(paths["/v1/things/{id}"]?.post).toEqual({
      operationId: "makeThing",
      tags: ["Things"],
      summary: "Makes a thing",
      parameters: [{ name: "id", in: "path", description: "Which.", required: true, schema: { type: "string" } }],
      requestBody: {
        required: true,
        content: {
          "application/json": {
            schema: { $ref: "#/components/schemas/ThingRequest" },
            examples: { one: { value: { model: "m" } } },
          },
        },
      },
      responses: {
        200: {
          description: "The thing.",
          headers: { "x-request-id": { $ref: "#/components/headers/RequestId" } },
          content: { "application/json": { schema: { $ref: "#/components/schemas/Thing" } } },
        },
        400: {
          description: expect.stringContaining("`param` names the field"),
          headers: { "x-request-id": { $ref: "#/components/headers/RequestId" } },
          content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
        },
        401: expect.objectContaining({ description: expect.stringContaining("The key is missing") }),
      },
    });
    expect(components.schemas?.ThingRequest).toEqual({
      type: "object",
      properties: { model: { type: "string" }, n: { anyOf: [{ type: "integer", minimum: 1 }, { type: "null" }] } },
      required: ["model"],
    });
  });

  it("lets answers have fields that a later version adds", () => {
    const { components } = describeApi([operation()], "1.2.3");
    expect(components.schemas?.Thing).toEqual({
      type: "object",
      properties: { id: { type: "string" } },
      required: ["id"],
    });
  });

  it("refers to a named schema inside another", () => {
    const inner = z.strictObject({ id: z.string() });
    const answers = {
      200: { description: "One.", content: { "application/json": { name: "Inner", schema: inner } } },
      201: { description: "All.", content: { "application/json": { name: "Outer", schema: z.array(inner) } } },
    };
    const { components } = describeApi([operation({ answers })], "1.2.3");
    expect(components.schemas?.Outer).toEqual({ type: "array", items: { $ref: "#/components/schemas/Inner" } });
  });

  it("uses a protocol's own form of errors", () => {
    const errorBody = { name: "OtherError", schema: z.strictObject({ type: z.literal("error") }) };
    const { paths } = describeApi([operation({ errorBody })], "1.2.3");
    expect(paths["/v1/things/{id}"]?.post?.responses).toMatchObject({
      400: { content: { "application/json": { schema: { $ref: "#/components/schemas/OtherError" } } } },
    });
  });

  it("describes the headers of a route that waits for its turn", () => {
    const { paths } = describeApi([operation({ waits: true })], "1.2.3");
    expect(paths["/v1/things/{id}"]?.post).toMatchObject({
      parameters: [
        { name: "id", in: "path" },
        { name: "sluice-max-wait-ms", in: "header", schema: { type: "integer", minimum: 1 } },
        { name: "sluice-supersede", in: "header", schema: { type: "string", maxLength: 256 } },
        { name: "sluice-local-only", in: "header", schema: { enum: ["0", "1"] } },
        { name: "sluice-session", in: "header", schema: { type: "string", maxLength: 512 } },
      ],
      responses: {
        200: {
          headers: {
            "sluice-queue-ms": { $ref: "#/components/headers/QueueMs" },
            "sluice-queue-position": { $ref: "#/components/headers/QueuePosition" },
          },
        },
        400: { headers: { "sluice-queue-ms": { $ref: "#/components/headers/QueueMs" } } },
      },
    });
  });

  it("describes the headers of a route that may be answered from the cache", () => {
    const { paths } = describeApi([operation({ isCached: true })], "1.2.3");
    expect(paths["/v1/things/{id}"]?.post).toMatchObject({
      parameters: [
        { name: "id", in: "path" },
        { name: "cache-control", in: "header" },
        { name: "sluice-replay", in: "header", schema: { enum: ["fast", "natural"] } },
      ],
      responses: {
        200: {
          headers: {
            "cache-status": { $ref: "#/components/headers/CacheStatus" },
            age: { $ref: "#/components/headers/Age" },
          },
        },
      },
    });
  });

  it("describes keys, the 401 of every route that needs one, and the routes that need none", () => {
    expect(document.security).toEqual([{}, { BearerKey: [] }, { HeaderKey: [] }]);
    expect(Object.keys(document.components.securitySchemes ?? {})).toEqual(["BearerKey", "HeaderKey"]);
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const { responses, security } of Object.values(methods)) {
        const isOpen = ["/health", "/ready", "/openapi.json", "/docs"].includes(path);
        expect("401" in Object(responses), path).toBe(!isOpen);
        expect(security, path).toEqual(isOpen ? [] : undefined);
      }
    }
  });

  it("refuses a route that is described twice, and a name for two schemas", () => {
    expect(() => describeApi([operation(), operation()], "1")).toThrow("post /v1/things/{id} is described twice");
    const other = operation({ method: "get", request: { name: "ThingRequest", schema: z.string(), examples: {} } });
    expect(() => describeApi([operation(), other], "1")).toThrow("Two schemas have the name ThingRequest");
  });
});

// There is no validator of OpenAPI's meta-schema among the dependencies; these are its rules for what this document makes use of.
describe("the API's document", () => {
  it("names OpenAPI's version, its own, and its server", () => {
    expect(document.openapi).toMatch(/^3\.1\.\d$/);
    expect(document.info).toMatchObject({ title: "Sluice", version: "1.2.3" });
    expect(document.servers).toEqual([{ url: "/" }]);
    expect(mountAt(document, "/llm").servers).toEqual([{ url: "/llm" }]);
  });

  it("has no reference to a missing part", () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map(([, target = ""]) => target);
    expect(references.length).toBeGreaterThan(5);
    for (const target of references) {
      expect(target).toMatch(/^#\/components\/(schemas|headers)\/[\w.-]+$/);
      expect(lookUp(target)).toBeTypeOf("object");
    }
  });

  it("has no unused schema", () => {
    const text = JSON.stringify(document);
    for (const name of Object.keys(document.components.schemas ?? {})) {
      expect(text).toContain(`"#/components/schemas/${name}"`);
    }
  });

  it("has schemas of plain JSON Schema 2020-12, without ids of their own", () => {
    expect(JSON.stringify(document)).not.toMatch(/"\$(schema|id|defs)"/);
  });

  it("gives each operation a unique id, a summary, and a description for each response", () => {
    const described = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    const ids = described.map(({ operationId }) => operationId);
    expect(ids).toEqual([...new Set(ids)]);
    for (const { summary, responses } of described) {
      expect(summary).toMatch(/^[A-Z].*[^.]$/);
      for (const [status, response] of Object.entries(responses as object)) {
        expect(status).toMatch(/^[1-5]\d\d$/);
        expect(response).toMatchObject({ description: expect.stringMatching(/\.$/) });
      }
    }
  });

  it("declares every parameter of a path, as required", () => {
    for (const { path, parameters = [] } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(parameters.filter((parameter) => parameter.in === "path").map(({ name }) => name)).toEqual(inPath);
    }
  });

  it("describes each field of a request, including those within options", () => {
    const silent = operations.flatMap(({ id, request }) =>
      request === undefined
        ? []
        : findSilent(document.components.schemas?.[request.name] as Described).map((path) => `${id}: ${path}`),
    );
    expect(silent).toEqual([]);
  });

  it("has examples that match the request's schema", () => {
    for (const { request } of operations) {
      for (const example of Object.values(request?.examples ?? {})) {
        expect(request?.schema.safeParse(example).error).toBeUndefined();
      }
    }
  });
});

type Described = {
  readonly description?: string;
  readonly type?: unknown;
  readonly properties?: Readonly<Record<string, Described>>;
  readonly anyOf?: readonly Described[];
};

/** The paths of fields without a sentence of their own. Of kinds that a field may have several of, the fields are left out. */
function findSilent({ properties = {} }: Described, path = ""): readonly string[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const kinds = field.anyOf?.filter(({ type }) => type !== "null") ?? [];
    const options = kinds.length === 1 && kinds[0]?.type === "object" ? kinds[0] : field;
    const isSilent = !/^[A-Z`].*[^.]\.$/s.test(field.description ?? "");
    return [...(isSilent ? [path + name] : []), ...findSilent(options, `${path}${name}.`)];
  });
}

function lookUp(reference: string): unknown {
  return reference
    .split("/")
    .slice(1)
    .reduce<unknown>((value, key) => Object(value)[key], document);
}
