import { type Fault, parseLine, type ReadLine } from "./item.ts";

/** The first line of a stream is a template, and a wrong one. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}

/**
 * Takes a template from the first line, if it is one: an object with nothing but `template`. All other lines are items.
 * Throws `TemplateError` for a template that is no object.
 */
export async function* takeTemplate<End>(
  lines: AsyncGenerator<ReadLine, End>,
  maxBytes: number,
  take: (template: Readonly<Record<string, unknown>>) => void,
): AsyncGenerator<ReadLine, End> {
  let isFirst = true;
  try {
    for (;;) {
      const next = await lines.next();
      if (next.done === true) return next.value;
      const template = isFirst ? templateIn(parseLine(next.value, maxBytes)) : undefined;
      isFirst = false;
      if (template === undefined) yield next.value;
      else take(template);
    }
  } finally {
    void lines.return(undefined as End).catch(() => {});
  }
}

function templateIn(
  read: { readonly value: unknown } | { readonly fault: Fault },
): Readonly<Record<string, unknown>> | undefined {
  const value = "fault" in read ? undefined : read.value;
  if (typeof value !== "object" || value === null || !("template" in value)) return undefined;
  const { template, ...others } = value;
  if (typeof template !== "object" || template === null || Array.isArray(template)) {
    throw new TemplateError("'template' must be an object: the fields of all requests.");
  }
  const [other] = Object.keys(others);
  if (other === undefined) return { ...template };
  throw new TemplateError(`'${other.slice(0, 128)}' can't stand beside 'template': the first line is one or an item.`);
}
