// Renders the fields of a JSON Schema as an expandable list. Shared with page.js as `globalThis.fields`: inline scripts can't import.

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** Renders text with code in backticks, as in Markdown. */
function prose(text) {
  return text.split("`").map((piece, index) => (index % 2 === 0 ? piece : element("code", { textContent: piece })));
}

function resolve(api, schema) {
  if (schema?.$ref === undefined) return schema ?? {};
  return schema.$ref
    .split("/")
    .slice(1)
    .reduce((value, key) => value[key], api);
}

/** The alternatives of a schema, without `null`, which counts as absent. */
function alternativesOf(api, schema) {
  const found = resolve(api, schema);
  const choices = found.anyOf ?? found.oneOf;
  if (choices !== undefined) return choices.flatMap((choice) => alternativesOf(api, choice));
  const types = [found.type].flat().filter((type) => type !== "null");
  return types.map((type) => ({ ...found, type }));
}

function describeRange({ minimum, maximum, exclusiveMinimum, maxLength, minItems, maxItems }) {
  // Ignores limits that only state the range of numbers.
  const low = [minimum, minItems].find((bound) => Math.abs(bound) < Number.MAX_SAFE_INTEGER);
  const high = [maximum, maxItems, maxLength].find((bound) => Math.abs(bound) < Number.MAX_SAFE_INTEGER);
  if (exclusiveMinimum !== undefined) return ` above ${exclusiveMinimum}${high === undefined ? "" : `, to ${high}`}`;
  if (low !== undefined) return high === undefined ? ` from ${low}` : ` ${low} to ${high}`;
  return high === undefined ? "" : ` up to ${high}`;
}

function describeType(api, schema) {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.type === "array") {
    const entries = alternativesOf(api, schema.items).map((entry) => describeType(api, entry));
    return `array${describeRange(schema)} of ${[...new Set(entries)].join(" or ")}`;
  }
  if (schema.type === "string" && schema.maxLength !== undefined) return `string of${describeRange(schema)} characters`;
  return `${schema.type ?? "anything"}${describeRange(schema)}`;
}

/** The objects inside a schema whose fields can be expanded. */
function innerObjects(api, schema) {
  return alternativesOf(api, schema).flatMap((choice) => {
    if (choice.type === "array") return innerObjects(api, choice.items);
    return choice.properties === undefined ? [] : [choice];
  });
}

function discriminatorOf({ properties }) {
  const found = Object.entries(properties).find(([, { const: value }]) => value !== undefined);
  return found === undefined ? "" : `${found[0]}: ${JSON.stringify(found[1].const)}`;
}

function renderFields(api, schema) {
  const { properties = {}, required = [] } = resolve(api, schema);
  const rows = Object.entries(properties).map(([name, field]) => {
    const types = [...new Set(alternativesOf(api, field).map((choice) => describeType(api, choice)))].join(" or ");
    const head = [
      element("code", { textContent: name }),
      required.includes(name) ? element("span", { className: "required", textContent: " required" }) : undefined,
      element("span", { className: "quiet", textContent: ` ${types || "null"}` }),
      field.description === undefined ? undefined : ` – ${field.description}`,
    ];
    const inner = innerObjects(api, field);
    if (inner.length === 0) return element("li", {}, ...head);
    return element(
      "li",
      {},
      openable(head, () => inner.map((choice) => renderAlternative(api, choice, inner.length > 1))),
    );
  });
  return element("ul", { className: "fields" }, ...rows);
}

function renderAlternative(api, schema, isOneOfSeveral) {
  if (!isOneOfSeveral) return renderFields(api, schema);
  const title = element("code", { className: "quiet", textContent: discriminatorOf(schema) || "object" });
  return element(
    "ul",
    { className: "fields" },
    element(
      "li",
      {},
      openable([title], () => [renderFields(api, schema)]),
    ),
  );
}

/** An expandable element. Its content is created when it is first opened, because schemas may contain themselves. */
function openable(head, makeContent) {
  const details = element("details", {}, element("summary", {}, ...head));
  details.addEventListener("toggle", () => details.append(...makeContent()), { once: true });
  return details;
}

globalThis.fields = { element, openable, prose, renderFields };
