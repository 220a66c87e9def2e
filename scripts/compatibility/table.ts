import { z } from "zod";
import { InvalidRequestError } from "../../src/protocols/errors.ts";
import type { Refusal } from "../../src/protocols/refusals.ts";
import { type Endpoint, type Sample, titleOf } from "./endpoint.ts";
import { alternativesOf, describeValues, type FieldSchema, withoutValues } from "./values.ts";

/** Values that change nothing. The table tries which of them a refused field accepts. */
const HARMLESS: readonly unknown[] = [
  false,
  0,
  [],
  "none",
  "auto",
  "default",
  "medium",
  "in_memory",
  "standard",
  { type: "text" },
  ["text"],
];

/** How Sluice handles a field. */
export type Row = {
  readonly field: string;
  readonly outcome: "supported" | "refused" | "ignored" | "in part";
  readonly values: string;
  readonly notes: string;
};

/** The page: the fields of all endpoints, and how Sluice handles them. */
export function renderPage(endpoints: readonly Endpoint[]): string {
  const sections = endpoints.map((endpoint) => `## ${titleOf(endpoint)}\n\n${renderTable(describeEndpoint(endpoint))}`);
  return `# Compatibility

Which fields of the published APIs work here. Made from the schemas and refusals in the source by \`npm run docs:compatibility\`; don't edit it by hand.

| | |
|---|---|
| supported | does what the published API says |
| in part | some values do, the others are refused |
| refused | a 400 that names the field, in the words on the right; \`null\` and the values given are accepted, since they ask for nothing |
| ignored | accepted and without effect, as with OpenAI |

A field that is not in a table is ignored, as OpenAI's servers do.

${sections.join("\n")}`;
}

/** The rows of an endpoint: first the fields in the schema's order, then what is refused, ignored, and shown by samples. */
export function describeEndpoint(endpoint: Endpoint): readonly Row[] {
  const { properties = {}, required = [] }: FieldSchema = z.toJSONSchema(endpoint.schema, {
    io: "input",
  }) as FieldSchema;
  const refusals = new Map(endpoint.refusals.map((refusal) => [refusal.param, refusal]));
  return [
    ...Object.entries(properties).flatMap(([name, schema]) =>
      describeField(name, schema, required.includes(name), endpoint, refusals),
    ),
    ...endpoint.refusals.filter(({ param }) => !(param.split(".", 1).join() in properties)).map(describeRefusal),
    ...Object.entries(endpoint.ignored).map(
      ([name, why]): Row => ({ field: `\`${name}\``, outcome: "ignored", values: "", notes: why }),
    ),
    ...endpoint.samples.map((sample) => describeSample(sample, endpoint)),
  ];
}

type IgnoredValues = Readonly<Record<string, Readonly<Record<string, string>> | undefined>> | undefined;

/** A field and, if it is an object, its own fields. */
function describeField(
  name: string,
  schema: FieldSchema,
  isRequired: boolean,
  { hints, innerHints, extensions, ignoredValues }: Endpoint,
  refusals: ReadonlyMap<string, Refusal>,
): readonly Row[] {
  const ignored = (ignoredValues as IgnoredValues)?.[name] ?? {};
  const refusal = refusals.get(name);
  const isHint = hints.includes(name);
  const extension = (extensions as Readonly<Record<string, string | undefined>>)[name];
  const notes = [
    isRequired ? "required" : undefined,
    extension,
    isHint ? "its type is checked" : undefined,
    refusal === undefined ? undefined : `refused otherwise: ${refusal.reason}`,
  ];
  const row: Row = {
    field: `\`${name}\``,
    outcome: isHint ? "ignored" : refusal === undefined ? "supported" : "in part",
    values: describeValues(withoutValues(schema, Object.keys(ignored))),
    notes: notes.filter((note) => note !== undefined).join("; "),
  };
  const inner = Map.groupBy(
    alternativesOf(schema).flatMap(({ properties = {} }) => Object.entries(properties)),
    ([key]) => key,
  );
  return [
    row,
    ...Object.entries(ignored).map(
      ([value, why]): Row => ({ field: `\`${name}\` of \`"${value}"\``, outcome: "ignored", values: "", notes: why }),
    ),
    ...[...inner].map(
      ([key, alternatives]): Row => ({
        ...row,
        values: describeValues({ anyOf: alternatives.map(([, value]) => value) }),
        notes: "",
        ...describeInnerRefusal(refusals.get(`${name}.${key}`)),
        ...describeInnerHint(innerHints?.[`${name}.${key}`]),
        field: `\`${name}.${key}\``,
      }),
    ),
  ];
}

/** The refused parts of a supported field, which accept only values that change nothing. */
function describeInnerRefusal(refusal: Refusal | undefined): Partial<Row> {
  return refusal === undefined ? {} : describeRefusal(refusal);
}

function describeInnerHint(why: string | undefined): Partial<Row> {
  return why === undefined ? {} : { outcome: "ignored", notes: why };
}

function describeRefusal({ param, asksForIt, reason }: Refusal): Row {
  const accepted = HARMLESS.filter((value) => !asksForIt(value)).map((value) => `\`${JSON.stringify(value)}\``);
  return { field: `\`${param}\``, outcome: "refused", values: accepted.join(", "), notes: reason };
}

function describeSample({ what, body }: Sample, { base, decode }: Endpoint): Row {
  try {
    decode({ ...base, ...body });
    return { field: what, outcome: "supported", values: "", notes: "" };
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error;
    return { field: what, outcome: "refused", values: "", notes: error.message };
  }
}

function renderTable(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ field, outcome, values, notes }) => `| ${[field, outcome, values, notes].map(escapeCell).join(" | ")} |`,
  );
  return `| field | | values | notes |\n|---|---|---|---|\n${lines.join("\n")}\n`;
}

/** Escapes a cell's text. */
function escapeCell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
