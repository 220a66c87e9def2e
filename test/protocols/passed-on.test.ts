import { describe, expect, it } from "vitest";
import { z } from "zod";
import { isPassedOn } from "../../src/protocols/passed-on.ts";
import { createTestApp } from "../http/support.ts";

type Schema = Readonly<Record<string, unknown>>;
const object = z.record(z.string(), z.unknown());
const documentForm = z.object({
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
  components: z.object({ schemas: z.record(z.string(), object) }),
});

async function readDocument() {
  const { app } = createTestApp();
  return documentForm.parse(await (await app.request("/openapi.json")).json());
}

/** Looks into a schema: whether any part allows any value, and whether an object in it has a number. */
function look(
  schema: unknown,
  schemas: Readonly<Record<string, Schema>>,
  isInObject = false,
  seen: readonly unknown[] = [],
): { any: boolean; number: boolean } {
  if (typeof schema === "boolean" || seen.includes(schema)) return { any: schema === true, number: false };
  const one = object.parse(schema);
  const within = [...seen, schema];
  if (typeof one.$ref === "string") return look(schemas[one.$ref.split("/").at(-1) ?? ""], schemas, isInObject, within);
  const { description: _, title: __, default: ___, examples: ____, ...said } = one;
  const list = (key: string) => (Array.isArray(said[key]) ? said[key] : []);
  const beside = [
    ...["anyOf", "oneOf", "allOf", "prefixItems"].flatMap(list),
    ...(said.items === undefined ? [] : [said.items]),
  ];
  const inside = [
    ...Object.values(object.parse(said.properties ?? {})),
    ...(typeof said.additionalProperties === "object" ? [said.additionalProperties] : []),
  ];
  const found = [
    ...beside.map((part) => look(part, schemas, isInObject, within)),
    ...inside.map((part) => look(part, schemas, true, within)),
  ];
  return {
    any: Object.keys(said).length === 0 || found.some(({ any }) => any),
    number: (isInObject && (said.type === "number" || said.type === "integer")) || found.some(({ number }) => number),
  };
}

describe("the fields whose numbers are passed on", () => {
  it("are the fields of the API description with values of any kind, and none where a number is read", async () => {
    const { paths, components } = await readDocument();
    const bodies = Object.values(paths)
      .flatMap((operations) => Object.values(operations))
      .flatMap((operation) => {
        const { requestBody } = z.looseObject({ requestBody: z.unknown() }).partial().parse(operation);
        const body = z
          .object({ content: z.object({ "application/json": z.object({ schema: object }) }) })
          .safeParse(requestBody);
        return body.success ? [body.data.content["application/json"].schema] : [];
      });
    expect(bodies.length).toBeGreaterThan(10);
    const fields = bodies.flatMap((body) => {
      const { $ref } = z.object({ $ref: z.string().optional() }).parse(body);
      const schema = $ref === undefined ? body : components.schemas[$ref.split("/").at(-1) ?? ""];
      return Object.entries(object.parse(schema?.properties ?? {}));
    });
    const wrong = fields.flatMap(([name, schema]) => {
      const { any, number } = look(schema, components.schemas);
      return any !== isPassedOn(name) && (any || number)
        ? [`${name}: ${any ? "any" : ""} ${number ? "number" : ""}`]
        : [];
    });
    expect(wrong).toEqual([]);
  });
});
